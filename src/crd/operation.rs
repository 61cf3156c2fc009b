//! Parts of the status that instances and bindings share: deletion, orphans, retry state.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Whether the operator must request the deletion of an instance or binding from the broker.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RemovalStatus {
    /// Nothing was requested from the broker yet.
    #[default]
    #[serde(rename = "")]
    Unset,
    /// The broker has nothing to delete.
    NotRequired,
    /// The broker has the instance or binding, or may have it.
    Required,
    /// The broker confirmed the deletion.
    Succeeded,
    /// The deletion was given up. Only kubernetes-sigs/service-catalog stored this value.
    Failed,
}

impl RemovalStatus {
    /// Whether the broker may still have something to delete.
    pub fn is_outstanding(self) -> bool {
        matches!(self, Self::Required | Self::Failed)
    }
}

/// Instance or binding that the operator has to delete at the broker: a failed attempt may have left it, or a rotation
/// replaced it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// OSB ID of the instance or binding.
    pub id: String,
    /// ID of the class in the broker's catalog.
    #[serde(default, rename = "serviceID")]
    pub service_id: String,
    /// ID of the plan in the broker's catalog.
    #[serde(default, rename = "planID")]
    pub plan_id: String,
    /// Name of the broker.
    #[serde(default)]
    pub broker_name: String,
    /// Why it has to be deleted, for example a timeout.
    #[serde(default)]
    pub reason: String,
    /// Instance that the binding was created for. Absent for an instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<BoundInstance>,
    /// Whether the operator polls the broker for the result of the deletion.
    #[serde(default)]
    pub async_op_in_progress: bool,
    /// Identifier that the broker gave to the deletion being polled (OSB `operation`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub last_operation: Option<String>,
    /// Retry state of the deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub operation: Option<Schedule>,
}

/// Retry state of an operation. Persisted so that back-off survives a restart of the operator.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    /// Number of consecutive failures.
    #[serde(default, skip_serializing_if = "schema::is_zero")]
    pub failures: i64,
    /// Time of the next attempt. The operator does not send the request earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub next_attempt_time: Option<Time>,
    /// Whether the operator polls because the broker answered 409 (the ID exists already), not because of a 202.
    #[serde(default, skip_serializing_if = "schema::is_false")]
    pub verifying: bool,
    /// Time at which the operator stops polling an asynchronous operation and treats it as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub deadline: Option<Time>,
    /// When the broker's description of the progress was last written. A description that changes is written again
    /// after 10 s, later after up to 5 min.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub progress_time: Option<Time>,
    /// Since when all polls have failed. The operator requests a deletion again whose polls fail for a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub polls_failing_since: Option<Time>,
}

/// Instance that a binding was created for, as the broker knows it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct BoundInstance {
    /// OSB ID of the instance (`instance_id`).
    pub id: String,
    /// ID of the class in the broker's catalog.
    #[serde(rename = "serviceID")]
    pub service_id: String,
    /// ID of the plan in the broker's catalog.
    #[serde(rename = "planID")]
    pub plan_id: String,
    /// Name of the broker.
    pub broker_name: String,
    /// Whether the broker is a ServiceBroker of the namespace, not a ClusterServiceBroker.
    #[serde(default)]
    pub namespaced: bool,
}
