//! The operator may only restart workloads, and change nothing else of them.

use serde_json::{Value, json};

use crate::namespace::namespace;

fn workload(kind: &str) -> Value {
    let labels = json!({"app": "web"});
    json!({"kind": kind, "metadata": {"name": "web", "annotations": {"a": "b"}}, "spec": {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels, "annotations": {"a": "b"}},
            "spec": {"containers": [{"name": "main", "image": "image"}]},
        },
    }})
}

#[tokio::test]
async fn the_operator_changes_nothing_of_workloads_but_what_restarts_their_pods() {
    let namespace = namespace().await;
    let operator = namespace.as_operator().await;
    let template =
        |annotations: Value| json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
    let container = json!([{"name": "main", "image": "another"}]);
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        namespace.create(workload(kind)).await.unwrap();
        for (allowed, change) in [
            (true, template(json!({"restart.servicecatalog.k8s.io/1": "1"}))),
            (
                true,
                template(
                    json!({"restart.servicecatalog.k8s.io/1": "2", "restart.servicecatalog.k8s.io/2": "1"}),
                ),
            ),
            (true, template(json!({"restart.servicecatalog.k8s.io/1": null}))),
            (
                false,
                template(json!({"restart.servicecatalog.k8s.io/1": "3", "kubectl.kubernetes.io/x": "y"})),
            ),
            (false, template(json!({"a": "c"}))),
            (false, template(json!({"a": null}))),
            (false, json!({"metadata": {"annotations": {"c": "d"}}})),
            (false, json!({"metadata": {"labels": {"c": "d"}}})),
            (false, json!({"spec": {"template": {"spec": {"containers": container}}}})),
            (false, json!({"spec": {"template": {"spec": {"serviceAccountName": "admin"}}}})),
            (false, json!({"spec": {"template": {"metadata": {"labels": {"c": "d"}}}}})),
            // Kubernetes copies them to each pod, which would then never be deleted.
            (false, json!({"spec": {"template": {"metadata": {"finalizers": ["example.com/hold"]}}}})),
            (false, json!({"metadata": {"finalizers": ["example.com/hold"]}})),
            (false, json!({"spec": {"minReadySeconds": 7}})),
            (false, json!({"spec": {"revisionHistoryLimit": 7}})),
        ] {
            let answer = operator.patch(kind, "web", change.clone()).await;
            let refused = matches!(&answer, Err(error) if error.contains("the operator may change only"));
            assert_eq!((answer.is_ok(), refused), (allowed, !allowed), "{kind} {change}: {answer:?}");
        }
    }
    for (kind, change) in [
        ("Deployment", json!({"replicas": 0})),
        ("Deployment", json!({"paused": true})),
        ("Deployment", json!({"strategy": {"type": "Recreate", "rollingUpdate": null}})),
        ("StatefulSet", json!({"replicas": 0})),
        ("StatefulSet", json!({"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}})),
        ("DaemonSet", json!({"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}})),
    ] {
        let answer = operator.patch(kind, "web", json!({"spec": change})).await;
        assert!(answer.is_err_and(|error| error.contains("the operator may change only")), "{kind} {change}");
    }
}
