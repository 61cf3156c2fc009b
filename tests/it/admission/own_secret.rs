//! What may the operator's token do with Secrets? Only what the Secrets of bindings need: the tests of bindings show that
//! it suffices, with the operator's own token.

use serde_json::{Value, json};
use service_catalog::crd::names::LABEL_CREDENTIALS;

use super::{alpha_binding, binding, expect};
use crate::cluster::NAMESPACE;
use crate::namespace::{Namespace, namespace};

/// The type of a `ServiceAccount`'s token: the token controller fills the Secret with one.
const SERVICE_ACCOUNT_TOKEN: &str = "kubernetes.io/service-account-token";

fn owner(kind: &str, version: &str, controller: bool) -> Value {
    json!({"apiVersion": version, "kind": kind, "name": "db", "uid": "0f1e2d3c-0000-0000-0000-000000000000",
        "controller": controller, "blockOwnerDeletion": false})
}

/// A Secret as the operator writes it; `changes` replace members of it.
fn secret(name: &str, changes: Value) -> Value {
    let mut secret = json!({"kind": "Secret", "type": "Opaque", "metadata": {
        "name": name, "labels": {LABEL_CREDENTIALS: ""},
        "ownerReferences": [owner("ServiceBinding", "servicecatalog.k8s.io/v1beta1", true)],
    }});
    let (Value::Object(changes), Some(metadata)) = (changes, secret["metadata"].as_object_mut()) else {
        panic!()
    };
    let (members, changes): (Vec<_>, Vec<_>) =
        changes.into_iter().partition(|(key, _)| ["type", "data", "immutable"].contains(&key.as_str()));
    metadata.extend(changes);
    secret.as_object_mut().unwrap().extend(members);
    secret
}

/// Each row but the first was accepted when the policy looked only for an owner reference of the right kind, or fails
/// without the part of the policy that it is about.
#[tokio::test]
async fn the_operator_creates_no_secret_but_those_of_bindings() {
    let namespace = namespace().await;
    let operator = namespace.as_operator().await;
    let ours = owner("ServiceBinding", "servicecatalog.k8s.io/v1beta1", true);
    let controller = Some("only Secrets whose controller is a ServiceBinding");
    let metadata = Some("may change no label, annotation or finalizer");
    for (changes, error) in [
        (json!({}), None),
        (json!({"type": "servicebinding.io/postgresql"}), None),
        // Other controllers act on such Secrets. This one is a cluster of Argo CD.
        (json!({"labels": {LABEL_CREDENTIALS: "", "argocd.argoproj.io/secret-type": "cluster"}}), metadata),
        (json!({"annotations": {"reflector.v1.k8s.emberstack.com/reflects": "kube-system/admin"}}), metadata),
        (json!({"finalizers": ["example.com/hold"]}), metadata),
        (json!({"data": {"uri": "YQ==", "path": "YQ==", "tls.crt": "YQ=="}}), None),
        (json!({"immutable": true}), metadata),
        (
            json!({"type": SERVICE_ACCOUNT_TOKEN,
            "annotations": {"kubernetes.io/service-account.name": "default"}}),
            Some("only Secrets of the types Opaque"),
        ),
        (json!({"type": "helm.sh/release.v1"}), Some("only Secrets of the types Opaque")),
        (json!({"labels": null}), Some("only Secrets with the label")),
        (json!({"labels": {"other": ""}}), Some("only Secrets with the label")),
        (
            json!({"ownerReferences": [owner("ServiceBinding", "servicecatalog.k8s.io/v1beta1", false)]}),
            controller,
        ),
        (json!({"ownerReferences": [owner("ServiceBinding", "servicebinding.io/v1", true)]}), controller),
        (
            json!({"ownerReferences": [owner("ServiceInstance", "servicecatalog.k8s.io/v1beta1", true)]}),
            controller,
        ),
        (json!({"ownerReferences": [owner("Deployment", "apps/v1", true)]}), controller),
        (json!({"ownerReferences": []}), controller),
        (
            json!({"ownerReferences": [ours, owner("Deployment", "apps/v1", false)]}),
            Some("with one owner only"),
        ),
    ] {
        expect(&changes.to_string(), operator.try_create(secret("db", changes.clone())).await, error);
    }
}

#[tokio::test]
async fn the_operator_creates_no_secret_in_a_namespace_of_the_system() {
    let namespace = namespace().await;
    let system = |name: &str| Namespace { name: name.to_owned(), client: namespace.client.clone() };
    let token = secret("bootstrap-token-abcdef", json!({"type": "bootstrap.kubernetes.io/token"}));
    for name in ["kube-system", "kube-public", "kube-node-lease", NAMESPACE] {
        let system = system(name);
        let operator = system.as_operator().await;
        expect(name, operator.try_create(token.clone()).await, Some("the operator may"));
        let refused = operator.try_create(secret("db", json!({}))).await;
        expect(name, refused, Some("may not create Secrets in the namespace"));
        // The user learns it when the binding is created.
        for object in [binding("db", json!({})), alpha_binding("db")] {
            let refused = system.try_create(object).await;
            expect(name, refused, Some("writes no credentials to the namespace"));
        }
    }
}

#[tokio::test]
async fn the_operator_changes_and_deletes_no_secret_but_those_of_bindings() {
    let namespace = namespace().await;
    let operator = namespace.as_operator().await;
    // The controller must exist, or the garbage collector deletes the Secrets.
    let created = namespace.create(binding("db", json!({}))).await.unwrap();
    let mut ours = owner("ServiceBinding", "servicecatalog.k8s.io/v1beta1", true);
    ours["uid"] = created["metadata"]["uid"].clone();
    let owned = |name: &str, changes: Value| {
        let mut secret = secret(name, json!({"ownerReferences": [ours]}));
        secret["metadata"].as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        secret
    };
    let foreign = secret("foreign", json!({"ownerReferences": [], "labels": {LABEL_CREDENTIALS: ""}}));
    namespace.create(foreign).await.unwrap();
    // Other clients may have written this, and it stays.
    namespace.create(owned("own", json!({"annotations": {"own": "value"}}))).await.unwrap();
    // The archived service-catalog set no label. The operator adds it.
    namespace.create(owned("unlabelled", json!({"labels": {}}))).await.unwrap();

    let other = owner("ServiceBinding", "servicecatalog.k8s.io/v1beta1", true);
    let controller = Some("only Secrets whose controller is a ServiceBinding");
    let metadata = Some("may change no label, annotation or finalizer");
    for (name, change, error) in [
        ("own", json!({"data": {"password": "YQ=="}}), None),
        ("own", json!({"metadata": {"annotations": {"own": "other"}}}), metadata),
        ("own", json!({"metadata": {"annotations": null}}), metadata),
        ("own", json!({"metadata": {"labels": {"argocd.argoproj.io/secret-type": "cluster"}}}), metadata),
        (
            "own",
            json!({"metadata": {"labels": {LABEL_CREDENTIALS: null}}}),
            Some("only Secrets with the label"),
        ),
        ("own", json!({"metadata": {"ownerReferences": [other]}}), Some("may not change the owners")),
        ("own", json!({"metadata": {"ownerReferences": null}}), controller),
        // Kubernetes itself refuses this.
        ("own", json!({"type": SERVICE_ACCOUNT_TOKEN}), Some("field is immutable")),
        ("unlabelled", json!({"data": {"password": "YQ=="}}), Some("only Secrets with the label")),
        ("unlabelled", json!({"metadata": {"labels": {LABEL_CREDENTIALS: ""}}}), None),
        ("foreign", json!({"data": {"password": "YQ=="}}), controller),
        ("foreign", json!({"metadata": {"ownerReferences": [ours]}}), controller),
    ] {
        let mut changed = namespace.get("Secret", name).await.unwrap();
        merge(&mut changed, &change);
        expect(&format!("{name} {change}"), operator.replace(changed).await, error);
    }
    namespace.patch("Secret", "unlabelled", json!({"metadata": {"labels": null}})).await.unwrap();
    for (name, error) in
        [("foreign", controller), ("unlabelled", Some("only Secrets with the label")), ("own", None)]
    {
        expect(name, operator.delete("Secret", name).await, error);
    }
}

/// The operator has no permission to patch Secrets; it replaces them.
fn merge(object: &mut Value, change: &Value) {
    match (object, change) {
        (Value::Object(object), Value::Object(change)) => {
            for (key, value) in change {
                if value.is_null() {
                    object.remove(key);
                } else {
                    merge(object.entry(key).or_insert(json!({})), value);
                }
            }
        }
        (object, change) => *object = change.clone(),
    }
}
