//! What do requests and answers about service bindings look like on the wire?

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

use super::json::SecretObject;

/// The body of a request for a new binding (“Binding”, “Body”; “Binding Rotation”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BindRequest {
    /// The id of the service offering; a rotation may leave it out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// The id of the plan; a rotation may leave it out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan_id: String,
    /// What the platform tells of the surroundings (profile, “Context Object”).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// Deprecated in favour of `bind_resource.app_guid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_guid: Option<String>,
    /// What uses the binding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_resource: Option<BindResource>,
    /// What the user configures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<SecretObject>,
    /// The id of the binding that the new one is to replace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predecessor_binding_id: Option<String>,
}

/// What uses a binding (“Binding”, “Bind Resource Object”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BindResource {
    /// The application, or whatever stands for it on the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_guid: Option<String>,
    /// The URL of the application that a route service is put in front of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

/// A binding (“Binding”, “Response”; “Fetching a Service Binding”, “Response”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BindResponse {
    /// How long the binding is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BindingMetadata>,
    /// What an application needs to use the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SecretObject>,
    /// Where logs are to be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog_drain_url: Option<String>,
    /// Through what requests to the application are to be routed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_service_url: Option<String>,
    /// Volumes for the application.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub volume_mounts: Vec<VolumeMount>,
    /// The complete list of network addresses that the application needs to reach; empty if unknown.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub endpoints: Vec<Endpoint>,
    /// The parameters in force, possibly not all of them; only when a binding is fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<SecretObject>,
}

/// How long a binding is valid (“Binding”, “Binding Metadata Object”). The times are as the broker wrote them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BindingMetadata {
    /// When the binding becomes invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When the binding should have been renewed.
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
    /// `r` for read-only, `rw` for read and write.
    pub mode: String,
    /// The type of the device: `shared`.
    pub device_type: String,
    /// The device.
    pub device: Device,
}

/// What is mounted (“Binding”, “Device Object”).
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
    /// Ports or ranges of ports, such as `443` or `9000-9010`. Numbers are accepted as well as strings.
    #[serde(deserialize_with = "ports")]
    pub ports: Vec<String>,
    /// `tcp`, `udp` or `all`; `tcp` if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
}

fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let port = |value| match value {
        Value::String(port) => Ok(port),
        Value::Number(port) => Ok(port.to_string()),
        _ => Err(D::Error::custom("a port is neither a string nor a number")),
    };
    Vec::<Value>::deserialize(deserializer)?.into_iter().map(port).collect()
}
