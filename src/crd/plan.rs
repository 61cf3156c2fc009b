//! Plans: the variants in which a class can be had.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::class::CatalogEntryStatus;
use super::reference::LocalObjectReference;
use super::schema;

/// The version of what a plan provides (OSB, “Maintenance Info Object”).
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct MaintenanceInfo {
    /// A semantic version.
    pub version: String,
    /// What is new in it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What both kinds of plan have in common.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CommonServicePlanSpec {
    /// The name that the broker gave it, which is unique within the class.
    #[serde(default)]
    pub external_name: String,
    /// The id that the broker gave it, which never changes.
    #[serde(default, rename = "externalID")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("externalID cannot change"))]
    pub external_id: String,
    /// What it is.
    #[serde(default)]
    pub description: String,
    /// Whether instances can be bound. Absent: as the class says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub bindable: Option<bool>,
    /// Whether the credentials of a binding can be replaced by those of a successor. Absent: as the class says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub binding_rotatable: Option<bool>,
    /// Whether an instance can change from this plan to another. Absent: as the class says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub plan_updatable: Option<bool>,
    /// Whether it costs nothing.
    #[serde(default)]
    pub free: bool,
    /// How long the broker allows an asynchronous operation to take, in seconds.
    #[serde(default, deserialize_with = "schema::optional_integer", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub maximum_polling_duration: Option<i64>,
    /// The version of new instances. Absent: the broker has no versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MaintenanceInfo")]
    pub maintenance_info: Option<MaintenanceInfo>,
    /// What the broker says for people and consoles: `displayName`, `bullets`, `costs`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub external_metadata: Option<Value>,
    /// The JSON schema of the parameters of a new instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub instance_create_parameter_schema: Option<Value>,
    /// The JSON schema of the parameters of an instance's update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub instance_update_parameter_schema: Option<Value>,
    /// The JSON schema of the parameters of a binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub service_binding_create_parameter_schema: Option<Value>,
    /// Parameters of every instance of the plan that does not give its own. Yours to set; no catalog overwrites it.
    #[serde(default, skip_serializing_if = "schema::is_empty")]
    #[schemars(schema_with = "schema::object")]
    pub default_provision_parameters: Option<Map<String, Value>>,
}

/// A plan of a cluster-wide broker's class.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ClusterServicePlan",
    doc = "A variant in which a ClusterServiceClass can be had",
    status = "CatalogEntryStatus",
    derive = "PartialEq",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    selectable = ".spec.externalName",
    selectable = ".spec.externalID",
    selectable = ".spec.clusterServiceBrokerName",
    selectable = ".spec.clusterServiceClassRef.name",
    printcolumn(name = "External-Name", type_ = "string", json_path = ".spec.externalName"),
    printcolumn(name = "Broker", type_ = "string", json_path = ".spec.clusterServiceBrokerName"),
    printcolumn(name = "Class", type_ = "string", json_path = ".spec.clusterServiceClassRef.name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = schema::required("clusterServiceBrokerName"))]
#[x_kube(validation = schema::required("externalName"))]
#[x_kube(validation = schema::required("externalID"))]
#[x_kube(validation = Rule::new("has(self.clusterServiceClassRef) && has(self.clusterServiceClassRef.name) && self.clusterServiceClassRef.name != ''").message("an owning serviceclass is required"))]
pub struct ClusterServicePlanSpec {
    /// What both kinds of plan have in common.
    #[serde(flatten)]
    pub common: CommonServicePlanSpec,
    /// The ClusterServiceBroker that offers it.
    #[serde(default)]
    pub cluster_service_broker_name: String,
    /// The ClusterServiceClass that it is a variant of.
    #[serde(default)]
    pub cluster_service_class_ref: LocalObjectReference,
}

/// A plan of a namespaced broker's class.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ServicePlan",
    namespaced,
    doc = "A variant in which a ServiceClass can be had",
    status = "CatalogEntryStatus",
    derive = "PartialEq",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    selectable = ".spec.externalName",
    selectable = ".spec.externalID",
    selectable = ".spec.serviceBrokerName",
    selectable = ".spec.serviceClassRef.name",
    printcolumn(name = "External-Name", type_ = "string", json_path = ".spec.externalName"),
    printcolumn(name = "Broker", type_ = "string", json_path = ".spec.serviceBrokerName"),
    printcolumn(name = "Class", type_ = "string", json_path = ".spec.serviceClassRef.name"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = schema::required("serviceBrokerName"))]
#[x_kube(validation = schema::required("externalName"))]
#[x_kube(validation = schema::required("externalID"))]
#[x_kube(validation = Rule::new("has(self.serviceClassRef) && has(self.serviceClassRef.name) && self.serviceClassRef.name != ''").message("an owning serviceclass is required"))]
pub struct ServicePlanSpec {
    /// What both kinds of plan have in common.
    #[serde(flatten)]
    pub common: CommonServicePlanSpec,
    /// The ServiceBroker that offers it.
    #[serde(default)]
    pub service_broker_name: String,
    /// The ServiceClass that it is a variant of.
    #[serde(default)]
    pub service_class_ref: LocalObjectReference,
}
