//! Tests only: a class `db` with the plans `small` and `large`.

use serde_json::{Value, json};

use super::Api;

const GROUP: &str = "/apis/servicecatalog.k8s.io/v1beta1";

/// Stores the class and its plans.
pub fn store(api: &Api) {
    let class = json!({
        "clusterServiceBrokerName": "broker", "externalName": "db", "externalID": "1", "description": "A database",
        "bindable": true, "planUpdatable": true,
    });
    store_one(api, "clusterserviceclasses", "ClusterServiceClass", "db", &class);
    for name in ["small", "large"] {
        let plan = json!({
            "clusterServiceBrokerName": "broker", "externalName": name, "externalID": name, "free": true,
            "description": "A plan", "clusterServiceClassRef": {"name": "db"},
            "instanceCreateParameterSchema": schema(), "instanceUpdateParameterSchema": schema(),
        });
        store_one(api, "clusterserviceplans", "ClusterServicePlan", name, &plan);
    }
}

fn schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#", "type": "object",
        "properties": {
            "size": {"type": "integer", "maximum": 5},
            "zone": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
            "password": {"type": "string", "format": "password"},
            "token": {"type": "string"},
        },
    })
}

fn store_one(api: &Api, plural: &str, kind: &str, name: &str, spec: &Value) {
    let object = json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": kind, "metadata": {"name": name, "uid": "1"},
        "spec": spec,
    });
    api.store(&format!("{GROUP}/{plural}/{name}"), object);
}
