//! Rollouts: the operator restarts workloads whose pods lack the current credentials. Without a kubelet pods stay
//! pending, which is enough to see which workloads replace them.

mod deletion;
mod limits;
mod rotation;

use serde_json::{Value, json};

use crate::namespace::{Namespace, PATIENCE, eventually};
use crate::scripted::{BINDING, INSTANCE, TestEnv, condition, env};

/// The pod selector of these tests' bindings.
fn web() -> Value {
    json!({"podSelector": {"matchLabels": {"app": "web"}}})
}

/// A pod template that it selects.
fn template() -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "image"}]}})
}

fn workload(kind: &str, name: &str, spec: Value) -> Value {
    let mut workload = json!({"kind": kind, "metadata": {"name": name}, "spec": {
        "selector": {"matchLabels": {"app": "web"}}, "template": template(),
    }});
    workload["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    workload
}

/// This strategy replaces pods although the new ones never become ready.
fn recreate() -> Value {
    json!({"strategy": {"type": "Recreate"}})
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap()
}

/// A pod's revision of the binding.
fn stamp<'a>(pod: &'a Value, binding: &Value) -> Option<&'a str> {
    pod["metadata"]["annotations"][format!("revision.servicecatalog.k8s.io/{}", uid(binding))].as_str()
}

/// The binding's revision for which a workload was restarted.
fn restart<'a>(workload: &'a Value, binding: &Value) -> Option<&'a str> {
    let annotations = &workload["spec"]["template"]["metadata"]["annotations"];
    annotations[format!("restart.servicecatalog.k8s.io/{}", uid(binding))].as_str()
}

impl Namespace {
    /// Creates a workload, and waits for its pod.
    async fn running(&self, workload: Value) -> Value {
        let created = self.create(workload).await.unwrap();
        self.until_pods("there is a pod", |pods| !pods.is_empty()).await;
        created
    }

    async fn until_pods(&self, what: &str, are_as_wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        eventually(what, PATIENCE, async || {
            let pods = self.list("Pod").await;
            if are_as_wanted(&pods) { Ok(pods) } else { Err(format!("{pods:#?}")) }
        })
        .await
    }

    /// Waits until all pods have this revision of the binding, or none.
    async fn until_stamped(&self, binding: &Value, revision: Option<&str>) {
        let is_stamped =
            |pods: &[Value]| !pods.is_empty() && pods.iter().all(|pod| stamp(pod, binding) == revision);
        self.until_pods(&format!("all pods have the revision {revision:?}"), is_stamped).await;
    }
}

/// An instance, and a binding to it that is ready and rolled out.
async fn rolled_out(env: &TestEnv, spec: Value) -> Value {
    let binding = env.ready_binding(json!({}), spec).await;
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    binding
}

/// Changes the injection: pods get another variable.
async fn change_injection(env: &TestEnv, name: &str) {
    let change = json!({"spec": {"injection": {"env": [{"name": "PASSWORD", "key": "password"}]}}});
    env.patch(BINDING, name, change).await.unwrap();
}

#[tokio::test]
async fn pods_from_before_the_binding_get_it_once() {
    let env = env().await;
    env.running(workload("Deployment", "web", recreate())).await;
    let binding = rolled_out(&env, web()).await;
    env.until_stamped(&binding, Some("1")).await;
    let deployment = env.get("Deployment", "web").await.unwrap();
    assert_eq!(restart(&deployment, &binding), Some("1"));
    assert_eq!(env.list("ReplicaSet").await.len(), 2);
}

#[tokio::test]
async fn a_workload_that_is_right_is_left_alone() {
    let env = env().await;
    let binding = rolled_out(&env, web()).await;
    let before = env.running(workload("Deployment", "web", recreate())).await;
    env.until_stamped(&binding, Some("1")).await;
    // The operator has processed a later binding: it has restarted this workload.
    let other = json!({"podSelector": {"matchLabels": {"app": "other"}}});
    env.binding("other", other).await;
    env.until_says(BINDING, "other", "RolledOut=True RolledOut").await;
    let after = env.get("Deployment", "web").await.unwrap();
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
}

#[tokio::test]
async fn a_pod_that_waited_for_the_secret_is_right() {
    let env = env().await;
    env.binding("db", web()).await;
    let binding = env.get(BINDING, "db").await.unwrap();
    // Wait until the API server injects the binding.
    eventually("pods get the binding", PATIENCE, async || {
        let mut pod = template();
        (pod["kind"], pod["metadata"]["name"]) = ("Pod".into(), "probe".into());
        let pod = env.try_create(pod).await?;
        stamp(&pod, &binding).map(|_| ()).ok_or_else(|| format!("{pod:#}"))
    })
    .await;
    let before = env.running(workload("Deployment", "web", recreate())).await;
    env.until_stamped(&binding, Some("0")).await;
    env.ready_instance(json!({})).await;
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    let after = env.get("Deployment", "web").await.unwrap();
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
}

#[tokio::test]
async fn bindings_that_become_ready_together_cost_one_restart() {
    let env = env().await;
    let deployment = env.running(workload("Deployment", "web", recreate())).await;
    for name in ["first", "second"] {
        env.binding(name, web()).await;
    }
    let slow = json!({"serviceClassExternalName": "cache", "servicePlanExternalName": "cache-slow"});
    env.instance("slow", slow).await;
    let mut third = web();
    third["instanceRef"] = json!({"name": "slow"});
    env.binding("third", third).await;
    env.ready_instance(json!({})).await;
    for name in ["first", "second", "third"] {
        env.until_says(BINDING, name, "RolledOut=True RolledOut").await;
    }
    let after = env.get("Deployment", "web").await.unwrap();
    let generation = |object: &Value| object["metadata"]["generation"].as_i64().unwrap();
    assert_eq!(generation(&after), generation(&deployment) + 1, "{after:#}");
}

#[tokio::test]
async fn a_changed_injection_and_a_changed_selector_restart() {
    let env = env().await;
    let binding = rolled_out(&env, web()).await;
    env.running(workload("Deployment", "web", recreate())).await;
    change_injection(&env, "db").await;
    env.until_stamped(&binding, Some("2")).await;
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    env.patch(BINDING, "db", json!({"spec": {"podSelector": null, "injection": null}})).await.unwrap();
    env.until_stamped(&binding, None).await;
    env.until(BINDING, "db", |binding| condition(binding, "RolledOut=False Rolling").is_none()).await;
    env.until(BINDING, "db", |binding| !binding["status"].to_string().contains("RolledOut")).await;
}

#[tokio::test]
async fn a_stateful_set_and_a_daemon_set_are_restarted() {
    let env = env().await;
    let node = json!({"kind": "Node", "metadata": {"name": env.name, "labels": {"test": env.name}}});
    env.create(node).await.unwrap();
    // Without a kubelet its pods never become ready, and an ordered StatefulSet would wait for them.
    let parallel = json!({"serviceName": "web", "podManagementPolicy": "Parallel"});
    env.create(workload("StatefulSet", "stateful", parallel)).await.unwrap();
    let mut daemon = workload("DaemonSet", "daemon", json!({}));
    daemon["spec"]["template"]["spec"]["nodeSelector"] = json!({"test": env.name});
    env.create(daemon).await.unwrap();
    env.until_pods("there are two pods", |pods| pods.len() == 2).await;
    let binding = rolled_out(&env, web()).await;
    for (kind, name) in [("StatefulSet", "stateful"), ("DaemonSet", "daemon")] {
        let workload = env.get(kind, name).await.unwrap();
        assert_eq!(restart(&workload, &binding), Some("1"), "{workload:#}");
    }
    env.delete("DaemonSet", "daemon").await.unwrap();
    env.delete("Node", &env.name).await.unwrap();
}

#[tokio::test]
async fn without_restarts_the_condition_names_the_command() {
    let env = env().await;
    let before = env.running(workload("Deployment", "web", recreate())).await;
    for restart in ["Never", "OnRotation"] {
        let name = restart.to_lowercase();
        let mut spec = web();
        spec["injection"] = json!({"restart": restart});
        env.binding(&name, spec).await;
    }
    env.ready_instance(json!({})).await;
    for name in ["never", "onrotation"] {
        let message = env.until_says(BINDING, name, "RolledOut=False RestartsDisabled").await;
        assert!(message.contains("run kubectl rollout restart: deployment/web"), "{message}");
    }
    let after = env.get("Deployment", "web").await.unwrap();
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
    // The annotation that `kubectl rollout restart` sets.
    let by_hand = json!({"spec": {"template": {"metadata": {"annotations": {"restartedAt": "now"}}}}});
    env.patch("Deployment", "web", by_hand).await.unwrap();
    for name in ["never", "onrotation"] {
        env.until_says(BINDING, name, "RolledOut=True RolledOut").await;
    }
}

#[tokio::test]
async fn who_cannot_be_restarted_is_named() {
    let env = env().await;
    let mut paused = workload("Deployment", "paused", recreate());
    env.running(paused.clone()).await;
    paused = env.patch("Deployment", "paused", json!({"spec": {"paused": true}})).await.unwrap();
    let job = json!({"kind": "Job", "metadata": {"name": "once"}, "spec": {"template": {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "image"}]},
    }}});
    env.create(job).await.unwrap();
    let mut bare = template();
    (bare["kind"], bare["metadata"]["name"]) = ("Pod".into(), "bare".into());
    env.create(bare).await.unwrap();
    env.until_pods("there are three pods", |pods| pods.len() == 3).await;

    let binding = env.ready_binding(json!({}), web()).await;
    let message = env.until_says(BINDING, "db", "RolledOut=False RolloutPaused").await;
    assert!(message.contains("deployment/paused"), "{message}");
    assert!(message.contains("job/once, pod/bare"), "{message}");
    env.delete("Pod", "bare").await.unwrap();
    // This deletes its pod.
    env.patch("Job", "once", json!({"spec": {"suspend": true}})).await.unwrap();
    env.patch("Deployment", "paused", json!({"spec": {"paused": false}})).await.unwrap();
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    env.until_stamped(&binding, Some("1")).await;
    drop(paused);
}

/// Whoever may create a pod could otherwise restart a workload that they must not touch.
#[tokio::test]
async fn a_pod_that_pretends_to_be_of_a_deployment_does_not_restart_it() {
    let env = env().await;
    let other = json!({"app": "other"});
    let mut victim = workload("Deployment", "victim", recreate());
    victim["spec"]["selector"]["matchLabels"] = other.clone();
    victim["spec"]["template"]["metadata"]["labels"] = other;
    let before = env.running(victim).await;
    let owner = |uid: &str| json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "victim", "uid": uid, "controller": true}]);
    let mut evil = template();
    (evil["kind"], evil["metadata"]["name"]) = ("Pod".into(), "evil".into());
    evil["metadata"]["ownerReferences"] = owner(uid(&before));
    env.create(evil).await.unwrap();
    env.ready_binding(json!({}), web()).await;
    let message = env.until_says(BINDING, "db", "RolledOut=False StalePods").await;
    assert!(message.contains("deployment/victim"), "{message}");
    let after = env.get("Deployment", "victim").await.unwrap();
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
}

#[tokio::test]
async fn an_instance_of_which_no_pod_is_known_has_no_condition() {
    let env = env().await;
    let binding = env.ready_binding(json!({}), json!({})).await;
    assert!(!binding["status"].to_string().contains("RolledOut"), "{binding:#}");
    assert!(env.list(INSTANCE).await.len() == 1);
}
