//! What the statuses of instances and bindings say of what is done at the broker.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Whether the broker has to be asked to remove an instance or a binding.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RemovalStatus {
    /// The broker was never asked for it.
    #[default]
    #[serde(rename = "")]
    Unset,
    /// Nothing of it is at the broker.
    NotRequired,
    /// The broker has it, or may have it.
    Required,
    /// The broker has removed it.
    Succeeded,
    /// The removal was given up. Only service-catalog stored this.
    Failed,
}

impl RemovalStatus {
    /// Whether something may be left at the broker.
    pub fn is_outstanding(self) -> bool {
        matches!(self, Self::Required | Self::Failed)
    }
}

/// Something that a failed attempt may have left at the broker.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// The instance's or the binding's id of that attempt.
    pub id: String,
    /// The class's id at the broker.
    #[serde(default, rename = "serviceID")]
    pub service_id: String,
    /// The plan's id at the broker.
    #[serde(default, rename = "planID")]
    pub plan_id: String,
    /// The broker's name.
    #[serde(default)]
    pub broker_name: String,
    /// Why it may exist.
    #[serde(default)]
    pub reason: String,
    /// The instance that a binding was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<BoundInstance>,
    /// The broker is removing it and is asked from time to time how far it is.
    #[serde(default)]
    pub async_op_in_progress: bool,
    /// What the broker calls that removal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub last_operation: Option<String>,
}

/// When something is tried again, and what is known of the attempts so far. It survives a restart.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// How often it has failed in a row.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub failures: i64,
    /// The broker is not called before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub next_attempt_time: Option<Time>,
    /// What is polled was not begun by an answer of the broker: it said that there is something of this id already.
    #[serde(default, skip_serializing_if = "schema::is_false")]
    pub verifying: bool,
    /// When an asynchronous operation is given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub deadline: Option<Time>,
}

/// The instance that a binding was made for, as the broker knows it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct BoundInstance {
    /// The instance's id.
    pub id: String,
    /// The class's id.
    #[serde(rename = "serviceID")]
    pub service_id: String,
    /// The plan's id.
    #[serde(rename = "planID")]
    pub plan_id: String,
    /// The broker's name.
    pub broker_name: String,
    /// Whether it is a broker of the namespace, not a cluster-wide one.
    #[serde(default)]
    pub namespaced: bool,
}
