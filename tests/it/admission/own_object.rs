//! What may the operator's token do with the objects of users? Only what reconcilers do: the tests of alpha objects,
//! instances and bindings show that it suffices.

use serde_json::{Value, json};
use service_catalog::crd::names::{FINALIZER, LABEL_CHILD, LABEL_DELETING, LABEL_INJECTS};

use super::{alpha_binding, alpha_instance, binding, broker, expect, instance};
use crate::namespace::{PATIENCE, eventually, namespace};

const CHANGES: Option<&str> = Some("the operator may change only finalizers");

/// An object that looks like the child of an alpha object.
pub(super) fn child(mut object: Value, alpha: &str) -> Value {
    let name = object["metadata"]["name"].clone();
    object["metadata"]["labels"] = json!({LABEL_CHILD: "true"});
    object["metadata"]["ownerReferences"] = json!([{"apiVersion": "servicecatalog.k8s.io/v1alpha1", "kind": alpha,
        "name": name, "uid": "0f1e2d3c-0000-0000-0000-000000000000", "controller": true}]);
    object
}

fn merge(mut object: Value, change: Value) -> Value {
    for (section, fields) in change.as_object().unwrap() {
        for (field, value) in fields.as_object().unwrap() {
            object[section][field] = value.clone();
        }
    }
    object
}

/// The attack: a binding whose variables run code in every pod of a namespace.
#[tokio::test]
async fn the_operator_creates_nothing_but_the_translation_of_alpha_objects() {
    let namespace = namespace().await;
    let operator = namespace.as_operator().await;
    let children = Some("may create and delete only the children of alpha objects");
    let elsewhere = child(binding("x", json!({"injection": {"envFrom": {}}})), "Binding");
    let refused = operator.try_create(elsewhere.clone()).await.unwrap_err();
    assert!(refused.contains("own-child.servicecatalog.k8s.io"), "no alpha Binding is there: {refused}");
    namespace.create(alpha_binding("another")).await.unwrap();
    eventually("admission knows the alpha Binding", PATIENCE, async || {
        operator.try_create(elsewhere.clone()).await
    })
    .await;
    let translates = Some("only as it translates an alpha object");
    let translated = child(
        binding(
            "x",
            json!({"secretName": "s", "injection": {"envFrom": {}}, "parameters": {"a": null},
            "podSelector": {"matchLabels": {"app": "web"}}}),
        ),
        "Binding",
    );
    let changed = |change: Value| merge(translated.clone(), change);
    let every = json!({"matchExpressions": [{"key": "none", "operator": "DoesNotExist"}]});
    let preload = json!({"allowUnsafeVariables": true, "env": [{"name": "LD_PRELOAD", "key": "p"}]});
    for (object, error) in [
        (translated.clone(), None),
        (changed(json!({"metadata": {"ownerReferences": []}})), children),
        (child(binding("x", json!({"injection": {"envFrom": {}}})), "Instance"), children),
        (changed(json!({"metadata": {"name": "y"}})), children),
        (changed(json!({"metadata": {"labels": null}})), translates),
        (changed(json!({"spec": {"injection": preload}})), translates),
        (changed(json!({"spec": {"injection": {"envFrom": {"prefix": "LD_"}}}})), translates),
        (changed(json!({"spec": {"injection": {"envFrom": {}, "optional": true}}})), translates),
        (changed(json!({"spec": {"injection": null}})), translates),
        (changed(json!({"spec": {"secretTransforms": [{"removeKey": {"key": "k"}}]}})), translates),
        (changed(json!({"spec": {"podSelector": every}})), Some("only by matchLabels")),
        (
            child(
                instance("x", json!({"clusterServiceClassExternalName": "c", "parameters": {}})),
                "Instance",
            ),
            None,
        ),
        (instance("x", json!({"clusterServiceClassExternalName": "c"})), children),
        (child(instance("x", json!({"serviceClassExternalName": "c"})), "Instance"), translates),
        (child(broker("ClusterServiceBroker", &namespace, json!({})), "Broker"), None),
        (broker("ClusterServiceBroker", &namespace, json!({})), children),
        (
            child(
                broker("ClusterServiceBroker", &namespace, json!({"insecureSkipTLSVerify": true})),
                "Broker",
            ),
            translates,
        ),
    ] {
        expect(&object.to_string(), operator.try_create(object.clone()).await, error);
    }
}

#[tokio::test]
async fn the_operator_changes_nothing_of_users_objects_but_what_reconcilers_write() {
    let namespace = namespace().await;
    let operator = namespace.as_operator().await;
    let cluster_broker = broker("ClusterServiceBroker", &namespace, json!({}));
    for object in [
        binding("x", json!({"podSelector": {"matchLabels": {"app": "web"}}})),
        instance("x", json!({"clusterServiceClassExternalName": "c"})),
        alpha_binding("x"),
        alpha_instance("x"),
        broker("ServiceBroker", &namespace, json!({})),
        cluster_broker,
        broker("Broker", &namespace, json!({})),
    ] {
        let (kind, name) = (
            object["kind"].as_str().unwrap().to_owned(),
            object["metadata"]["name"].as_str().unwrap().to_owned(),
        );
        namespace.create(object).await.unwrap();
        for (change, error) in [
            (json!({"metadata": {"finalizers": []}}), None),
            (json!({"metadata": {"finalizers": [FINALIZER, "example.com/held"]}}), CHANGES),
            (json!({"metadata": {"labels": {LABEL_DELETING: "true"}}}), None),
            (json!({"metadata": {"labels": {"argocd.argoproj.io/instance": "x"}}}), CHANGES),
            (
                json!({"metadata": {"annotations": {"servicecatalog.k8s.io/deletion-policy": "Cascade"}}}),
                CHANGES,
            ),
        ] {
            expect(&format!("{kind} {change}"), operator.try_patch(&kind, &name, change).await, error);
        }
    }
    let name = namespace.name.as_str();
    for (kind, name, spec, error) in [
        ("ServiceInstance", "x", json!({"clusterServiceClassRef": {"name": "c"}}), None),
        ("ServiceInstance", "x", json!({"parameters": {"a": 1}}), CHANGES),
        ("ServiceBinding", "x", json!({"podSelector": {"matchLabels": {"app": "db"}}}), CHANGES),
        ("ServiceBinding", "x", json!({"injection": {"envFrom": {}}}), CHANGES),
        ("ServiceBinding", "x", json!({"rotation": {"interval": "1h"}}), CHANGES),
        ("Binding", "x", json!({"labels": {"app": "db"}}), CHANGES),
        ("Instance", "x", json!({"parameters": {"a": 1}}), CHANGES),
        ("ServiceBroker", name, json!({"url": "http://mine"}), CHANGES),
        ("ClusterServiceBroker", name, json!({"url": "http://mine"}), CHANGES),
        ("Broker", name, json!({"url": "http://mine"}), CHANGES),
    ] {
        let case = format!("{kind} {spec}");
        expect(&case, operator.try_patch(kind, name, json!({"spec": spec})).await, error);
    }
    let owned = child(json!({"metadata": {"name": "x"}}), "Binding");
    expect("an owner", operator.try_patch("ServiceBinding", "x", owned).await, CHANGES);
    // Bindings are deleted with their instance.
    let children = Some("may create and delete only the children of alpha objects");
    for (kind, name, error) in [
        ("ServiceInstance", "x", children),
        ("ClusterServiceBroker", name, children),
        ("ServiceBinding", "x", None),
        ("Binding", "x", None),
    ] {
        expect(kind, operator.delete(kind, name).await, error);
    }
}

#[tokio::test]
async fn the_operator_changes_of_a_child_what_its_alpha_object_says() {
    let namespace = namespace().await;
    let operator = namespace.as_operator().await;
    // The owner must exist, or the garbage collector deletes the child.
    let uid = namespace.create(alpha_binding("x")).await.unwrap()["metadata"]["uid"].clone();
    // Bindings with empty members, as clients written in Go send them.
    let mut own =
        child(binding("x", json!({"secretTransforms": null, "injection": {"optional": false}})), "Binding");
    own["metadata"]["ownerReferences"][0]["uid"] = uid;
    let other = json!({"apiVersion": "v1", "kind": "Secret", "name": "owner",
        "uid": namespace.create(json!({"kind": "Secret", "metadata": {"name": "owner"}})).await.unwrap()["metadata"]["uid"]});
    let of_alpha = own["metadata"]["ownerReferences"][0].clone();
    own["metadata"]["ownerReferences"] = json!([of_alpha, other]);
    namespace.create(own).await.unwrap();
    for (change, error) in [
        (json!({"spec": {"podSelector": {"matchLabels": {"app": "db"}}}}), None),
        (json!({"metadata": {"labels": {LABEL_INJECTS: "true"}}}), None),
        (json!({"metadata": {"annotations": {"servicecatalog.k8s.io/deletion-policy": "Retain"}}}), None),
        (json!({"metadata": {"annotations": {"other": "x"}}}), CHANGES),
        (json!({"metadata": {"ownerReferences": null}}), CHANGES),
        (json!({"metadata": {"ownerReferences": [of_alpha]}}), CHANGES),
        (json!({"metadata": {"ownerReferences": [other]}}), None),
        (json!({"spec": {"injection": {"optional": true}}}), CHANGES),
        (json!({"spec": {"secretTransforms": []}}), CHANGES),
        (
            json!({"spec": {"podSelector": {"matchExpressions": [{"key": "none", "operator": "DoesNotExist"}]}}}),
            Some("only by matchLabels"),
        ),
    ] {
        expect(&change.to_string(), operator.try_patch("ServiceBinding", "x", change.clone()).await, error);
    }
}
