//! Which users may choose the id that the broker knows?

use serde_json::{Value, json};

use super::{binding, expect, instance};
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, user};

/// A user with the role `edit` in the namespace.
async fn editor(namespace: &Namespace) -> Namespace {
    bind(namespace, "editor", "edit").await;
    let editor = namespace.as_user(user(&namespace.name)).await;
    // The RBAC authorizer has caches.
    eventually("the role is in force", PATIENCE, async || editor.try_create(binding("x", json!({}))).await)
        .await;
    editor
}

/// Gives the user who is called like the namespace a `ClusterRole` in it.
async fn bind(namespace: &Namespace, name: &str, role: &str) {
    let group = "rbac.authorization.k8s.io";
    let binding = json!({"kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": namespace.name}]});
    namespace.create(binding).await.unwrap();
}

fn objects(id: &Value) -> [Value; 2] {
    [
        instance("x", json!({"clusterServiceClassName": "c", "externalID": id})),
        binding("x", json!({"externalID": id})),
    ]
}

/// Seen to fail without the policy, and, for the second part, with a role that lacks the verb.
#[tokio::test]
async fn an_external_id_needs_a_permission_of_its_own() {
    let namespace = namespace().await;
    let editor = editor(&namespace).await;
    for id in [json!(null), json!("")] {
        for object in objects(&id) {
            expect("no id", editor.try_create(object).await, None);
        }
    }
    for (object, resource) in
        objects(&json!("somebody-elses")).into_iter().zip(["serviceinstances", "servicebindings"])
    {
        let forbidden = format!(
            "{} is not allowed to set spec.externalID, which takes over what the broker has under that ID: omit it, or \
             request the verb adopt on {resource}.servicecatalog.k8s.io (ClusterRole service-catalog-adopt)",
            namespace.name
        );
        expect(resource, editor.try_create(object).await, Some(&forbidden));
    }
    // What an administrator has created can be edited by others.
    for object in objects(&json!("restored")) {
        let kind = object["kind"].as_str().unwrap().to_owned();
        namespace.create(object).await.unwrap();
        let edit = json!({"metadata": {"labels": {"a": "b"}}});
        expect(&kind, editor.try_patch(&kind, "x", edit).await, None);
    }

    bind(&namespace, "adopter", "service-catalog-adopt").await;
    for mut object in objects(&json!("somebody-elses")) {
        object["metadata"]["name"] = "y".into();
        eventually("the permission is in force", PATIENCE, async || editor.try_create(object.clone()).await)
            .await;
    }
}

/// The operator writes the id of the next attempt, until the broker has confirmed one.
#[tokio::test]
async fn the_operator_alone_writes_an_id_into_an_existing_instance() {
    let namespace = namespace().await;
    let operator = namespace.as_operator().await;
    // No operator changes it beside the test: its class does not exist.
    namespace.create(instance("x", json!({"clusterServiceClassName": "c"}))).await.unwrap();
    namespace.create(binding("x", json!({}))).await.unwrap();
    let edit = |id: &str| json!({"spec": {"externalID": id}});
    let immutable = Some("externalID is immutable");
    for kind in ["ServiceInstance", "ServiceBinding"] {
        expect(kind, namespace.try_patch(kind, "x", edit("mine")).await, immutable);
    }
    expect("a binding", operator.try_patch("ServiceBinding", "x", edit("first")).await, immutable);
    for id in ["first", "second"] {
        expect(id, operator.patch("ServiceInstance", "x", edit(id)).await, None);
        expect(id, namespace.try_patch("ServiceInstance", "x", edit("mine")).await, immutable);
        let left_out = namespace.try_patch("ServiceInstance", "x", edit("")).await.unwrap();
        assert_eq!(left_out["spec"]["externalID"], id);
    }
    let status = json!({"status": {"provisionStatus": "Provisioned"}});
    namespace.patch_status("ServiceInstance", "x", status).await.unwrap();
    expect("provisioned", operator.try_patch("ServiceInstance", "x", edit("third")).await, immutable);
}
