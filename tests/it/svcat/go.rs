//! The object as a client in Go sends it: only the fields of its structs, including zero values unless a field is
//! declared `omitempty`.

use serde_json::{Value, json};

/// The object as a Go client sends it, for a new object and for one that it has read.
pub fn sent(object: &Value) -> Value {
    let kind = object["kind"].as_str().unwrap();
    let metadata = json!({"creationTimestamp": null});
    let (spec, spec_optional) = spec(kind);
    let (status, status_optional) = status(kind);
    json!({
        "kind": kind,
        "apiVersion": "servicecatalog.k8s.io/v1beta1",
        "metadata": typed(&object["metadata"], metadata, METADATA),
        "spec": typed(&object["spec"], spec, &spec_optional),
        "status": typed(&object["status"], status, status_optional),
    })
}

/// The members of `zero`, which are always sent, and those of `optional` that are not zero (`omitempty`).
fn typed(from: &Value, zero: Value, optional: &[&str]) -> Value {
    let mut sent = zero;
    let always: Vec<String> = sent.as_object().unwrap().keys().cloned().collect();
    for member in always.iter().map(String::as_str).chain(optional.iter().copied()) {
        if let Some(value) = from.get(member).filter(|value| !is_zero(value)) {
            sent[member] = value.clone();
        }
    }
    sent
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_i64() == Some(0),
        Value::String(value) => value.is_empty(),
        Value::Array(value) => value.is_empty(),
        // `omitempty` keeps a pointer to an empty struct.
        Value::Object(_) => false,
    }
}

const METADATA: &[&str] = &[
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
];

fn spec(kind: &str) -> (Value, Vec<&'static str>) {
    match kind {
        "ClusterServiceBroker" | "ServiceBroker" => (
            json!({"url": "", "relistBehavior": "", "relistRequests": 0}),
            vec!["insecureSkipTLSVerify", "caBundle", "relistDuration", "catalogRestrictions", "authInfo"],
        ),
        "ClusterServiceClass" | "ServiceClass" => (
            json!({
                "externalName": "", "externalID": "", "description": "", "bindable": false,
                "bindingRetrievable": false, "planUpdatable": false,
                broker_name(kind): "",
            }),
            vec!["externalMetadata", "tags", "requires", "defaultProvisionParameters"],
        ),
        "ServiceInstance" => (json!({"externalID": "", "updateRequests": 0}), INSTANCE_SPEC.to_vec()),
        "ServiceBinding" => (
            json!({"instanceRef": {"name": ""}, "externalID": ""}),
            vec!["parameters", "parametersFrom", "secretName", "secretTransforms", "userInfo"],
        ),
        kind => panic!("svcat writes no {kind}"),
    }
}

fn broker_name(kind: &str) -> &'static str {
    if kind.starts_with("Cluster") { "clusterServiceBrokerName" } else { "serviceBrokerName" }
}

const INSTANCE_SPEC: &[&str] = &[
    "clusterServiceClassExternalName",
    "clusterServicePlanExternalName",
    "clusterServiceClassExternalID",
    "clusterServicePlanExternalID",
    "clusterServiceClassName",
    "clusterServicePlanName",
    "serviceClassExternalName",
    "servicePlanExternalName",
    "serviceClassExternalID",
    "servicePlanExternalID",
    "serviceClassName",
    "servicePlanName",
    "clusterServiceClassRef",
    "clusterServicePlanRef",
    "serviceClassRef",
    "servicePlanRef",
    "parameters",
    "parametersFrom",
    "userInfo",
];

fn status(kind: &str) -> (Value, &'static [&'static str]) {
    match kind {
        "ClusterServiceBroker" | "ServiceBroker" => (
            json!({"conditions": null, "reconciledGeneration": 0, "lastConditionState": ""}),
            &["operationStartTime", "lastCatalogRetrievalTime"],
        ),
        "ClusterServiceClass" | "ServiceClass" => (json!({"removedFromBrokerCatalog": false}), &[]),
        "ServiceInstance" => (
            json!({
                "conditions": null, "asyncOpInProgress": false, "orphanMitigationInProgress": false,
                "reconciledGeneration": 0, "observedGeneration": 0, "provisionStatus": "",
                "deprovisionStatus": "", "lastConditionState": "", "userSpecifiedPlanName": "",
                "userSpecifiedClassName": "",
            }),
            &[
                "lastOperation",
                "dashboardURL",
                "currentOperation",
                "operationStartTime",
                "inProgressProperties",
                "externalProperties",
                "defaultProvisionParameters",
            ],
        ),
        _ => (
            json!({
                "conditions": null, "asyncOpInProgress": false, "orphanMitigationInProgress": false,
                "reconciledGeneration": 0, "unbindStatus": "", "lastConditionState": "",
            }),
            &[
                "lastOperation",
                "currentOperation",
                "operationStartTime",
                "inProgressProperties",
                "externalProperties",
            ],
        ),
    }
}
