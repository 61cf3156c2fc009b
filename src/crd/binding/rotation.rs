//! Rotation: when the operator replaces the credentials of a binding, and what it keeps of the former ones.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::crd::operation::BoundInstance;
use crate::crd::schema;

/// When the operator replaces the credentials. It also does so when the broker requires it (`renew_before`,
/// `expires_at`) and on request (annotation `servicecatalog.k8s.io/rotate`).
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// Maximum age of the credentials, for example `720h`. Minimum: `1m`. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 64))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')").message("interval must be a duration of at least 1m, such as 720h"))]
    pub interval: Option<String>,
    /// How long the former credentials stay valid while pods use them, for example `1h`. Default: `24h`. If the binding
    /// selects no pods, they stay valid for the whole period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 64))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('0s')").message("gracePeriod must be a duration of at least 0s, such as 24h"))]
    pub grace_period: Option<String>,
}

/// Binding whose credentials were replaced, until the operator deletes it at the broker.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Predecessor {
    /// OSB ID of the binding (`binding_id`).
    #[serde(rename = "bindingID")]
    pub binding_id: String,
    /// Instance that was bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub instance: Option<BoundInstance>,
    /// Last revision with its credentials.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub revision: i64,
    /// When its credentials were replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub replaced_at: Option<Time>,
    /// When its credentials expire, according to the broker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub expires_at: Option<Time>,
}
