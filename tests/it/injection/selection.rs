//! Which pods does a binding select for injection?

use serde_json::{Value, json};

use super::{has_volume, pod, web};
use crate::cluster::Cluster;
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, namespace_of, wanted};

/// The name of a binding, and its selector.
fn selectors() -> Vec<(&'static str, Value)> {
    let expressions = |expressions: Value| json!({"matchExpressions": expressions});
    vec![
        ("labels", json!({"matchLabels": {"app": "web", "tier": "front"}})),
        ("empty-value", json!({"matchLabels": {"tier": ""}})),
        ("in", expressions(json!([{"key": "tier", "operator": "In", "values": ["front", "middle"]}]))),
        ("not-in", expressions(json!([{"key": "tier", "operator": "NotIn", "values": ["front"]}]))),
        ("exists", expressions(json!([{"key": "tier", "operator": "Exists", "values": []}]))),
        ("does-not-exist", expressions(json!([{"key": "tier", "operator": "DoesNotExist"}]))),
        (
            "both",
            json!({"matchLabels": {"app": "web"}, "matchExpressions": [
                {"key": "tier", "operator": "Exists"}, {"key": "tier", "operator": "NotIn", "values": ["back"]}]}),
        ),
        (
            "all-operators",
            expressions(json!([
                {"key": "tier", "operator": "In", "values": ["front", "back"]},
                {"key": "tier", "operator": "NotIn", "values": ["back"]},
                {"key": "app", "operator": "Exists"},
                {"key": "release", "operator": "DoesNotExist"},
            ])),
        ),
    ]
}

#[tokio::test]
async fn only_selected_pods_are_injected() {
    let namespace = namespace().await;
    let mut bindings = Vec::new();
    for (name, selector) in selectors() {
        bindings.push((name, namespace.bind_unseen(name, json!({"podSelector": selector})).await));
    }
    // The API server sees bindings in the order of their creation.
    namespace.bind("last", json!(null)).await;
    for (labels, selected) in [
        (json!(null), vec!["not-in", "does-not-exist"]),
        (json!({"app": "web"}), vec!["not-in", "does-not-exist"]),
        (json!({"app": "web", "tier": ""}), vec!["empty-value", "not-in", "exists", "both"]),
        (json!({"app": "web", "tier": "back"}), vec!["not-in", "exists"]),
        (json!({"app": "web", "tier": "front"}), vec!["labels", "in", "exists", "both", "all-operators"]),
        (json!({"app": "web", "tier": "front", "release": "canary"}), vec!["labels", "in", "exists", "both"]),
        (json!({"tier": "front"}), vec!["in", "exists"]),
    ] {
        let pod = namespace.admitted(&pod(labels.clone())).await;
        let selects = |(name, binding): &(&'static str, Value)| has_volume(&pod, binding).then_some(*name);
        assert_eq!(bindings.iter().filter_map(selects).collect::<Vec<_>>(), selected, "{labels}");
    }
}

#[tokio::test]
async fn another_namespace_is_not_concerned() {
    let (namespace, other) = (namespace().await, namespace().await);
    let binding = namespace.bind("db", json!(null)).await;
    assert!(!has_volume(&other.admitted(&web()).await, &binding));
}

/// New bindings are refused there (policy `system-namespace`), but one may have been stored before that.
#[tokio::test]
async fn the_system_and_the_operator_are_not_concerned() {
    let cluster = Cluster::with_chart("system-namespaces");
    let policy = ["delete", "validatingadmissionpolicybinding", "system-namespace.servicecatalog.k8s.io"];
    assert!(cluster.kubectl(&policy).status.success());
    let namespace = namespace_of(&cluster).await;
    for name in ["kube-system", "service-catalog"] {
        let system = Namespace { name: name.to_owned(), client: namespace.client.clone() };
        let binding = json!({"kind": "ServiceBinding", "metadata": {"name": "db"}, "spec":
            {"instanceRef": {"name": "i"}, "podSelector": {"matchLabels": {"app": "web"}}}});
        // The API server takes up to a second to notice that the policy is gone.
        let binding =
            eventually("bindings are accepted", PATIENCE, async || system.create(binding.clone()).await)
                .await;
        // The API server sees bindings in the order of their creation.
        namespace.bind(name, json!(null)).await;
        assert!(!has_volume(&system.admitted(&web()).await, &binding), "{name}");
        system.delete("ServiceBinding", "db").await.unwrap();
    }
}

#[tokio::test]
async fn a_pod_can_decline_and_a_mirror_cannot_be_changed() {
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!(null)).await;
    for (annotations, injected) in [
        (json!({"servicecatalog.k8s.io/inject": "false"}), false),
        (json!({"servicecatalog.k8s.io/inject": "true"}), true),
        (json!({"other": "false"}), true),
    ] {
        let mut pod = web();
        pod["metadata"]["annotations"] = annotations.clone();
        assert_eq!(has_volume(&namespace.admitted(&pod).await, &binding), injected, "{annotations}");
    }
    // The API server rejects a mirror pod that uses a Secret.
    let mut pod = web();
    pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    pod["spec"]["nodeName"] = "node".into();
    let answer = namespace.try_create(pod).await.map(|pod| pod["spec"]["containers"][0]["env"].clone());
    assert_eq!(answer, Ok(Value::Null));
}

#[tokio::test]
async fn a_binding_that_is_being_deleted_goes_into_no_new_pod() {
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!(null)).await;
    let held = json!({"metadata": {"finalizers": ["example.com/held"]}});
    namespace.patch("ServiceBinding", "db", held).await.unwrap();
    namespace.delete("ServiceBinding", "db").await.unwrap();
    eventually("pods do without the binding", PATIENCE, async || {
        wanted(namespace.admitted(&web()).await, |pod| pod["spec"]["containers"][0]["env"].is_null())
    })
    .await;
    assert!(!has_volume(&namespace.admitted(&web()).await, &binding));
    namespace.patch("ServiceBinding", "db", json!({"metadata": {"finalizers": null}})).await.unwrap();
}

/// While the mark is new, two policies inject.
#[tokio::test]
async fn a_pod_gets_the_same_whatever_the_mark_of_its_namespace_is() {
    let namespace = namespace().await;
    namespace
        .bind("db", json!({"env": [{"name": "URI", "key": "uri"}, {"name": "HOST", "key": "host"}]}))
        .await;
    let mut pod = web();
    pod["spec"]["automountServiceAccountToken"] = false.into();
    pod["spec"]["containers"][0]["env"] = json!([{"name": "URI", "value": "own"}]);
    let mut admitted = Vec::new();
    for mark in [Value::Null, json!("new"), json!("true")] {
        let labels = json!({"metadata": {"labels": {"servicecatalog.k8s.io/injects": mark}}});
        namespace.patch("Namespace", &namespace.name, labels).await.unwrap();
        let pod = namespace.admitted(&pod).await;
        let metadata = &pod["metadata"];
        admitted.push(json!([pod["spec"], metadata["labels"], metadata["annotations"]]));
    }
    assert_eq!(admitted[0], admitted[1]);
    assert_eq!(admitted[1], admitted[2]);
}
