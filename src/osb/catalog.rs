//! What does a broker offer, and which of it cannot be used? (“Catalog Management”)

mod decode;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

pub(super) use decode::decode;

/// The catalog of a broker (“Catalog Management”, “Response”).
///
/// [`Client::catalog`](super::Client::catalog) reads it entry by entry, so that one bad entry does not spoil the
/// rest; `Deserialize` takes all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// The offerings that can be used. Their ids and names are unique and not empty, each has a plan, and the
    /// ids of all plans and the names of an offering's plans are unique and not empty.
    pub services: Vec<Service>,
    /// What the client left out; no part of the document.
    #[serde(skip)]
    pub rejected: Vec<Rejected>,
}

/// An entry of a catalog that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Which: `service "mysql"`, `plan "small" of services[3]`.
    pub what: String,
    /// The reason, for the author of the catalog.
    pub why: String,
}

/// A service offering (“Catalog Management”, “Service Offering Object”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "these are the fields of the specification")]
pub struct Service {
    /// The name, unique in the catalog.
    pub name: String,
    /// The id, unique among all brokers.
    pub id: String,
    /// A short description.
    #[serde(default, deserialize_with = "super::json::null_is_absent")]
    pub description: String,
    /// Tags that tell the base technology, such as `mysql` or `relational`.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub tags: Vec<String>,
    /// Permissions without which the service cannot be bound: `syslog_drain`, `route_forwarding`, `volume_mount`.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub requires: Vec<String>,
    /// Whether instances can be bound, unless their plan says otherwise.
    #[serde(default, deserialize_with = "super::json::null_is_absent")]
    pub bindable: bool,
    /// Whether instances can be fetched.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub instances_retrievable: bool,
    /// Whether bindings can be fetched.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub bindings_retrievable: bool,
    /// Whether an update may consist of a changed context alone.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub allow_context_updates: bool,
    /// Free-form information (profile, “Service Metadata”).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// The client of the broker's dashboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_client: Option<DashboardClient>,
    /// Whether the plan of an instance can be changed, unless its present plan says otherwise.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub plan_updateable: bool,
    /// Whether bindings can be rotated, for plans that do not say. Defined for plans only, but the schema of the
    /// API has it here too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_rotatable: Option<bool>,
    /// The plans that can be used; at least one.
    #[serde(default, deserialize_with = "super::json::null_is_absent")]
    pub plans: Vec<Plan>,
}

/// The single sign-on client of a dashboard (catalog extension “Dashboard Client Object”).
///
/// Its secret is neither kept nor written, so a broker that has such a client needs a type of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DashboardClient {
    /// The id of the OAuth client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the dashboard is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
}

/// A plan (“Catalog Management”, “Service Plan Object”).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The id, unique among all brokers.
    pub id: String,
    /// The name, unique in the offering.
    pub name: String,
    /// A short description.
    #[serde(default, deserialize_with = "super::json::null_is_absent")]
    pub description: String,
    /// Free-form information (profile, “Service Plan Metadata”).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// Whether the plan costs nothing; if absent, it does not. Always written, as some platforms read it otherwise.
    #[serde(default = "free", deserialize_with = "free_unless_denied")]
    pub free: bool,
    /// Whether instances can be bound; if absent, the offering tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bindable: Option<bool>,
    /// Whether bindings can be rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_rotatable: Option<bool>,
    /// Whether instances can change from this plan to another; if absent, the offering tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_updateable: Option<bool>,
    /// What parameters have to look like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schemas: Option<Schemas>,
    /// The number of seconds after which an operation has to be given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_polling_duration: Option<u64>,
    /// The version that new instances have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo>,
}

impl Default for Plan {
    /// A plan of which only the specification's defaults are known.
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            description: String::new(),
            metadata: None,
            free: free(),
            bindable: None,
            binding_rotatable: None,
            plan_updateable: None,
            schemas: None,
            maximum_polling_duration: None,
            maintenance_info: None,
        }
    }
}

fn free() -> bool {
    true
}

fn free_unless_denied<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(free))
}

/// What the parameters of a plan have to look like (“Catalog Management”, “Schemas Object”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schemas {
    /// For instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_instance: Option<ServiceInstanceSchema>,
    /// For bindings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_binding: Option<ServiceBindingSchema>,
}

/// Schemas for instances (“Catalog Management”, “Service Instance Schema Object”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceInstanceSchema {
    /// For provisioning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<InputParametersSchema>,
    /// For updates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<InputParametersSchema>,
}

/// Schemas for bindings (“Catalog Management”, “Service Binding Schema Object”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceBindingSchema {
    /// For binding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<InputParametersSchema>,
}

/// A schema for parameters (“Catalog Management”, “Input Parameters Schema Object”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InputParametersSchema {
    /// A JSON Schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
}

/// The version of an instance, or of a plan's new instances (“Catalog Management”, “Maintenance Info Object”).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct MaintenanceInfo {
    /// A semantic version.
    pub version: String,
    /// What changes with the version; told by brokers and never sent to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Writes what requests carry of a version: not its description.
#[expect(clippy::ref_option, reason = "this is the signature that serde wants")]
pub(super) fn version_only<S: Serializer>(
    info: &Option<MaintenanceInfo>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let info = info.as_ref().map(|info| MaintenanceInfo { version: info.version.clone(), description: None });
    info.serialize(serializer)
}
