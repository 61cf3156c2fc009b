//! When the credentials of a binding are replaced, and by what.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::crd::operation::BoundInstance;
use crate::crd::schema;

/// When the credentials are replaced, besides when the broker wants it and on request.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// How long after they were given, like `720h`. Absent: only when they are about to expire, and on request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 64))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')").message("interval must be a duration of at least a minute, like 720h"))]
    pub interval: Option<String>,
    /// How long the former credentials stay valid at most, like `24h` (the default), while pods have them. Where pods are not
    /// known, as the binding selects none, they stay valid as long as this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 64))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('0s')").message("gracePeriod must be a duration, like 24h"))]
    pub grace_period: Option<String>,
}

/// A binding whose credentials have been replaced, and that the broker still has.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Predecessor {
    /// Its id at the broker.
    #[serde(rename = "bindingID")]
    pub binding_id: String,
    /// The instance that was bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub instance: Option<BoundInstance>,
    /// The last revision that had its credentials.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub revision: i64,
    /// When it was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub replaced_at: Option<Time>,
    /// When it becomes invalid by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub expires_at: Option<Time>,
}
