//! Service plans: the variants of a class.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::class::CatalogEntryStatus;
use super::reference::LocalObjectReference;
use super::schema;
use crate::raw_json::RawJson;

/// Version of the instances that a plan provisions (OSB, “Maintenance Info Object”).
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct MaintenanceInfo {
    /// Semantic version, for example `2.1.0`.
    pub version: String,
    /// What changes with this version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// Fields that ClusterServicePlan and ServicePlan share.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct CommonServicePlanSpec {
    /// Name of the plan in the broker's catalog. Unique within the class.
    #[serde(default)]
    pub external_name: String,
    /// ID of the plan in the broker's catalog. Immutable.
    #[serde(default, rename = "externalID")]
    #[x_kube(validation = Rule::new("self == oldSelf").message("externalID is immutable"))]
    pub external_id: String,
    /// Short description from the broker.
    #[serde(default)]
    pub description: String,
    /// Whether instances can be bound. Default: the value of the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub bindable: Option<bool>,
    /// Whether the broker can rotate a binding by creating a successor. Default: the value of the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub binding_rotatable: Option<bool>,
    /// Whether an instance can change from this plan to another. Default: the value of the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub plan_updatable: Option<bool>,
    /// Whether the plan is free of charge.
    #[serde(default)]
    pub free: bool,
    /// Maximum duration of an asynchronous operation, in seconds. Default and upper limit: one day.
    #[serde(default, deserialize_with = "schema::optional_integer", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub maximum_polling_duration: Option<i64>,
    /// Version of new instances. Absent if the broker does not version the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MaintenanceInfo")]
    pub maintenance_info: Option<MaintenanceInfo>,
    /// Metadata from the broker for users and consoles, for example `displayName`, `bullets` and `costs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub external_metadata: Option<RawJson>,
    /// JSON Schema for the parameters of a new instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub instance_create_parameter_schema: Option<RawJson>,
    /// JSON Schema for the parameters of an instance update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub instance_update_parameter_schema: Option<RawJson>,
    /// JSON Schema for the parameters of a binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any")]
    pub service_binding_create_parameter_schema: Option<RawJson>,
    /// Default parameters of new instances. They override those of the class; an instance can override them. Set by an
    /// administrator; the catalog never overwrites them.
    #[serde(default, skip_serializing_if = "schema::is_empty")]
    #[schemars(schema_with = "schema::object")]
    pub default_provision_parameters: Option<Map<String, Value>>,
}

/// A plan from the catalog of a ClusterServiceBroker.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ClusterServicePlan",
    doc = "A plan of a ClusterServiceClass: one of the variants that the broker offers",
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
    /// Fields that ClusterServicePlan and ServicePlan share.
    #[serde(flatten)]
    pub common: CommonServicePlanSpec,
    /// Name of the ClusterServiceBroker that offers the plan.
    #[serde(default)]
    pub cluster_service_broker_name: String,
    /// ClusterServiceClass that the plan belongs to.
    #[serde(default)]
    pub cluster_service_class_ref: LocalObjectReference,
}

/// A plan from the catalog of a ServiceBroker.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ServicePlan",
    namespaced,
    doc = "A plan of a ServiceClass: one of the variants that the broker offers",
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
    /// Fields that ClusterServicePlan and ServicePlan share.
    #[serde(flatten)]
    pub common: CommonServicePlanSpec,
    /// Name of the ServiceBroker that offers the plan.
    #[serde(default)]
    pub service_broker_name: String,
    /// ServiceClass that the plan belongs to.
    #[serde(default)]
    pub service_class_ref: LocalObjectReference,
}
