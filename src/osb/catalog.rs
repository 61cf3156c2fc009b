//! What does a broker offer, and which entries are unusable? (“Catalog Management”)

mod decode;
mod rejections;
mod screen;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::raw_json::RawJson;

pub(super) use decode::decode;
pub use rejections::{Rejected, Rejections};
pub(super) use screen::screened;

/// The catalog of a broker (“Catalog Management”, “Response”).
///
/// [`Client::catalog`](super::Client::catalog) decodes it entry by entry, so that one unusable entry does not affect
/// the others. `Deserialize` accepts or rejects the catalog as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// The usable offerings. Their ids and names are unique and not empty, and each has at least one plan. Plan ids are
    /// unique in the catalog and plan names in their offering; none is empty.
    pub services: Vec<Service>,
    /// The entries that the client left out. Not part of the document.
    #[serde(skip)]
    pub rejected: Rejections,
}

/// A service offering (“Catalog Management”, “Service Offering Object”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "these are the fields of the specification")]
pub struct Service {
    /// The name. Unique in the catalog.
    pub name: String,
    /// The id. Globally unique.
    pub id: String,
    /// A short description.
    #[serde(default, deserialize_with = "super::json::null_is_absent")]
    pub description: String,
    /// Tags that describe the technology, such as `mysql` or `relational`.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub tags: Vec<String>,
    /// Permissions that the service requires from the platform: `syslog_drain`, `route_forwarding`, `volume_mount`.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub requires: Vec<String>,
    /// Whether instances can be bound. A plan can override it.
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
    /// Whether an update may change the context alone.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub allow_context_updates: bool,
    /// Free-form metadata (profile, “Service Metadata”).
    #[serde(
        default,
        deserialize_with = "super::json::object_as_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub metadata: Option<RawJson>,
    /// The OAuth client of the service's dashboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dashboard_client: Option<DashboardClient>,
    /// Whether an instance can change to another plan. The current plan can override it.
    #[serde(
        default,
        deserialize_with = "super::json::null_is_absent",
        skip_serializing_if = "super::json::is_default"
    )]
    pub plan_updateable: bool,
    /// Whether bindings can be rotated, for plans that do not set it. The specification defines it for plans only, but
    /// its JSON Schema has it here, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_rotatable: Option<bool>,
    /// The usable plans, at least one.
    #[serde(default, deserialize_with = "super::json::null_is_absent")]
    pub plans: Vec<Plan>,
}

/// The single sign-on client of a dashboard (catalog extension “Dashboard Client Object”).
///
/// The type drops the client's secret, so a broker that has such a client needs a type of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DashboardClient {
    /// The id of the OAuth client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The URL of the dashboard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
}

/// A plan (“Catalog Management”, “Service Plan Object”).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The id. Globally unique.
    pub id: String,
    /// The name. Unique in the offering.
    pub name: String,
    /// A short description.
    #[serde(default, deserialize_with = "super::json::null_is_absent")]
    pub description: String,
    /// Free-form metadata (profile, “Service Plan Metadata”).
    #[serde(
        default,
        deserialize_with = "super::json::object_as_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub metadata: Option<RawJson>,
    /// Whether the plan is free of charge. Default: true. Always serialised, because some platforms read an absent
    /// value as false.
    #[serde(default = "default_free", deserialize_with = "free_unless_denied")]
    pub free: bool,
    /// Whether instances can be bound. Default: the offering's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bindable: Option<bool>,
    /// Whether bindings can be rotated (“Binding Rotation”).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_rotatable: Option<bool>,
    /// Whether instances can change from this plan to another. Default: the offering's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_updateable: Option<bool>,
    /// The JSON Schemas of the parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schemas: Option<Schemas>,
    /// The number of seconds after which a platform stops polling an operation. Brokers in languages with one kind of
    /// number write `3600.0`, and others `"3600"`: both are accepted.
    #[serde(
        default,
        deserialize_with = "super::json::whole_number",
        skip_serializing_if = "Option::is_none"
    )]
    pub maximum_polling_duration: Option<u64>,
    /// The version of new instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_info: Option<MaintenanceInfo>,
}

impl Default for Plan {
    /// A plan with the specification's defaults.
    fn default() -> Self {
        Self {
            id: String::new(),
            name: String::new(),
            description: String::new(),
            metadata: None,
            free: default_free(),
            bindable: None,
            binding_rotatable: None,
            plan_updateable: None,
            schemas: None,
            maximum_polling_duration: None,
            maintenance_info: None,
        }
    }
}

fn default_free() -> bool {
    true
}

fn free_unless_denied<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(default_free))
}

/// The JSON Schemas of a plan's parameters (“Catalog Management”, “Schemas Object”).
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

/// The schema of one kind of request (“Catalog Management”, “Input Parameters Schema Object”).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InputParametersSchema {
    /// The JSON Schema of its parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<RawJson>,
}

/// The version of an instance, or of a plan's new instances (“Catalog Management”, “Maintenance Info Object”).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct MaintenanceInfo {
    /// A semantic version.
    pub version: String,
    /// What changes with the version. Brokers send it; platforms never do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Serialises the version without its description, as requests carry it.
#[expect(clippy::ref_option, reason = "this is the signature that serde wants")]
pub(super) fn version_only<S: Serializer>(
    info: &Option<MaintenanceInfo>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let info = info.as_ref().map(|info| MaintenanceInfo { version: info.version.clone(), description: None });
    info.serialize(serializer)
}
