//! A policy that the operator relies on is deleted: bindings say so, nothing is claimed that is not so, and pods that missed
//! their credentials get them once the policy is back.

use serde_json::{Value, json};

use crate::few_namespaces;
use crate::namespace::{Namespace, PATIENCE, eventually};
use crate::process::text;
use crate::scripted::{BINDING, IsolatedEnv, isolated};

const POLICY: &str = "mutatingadmissionpolicybinding/injection.servicecatalog.k8s.io";

fn web() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "strategy": {"type": "Recreate"}, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "image"}]}},
    }})
}

fn has_stamp(pod: &Value) -> bool {
    let annotations = pod["metadata"]["annotations"].as_object();
    annotations.is_some_and(|all| all.keys().any(|key| key.starts_with("revision.servicecatalog.k8s.io/")))
}

/// Puts the policy back for the tests that follow, also if this one fails.
struct Restored<'a>(&'a IsolatedEnv, &'a str);

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        self.0.cluster().kubectl(&["apply", "--filename", self.1]);
    }
}

/// Waits until there is one pod, with the binding's stamp or without.
async fn until_pod(namespace: &Namespace, is_stamped: bool) -> Value {
    eventually(&format!("one pod, stamped: {is_stamped}"), PATIENCE, async || {
        let pods = namespace.list("Pod").await;
        match &*pods {
            [pod] if has_stamp(pod) == is_stamped => Ok(pod.clone()),
            _ => Err(format!("{pods:#?}")),
        }
    })
    .await
}

/// Seen to fail without the watch of policies: the binding says `RolledOut`, and the pod stays without credentials.
#[tokio::test]
async fn bindings_say_that_a_policy_is_missing_and_pods_are_restarted_once_it_is_back() {
    if few_namespaces::is_mode() {
        // This operator may not read policies.
        return;
    }
    let isolated = isolated(&[]).await;
    let env = isolated.env().await;
    env.create(web()).await.unwrap();
    env.ready_binding(json!({}), json!({"podSelector": {"matchLabels": {"app": "web"}}})).await;
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    until_pod(&env, true).await;

    let file = isolated.cluster().save(POLICY);
    let file = file.as_str();
    let _restored = Restored(&isolated, file);
    // While the mark is new, the other policy injects as well.
    eventually("the mark of the namespace is complete", PATIENCE, async || {
        let namespace =
            text(&isolated.cluster().must_kubectl(&["get", "namespace", &env.name, "--output=json"]));
        if namespace.contains(r#""servicecatalog.k8s.io/injects": "true""#) { Ok(()) } else { Err(namespace) }
    })
    .await;
    isolated.cluster().must_kubectl(&["delete", POLICY]);
    let message = env.until_says(BINDING, "db", "RolledOut=False PolicyMissing").await;
    assert!(message.contains(POLICY) && message.contains("helm upgrade"), "{message}");
    assert_eq!(isolated.count("servicecatalog_policy_problem", "missing"), 1);
    eventually("an event names the policy", PATIENCE, async || {
        let events = isolated.cluster().kubectl(&["get", "events", "--namespace=default", "--output=json"]);
        let events = text(&events);
        if events.contains("PolicyMissing") && events.contains(POLICY) { Ok(()) } else { Err(events) }
    })
    .await;

    // The template says already that it was restarted for this revision.
    isolated.cluster().must_kubectl(&["delete", "pods", "--all", "--namespace", &env.name, "--now"]);
    let without = until_pod(&env, false).await;

    isolated.cluster().must_kubectl(&["create", "--filename", file]);
    let with = until_pod(&env, true).await;
    assert_ne!(without["metadata"]["uid"], with["metadata"]["uid"]);
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    assert_eq!(isolated.count("servicecatalog_policy_problem", ""), 0);

    // It may be gone for so short a time that nothing is told.
    isolated.cluster().must_kubectl(&["delete", POLICY]);
    eventually("a pod misses the policy", PATIENCE, async || {
        let pods = env.list("Pod").await;
        if matches!(&*pods, [pod] if !has_stamp(pod)) {
            return Ok(());
        }
        isolated.cluster().must_kubectl(&["delete", "pods", "--all", "--namespace", &env.name, "--now"]);
        Err(format!("{pods:#?}"))
    })
    .await;
    isolated.cluster().must_kubectl(&["create", "--filename", file]);
    until_pod(&env, true).await;
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
}
