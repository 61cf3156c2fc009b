//! The objects that service-catalog 0.3 has stored.

mod bindings;
mod instances;

use std::collections::BTreeMap;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};
use service_catalog::crd;
use service_catalog::crd::names::{FINALIZER, escaped, label, label_value};

use crate::cluster::Cluster;
use crate::namespace::{PATIENCE, eventually};
use crate::process::{directory, run, text};
use crate::scripted::{Broker, MARK};

/// The namespace of the instances and bindings.
pub const NAMESPACE: &str = "test-ns";
/// The password that the application got from service-catalog.
pub const PASSWORD: &str = MARK;

const CLASS: &str = "database-ID";
const TIME: &str = "2019-10-01T10:00:00Z";

/// All objects of service-catalog, as read back from the API server.
pub struct Stored {
    /// By kind and name.
    pub objects: BTreeMap<(String, String), Value>,
}

/// The broker's id of an instance or a binding.
pub fn id(name: &str) -> String {
    format!("c3b56b2e-9172-11e9-bfe5-{name}")
}

fn at_broker(instance: &str) -> String {
    format!("/v2/service_instances/{}", id(instance))
}

impl Stored {
    /// Writes all objects, and creates their services at the broker.
    pub async fn write(cluster: &Cluster, broker: &Broker) -> Self {
        for definition in crd::all() {
            write_definition(cluster, &definition);
        }
        eventually("the definitions are served", PATIENCE, async || {
            let output =
                cluster.kubectl(&["get", "servicebindings,serviceinstances,clusterservicebrokers", "-A"]);
            if output.status.success() { Ok(()) } else { Err(text(&output)) }
        })
        .await;
        apply(cluster, &["create", "namespace", NAMESPACE], None);
        let mut stored = Self { objects: BTreeMap::new() };
        stored.catalog(cluster, broker);
        instances::write(&mut stored, cluster, broker).await;
        bindings::write(&mut stored, cluster, broker).await;
        apply(cluster, &["create", "-f", "-"], Some(include_str!("release.yaml").to_owned()));
        stored
    }

    fn catalog(&mut self, cluster: &Cluster, broker: &Broker) {
        let ready = "Successfully fetched catalog entries from broker.";
        let spec = json!({"url": broker.url, "relistBehavior": "Manual", "relistRequests": 1});
        let status = json!({"conditions": [condition("Ready", "True", "FetchedCatalog", ready)], "reconciledGeneration": 1,
            "lastCatalogRetrievalTime": TIME, "lastConditionState": "Ready"});
        let registered = self.add(cluster, "ClusterServiceBroker", "minibroker", (json!({}), spec, status));
        let owner = json!([{"apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ClusterServiceBroker", "name": "minibroker",
            "uid": registered["metadata"]["uid"], "controller": true, "blockOwnerDeletion": false}]);
        let class = escaped(CLASS);
        let labels = json!({label::EXTERNAL_ID: label_value(CLASS), label::EXTERNAL_NAME: label_value("database"),
            label::CLUSTER_SERVICE_BROKER_NAME: label_value("minibroker")});
        let spec = json!({"externalName": "database", "externalID": CLASS, "description": "database", "bindable": true,
            "bindingRetrievable": false, "planUpdatable": true, "clusterServiceBrokerName": "minibroker"});
        let status = json!({"removedFromBrokerCatalog": false});
        let meta = json!({"labels": labels, "ownerReferences": owner});
        self.add(cluster, "ClusterServiceClass", &class, (meta, spec, status.clone()));
        for plan in ["small", "slow"] {
            let labels = json!({label::EXTERNAL_ID: label_value(plan), label::EXTERNAL_NAME: label_value(plan),
                label::CLUSTER_SERVICE_CLASS_REF: label_value(&class),
                label::CLUSTER_SERVICE_BROKER_NAME: label_value("minibroker")});
            let spec = json!({"externalName": plan, "externalID": plan, "free": true, "description": plan,
                "clusterServiceBrokerName": "minibroker", "clusterServiceClassRef": {"name": class}});
            let meta = json!({"labels": labels, "ownerReferences": owner});
            self.add(cluster, "ClusterServicePlan", plan, (meta, spec, status.clone()));
        }
    }

    /// Writes an object, and then its status.
    fn add(
        &mut self,
        cluster: &Cluster,
        kind: &str,
        name: &str,
        (meta, spec, status): (Value, Value, Value),
    ) -> Value {
        let mut object = json!({"apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": kind, "metadata": meta, "spec": spec});
        object["metadata"]["name"] = name.into();
        let is_of_broker = ["Class", "Plan"].iter().any(|end| kind.ends_with(end));
        if !is_of_broker {
            object["metadata"]["finalizers"] = json!([FINALIZER]);
        }
        if !kind.starts_with("Cluster") {
            object["metadata"]["namespace"] = NAMESPACE.into();
        }
        apply(cluster, &["create", "-f", "-"], Some(object.to_string()));
        object["status"] = status;
        object["status"].as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let read = apply(
            cluster,
            &["replace", "--subresource=status", "-o", "json", "-f", "-"],
            Some(object.to_string()),
        );
        let read: Value = serde_json::from_str(&read).unwrap();
        self.objects.insert((kind.to_owned(), name.to_owned()), read.clone());
        read
    }
}

fn user() -> Value {
    json!({"username": "minikube-user", "uid": "", "groups": ["system:masters", "system:authenticated"]})
}

fn condition(type_: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": TIME})
}

fn failed(reason: &str) -> Value {
    json!([
        condition("Ready", "False", reason, "so it was"),
        condition("Failed", "True", reason, "so it was")
    ])
}

/// Overlays `over` on `base`; `null` removes a member.
fn overlay(mut base: Value, over: &Value) -> Value {
    base.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    base
}

fn delete(cluster: &Cluster, kind: &str, name: &str) {
    apply(cluster, &["delete", kind, name, "--namespace", NAMESPACE, "--wait=false"], None);
}

/// Runs kubectl, which must succeed.
fn apply(cluster: &Cluster, arguments: &[&str], input: Option<String>) -> String {
    let output = match input {
        None => cluster.kubectl(arguments),
        Some(input) => {
            let file = directory().join("stored.json");
            std::fs::write(&file, input).unwrap();
            let arguments: Vec<&str> = arguments
                .iter()
                .map(|argument| if *argument == "-" { file.to_str().unwrap() } else { argument })
                .collect();
            cluster.kubectl(&arguments)
        }
    };
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Writes a CRD into etcd as service-catalog's chart wrote it: without a schema, in an API version that was removed.
fn write_definition(cluster: &Cluster, definition: &CustomResourceDefinition) {
    let spec = &definition.spec;
    let version = spec.versions.first().unwrap();
    if version.name != "v1beta1" {
        return;
    }
    let names = &spec.names;
    let names = json!({"plural": names.plural, "singular": names.singular, "kind": names.kind,
        "listKind": format!("{}List", names.kind), "categories": ["all", "svcat"]});
    let name = definition.metadata.name.as_ref().unwrap();
    let holds = |type_: &str| json!({"type": type_, "status": "True", "lastTransitionTime": TIME, "reason": "So", "message": ""});
    let old = json!({
        "apiVersion": "apiextensions.k8s.io/v1beta1", "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "uid": uuid::Uuid::new_v4().to_string(), "generation": 1, "creationTimestamp": TIME,
            "labels": {"svcat": "true"}},
        "spec": {"group": spec.group, "version": "v1beta1", "scope": spec.scope, "names": names,
            "versions": [{"name": "v1beta1", "served": true, "storage": true}], "subresources": {"status": {}},
            "conversion": {"strategy": "None"}, "preserveUnknownFields": true},
        "status": {"acceptedNames": names, "storedVersions": ["v1beta1"],
            "conditions": [holds("NamesAccepted"), holds("Established")]},
    });
    let key = format!("/registry/apiextensions.k8s.io/customresourcedefinitions/{name}");
    let put = json!({"key": STANDARD.encode(key), "value": STANDARD.encode(old.to_string())});
    let socket = cluster.etcd();
    let socket = socket.to_str().unwrap();
    let arguments =
        ["-sS", "--fail", "--unix-socket", socket, "http://localhost/v3/kv/put", "-d", &put.to_string()];
    run(Command::new("curl").args(arguments));
}
