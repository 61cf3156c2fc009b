//! How large may the parameters be that a user writes?

use serde_json::{Value, json};

use super::{alpha_binding, alpha_instance, binding, expect, instance};
use crate::namespace::{PATIENCE, eventually, namespace};
use crate::scripted::isolated;

const REFUSED: &str = "spec.parameters is too large: the operator accepts at most 64 KiB and 5000 JSON values, together with \
                       spec.parametersFrom. Pass less, or pass a reference that the broker can resolve";
const POLICY: &str = "validatingadmissionpolicybinding/parameters.servicecatalog.k8s.io";

#[tokio::test]
async fn what_the_operator_accepts_is_stored_and_what_is_much_larger_is_refused() {
    let namespace = namespace().await;
    let deep = (0..90).fold(json!(1), |inner, _| json!({"a": inner}));
    let keys: Value = (0..4999).map(|index| (format!("key-{index}"), Value::Null)).collect();
    for (what, parameters, error) in [
        ("none", json!({}), None),
        ("null", Value::Null, None),
        ("text", json!({"a": "x".repeat(65_000)}), None),
        ("wide characters", json!({"a": "中".repeat(21_000)}), None),
        ("numbers", json!({"a": vec![0.5; 4_999]}), None),
        ("keys", keys, None),
        ("depth", deep, None),
        ("a long text", json!({"a": "x".repeat(200_000)}), Some(REFUSED)),
        ("long wide characters", json!({"a": "中".repeat(50_000)}), Some(REFUSED)),
        ("what is escaped where it is stored", json!({"a": "<".repeat(30_000)}), Some(REFUSED)),
        ("many values", json!({"a": vec![0; 50_000]}), Some(REFUSED)),
        ("many empty values", json!({"a": vec![json!({}); 50_000]}), Some(REFUSED)),
    ] {
        let of_class = json!({"serviceClassName": "c", "parameters": parameters});
        expect(what, namespace.try_create(instance("x", of_class)).await, error);
        expect(what, namespace.try_create(binding("x", json!({"parameters": parameters}))).await, error);
    }
    let small = json!({"serviceClassName": "c", "parameters": {"a": 1}});
    namespace.create(instance("x", small)).await.unwrap();
    let large = json!({"spec": {"parameters": {"a": "x".repeat(200_000)}}});
    expect("an update", namespace.try_patch("ServiceInstance", "x", large).await, Some(REFUSED));
    let other = json!({"metadata": {"labels": {"a": "b"}}});
    expect("another update", namespace.try_patch("ServiceInstance", "x", other).await, None);
}

#[tokio::test]
async fn the_alpha_kinds_have_the_same_limit() {
    let namespace = namespace().await;
    for mut object in [alpha_instance("x"), alpha_binding("x")] {
        object["spec"]["parameters"] = json!({"a": "x".repeat(200_000)});
        let kind = object["kind"].to_string();
        expect(&kind, namespace.try_create(object).await, Some(REFUSED));
    }
}

/// As an earlier version has stored them.
#[tokio::test]
async fn objects_with_large_parameters_can_still_be_changed_and_deleted() {
    let isolated = isolated(&[]).await;
    let env = isolated.env().await;
    let cluster = isolated.cluster();
    let policy = cluster.save(POLICY);
    let large = json!({"serviceClassName": "c", "parameters": {"a": "x".repeat(200_000)}});
    cluster.must_kubectl(&["delete", POLICY]);
    eventually("the policy is not in force", PATIENCE, async || {
        env.try_create(instance("x", large.clone())).await
    })
    .await;
    env.create(instance("x", large.clone())).await.unwrap();
    cluster.must_kubectl(&["create", "--filename", &policy]);
    eventually("the policy is in force", PATIENCE, async || {
        env.try_create(instance("y", large.clone())).await.map_or(Ok(()), |object| Err(object.to_string()))
    })
    .await;
    env.until_says("ServiceInstance", "x", "Ready=False ReferencesNonexistentServiceClass").await;
    env.patch("ServiceInstance", "x", json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();
    env.patch("ServiceInstance", "x", json!({"spec": {"parameters": null}})).await.unwrap();
    env.remove("ServiceInstance", "x").await;
}
