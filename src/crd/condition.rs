//! Conditions: their types, and how they are set, found and summarised.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// One aspect of the object's current state. Unlike `metav1.Condition`, it has no `observedGeneration`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Type of the condition, for example `Ready`, `Failed` or `OrphanMitigation`.
    #[serde(rename = "type")]
    pub type_: String,
    /// Status of the condition: `True`, `False` or `Unknown`.
    pub status: String,
    /// When `status` last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub last_transition_time: Option<Time>,
    /// Machine-readable reason in CamelCase, for example `ProvisionedSuccessfully`.
    #[serde(default)]
    pub reason: String,
    /// Human-readable message: what happened, why, and what happens next.
    #[serde(default)]
    pub message: String,
}

/// The service, the credentials or the catalog can be used.
pub const READY: &str = "Ready";
/// The operator does not try again until a user changes the object.
pub const FAILED: &str = "Failed";
/// The operator deletes what failed attempts may have left at the broker.
pub const ORPHAN_MITIGATION: &str = "OrphanMitigation";
/// `False` while an update of a working instance is in progress or has failed, otherwise absent.
pub const UPDATED: &str = "Updated";
/// The plan offers another version (maintenance information) than the instance has.
pub const UPGRADE_AVAILABLE: &str = "UpgradeAvailable";
/// The broker has renamed the class or the plan, which the spec calls by its former name.
pub const NAME_OUTDATED: &str = "NameOutdated";
/// Some classes or plans of the broker's catalog could not be published.
pub const CATALOG_REJECTED: &str = "CatalogEntriesRejected";
/// `False` while the broker's circuit breaker is open and calls are suspended, otherwise absent.
pub const AVAILABLE: &str = "Available";
/// The annotation `servicecatalog.k8s.io/paused` keeps the operator from calling the broker for this object.
pub const PAUSED: &str = "Paused";

/// The API server refuses what the operator has to write for the object: a quota or a policy, for example. Otherwise
/// absent.
pub const WRITE_REFUSED: &str = "WriteRefused";

/// `False` while pods that the binding selects already define what it would add (a collision), otherwise absent.
pub const INJECTED: &str = "Injected";
/// All pods that the binding selects have the current credentials and injection settings.
pub const ROLLED_OUT: &str = "RolledOut";
/// Whether the last rotation that was due succeeded.
pub const ROTATED: &str = "Rotated";

/// The value of [`Condition::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The condition holds.
    True,
    /// The condition does not hold.
    False,
    /// The operator cannot determine it yet.
    Unknown,
}

impl Status {
    /// The value of [`Condition::status`].
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Finds the condition of this type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of this type is `True`.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == "True")
}

/// Whether the condition of this type is `False`.
pub fn is_false(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == "False")
}

/// Sets a condition. `lastTransitionTime` changes only with the status.
///
/// `svcat` and the printer column show the last condition of the list, so `Ready` and `Failed` are sorted to the end.
pub fn set(
    conditions: &mut Vec<Condition>,
    type_: &str,
    status: Status,
    reason: &str,
    message: &str,
    now: &Time,
) {
    let since = find(conditions, type_)
        .filter(|old| old.status == status.as_str())
        .and_then(|old| old.last_transition_time.clone())
        .unwrap_or_else(|| now.clone());
    let condition = Condition {
        type_: type_.to_owned(),
        status: status.as_str().to_owned(),
        last_transition_time: Some(since),
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    match conditions.iter_mut().find(|old| old.type_ == type_) {
        Some(old) => *old = condition,
        None => conditions.push(condition),
    }
    conditions.sort_by_key(|condition| match condition.type_.as_str() {
        READY => 1,
        FAILED => 2,
        _ => 0,
    });
}

/// Removes a condition.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) {
    conditions.retain(|condition| condition.type_ != type_);
}

/// The conditions that need attention although the object works.
const ATTENTION: [(&str, &str); 3] = [(UPDATED, "False"), (AVAILABLE, "False"), (WRITE_REFUSED, "True")];

/// The word in the `Status` column: the last condition's type if it is `True`, else its reason. For an object that works,
/// it is the reason of a condition that needs attention, if there is one.
pub fn summary(conditions: &[Condition]) -> String {
    let needs_attention = |condition: &&Condition| ATTENTION.contains(&(&condition.type_, &condition.status));
    match conditions.last() {
        Some(last) if last.status == "True" && last.type_ == READY => conditions
            .iter()
            .find(needs_attention)
            .map_or_else(|| last.type_.clone(), |found| found.reason.clone()),
        Some(last) if last.status == "True" => last.type_.clone(),
        Some(last) => last.reason.clone(),
        None => String::new(),
    }
}
