//! What do requests and responses for service bindings look like on the wire?

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{IgnoredMember, json::SecretObject};

/// The body of a bind request (“Binding”, “Body”; “Binding Rotation”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BindRequest {
    /// The id of the service offering. A rotation may omit it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// The id of the plan. A rotation may omit it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan_id: String,
    /// Contextual data from the platform (profile, “Context Object”).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// Deprecated in favour of `bind_resource.app_guid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_guid: Option<String>,
    /// The resource that uses the binding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_resource: Option<BindResource>,
    /// The user's configuration parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<SecretObject>,
    /// The id of the binding that the new one succeeds (“Binding Rotation”).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predecessor_binding_id: Option<String>,
}

/// The resource that uses a binding (“Binding”, “Bind Resource Object”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BindResource {
    /// The id of the application, or of what the platform has in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_guid: Option<String>,
    /// The URL of the application whose requests a route service intercepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

/// A binding (“Binding”, “Response”; “Fetching a Service Binding”, “Response”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BindResponse {
    /// The lifetime of the binding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BindingMetadata>,
    /// The credentials with which an application uses the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SecretObject>,
    /// The URL to which the platform should send logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog_drain_url: Option<String>,
    /// The URL of the route service that intercepts requests to the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_service_url: Option<String>,
    /// Volumes for the application.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub volume_mounts: Vec<VolumeMount>,
    /// All network addresses that the application needs to reach. Empty if unknown.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub endpoints: Vec<Endpoint>,
    /// The current parameters, possibly not all of them. Only in the response to a fetch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<SecretObject>,
    /// Whether the request has created the binding (201), or it existed already (200). Not part of the document.
    #[serde(skip)]
    pub is_new: bool,
    /// The members of the answer that are ignored, because they are not as specified. Not part of the document.
    #[serde(skip)]
    pub ignored: Vec<IgnoredMember>,
}

/// The lifetime of a binding (“Binding”, “Binding Metadata Object”). The times are strings as the broker wrote them:
/// parsing them is up to the caller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BindingMetadata {
    /// When the binding expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The time before which the binding should be renewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_before: Option<String>,
}

/// A volume for the application (“Binding”, “Volume Mount Object”).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeMount {
    /// The name of the volume driver.
    pub driver: String,
    /// The path in the container.
    pub container_dir: String,
    /// `r` (read-only) or `rw` (read and write).
    pub mode: String,
    /// The type of the device. The specification knows only `shared`.
    pub device_type: String,
    /// The device.
    pub device: Device,
}

/// The device that is mounted (“Binding”, “Device Object”).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// The id of the shared volume.
    pub volume_id: String,
    /// Configuration for the driver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_config: Option<SecretObject>,
}

/// A network address that the application needs to reach (“Binding”, “Endpoint Object”).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// A host name or a single IP address.
    pub host: String,
    /// Ports or port ranges, such as `443` or `9000-9010`. JSON numbers are accepted, too.
    #[serde(deserialize_with = "ports")]
    pub ports: Vec<String>,
    /// `tcp`, `udp` or `all`. Default: `tcp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
}

fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let port = |value| match value {
        Value::String(port) => Ok(port),
        Value::Number(port) => Ok(port.to_string()),
        _ => Err(D::Error::invalid_type(Unexpected::Other("value"), &"a string or a number")),
    };
    Vec::<Value>::deserialize(deserializer)?.into_iter().map(port).collect()
}
