//! The operator may only mark namespaces in which bindings inject.

use serde_json::json;

use crate::namespace::namespace;

#[tokio::test]
async fn the_operator_changes_nothing_of_a_namespace_but_its_mark() {
    let namespace = namespace().await;
    let operator = namespace.as_operator().await;
    let labels = |labels: serde_json::Value| json!({"metadata": {"labels": labels}});
    for (allowed, change) in [
        (true, labels(json!({"servicecatalog.k8s.io/injects": "true"}))),
        (true, labels(json!({"servicecatalog.k8s.io/injects": null}))),
        (false, labels(json!({"pod-security.kubernetes.io/enforce": "privileged"}))),
        (false, json!({"metadata": {"annotations": {"a": "b"}}})),
        (false, json!({"metadata": {"finalizers": ["example.com/held"]}})),
    ] {
        match operator.patch("Namespace", &namespace.name, change.clone()).await {
            Ok(_) => assert!(allowed, "{change}"),
            Err(error) => assert!(
                !allowed && error.contains("may change only the label servicecatalog.k8s.io/injects"),
                "{change}: {error}"
            ),
        }
    }
}
