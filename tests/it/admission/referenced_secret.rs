//! Which users may refer to a Secret whose entries become parameters, or entries of a binding's Secret?

use serde_json::{Value, json};

use super::auth_secret::broker_admin;
use super::{binding, expect, instance};
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

fn parameters(secrets: &[&str]) -> Value {
    let sources: Vec<_> =
        secrets.iter().map(|name| json!({"secretKeyRef": {"name": name, "key": "k"}})).collect();
    json!({"parametersFrom": sources})
}

/// An object of either kind, with this spec.
fn object(kind: &str, name: &str, mut spec: Value) -> Value {
    if kind == "ServiceInstance" {
        spec["clusterServiceClassName"] = "c".into();
        instance(name, spec)
    } else {
        binding(name, spec)
    }
}

/// Values of parameters reach the broker, and a broker may repeat them in its answer. Seen to fail without the policy.
#[tokio::test]
async fn only_who_may_read_a_secret_can_take_parameters_from_it() {
    let namespace = namespace().await;
    let limited = broker_admin(&namespace).await;
    let name = &namespace.name;
    let forbidden = |secrets: &str| {
        format!(
            "{name} is not allowed to get Secret {secrets}, which spec.parametersFrom references: request that \
             permission, or use another Secret"
        )
    };
    let other = forbidden(&format!("{name}/other"));
    let three = forbidden(&format!("{name}/readable and {name}/readable-1 and {name}/other"));
    let hidden: Vec<&str> = ["readable"].repeat(40).into_iter().chain(["other"]).collect();
    let hidden_at_the_end = forbidden(&format!("{name}/readable and {name}/other"));
    for kind in ["ServiceInstance", "ServiceBinding"] {
        for (secrets, error) in [
            (&["readable"][..], None),
            (&["readable", "readable-1", "readable-2", "readable", "readable-1"], None),
            (&["other"], Some(&other)),
            (&["readable", "readable-1", "other"], Some(&three)),
            (&hidden, Some(&hidden_at_the_end)),
        ] {
            let created = limited.try_create(object(kind, "x", parameters(secrets))).await;
            expect(&format!("{kind} {secrets:?}"), created, error.map(String::as_str));
        }
        for spec in [json!({}), json!({"parametersFrom": null}), json!({"parametersFrom": []})] {
            let created = limited.try_create(object(kind, "x", spec.clone())).await;
            expect(&format!("{kind} {spec}"), created, None);
        }
        // What is stored goes on, whoever changes something else.
        namespace.create(object(kind, "x", parameters(&["other"]))).await.unwrap();
        for edit in [
            json!({"metadata": {"labels": {"a": "b"}}}),
            json!({"metadata": {"finalizers": null}}),
            json!({"spec": {"externalID": ""}}),
        ] {
            expect(&format!("{kind} {edit}"), limited.try_patch(kind, "x", edit).await, None);
        }
    }
    for (edit, error) in [
        (parameters(&["other", "readable"]), Some("is not allowed to get Secret")),
        (parameters(&["readable"]), None),
        (json!({"parametersFrom": null}), None),
        (json!({"parameters": {"size": 1}}), None),
    ] {
        let edited = limited.try_patch("ServiceInstance", "x", json!({"spec": edit.clone()})).await;
        expect(&edit.to_string(), edited, error);
    }
    // Each field is checked, and named.
    let mut both = from(&json!({"name": "other"}));
    both["parametersFrom"] = parameters(&["readable"])["parametersFrom"].clone();
    let refused = limited.try_create(binding("x", both)).await;
    expect(
        "both",
        refused,
        Some("which spec.parametersFrom or spec.secretTransforms[].addKeysFrom references"),
    );
}

/// The API server limits the cost of a policy, so the number of Secrets that are checked one by one is limited.
#[tokio::test]
async fn who_may_read_all_secrets_can_refer_to_any_number_of_them() {
    let namespace = namespace().await;
    let limited = broker_admin(&namespace).await;
    let names: Vec<String> = (0..40).map(|index| format!("s-{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for kind in ["ServiceInstance", "ServiceBinding"] {
        for count in [1, 2, 3, 16] {
            let many = object(kind, "x", parameters(&names[..count]));
            expect(kind, namespace.try_create(many.clone()).await, None);
            expect(kind, limited.try_create(many).await, Some("is not allowed to get Secret"));
        }
        let too_many = object(kind, "x", parameters(&names));
        expect(kind, namespace.try_create(too_many.clone()).await, None);
        expect(kind, limited.try_create(too_many).await, Some("may reference at most 16"));
    }
}
