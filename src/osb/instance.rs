//! What do requests and answers about service instances look like on the wire?

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    catalog::{MaintenanceInfo, version_only},
    json::SecretObject,
};

/// The body of a request for a new instance (“Provisioning”, “Body”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProvisionRequest {
    /// The id of the service offering.
    pub service_id: String,
    /// The id of the plan.
    pub plan_id: String,
    /// What the platform tells of the surroundings (profile, “Context Object”); `null` if nothing.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub context: Value,
    /// Deprecated in favour of `context`, but still required; empty if a platform does not send it.
    #[serde(default)]
    pub organization_guid: String,
    /// Deprecated in favour of `context`, but still required; empty if a platform does not send it.
    #[serde(default)]
    pub space_guid: String,
    /// What the user configures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<SecretObject>,
    /// The version of the plan's maintenance information that the platform knows.
    #[serde(serialize_with = "version_only", skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo>,
}

/// The answer to a provision request (“Provisioning”, “Response”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProvisionResponse {
    /// Where the instance can be managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// What the broker wants to be known of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<InstanceMetadata>,
}

/// What a broker wants to be known of an instance (“Service Instance Metadata”).
///
/// Labels are strings by the specification; others are kept for the caller to leave out, because an instance
/// exists whatever its labels are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceMetadata {
    /// Labels, which replace all earlier ones.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub labels: Map<String, Value>,
    /// Attributes, to which a platform may attach a meaning.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub attributes: Map<String, Value>,
}

/// The body of a request to change an instance (“Updating a Service Instance”, “Body”). What is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpdateRequest {
    /// The id of the service offering.
    pub service_id: String,
    /// The id of the new plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// The new parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<SecretObject>,
    /// What the platform tells of the surroundings (profile, “Context Object”).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// What the platform believes of the instance before the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_values: Option<PreviousValues>,
    /// The version to which the instance is to be brought.
    #[serde(serialize_with = "version_only", skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo>,
}

/// An instance before a change (“Updating a Service Instance”, “Previous Values Object”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreviousValues {
    /// Deprecated: the id of the service offering, which never changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_id: Option<String>,
    /// The id of the plan before the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// Deprecated: what `organization_guid` was at provisioning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// Deprecated: what `space_guid` was at provisioning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space_id: Option<String>,
    /// The version before the change.
    #[serde(serialize_with = "version_only", skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo>,
}

/// The answer to an update request (“Updating a Service Instance”, “Response”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpdateResponse {
    /// Where the instance can be managed; if absent, the earlier URL stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// What the broker wants to be known of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<InstanceMetadata>,
}

/// An instance as the broker sees it (“Fetching a Service Instance”, “Response”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceResponse {
    /// The id of the service offering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_id: Option<String>,
    /// The id of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// Where the instance can be managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// The parameters in force, possibly not all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<SecretObject>,
    /// The version that the instance has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo>,
    /// What the broker wants to be known of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<InstanceMetadata>,
}
