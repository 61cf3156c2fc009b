//! How pods get the credentials of a binding.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// What goes into pods is as strict here as the API server is there: no pod may be refused for what it was given.

/// How pods get the credentials. They are always there as files, one for each key, in
/// `$SERVICE_BINDING_ROOT/<binding>`; the rest is if asked for.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Injection {
    /// The containers and init containers that get them. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub containers: Vec<String>,
    /// Environment variables, each from one key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub env: Vec<EnvMapping>,
    /// All keys as environment variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "EnvFrom")]
    pub env_from: Option<EnvFrom>,
    /// Pods start although the Secret does not exist yet. Otherwise they wait for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Which pods are restarted that do not have what they should have: by a change of the pod template of the Deployment,
    /// `StatefulSet` or `DaemonSet` that owns them. Absent: `Always`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Restart")]
    pub restart: Option<Restart>,
}

/// Which pods are restarted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Restart {
    /// Those that started before the binding was ready, that have other credentials or other variables than it gives now,
    /// and those of a binding that is being deleted.
    #[default]
    Always,
    /// Those that have credentials that were replaced.
    OnRotation,
    /// None.
    Never,
}

/// One environment variable.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct EnvMapping {
    /// Its name.
    #[schemars(length(max = 253), regex(pattern = "^[-_a-zA-Z][-._a-zA-Z0-9]*$"))]
    pub name: String,
    /// The key of the Secret that it gets its value from.
    #[schemars(length(max = 253), regex(pattern = "^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$"))]
    pub key: String,
}

/// All keys as environment variables.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct EnvFrom {
    /// What every name begins with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 253), regex(pattern = "^([-_a-zA-Z][-._a-zA-Z0-9]*)?$"))]
    pub prefix: String,
}
