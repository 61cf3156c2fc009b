//! What service-catalog 0.3 has stored.

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

/// Where the instances and bindings are.
pub const NAMESPACE: &str = "test-ns";
/// What the application got from service-catalog.
pub const PASSWORD: &str = MARK;

const CLASS: &str = "database-ID";
const TIME: &str = "2019-10-01T10:00:00Z";

/// All objects of service-catalog, as they were read back.
pub struct Stored {
    /// By kind and name.
    pub objects: BTreeMap<(String, String), Value>,
}

/// The id by which the broker knows an instance or a binding.
pub fn id(name: &str) -> String {
    format!("c3b56b2e-9172-11e9-bfe5-{name}")
}

fn at_broker(instance: &str) -> String {
    format!("/v2/service_instances/{}", id(instance))
}

impl Stored {
    /// Writes everything; the broker knows what it has to know.
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
        stored.instances(cluster, broker).await;
        stored.bindings(cluster, broker).await;
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

    async fn instances(&mut self, cluster: &Cluster, broker: &Broker) {
        let parameters = json!({"param-1": "value-1", "param-2": "value-2"});
        let checksum = "4fa544b50ca7a33fe5e8bc0780f1f36aa0c2c7098242db27bc8a3e21f4b4ab55";
        let confirmed = |plan: &str| {
            json!({"clusterServicePlanExternalID": plan, "clusterServicePlanExternalName": plan, "parameterChecksum": checksum,
                "parameters": parameters, "userInfo": user()})
        };
        let ready = json!({
            "asyncOpInProgress": false,
            "conditions": [condition("Ready", "True", "ProvisionedSuccessfully", "The instance was provisioned successfully")],
            "deprovisionStatus": "Required", "provisionStatus": "Provisioned", "externalProperties": confirmed("small"),
            "observedGeneration": 1, "reconciledGeneration": 1, "orphanMitigationInProgress": false,
            "lastConditionState": "Ready", "userSpecifiedClassName": "ClusterServiceClass/database",
            "userSpecifiedPlanName": "small", "dashboardURL": "http://dashboard.example.com",
        });
        let asked = async |name: &str, plan: &str, parameters: &Value| {
            let body = json!({"service_id": CLASS, "plan_id": plan, "parameters": parameters});
            broker.has_done("PUT", &at_broker(name), body).await
        };
        let running = |operation: &str, answer: &Value, properties: Value| {
            json!({"asyncOpInProgress": true, "currentOperation": operation, "lastOperation": answer["operation"],
                "operationStartTime": TIME, "inProgressProperties": properties})
        };
        let not_provisioned = json!({"externalProperties": null, "provisionStatus": "NotProvisioned"});
        let mut add = |name: &str, plan: &str, parameters: &Value, changes: &[&Value]| {
            let class = escaped(CLASS);
            let labels = json!({label::CLUSTER_SERVICE_CLASS_REF: label_value(&class),
                label::CLUSTER_SERVICE_PLAN_REF: label_value(plan)});
            let spec = json!({"clusterServiceClassExternalName": "database", "clusterServicePlanExternalName": plan,
                "clusterServiceClassRef": {"name": class}, "clusterServicePlanRef": {"name": plan}, "externalID": id(name),
                "parameters": parameters, "updateRequests": 0, "userInfo": user()});
            let status = changes.iter().fold(ready.clone(), |status, change| overlay(status, change));
            self.add(cluster, "ServiceInstance", name, (json!({"labels": labels}), spec, status));
        };

        asked("mini-instance", "small", &parameters).await;
        add("mini-instance", "small", &parameters, &[]);

        let answer = asked("provisioning", "slow", &parameters).await;
        let state = running("Provision", &answer, confirmed("slow"));
        let says = json!({"conditions": [condition("Ready", "False", "Provisioning", "so it was")]});
        add("provisioning", "slow", &parameters, &[&not_provisioned, &state, &says]);

        let says = json!({"conditions": failed("ProvisionCallFailed"), "deprovisionStatus": "NotRequired"});
        add("refused", "small", &parameters, &[&not_provisioned, &says]);

        asked("update-failed", "small", &parameters).await;
        add(
            "update-failed",
            "small",
            &json!({"size": 2}),
            &[&json!({"conditions": failed("UpdateInstanceCallFailed")})],
        );

        asked("orphaned", "small", &parameters).await;
        let state = json!({"orphanMitigationInProgress": true, "currentOperation": "Provision",
            "inProgressProperties": confirmed("small"), "conditions": [
                condition("Ready", "False", "StartingInstanceOrphanMitigation", "so it was"),
                condition("OrphanMitigation", "True", "ProvisionCallFailed", "so it was")]});
        add("orphaned", "small", &parameters, &[&not_provisioned, &state]);

        asked("deprovisioning", "slow", &parameters).await;
        broker.has_done("GET", &format!("{}/last_operation", at_broker("deprovisioning")), json!(null)).await;
        let answer = broker.has_done("DELETE", &at_broker("deprovisioning"), json!(null)).await;
        let says = json!({"conditions": [condition("Ready", "False", "Deprovisioning", "so it was")]});
        let slow = json!({"externalProperties": confirmed("slow")});
        add(
            "deprovisioning",
            "slow",
            &parameters,
            &[&running("Deprovision", &answer, json!(null)), &slow, &says],
        );
        delete(cluster, "serviceinstance", "deprovisioning");

        asked("given-up", "small", &parameters).await;
        let says = json!({"conditions": failed("DeprovisionCallFailed"), "deprovisionStatus": "Failed"});
        add("given-up", "small", &parameters, &[&says]);
        delete(cluster, "serviceinstance", "given-up");
    }

    async fn bindings(&mut self, cluster: &Cluster, broker: &Broker) {
        let ready = json!({
            "asyncOpInProgress": false, "conditions": [condition("Ready", "True", "InjectedBindResult", "Injected bind result")],
            "externalProperties": {"userInfo": user()}, "orphanMitigationInProgress": false, "reconciledGeneration": 1,
            "unbindStatus": "Required", "lastConditionState": "Ready",
        });
        let bound = async |name: &str| {
            let path = format!("{}/service_bindings/{}", at_broker("mini-instance"), id(name));
            broker.has_done("PUT", &path, json!({"service_id": CLASS, "plan_id": "small"})).await;
        };
        let mut add = |name: &str, changes: Value| {
            let spec = json!({"instanceRef": {"name": "mini-instance"}, "secretName": name, "externalID": id(name),
                "userInfo": user()});
            let meta = json!({"annotations": {"reconciliationTriggered": "2019-10-01 10:00:00 +0000 UTC"}});
            self.add(cluster, "ServiceBinding", name, (meta, spec, overlay(ready.clone(), &changes)))
        };

        bound("mini-binding").await;
        let binding = add("mini-binding", json!({}));
        let owner = json!([{"apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding", "name": "mini-binding",
            "uid": binding["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}]);
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "stringData": {"password": PASSWORD},
            "metadata": {"name": "mini-binding", "namespace": NAMESPACE, "ownerReferences": owner}});
        apply(cluster, &["create", "-f", "-"], Some(secret.to_string()));

        bound("secret-deleted").await;
        add("secret-deleted", json!({}));
        add(
            "bind-failed",
            json!({"externalProperties": null, "conditions": failed("ServiceBindingReturnedFailure")}),
        );

        bound("half-unbound").await;
        add(
            "half-unbound",
            json!({"currentOperation": "Unbind", "operationStartTime": TIME,
            "conditions": [condition("Ready", "False", "UnbindingRequestInFlight", "so it was")]}),
        );
        bound("unbind-given-up").await;
        add("unbind-given-up", json!({"unbindStatus": "Failed", "conditions": failed("UnbindCallFailed")}));
        for name in ["half-unbound", "unbind-given-up"] {
            delete(cluster, "servicebinding", name);
        }
    }

    /// Writes an object, and its status after it.
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

fn overlay(mut base: Value, over: &Value) -> Value {
    let members = base.as_object_mut().unwrap();
    members.extend(over.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
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

/// Puts a definition into etcd as service-catalog's chart wrote it: without a schema, in a version that is gone.
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
