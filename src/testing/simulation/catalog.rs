//! What does the simulated broker offer, and how is it published?

use serde_json::{Value, json};

use super::api::{Api, Key};

/// What the broker offers: a database whose bindings cannot be fetched, a cache whose bindings can. Plans whose id ends
/// in `slow` work asynchronously. The large database makes bindings from their predecessors, and so does the cache unless
/// it is small.
pub fn offered() -> Value {
    let plan = |id: &str| json!({"id": id, "name": id, "description": id});
    let rotatable = |id: &str, rotatable: bool| json!({"id": id, "name": id, "description": id, "binding_rotatable": rotatable});
    json!({"services": [
        {"id": "database", "name": "database", "description": "d", "bindable": true, "plan_updateable": true,
            "plans": [plan("small"), rotatable("large", true), plan("slow")]},
        {"id": "cache", "name": "cache", "description": "c", "bindable": true, "plan_updateable": true,
            "bindings_retrievable": true, "binding_rotatable": true,
            "plans": [rotatable("cache-small", false), plan("cache-slow")]},
    ]})
}

/// The objects that such a catalog becomes.
pub fn publish(api: &mut Api, url: &str) {
    let mut create = |resource: &str, kind: &str, name: &str, spec: Value| {
        let key = Key { resource: resource.to_owned(), namespace: String::new(), name: name.to_owned() };
        let api_version = "servicecatalog.k8s.io/v1beta1";
        api.create(key, json!({"apiVersion": api_version, "kind": kind, "metadata": {}, "spec": spec}));
    };
    create("clusterservicebrokers", "ClusterServiceBroker", "broker", json!({"url": url}));
    let offered = offered();
    for service in offered["services"].as_array().into_iter().flatten() {
        let class = json!({
            "clusterServiceBrokerName": "broker", "externalName": service["name"], "externalID": service["id"],
            "description": "d", "bindable": true, "planUpdatable": true,
            "bindingRetrievable": service["bindings_retrievable"] == true,
            "bindingRotatable": service["binding_rotatable"],
        });
        create("clusterserviceclasses", "ClusterServiceClass", service["id"].as_str().unwrap(), class);
        for plan in service["plans"].as_array().into_iter().flatten() {
            let spec = json!({
                "clusterServiceBrokerName": "broker", "externalName": plan["name"], "externalID": plan["id"],
                "description": "d", "free": true, "clusterServiceClassRef": {"name": service["id"]},
                "bindingRotatable": plan["binding_rotatable"],
            });
            create("clusterserviceplans", "ClusterServicePlan", plan["id"].as_str().unwrap(), spec);
        }
    }
}
