//! The requester (`spec.userInfo`): recorded for the broker by admission, whatever the request says.

use std::collections::HashMap;

use kube::config::AuthInfo;
use serde_json::{Value, json};

use super::own_object::child;
use super::{alpha_binding, alpha_instance, binding, instance};
use crate::cluster::NAMESPACE;
use crate::namespace::{PATIENCE, eventually, namespace, user};

/// A user with all rights, a uid, groups and extra.
pub(super) fn alice() -> AuthInfo {
    AuthInfo {
        impersonate: Some("alice".to_owned()),
        impersonate_uid: Some("42".to_owned()),
        impersonate_groups: Some(vec!["team".to_owned(), "system:masters".to_owned()]),
        impersonate_user_extra: Some(HashMap::from([(
            "scopes".to_owned(),
            vec!["a".to_owned(), "b".to_owned()],
        )])),
        ..AuthInfo::default()
    }
}

fn alice_as_brokers_see_her() -> Value {
    json!({"username": "alice", "uid": "42", "groups": ["team", "system:masters", "system:authenticated"],
        "extra": {"scopes": ["a", "b"]}})
}

fn admin_as_brokers_see_them() -> Value {
    json!({"username": "admin", "uid": "admin", "groups": ["system:masters", "system:authenticated"], "extra": {}})
}

#[tokio::test]
async fn who_creates_something_is_written_down_whatever_they_say() {
    let namespace = namespace().await;
    let alice = namespace.as_user(alice()).await;
    let forged = json!({"username": "forged", "groups": ["system:masters"]});
    let objects = [
        instance("x", json!({"serviceClassName": "c"})),
        binding("x", json!({})),
        alpha_instance("x"),
        alpha_binding("x"),
    ];
    for object in objects {
        let mut claim = object.clone();
        claim["spec"]["userInfo"] = forged.clone();
        for object in [object, claim] {
            let created = alice.try_create(object).await.unwrap();
            assert_eq!(created["spec"]["userInfo"], alice_as_brokers_see_her());
        }
    }
    // A missing uid and missing extra become empty.
    let mut bob = user("bob");
    bob.impersonate_groups = Some(vec!["system:masters".to_owned()]);
    let created = namespace.as_user(bob).await.try_create(binding("x", json!({}))).await.unwrap();
    let seen = json!({"username": "bob", "uid": "", "groups": ["system:masters", "system:authenticated"], "extra": {}});
    assert_eq!(created["spec"]["userInfo"], seen);
}

#[tokio::test]
async fn who_changes_an_instance_is_written_down_unless_it_is_the_operator() {
    let namespace = namespace().await;
    let alice = namespace.as_user(alice()).await;
    let mut operator = user(&format!("system:serviceaccount:{NAMESPACE}:service-catalog"));
    operator.impersonate_groups = Some(vec!["system:authenticated".to_owned()]);
    let operator = namespace.as_user(operator).await;
    namespace.create(instance("x", json!({"clusterServiceClassName": "c"}))).await.unwrap();

    // A change of the metadata is no change of the spec.
    let labelled =
        alice.patch("ServiceInstance", "x", json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();
    assert_eq!(labelled["spec"]["userInfo"], admin_as_brokers_see_them());
    // Nor is a reference that the operator resolves.
    let found = json!({"spec": {"clusterServiceClassRef": {"name": "c"}}});
    let found = operator.patch("ServiceInstance", "x", found).await.unwrap();
    assert_eq!(found["spec"]["clusterServiceClassRef"]["name"], "c");
    assert_eq!(found["spec"]["userInfo"], admin_as_brokers_see_them());

    namespace.create(alpha_instance("x")).await.unwrap();
    for kind in ["ServiceInstance", "Instance"] {
        for (edit, requester) in [
            (json!({"parameters": {"a": 1}}), alice_as_brokers_see_her()),
            (json!({"userInfo": {"username": "forged"}}), alice_as_brokers_see_her()),
            // To leave the requester out is no change.
            (json!({"userInfo": null}), admin_as_brokers_see_them()),
        ] {
            let edited = alice.try_patch(kind, "x", json!({"spec": edit})).await.unwrap();
            assert_eq!(edited["spec"]["userInfo"], requester, "{kind}");
        }
    }
}

/// The requester of an alpha object's child is the author of the alpha object.
#[tokio::test]
async fn the_operator_creates_things_on_behalf_of_others_and_never_on_its_own() {
    let namespace = namespace().await;
    let mut operator = user(&format!("system:serviceaccount:{NAMESPACE}:service-catalog"));
    operator.impersonate_groups = Some(vec!["system:authenticated".to_owned()]);
    let operator = namespace.as_user(operator).await;
    namespace.create(alpha_binding("x")).await.unwrap();
    for object in [
        child(instance("x", json!({"clusterServiceClassExternalName": "c"})), "Instance"),
        child(binding("x", json!({"injection": {"envFrom": {}}})), "Binding"),
    ] {
        let unknown = eventually("admission knows the alpha Binding", PATIENCE, async || {
            operator.try_create(object.clone()).await
        })
        .await;
        assert_eq!(unknown["spec"].get("userInfo"), None);
        let mut for_alice = object;
        for_alice["spec"]["userInfo"] = alice_as_brokers_see_her();
        let for_alice = operator.try_create(for_alice).await.unwrap();
        assert_eq!(for_alice["spec"]["userInfo"], alice_as_brokers_see_her());
    }
}

#[tokio::test]
async fn a_binding_stays_with_who_created_it() {
    let namespace = namespace().await;
    namespace.create(binding("x", json!({}))).await.unwrap();
    namespace.create(alpha_binding("x")).await.unwrap();
    let alice = namespace.as_user(alice()).await;
    for (kind, edit) in
        [("ServiceBinding", json!({"type": "mysql"})), ("Binding", json!({"labels": {"a": "b"}}))]
    {
        for edit in [edit, json!({"userInfo": {"username": "forged"}}), json!({"userInfo": null})] {
            let edited = alice.try_patch(kind, "x", json!({"spec": edit})).await.unwrap();
            assert_eq!(edited["spec"]["userInfo"], admin_as_brokers_see_them(), "{kind}");
        }
    }
}
