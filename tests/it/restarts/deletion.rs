//! Before the operator unbinds at the broker, it restarts the pods that have the binding.

use serde_json::{Value, json};

use super::{recreate, rolled_out, stamp, template, web, workload};
use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{BINDING, Endpoint, TestEnv, When, env};

#[tokio::test]
async fn pods_are_without_the_binding_before_the_broker_is_asked() {
    let env = env().await;
    let binding = rolled_out(&env, web()).await;
    env.running(workload("Deployment", "web", recreate())).await;
    env.until_stamped(&binding, Some("1")).await;
    let unbind = env.broker.hold(When::Before, Endpoint::Unbind);
    env.delete(BINDING, "db").await.unwrap();
    eventually("the broker is called", PATIENCE, async || match env.broker.calls(Endpoint::Unbind) {
        0 => Err(format!("{:#}", env.get(BINDING, "db").await?)),
        _ => Ok(()),
    })
    .await;
    for pod in env.list("Pod").await {
        assert_eq!(stamp(&pod, &binding), None, "{pod:#}");
    }
    unbind.open();
    env.until_gone(BINDING, "db").await;
}

/// A Deployment whose pods have a finalizer, so that they stay until [`let_go`].
pub(super) fn staying() -> Value {
    let mut deployment = workload("Deployment", "web", recreate());
    deployment["spec"]["template"]["metadata"]["finalizers"] = json!(["example.com/stays"]);
    deployment
}

/// Removes their finalizers.
pub(super) async fn let_go(env: &TestEnv) {
    for pod in env.list("Pod").await {
        let name = pod["metadata"]["name"].as_str().unwrap();
        // The pod may be gone by now.
        let _ = env.patch("Pod", name, json!({"metadata": {"finalizers": null}})).await;
    }
}

#[tokio::test]
async fn a_deletion_that_waits_for_pods_says_so() {
    let env = env().await;
    let binding = rolled_out(&env, web()).await;
    env.running(staying()).await;
    env.until_stamped(&binding, Some("1")).await;
    env.delete(BINDING, "db").await.unwrap();
    let message = env.until_says(BINDING, "db", "Ready=False WaitingForPods").await;
    assert!(message.contains("at the latest"), "{message}");
    assert_eq!(env.broker.calls(Endpoint::Unbind), 0);
    let_go(&env).await;
    env.until_gone(BINDING, "db").await;
}

#[tokio::test]
async fn a_deletion_does_not_wait_for_a_pod_that_is_not_replaced() {
    let env = env().await;
    let binding = rolled_out(&env, web()).await;
    let mut bare = template();
    (bare["kind"], bare["metadata"]["name"]) = ("Pod".into(), "bare".into());
    env.create(bare).await.unwrap();
    env.until_stamped(&binding, Some("1")).await;
    env.remove(BINDING, "db").await;
    env.get("Pod", "bare").await.unwrap();
}

#[tokio::test]
async fn a_binding_that_restarts_nothing_is_unbound_at_once() {
    let env = env().await;
    let mut spec = web();
    spec["injection"] = json!({"restart": "Never"});
    let binding = rolled_out(&env, spec).await;
    let before = env.running(workload("Deployment", "web", recreate())).await;
    env.until_stamped(&binding, Some("1")).await;
    env.remove(BINDING, "db").await;
    let after = env.get("Deployment", "web").await.unwrap();
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
}

/// The namespace's pods are deleted as well, before the bindings unless a user deletes these.
#[tokio::test]
async fn a_terminating_namespace_waits_for_no_restart() {
    let env = env().await;
    let binding = rolled_out(&env, web()).await;
    env.running(staying()).await;
    env.until_stamped(&binding, Some("1")).await;
    env.delete(BINDING, "db").await.unwrap();
    env.until_says(BINDING, "db", "Ready=False WaitingForPods").await;
    env.delete("Namespace", &env.name).await.unwrap();
    env.until_gone(BINDING, "db").await;
    let_go(&env).await;
}
