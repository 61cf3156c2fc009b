//! `ServiceInstance`: a service that a user requests from a broker.

mod rule;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::condition::Condition;
use super::operation::{Orphan, RemovalStatus, Schedule};
use super::raw::RawObject;
use super::reference::{LocalObjectReference, ParametersFromSource, UserInfo};
use super::schema;

/// Desired state of an instance. Set exactly one class field, and the plan field of the same form (external name,
/// external ID or Kubernetes name). The plan may be omitted if the class has exactly one.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "servicecatalog.k8s.io",
    version = "v1beta1",
    kind = "ServiceInstance",
    namespaced,
    doc = "A service instance of a class and plan, provisioned by a broker",
    status = "ServiceInstanceStatus",
    derive = "PartialEq",
    category = "all",
    category = "svcat",
    label("svcat", "true"),
    annotation("api-approved.kubernetes.io", "https://github.com/kubernetes-sigs/service-catalog"),
    selectable = ".status.lastConditionState",
    validation = rule::plan_change(),
    validation = rule::fixed_external_id(),
    printcolumn(name = "Class", type_ = "string", json_path = ".status.userSpecifiedClassName"),
    printcolumn(name = "Plan", type_ = "string", json_path = ".status.userSpecifiedPlanName"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.lastConditionState"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[-1:].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rule::one_scope())]
#[x_kube(validation = rule::one_class())]
#[x_kube(validation = rule::matching_plan())]
#[x_kube(validation = rule::fixed_class())]
pub struct ServiceInstanceSpec {
    /// ClusterServiceClass, by its name in the broker's catalog. Immutable.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub cluster_service_class_external_name: String,
    /// ClusterServicePlan, by its name in the broker's catalog.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub cluster_service_plan_external_name: String,
    /// ClusterServiceClass, by its ID in the broker's catalog. Immutable.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "clusterServiceClassExternalID")]
    #[schemars(length(max = 1024))]
    pub cluster_service_class_external_id: String,
    /// ClusterServicePlan, by its ID in the broker's catalog.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "clusterServicePlanExternalID")]
    #[schemars(length(max = 1024))]
    pub cluster_service_plan_external_id: String,
    /// ClusterServiceClass, by its Kubernetes name. Immutable.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub cluster_service_class_name: String,
    /// ClusterServicePlan, by its Kubernetes name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub cluster_service_plan_name: String,
    /// ServiceClass in the same namespace, by its name in the broker's catalog. Immutable.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub service_class_external_name: String,
    /// ServicePlan in the same namespace, by its name in the broker's catalog.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 1024))]
    pub service_plan_external_name: String,
    /// ServiceClass in the same namespace, by its ID in the broker's catalog. Immutable.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "serviceClassExternalID")]
    #[schemars(length(max = 1024))]
    pub service_class_external_id: String,
    /// ServicePlan in the same namespace, by its ID in the broker's catalog.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "servicePlanExternalID")]
    #[schemars(length(max = 1024))]
    pub service_plan_external_id: String,
    /// ServiceClass in the same namespace, by its Kubernetes name. Immutable.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub service_class_name: String,
    /// ServicePlan in the same namespace, by its Kubernetes name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253))]
    pub service_plan_name: String,
    /// Resolved ClusterServiceClass. Set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_service_class_ref: Option<LocalObjectReference>,
    /// Resolved ClusterServicePlan. Set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_service_plan_ref: Option<LocalObjectReference>,
    /// Resolved ServiceClass. Set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_class_ref: Option<LocalObjectReference>,
    /// Resolved ServicePlan. Set by the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_plan_ref: Option<LocalObjectReference>,
    /// Parameters for the broker, as defined by the plan's schema. Must not repeat a parameter of `parametersFrom`. Both
    /// together: at most 64 KiB and 5000 values.
    #[serde(default, skip_serializing_if = "schema::is_empty_text")]
    #[schemars(schema_with = "schema::object")]
    pub parameters: Option<RawObject>,
    /// Secrets in the same namespace that hold further parameters.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true), length(max = 64))]
    pub parameters_from: Vec<ParametersFromSource>,
    /// OSB ID of the instance (`instance_id`). Default: a UUID that the operator chooses and writes here. Immutable for
    /// users, who need the permission `adopt` to set it. A backup with it finds the instance at the broker again.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "externalID")]
    #[schemars(length(max = 253))]
    pub external_id: String,
    /// User who created the instance or last changed its spec. Set at admission; other values are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub user_info: Option<UserInfo>,
    /// Increment to request an update, or another provision after a failure. Must not decrease; 0 keeps the old value.
    #[serde(default)]
    #[schemars(range(min = 0))]
    #[x_kube(validation = Rule::new("self == 0 || self >= oldSelf").message("new updateRequests value must not be less than the old one"))]
    pub update_requests: i64,
}

/// Operation on an instance at the broker.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceOperation {
    /// The broker creates the instance.
    Provision,
    /// The broker changes plan, parameters or version of the instance.
    Update,
    /// The broker deletes the instance.
    Deprovision,
}

/// Whether the broker has confirmed an instance.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ProvisionStatus {
    /// No provision was requested yet.
    #[default]
    #[serde(rename = "")]
    Unset,
    /// The broker confirmed the instance.
    Provisioned,
    /// The broker does not have the instance, or has not confirmed it yet.
    NotProvisioned,
}

fn operation(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "string", "enum": ["", "Provision", "Update", "Deprovision"]})
}

/// Observed state of an instance, with all that the operator needs to resume after a restart.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ServiceInstanceStatus {
    /// Current conditions, such as `Ready`, `Failed`, `OrphanMitigation` and `Updated`.
    #[serde(default, deserialize_with = "schema::null_as_default")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
    /// Whether the operator polls the broker for the result of `currentOperation`.
    #[serde(default)]
    pub async_op_in_progress: bool,
    /// Whether the operator is deleting the entries of `orphans` at the broker.
    #[serde(default)]
    pub orphan_mitigation_in_progress: bool,
    /// Identifier that the broker gave to the operation being polled (OSB `operation`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub last_operation: Option<String>,
    /// URL of the broker's web page for managing the instance.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "dashboardURL")]
    #[schemars(extend("nullable" = true))]
    pub dashboard_url: Option<String>,
    /// Operation that the operator has requested or is about to request from the broker. Empty if none.
    #[serde(default, deserialize_with = "schema::empty_as_none", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "operation")]
    pub current_operation: Option<InstanceOperation>,
    /// Generation of the spec that was last applied successfully.
    #[serde(default)]
    pub reconciled_generation: i64,
    /// Generation of the spec that the operator last acted on.
    #[serde(default)]
    pub observed_generation: i64,
    /// When `currentOperation` started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub operation_start_time: Option<Time>,
    /// Properties that `currentOperation` requests from the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub in_progress_properties: Option<InstanceProperties>,
    /// Properties of the instance that the broker last confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub external_properties: Option<InstanceProperties>,
    /// Whether the broker confirmed the instance: `Provisioned` or `NotProvisioned`. Empty before the first request.
    #[serde(default, deserialize_with = "schema::known_or_default")]
    #[schemars(with = "String")]
    pub provision_status: ProvisionStatus,
    /// Whether the operator still has to delete the instance at the broker: `NotRequired`, `Required`, `Succeeded` or
    /// `Failed`.
    #[serde(default, deserialize_with = "schema::known_or_default")]
    #[schemars(with = "String")]
    pub deprovision_status: RemovalStatus,
    /// `false` if the current plan does not allow a change to another plan. Otherwise absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub plan_updatable: Option<bool>,
    /// Default parameters of class and plan that the instance was provisioned with.
    #[serde(default, skip_serializing_if = "schema::is_empty")]
    #[schemars(schema_with = "schema::object")]
    pub default_provision_parameters: Option<Map<String, Value>>,
    /// Summary of the conditions, shown in the `Status` column.
    #[serde(default)]
    pub last_condition_state: String,
    /// Plan as named in the spec, shown in the `Plan` column.
    #[serde(default)]
    pub user_specified_plan_name: String,
    /// Class as named in the spec, shown in the `Class` column, for example `ClusterServiceClass/mysql`.
    #[serde(default)]
    pub user_specified_class_name: String,
    /// OSB ID of the instance (`instance_id`). Set before the first request.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "instanceID")]
    pub instance_id: String,
    /// Number of abandoned attempts. Each attempt has its own OSB ID; an abandoned ID is never reused, because the
    /// broker may still have something under it.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub abandoned_attempts: i64,
    /// Instances or bindings that the operator has to delete at the broker: leftovers of failed attempts, and replaced
    /// bindings. An entry stays until the broker confirms its deletion.
    #[serde(default, deserialize_with = "schema::null_as_default", skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("nullable" = true))]
    pub orphans: Vec<Orphan>,
    /// Retry state of the current operation: failure count, next attempt, polling deadline. Persisted so that back-off
    /// survives a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Schedule>,
    /// Whether the broker may have applied an update without confirming it. The next update then sends plan and
    /// parameters even if they seem unchanged.
    #[serde(default, skip_serializing_if = "schema::is_false")]
    pub update_uncertain: bool,
    /// Digest of the request that the broker rejected. The operator does not send the same request again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub refused: String,
}

/// What the operator requests from the broker, or what the broker confirmed.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct InstanceProperties {
    /// Name of the ClusterServicePlan in the broker's catalog.
    #[serde(default)]
    pub cluster_service_plan_external_name: String,
    /// ID of the ClusterServicePlan in the broker's catalog.
    #[serde(default, rename = "clusterServicePlanExternalID")]
    pub cluster_service_plan_external_id: String,
    /// Name of the ServicePlan in the broker's catalog.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_plan_external_name: String,
    /// ID of the ServicePlan in the broker's catalog.
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "servicePlanExternalID")]
    pub service_plan_external_id: String,
    /// Parameters. Values from Secrets are shown as `<redacted>`. Absent if they take more than 16 KiB.
    #[serde(default, skip_serializing_if = "schema::is_empty_text")]
    #[schemars(schema_with = "schema::object")]
    pub parameters: Option<RawObject>,
    /// SHA-256 checksum of all parameters, in hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parameter_checksum: String,
    /// User on whose behalf the request is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub user_info: Option<UserInfo>,
    /// Name of the broker. Recorded so that deletion needs neither class nor plan.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub broker_name: String,
    /// ID of the class in the broker's catalog (OSB `service_id`).
    #[serde(default, skip_serializing_if = "String::is_empty", rename = "serviceID")]
    pub service_id: String,
    /// Version from the plan's maintenance information. Empty if the plan has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub maintenance_version: String,
    /// Value of `spec.updateRequests` that this request covers.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub update_requests: i64,
}

impl InstanceProperties {
    /// The OSB `plan_id`, from a plan of either scope.
    pub fn plan_id(&self) -> &str {
        if self.service_plan_external_id.is_empty() {
            &self.cluster_service_plan_external_id
        } else {
            &self.service_plan_external_id
        }
    }

    /// The external name of the plan at the time of the request, from a plan of either scope.
    pub fn plan_name(&self) -> &str {
        if self.service_plan_external_name.is_empty() {
            &self.cluster_service_plan_external_name
        } else {
            &self.service_plan_external_name
        }
    }
}
