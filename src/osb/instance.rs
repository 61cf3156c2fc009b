//! What do requests and responses for service instances look like on the wire?

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    IgnoredMember,
    catalog::{MaintenanceInfo, version_only},
    json::SecretObject,
};

/// The body of a provision request (“Provisioning”, “Body”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProvisionRequest {
    /// The id of the service offering.
    pub service_id: String,
    /// The id of the plan.
    pub plan_id: String,
    /// Contextual data from the platform (profile, “Context Object”). `null` if absent.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub context: Value,
    /// Deprecated in favour of `context`, but still required. Empty if the platform does not send it.
    #[serde(default)]
    pub organization_guid: String,
    /// Deprecated in favour of `context`, but still required. Empty if the platform does not send it.
    #[serde(default)]
    pub space_guid: String,
    /// The user's configuration parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<SecretObject>,
    /// The plan's version, according to the catalog that the platform has fetched.
    #[serde(serialize_with = "version_only", skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo>,
}

/// The response to a provision request (“Provisioning”, “Response”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProvisionResponse {
    /// The URL of the web page for managing the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// Labels and attributes of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<InstanceMetadata>,
    /// The members of the answer that are ignored, because they are not as specified. Not part of the document.
    #[serde(skip)]
    pub ignored: Vec<IgnoredMember>,
}

/// Labels and attributes of an instance (“Service Instance Metadata”).
///
/// The specification demands that labels are strings. Others are accepted, because the instance exists in any case; the
/// caller should ignore them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceMetadata {
    /// Labels. They replace all earlier ones.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub labels: Map<String, Value>,
    /// Attributes, which a platform may interpret.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub attributes: Map<String, Value>,
}

/// The body of an update request (“Updating a Service Instance”, “Body”). An absent member does not change.
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
    /// Contextual data from the platform (profile, “Context Object”).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// The instance before the update, as the platform knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_values: Option<PreviousValues>,
    /// The version to upgrade the instance to.
    #[serde(serialize_with = "version_only", skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo>,
}

/// An instance before an update (“Updating a Service Instance”, “Previous Values Object”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PreviousValues {
    /// Deprecated: the id of the service offering, which never changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_id: Option<String>,
    /// The id of the plan before the update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// Deprecated: the `organization_guid` of the provision request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// Deprecated: the `space_guid` of the provision request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space_id: Option<String>,
    /// The version before the update.
    #[serde(serialize_with = "version_only", skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo>,
}

/// The response to an update request (“Updating a Service Instance”, “Response”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UpdateResponse {
    /// The URL of the web page for managing the instance. Absent if it does not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// Labels and attributes of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<InstanceMetadata>,
    /// The members of the answer that are ignored, because they are not as specified. Not part of the document.
    #[serde(skip)]
    pub ignored: Vec<IgnoredMember>,
}

/// An instance as the broker reports it (“Fetching a Service Instance”, “Response”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceResponse {
    /// The id of the service offering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_id: Option<String>,
    /// The id of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_id: Option<String>,
    /// The URL of the web page for managing the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_url: Option<String>,
    /// The current parameters, possibly not all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<SecretObject>,
    /// The version of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo>,
    /// Labels and attributes of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<InstanceMetadata>,
}
