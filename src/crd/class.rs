//! Classes: the offerings of a broker's catalog.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema;

/// What both kinds of class have in common.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CommonServiceClassSpec {
    /// The name that the broker gave it, which is unique within the broker.
    #[serde(default)]
    pub external_name: String,
    /// The id that the broker gave it, which never changes.
    #[serde(default, rename = "externalID")]
    pub external_id: String,
    /// What it is.
    #[serde(default)]
    pub description: String,
    /// Whether instances can be bound, unless the plan says otherwise.
    #[serde(default)]
    pub bindable: bool,
    /// Whether the broker tells the credentials of a binding again.
    #[serde(default)]
    pub binding_retrievable: bool,
    /// Whether the credentials of a binding can be replaced by those of a successor, unless the plan says otherwise.
    /// Absent: they cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub binding_rotatable: Option<bool>,
    /// Whether an instance can change to another plan of the class.
    #[serde(default)]
    pub plan_updatable: bool,
    /// What the broker says for people and consoles: `displayName`, `imageUrl`, `documentationUrl`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub external_metadata: Option<Value>,
    /// Words to find it by.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: Vec<String>,
    /// What the broker wants of the platform: `syslog_drain`, `route_forwarding`, `volume_mount`.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub requires: Vec<String>,
    /// Parameters of every instance of the class that does not give its own. Yours to set; no catalog overwrites it.
    #[serde(default, skip_serializing_if = "schema::is_empty")]
    #[schemars(schema_with = "schema::object")]
    pub default_provision_parameters: Option<Map<String, Value>>,
}

/// What the operator knows of a class or a plan.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CatalogEntryStatus {
    /// The broker offers it no more: nothing new can be made of it, and it goes with its last instance.
    #[serde(default)]
    pub removed_from_broker_catalog: bool,
}

/// An offering of a cluster-wide broker.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ClusterServiceClass",
    plural = "clusterserviceclasses",
    doc = "A service that a cluster-wide broker offers",
    status = "CatalogEntryStatus",
    derive = "PartialEq",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    selectable = ".spec.externalName",
    selectable = ".spec.externalID",
    selectable = ".spec.clusterServiceBrokerName",
    printcolumn(name = "External-Name", type_ = "string", json_path = ".spec.externalName"),
    printcolumn(name = "Broker", type_ = "string", json_path = ".spec.clusterServiceBrokerName"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = schema::required("clusterServiceBrokerName"))]
#[x_kube(validation = schema::required("externalName"))]
#[x_kube(validation = schema::required("externalID"))]
pub struct ClusterServiceClassSpec {
    /// What both kinds of class have in common.
    #[serde(flatten)]
    pub common: CommonServiceClassSpec,
    /// The ClusterServiceBroker that offers it.
    #[serde(default)]
    pub cluster_service_broker_name: String,
}

/// An offering of a namespaced broker.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ServiceClass",
    plural = "serviceclasses",
    namespaced,
    doc = "A service that a broker of the namespace offers",
    status = "CatalogEntryStatus",
    derive = "PartialEq",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    selectable = ".spec.externalName",
    selectable = ".spec.externalID",
    selectable = ".spec.serviceBrokerName",
    printcolumn(name = "External-Name", type_ = "string", json_path = ".spec.externalName"),
    printcolumn(name = "Broker", type_ = "string", json_path = ".spec.serviceBrokerName"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = schema::required("serviceBrokerName"))]
#[x_kube(validation = schema::required("externalName"))]
#[x_kube(validation = schema::required("externalID"))]
pub struct ServiceClassSpec {
    /// What both kinds of class have in common.
    #[serde(flatten)]
    pub common: CommonServiceClassSpec,
    /// The ServiceBroker that offers it.
    #[serde(default)]
    pub service_broker_name: String,
}
