//! Bindings to the settled instance.

use serde_json::{Value, json};

use super::{
    CLASS, NAMESPACE, PASSWORD, Stored, TIME, apply, at_broker, condition, delete, failed, id, overlay, user,
};
use crate::cluster::Cluster;
use crate::scripted::Broker;

/// Writes them, and creates them at the broker.
pub(super) async fn write(stored: &mut Stored, cluster: &Cluster, broker: &Broker) {
    let ready = json!({
        "asyncOpInProgress": false, "conditions": [condition("Ready", "True", "InjectedBindResult", "Injected bind result")],
        "externalProperties": {"userInfo": user()}, "orphanMitigationInProgress": false, "reconciledGeneration": 1,
        "unbindStatus": "Required", "lastConditionState": "Ready",
    });
    let bound = async |name: &str| {
        let path = format!("{}/service_bindings/{}", at_broker("mini-instance"), id(name));
        broker.execute("PUT", &path, json!({"service_id": CLASS, "plan_id": "small"})).await;
    };
    let mut add = |name: &str, changes: Value| {
        let spec = json!({"instanceRef": {"name": "mini-instance"}, "secretName": name, "externalID": id(name),
                "userInfo": user()});
        let meta = json!({"annotations": {"reconciliationTriggered": "2019-10-01 10:00:00 +0000 UTC"}});
        stored.add(cluster, "ServiceBinding", name, (meta, spec, overlay(ready.clone(), &changes)))
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
