//! Do the pods of a binding have what it gives now, and what is done about those that do not?
//!
//! | file | what it answers |
//! |---|---|
//! | `demand` | what does a binding want of a pod? |
//! | `restart_plan` | which workloads are restarted, and how far is each binding? |

mod demand;
mod restart_plan;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::reason;
use crate::crd::ServiceBinding;
use crate::crd::condition::{self, Status};

pub use demand::{Demand, Drift};
pub use restart_plan::{NamespaceState, RestartPlan, plan_restarts};

/// What the pods of a binding have of it: those that run, whether it selects them or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The oldest revision that one of them has; nothing if none has any.
    pub oldest: Option<i64>,
    /// Of which version of the binding this is said.
    pub of: Version,
    /// Who does not have what it should have.
    pub outdated: Outdated,
}

/// Tells apart what a binding wants of pods: its generation, and its revision.
pub type Version = (i64, i64);

/// Who does not have what it should have, and why. Names are as `kubectl` takes them, like `deployment/web`.
pub type Outdated = BTreeMap<NotRolledOut, BTreeSet<String>>;

/// Why a pod does not have what it should have. The first that there is gives the reason of the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotRolledOut {
    /// It is being replaced.
    Rolling,
    /// Too many workloads are being restarted.
    Throttled,
    /// It is spared a second restart: something else that it gets is not ready yet.
    WaitingForOthers,
    /// The API server does not accept the restart.
    Refused,
    /// Its Deployment is paused.
    Paused,
    /// Its workload replaces pods that somebody else deletes.
    OnDelete,
    /// It was made by a restart, and yet it does not have it.
    StillStale,
    /// Nobody replaces it.
    NoController,
    /// The binding restarts nobody.
    Disabled,
    /// Nothing goes into the pods of its namespace.
    NamespaceExcluded,
}

impl NotRolledOut {
    fn reason(self) -> &'static str {
        match self {
            Self::Rolling => reason::ROLLING,
            Self::Throttled | Self::WaitingForOthers => reason::WAITING_FOR_RESTART,
            Self::Refused => reason::RESTART_REFUSED,
            Self::Paused => reason::ROLLOUT_PAUSED,
            Self::OnDelete => reason::ON_DELETE,
            Self::StillStale | Self::NoController => reason::STALE_PODS,
            Self::Disabled => reason::RESTARTS_DISABLED,
            Self::NamespaceExcluded => reason::NAMESPACE_LEFT_OUT,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Rolling => "Being restarted",
            Self::Throttled => "Restarted as soon as fewer others are",
            Self::WaitingForOthers => "Restarted as soon as all that they get is ready",
            Self::Refused => {
                "The API server refuses to restart, as the operator's log says; it is tried again"
            }
            Self::Paused => "Restarted when somebody resumes their rollout",
            Self::OnDelete => "Their update strategy is OnDelete, so somebody has to delete the pods of",
            Self::StillStale => "Restarted in vain, as the new pods do not have it either",
            Self::NoController => "Nobody replaces these, they have to end or to be deleted",
            Self::Disabled => {
                "Not restarted, as spec.injection.restart says; kubectl rollout restart does it for"
            }
            Self::NamespaceExcluded => "Pods get nothing in a namespace of the system or of the operator",
        }
    }
}

impl Usage {
    /// That of a binding in a namespace whose pods get nothing.
    pub fn excluded(binding: &ServiceBinding) -> Self {
        let namespace = binding.metadata.namespace.iter().cloned().collect();
        Self {
            of: version(binding),
            outdated: [(NotRolledOut::NamespaceExcluded, namespace)].into(),
            oldest: None,
        }
    }

    /// Whether those who have something else are being replaced, or are about to be, without anybody else's doing.
    pub fn is_going_on(&self) -> bool {
        let goes_on = |finding: &NotRolledOut| {
            matches!(
                finding,
                NotRolledOut::Rolling | NotRolledOut::Throttled | NotRolledOut::WaitingForOthers
            )
        };
        self.outdated.is_empty() || self.outdated.keys().any(goes_on)
    }

    /// What the condition `RolledOut` says: status, reason, message.
    pub fn verdict(&self) -> (Status, &'static str, String) {
        match self.outdated.keys().next() {
            Some(first) => (Status::False, first.reason(), self.to_string()),
            None => (Status::True, reason::ROLLED_OUT, "All pods have what the binding gives".to_owned()),
        }
    }
}

/// How many names are told of a finding: a message is not to be written anew for each of many.
const NAMES: usize = 3;

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (finding, names)) in self.outdated.iter().enumerate() {
            let told: Vec<&str> = names.iter().take(NAMES).map(String::as_str).collect();
            let separator = if index == 0 { "" } else { ". " };
            let more = if names.len() > NAMES { " and others" } else { "" };
            write!(f, "{separator}{}: {}{more}", finding.words(), told.join(", "))?;
        }
        Ok(())
    }
}

/// A pod, as far as bindings are concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The revision that it got of each binding, by the binding's UID.
    pub stamps: BTreeMap<String, i64>,
    /// For which revisions it was made by a restart, likewise.
    pub restarts: BTreeMap<String, i64>,
    /// What controls it.
    pub controller: Option<Controller>,
    /// Nothing goes into it, whatever selects it.
    pub exempt: bool,
    /// It is being deleted.
    pub leaving: bool,
}

/// What controls a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controller {
    /// Its UID.
    pub uid: String,
    /// Its group and version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// What makes new pods in place of old ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Workload {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
}

/// The kinds of workloads that replace their pods when the template changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkloadKind {
    /// `Deployment`.
    Deployment,
    /// `StatefulSet`.
    StatefulSet,
    /// `DaemonSet`.
    DaemonSet,
}

impl WorkloadKind {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// The kind that is written so.
    pub fn find(kind: &str) -> Option<Self> {
        [Self::Deployment, Self::StatefulSet, Self::DaemonSet].into_iter().find(|each| each.as_str() == kind)
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str().to_lowercase(), self.name)
    }
}

/// What is known of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// The workload's UID.
    pub uid: String,
    /// For which revisions its pods are restarted, by the UIDs of bindings.
    pub restarts: BTreeMap<String, i64>,
    /// A change of it has no effect before somebody resumes the rollout.
    pub paused: bool,
    /// A change of it has no effect on a pod before somebody deletes that.
    pub on_delete: bool,
}

/// Who makes a pod anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// One that can be made to.
    Workload(Workload),
    /// Something that cannot, by its name.
    Other(String),
}

/// Whether pods have, had, or are to have something of a binding.
pub fn concerns_pods(binding: &ServiceBinding) -> bool {
    let stated = || {
        let status = binding.status.as_ref()?;
        condition::find(&status.conditions, condition::ROLLED_OUT)
    };
    selects(binding) || stated().is_some()
}

/// Whether it has to be known of pods what they have of a binding.
pub fn is_open(binding: &ServiceBinding) -> bool {
    let Some(status) = binding.status.as_ref().filter(|status| status.revision > 0) else { return false };
    let settled = condition::is_true(&status.conditions, condition::ROLLED_OUT)
        && Some(status.observed_generation) == binding.metadata.generation
        && status.predecessor.is_none()
        && binding.metadata.deletion_timestamp.is_none();
    concerns_pods(binding) && !settled
}

/// Whether a binding selects any pods: an empty selector selects none.
pub fn selects(binding: &ServiceBinding) -> bool {
    binding.spec.pod_selector.as_ref().is_some_and(|selector| {
        selector.match_labels.as_ref().is_some_and(|labels| !labels.is_empty())
            || selector.match_expressions.as_ref().is_some_and(|expressions| !expressions.is_empty())
    })
}

/// What pods are compared with.
pub fn version(binding: &ServiceBinding) -> Version {
    let revision = binding.status.as_ref().map(|status| status.revision);
    (binding.metadata.generation.unwrap_or_default(), revision.unwrap_or_default())
}

#[cfg(test)]
mod tests;
