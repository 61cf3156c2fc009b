//! Service classes: the service offerings of a broker's catalog.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::schema;
use crate::raw_json::RawJson;

/// Fields that ClusterServiceClass and ServiceClass share.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CommonServiceClassSpec {
    /// Name of the class in the broker's catalog. Unique within the broker.
    #[serde(default)]
    pub external_name: String,
    /// ID of the class in the broker's catalog. The operator never changes it.
    #[serde(default, rename = "externalID")]
    pub external_id: String,
    /// Short description from the broker.
    #[serde(default)]
    pub description: String,
    /// Whether instances of the class can be bound. A plan can override it.
    #[serde(default)]
    pub bindable: bool,
    /// Whether the broker returns an existing binding with its credentials (OSB `bindings_retrievable`).
    #[serde(default)]
    pub binding_retrievable: bool,
    /// Whether the broker can rotate a binding by creating a successor (OSB `binding_rotatable`). A plan can override
    /// it. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub binding_rotatable: Option<bool>,
    /// Whether an instance can change to another plan of the class. A plan can override it.
    #[serde(default)]
    pub plan_updatable: bool,
    /// Metadata from the broker for users and consoles, for example `displayName`, `imageUrl` and `documentationUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub external_metadata: Option<RawJson>,
    /// Tags from the broker, for example `mysql` or `relational`.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub tags: Vec<String>,
    /// Permissions that the service requires from the platform: `syslog_drain`, `route_forwarding`, `volume_mount`.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub requires: Vec<String>,
    /// Default parameters of new instances. Plan and instance can override them. Set by an administrator; the catalog
    /// never overwrites them.
    #[serde(default, skip_serializing_if = "schema::is_empty")]
    #[schemars(schema_with = "schema::object")]
    pub default_provision_parameters: Option<Map<String, Value>>,
}

/// Observed state of a class or plan.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CatalogEntryStatus {
    /// Whether the broker's catalog no longer contains the entry. No new instance can use it; it is deleted after its
    /// last instance.
    #[serde(default)]
    pub removed_from_broker_catalog: bool,
}

/// A class from the catalog of a ClusterServiceBroker.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ClusterServiceClass",
    plural = "clusterserviceclasses",
    doc = "A service that a ClusterServiceBroker offers, available in all namespaces",
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
    /// Fields that ClusterServiceClass and ServiceClass share.
    #[serde(flatten)]
    pub common: CommonServiceClassSpec,
    /// Name of the ClusterServiceBroker that offers the class.
    #[serde(default)]
    pub cluster_service_broker_name: String,
}

/// A class from the catalog of a ServiceBroker.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ServiceClass",
    plural = "serviceclasses",
    namespaced,
    doc = "A service that a ServiceBroker offers, available in its namespace",
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
    /// Fields that ClusterServiceClass and ServiceClass share.
    #[serde(flatten)]
    pub common: CommonServiceClassSpec,
    /// Name of the ServiceBroker that offers the class.
    #[serde(default)]
    pub service_broker_name: String,
}
