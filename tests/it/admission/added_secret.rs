//! Which users may add another Secret's entries to a binding's Secret?

use serde_json::{Value, json};

use super::auth_secret::broker_admin;
use super::{binding, expect};
use crate::namespace::namespace;

fn from(secret: &Value) -> Value {
    json!({"secretTransforms": [{"removeKey": {"key": "x"}}, {"addKeysFrom": {"secretRef": secret}}]})
}

#[tokio::test]
async fn only_who_may_read_a_secret_can_have_a_binding_add_its_entries() {
    let namespace = namespace().await;
    let limited = broker_admin(&namespace).await;
    let name = &namespace.name;
    let forbidden = format!(
        "{name} is not allowed to get Secret {name}/other, which spec.secretTransforms[].addKeysFrom references: \
         request that permission, or use another Secret"
    );
    for (secret, error) in [
        (json!({"name": "readable"}), None),
        (json!({"name": "readable", "namespace": ""}), None),
        (json!({"name": "readable", "namespace": name}), None),
        (json!({"name": "other"}), Some(forbidden.as_str())),
        (json!({"name": "other", "namespace": name}), Some(&forbidden)),
    ] {
        expect(&secret.to_string(), limited.try_create(binding("x", from(&secret))).await, error);
    }

    // Without the right to read it, a user may not change the transforms at all, but may change everything else.
    namespace.create(binding("x", from(&json!({"name": "other"})))).await.unwrap();
    let mut more = from(&json!({"name": "other"}));
    more["secretTransforms"][0]["removeKey"]["key"] = "y".into();
    for (edit, error) in [
        (json!({"spec": more}), Some(forbidden.as_str())),
        (json!({"spec": {"type": "mysql"}}), None),
        (json!({"metadata": {"labels": {"a": "b"}}}), None),
        (json!({"metadata": {"finalizers": null}}), None),
        (json!({"spec": {"secretTransforms": null}}), None),
    ] {
        expect(&edit.to_string(), limited.try_patch("ServiceBinding", "x", edit).await, error);
    }
}

#[tokio::test]
async fn a_binding_cannot_add_the_entries_of_a_secret_of_another_namespace() {
    let namespace = namespace().await;
    let refused =
        namespace.try_create(binding("x", from(&json!({"namespace": "default", "name": "s"})))).await;
    let why = format!(
        "spec.secretTransforms[].addKeysFrom may only reference a Secret in the binding's namespace {}, not default/s: \
         copy the Secret into that namespace",
        namespace.name
    );
    expect("another namespace", refused, Some(&why));
}
