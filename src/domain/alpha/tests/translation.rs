//! The child of each alpha kind.

use serde_json::{Value, json};

use super::super::{Step, create, decide};
use super::{instance, metadata, read};
use crate::crd::alpha::{Binding, Broker};
use crate::crd::{ClusterServiceBroker, ServiceBinding};
use crate::domain::fixtures::at;

#[test]
fn a_broker_becomes_a_cluster_service_broker() {
    let url = "http://broker";
    for (spec, expected) in [
        (json!({"url": url}), json!({"url": url, "relistRequests": 0})),
        (
            json!({"url": url, "authInfo": {"basicAuthSecret": {"kind": "Secret", "namespace": "ns", "name": "auth"}}}),
            json!({"url": url, "relistRequests": 0,
                "authInfo": {"basic": {"secretRef": {"namespace": "ns", "name": "auth"}}}}),
        ),
    ] {
        let broker: Broker = read("Broker", json!({"metadata": {"name": "b", "uid": "alpha"}, "spec": spec}));
        let child: ClusterServiceBroker = create(&broker);
        assert_eq!(serde_json::to_value(&child.spec).unwrap(), expected);
        let owner = json!([{"apiVersion": "servicecatalog.k8s.io/v1alpha1", "kind": "Broker", "name": "b", "uid": "alpha",
            "controller": true, "blockOwnerDeletion": false}]);
        let labels = json!({"servicecatalog.k8s.io/child": "true"});
        assert_eq!(
            serde_json::to_value(&child.metadata).unwrap(),
            json!({"name": "b", "labels": labels, "ownerReferences": owner})
        );
    }
}

#[test]
fn an_instance_becomes_a_service_instance_by_external_names() {
    let user = json!({"username": "anna", "uid": "", "groups": []});
    for (spec, expected) in [
        (
            json!({"serviceClassName": "database", "planName": "small", "parameters": {"size": 1, "ratio": 1.50},
                "userInfo": user}),
            json!({"clusterServiceClassExternalName": "database", "clusterServicePlanExternalName": "small",
                "parameters": {"size": 1, "ratio": 1.50}, "userInfo": user, "updateRequests": 0}),
        ),
        (
            json!({"serviceClassName": "database", "parameters": {}}),
            json!({"clusterServiceClassExternalName": "database", "updateRequests": 0}),
        ),
    ] {
        let child = create(&instance(|object| object["spec"] = spec));
        assert_eq!(serde_json::to_value(&child.spec).unwrap(), expected);
        assert_eq!(child.metadata.namespace.as_deref(), Some("team"));
    }
}

#[test]
fn a_binding_becomes_a_service_binding_that_injects_into_pods_with_its_labels() {
    let reference = json!({"name": "db"});
    for (spec, expected) in [
        (
            json!({"instanceRef": reference, "secretName": "credentials", "labels": {"app": "web"},
                "parameters": {"role": "reader"}, "userInfo": {"username": "anna"}}),
            json!({"instanceRef": reference, "secretName": "credentials", "injection": {"envFrom": {}},
                "podSelector": {"matchLabels": {"app": "web"}}, "parameters": {"role": "reader"},
                "userInfo": {"username": "anna", "uid": "", "groups": []}}),
        ),
        (
            json!({"instanceRef": reference, "labels": {}, "parameters": null}),
            json!({"instanceRef": reference, "injection": {"envFrom": {}}}),
        ),
    ] {
        let binding: Binding = read("Binding", json!({"metadata": metadata(), "spec": spec}));
        let child: ServiceBinding = create(&binding);
        assert_eq!(serde_json::to_value(&child.spec).unwrap(), expected);
    }
}

#[test]
fn labels_of_a_binding_can_be_edited_and_its_injection_is_left_alone() {
    let binding = |labels: Value| -> Binding {
        let spec = json!({"instanceRef": {"name": "db"}, "labels": labels});
        read("Binding", json!({"metadata": metadata(), "spec": spec}))
    };
    let mut child = create(&binding(json!({"app": "web"})));
    child.spec.injection = None;
    child.spec.secret_name = "db".to_owned();
    let selects = |labels: Value| {
        let mut desired = child.clone();
        desired.spec.pod_selector =
            (!labels.is_null()).then(|| serde_json::from_value(json!({"matchLabels": labels})).unwrap());
        desired
    };
    for (labels, expected) in [
        (json!({"app": "web"}), Step::Wait),
        (json!({"app": "worker"}), Step::Change(Box::new(selects(json!({"app": "worker"}))))),
        (json!({}), Step::Change(Box::new(selects(json!(null))))),
    ] {
        assert_eq!(decide(&binding(labels.clone()), Some(&child), false, &at(0)), expected, "{labels}");
    }
}
