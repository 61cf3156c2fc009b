//! The operator may only write its own Secrets.

use kube::config::AuthInfo;
use serde_json::json;

use crate::cluster::NAMESPACE;
use crate::namespace::{namespace, user};

#[tokio::test]
async fn the_operator_changes_no_secret_but_those_of_bindings() {
    let namespace = namespace().await;
    let operator: AuthInfo = user(&format!("system:serviceaccount:{NAMESPACE}:service-catalog"));
    let operator = namespace.as_user(operator).await;
    let owner = |kind: &str, version: &str, controller: bool| {
        json!([{"apiVersion": version, "kind": kind, "name": "db", "uid": "1", "controller": controller,
            "blockOwnerDeletion": false}])
    };
    for (name, owners, allowed) in [
        ("own", owner("ServiceBinding", "servicecatalog.k8s.io/v1beta1", true), true),
        ("used", owner("ServiceBinding", "servicecatalog.k8s.io/v1beta1", false), false),
        ("another", owner("ServiceBinding", "servicebinding.io/v1", true), false),
        ("deployed", owner("Deployment", "apps/v1", true), false),
        ("free", json!([]), false),
    ] {
        let secret = json!({"kind": "Secret", "metadata": {"name": name, "ownerReferences": owners}});
        let forbidden = format!(
            "the operator may create, change and delete only Secrets whose controller is a ServiceBinding, \
             which {}/{name} is not",
            namespace.name
        );
        let is_as_wanted = |answer: Result<_, String>| match answer {
            Ok(_) => allowed,
            Err(error) => !allowed && error.contains(&forbidden),
        };
        assert!(is_as_wanted(operator.try_create(secret.clone()).await), "create {name}");
        // Its owner does not exist, so the garbage collector may delete it soon.
        let created = namespace.create(secret).await.unwrap();
        let replaced = operator.replace(created).await;
        let gone = |answer: &Result<_, String>| matches!(answer, Err(error) if error.contains("not found"));
        assert!(gone(&replaced) || is_as_wanted(replaced), "replace {name}");
        let deleted = operator.delete("Secret", name).await;
        assert!(gone(&deleted) || is_as_wanted(deleted), "delete {name}");
    }
}
