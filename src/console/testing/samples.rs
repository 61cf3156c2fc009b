//! Tests only: objects with hostile texts wherever the API server lets their authors write.

use serde_json::{Value, json};

use super::Api;

/// A text that runs a script wherever it is not escaped, and that turns the direction of what follows.
pub const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)><!--\u{202e}&lt;&#x3c;";
/// An address that runs a script.
pub const SCRIPT_ADDRESS: &str = "java\nscript:alert(document.cookie)//https://x";

const GROUP: &str = "/apis/servicecatalog.k8s.io/v1beta1";

/// Stores one hostile object of each kind, all called `evil`, in the namespace `team`.
pub fn store(api: &Api) {
    let (class, plan, broker) =
        (class_spec(), plan_spec(), json!({"url": HOSTILE, "relistDuration": HOSTILE}));
    store_one(api, "clusterserviceclasses", None, "ClusterServiceClass", &class, &json!({}));
    store_one(api, "serviceclasses", Some("team"), "ServiceClass", &class, &json!({}));
    store_one(api, "clusterserviceplans", None, "ClusterServicePlan", &plan, &json!({}));
    store_one(api, "serviceplans", Some("team"), "ServicePlan", &plan, &json!({}));
    store_one(api, "clusterservicebrokers", None, "ClusterServiceBroker", &broker, &status());
    store_one(api, "servicebrokers", Some("team"), "ServiceBroker", &broker, &status());
    store_one(api, "serviceinstances", Some("team"), "ServiceInstance", &instance_spec(), &status());
    store_one(api, "servicebindings", Some("team"), "ServiceBinding", &binding_spec(), &status());
    api.store(
        "/api/v1/namespaces/team/secrets/evil",
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": metadata(Some("team")),
            "data": {"password": "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", HOSTILE: ""},
        }),
    );
    api.store(
        "/api/v1/namespaces/team/pods/evil",
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": metadata(Some("team")), "spec": {"containers": []},
            "status": {"phase": HOSTILE},
        }),
    );
    api.store(
        "/apis/events.k8s.io/v1/namespaces/team/events/evil",
        json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": metadata(Some("team")),
            "eventTime": "2026-01-01T00:00:00.000000Z", "reason": HOSTILE, "note": HOSTILE, "type": HOSTILE,
        }),
    );
    api.store(
        "/api/v1/namespaces/evil",
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata(None)}),
    );
}

/// Stores 200 services, and 500 instances in the namespace `team`.
pub fn store_many(api: &Api) {
    let store = |plural: &str, place: &str, kind: &str, name: String, spec: Value, status: Value| {
        let metadata = json!({"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"});
        let object = json!({
            "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": kind, "metadata": metadata, "spec": spec, "status": status,
        });
        api.store(&format!("{GROUP}{place}/{plural}/{name}"), object);
    };
    for number in 0..200 {
        let (class, plan) = (format!("class-{number}"), format!("plan-{number}"));
        let metadata = json!({"displayName": format!("Service {number}"), "providerDisplayName": "Example"});
        let spec = json!({
            "externalName": class, "externalID": class, "clusterServiceBrokerName": "example", "bindable": true,
            "description": format!("What service {number} is for, in a sentence or two, as catalogs have them"),
            "tags": ["database", format!("tag-{number}")], "externalMetadata": metadata,
        });
        store("clusterserviceclasses", "", "ClusterServiceClass", class.clone(), spec, json!({}));
        let spec = json!({
            "externalName": "small", "externalID": plan, "clusterServiceBrokerName": "example", "free": true,
            "description": "Small", "clusterServiceClassRef": {"name": class},
        });
        store("clusterserviceplans", "", "ClusterServicePlan", plan, spec, json!({}));
    }
    for number in 0..500 {
        let class = format!("class-{}", number % 200);
        let spec = json!({"clusterServiceClassExternalName": class, "clusterServicePlanExternalName": "small",
            "clusterServiceClassRef": {"name": class}});
        let ready = json!([{"type": "Ready", "status": "True", "reason": "ProvisionedSuccessfully",
            "message": "The instance was provisioned successfully", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
        let name = format!("instance-{number}");
        let status = json!({"conditions": ready});
        store("serviceinstances", "/namespaces/team", "ServiceInstance", name, spec, status);
    }
}

fn store_one(api: &Api, plural: &str, namespace: Option<&str>, kind: &str, spec: &Value, status: &Value) {
    let place = namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
    let object = json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": kind, "metadata": metadata(namespace), "spec": spec,
        "status": status,
    });
    api.store(&format!("{GROUP}{place}/{plural}/evil"), object);
}

fn metadata(namespace: Option<&str>) -> Value {
    let mut metadata = json!({
        "name": "evil", "uid": "uid-1", "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z",
        "annotations": {"note": HOSTILE}, "labels": {"evil": HOSTILE},
    });
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    metadata
}

fn class_spec() -> Value {
    json!({
        "clusterServiceBrokerName": "evil", "serviceBrokerName": "evil", "externalName": HOSTILE, "externalID": HOSTILE,
        "description": HOSTILE, "bindable": true, "tags": [HOSTILE, "database", HOSTILE],
        "externalMetadata": {
            "displayName": HOSTILE, "providerDisplayName": HOSTILE, "longDescription": format!("{HOSTILE}\n\n{HOSTILE}"),
            "imageUrl": SCRIPT_ADDRESS, "documentationUrl": SCRIPT_ADDRESS, "supportUrl": SCRIPT_ADDRESS,
            "console.openshift.io/iconClass": HOSTILE,
        },
    })
}

fn plan_spec() -> Value {
    json!({
        "clusterServiceBrokerName": "evil", "serviceBrokerName": "evil", "externalName": HOSTILE, "externalID": HOSTILE,
        "clusterServiceClassRef": {"name": "evil"}, "serviceClassRef": {"name": "evil"}, "description": HOSTILE,
        "free": true, "maintenanceInfo": {"version": HOSTILE, "description": HOSTILE},
        "externalMetadata": {
            "displayName": HOSTILE, "bullets": [HOSTILE, HOSTILE],
            "costs": [{"amount": {HOSTILE: 1.50}, "unit": HOSTILE}],
        },
        "instanceCreateParameterSchema": {
            "type": "object", "title": HOSTILE, "required": [HOSTILE],
            "properties": {HOSTILE: {"type": "string", "title": HOSTILE, "description": HOSTILE, "default": HOSTILE}},
        },
    })
}

fn instance_spec() -> Value {
    json!({
        "clusterServiceClassExternalName": HOSTILE, "clusterServicePlanExternalName": HOSTILE,
        "clusterServiceClassRef": {"name": "evil"}, "clusterServicePlanRef": {"name": "evil"},
        "parameters": {HOSTILE: HOSTILE, "password": "inline-password"},
        "parametersFrom": [{"secretKeyRef": {"name": HOSTILE, "key": HOSTILE}}],
        "userInfo": {"username": HOSTILE},
    })
}

fn binding_spec() -> Value {
    json!({
        "instanceRef": {"name": "evil"}, "secretName": "evil", "parameters": {HOSTILE: HOSTILE},
        "podSelector": {"matchLabels": {"app": "web"}},
        "injection": {"containers": [HOSTILE], "env": [{"name": HOSTILE, "key": HOSTILE}], "envFrom": {"prefix": HOSTILE}},
    })
}

fn status() -> Value {
    let condition = |type_: &str, status: &str| {
        json!({"type": type_, "status": status, "reason": HOSTILE, "message": HOSTILE,
               "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    json!({
        "conditions": [condition(HOSTILE, HOSTILE), condition("Ready", "False")], "dashboardURL": SCRIPT_ADDRESS,
        "externalProperties": {"maintenanceVersion": HOSTILE}, "userSpecifiedClassName": HOSTILE,
        "secretKeys": [HOSTILE],
    })
}
