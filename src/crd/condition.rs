//! Conditions: what is true of an object now, and why.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// One statement about an object, as in service-catalog: five fields, no `observedGeneration`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What is stated: `Ready`, `Failed`, `OrphanMitigation`, …
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// When `status` last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("nullable" = true))]
    pub last_transition_time: Option<Time>,
    /// Why, in one word for programs.
    #[serde(default)]
    pub reason: String,
    /// Why, in a sentence for people: what happened, what happens next.
    #[serde(default)]
    pub message: String,
}

/// The object works as its spec says.
pub const READY: &str = "Ready";
/// The object will not become ready unless somebody changes something.
pub const FAILED: &str = "Failed";
/// Something may be left at the broker that nobody asked for, and is being removed.
pub const ORPHAN_MITIGATION: &str = "OrphanMitigation";
/// The latest spec has been carried out; `False` when an update of a working service fails.
pub const UPDATED: &str = "Updated";
/// The plan has another version than the instance.
pub const UPGRADE_AVAILABLE: &str = "UpgradeAvailable";
/// Some offerings of the broker could not be published.
pub const CATALOG_REJECTED: &str = "CatalogEntriesRejected";
/// Whether the broker is called; `False` while it is left alone, else absent.
pub const AVAILABLE: &str = "Available";
/// The annotation `servicecatalog.k8s.io/paused` keeps the operator from calling the broker.
pub const PAUSED: &str = "Paused";

/// `False` while pods that a binding selects have something else in the place of what it gives, else absent.
pub const INJECTED: &str = "Injected";
/// All pods that a binding selects have what it gives now.
pub const ROLLED_OUT: &str = "RolledOut";
/// Whether the credentials could be replaced when that was due.
pub const ROTATED: &str = "Rotated";

/// The value of [`Condition::status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// It cannot be told.
    Unknown,
}

impl Status {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// The condition of this type.
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

/// States a condition; `lastTransitionTime` moves only if the status does.
///
/// `svcat` and the printer column show the last condition of the list, so `Ready` and then `Failed` stay last.
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

/// Takes a condition away.
pub fn remove(conditions: &mut Vec<Condition>, type_: &str) {
    conditions.retain(|condition| condition.type_ != type_);
}

/// The one word of the `Status` column: the last condition's type if it is `True`, else its reason.
pub fn summary(conditions: &[Condition]) -> String {
    match conditions.last() {
        Some(last) if last.status == "True" => last.type_.clone(),
        Some(last) => last.reason.clone(),
        None => String::new(),
    }
}
