//! Do the pods of a binding have its current revision, and which workloads are restarted so that they get it?
//!
//! Environment and volumes of a running pod cannot be changed, so the only way to roll out a revision is to restart the
//! pod's workload. The entry point is [`plan_restarts`], a pure function from the state of one namespace to the
//! restarts and to what the condition `RolledOut` of each binding says.
//!
//! | file | what it answers |
//! |---|---|
//! | `demand` | which revision does a binding want of a pod, and does the pod drift from it? |
//! | `policies` | are the policies installed that inject credentials, and which pods did they miss? |
//! | `restart_plan` | which workloads are restarted now, and how far is the rollout of each binding? |
//!
//! The pod template of a workload whose pods are stale gets the annotation
//! `restart.servicecatalog.k8s.io/<UID of the binding>` with the revision that its pods should have, or 0 if they
//! should no longer have anything; the workload's controller then replaces the pods.
//!
//! - **Drift.** A pod's stamp is compared with `status.revision` of the binding: `Demand::drift` says what the pod
//!   lacks, and whether it is restarted for that. `domain::binding` turns the result into the conditions `RolledOut`
//!   and `Ready`, and makes a deletion wait for it.
//! - **Together.** A workload is restarted for all bindings at once that its pods lack, and waits up to 30 s for a
//!   binding that is about to be ready.
//! - **Once.** A template that already has the revision is left alone, whatever its pods say. A pod that the restart
//!   created carries the annotation: if it lacks the revision nevertheless, that is reported (`StalePods`), and the
//!   restart is not repeated.
//! - **Not without the policies.** While a policy that injects is missing, no workload is restarted whose pods a binding
//!   selects: the new pods would have nothing. A restart that nevertheless came before the policies is repeated once
//!   they are installed.
//! - **Level-triggered.** Only the permits and how long a restart has waited are remembered; an operator that has
//!   just started comes to the same result.
//! - **Ten at a time.** A restart holds one of ten permits of the cluster until its stale pods are gone, ten minutes
//!   at most, and two minutes while none of them goes. A namespace has four permits at most, and waiting namespaces
//!   get them in turn: so rollouts that never end do not keep others waiting. A workload that is paused, has the strategy `OnDelete`, or that the API server refuses to change, takes
//!   no permit.

mod demand;
mod policies;
mod restart_plan;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::bounds::excess_of_selector;
use super::metadata::has_finalizer;
use super::reason;
use crate::crd::condition::{self, Status};
use crate::crd::names::LABEL_TEMPLATE_HASH;
use crate::crd::{ServiceBinding, ServiceBindingStatus};

pub use demand::{Demand, Drift};
pub use policies::{InjectionPolicies, RESTART_FOR_POLICIES};
pub use restart_plan::{NamespaceState, RestartPlan, plan_restarts};

/// Which revisions of a binding the running pods have, whether the binding selects these pods or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The oldest revision that a pod has; `None` if no pod has any.
    pub oldest: Option<i64>,
    /// The version of the binding that the pods were compared with.
    pub of: Version,
    /// The workloads and pods that drift, by the reason why.
    pub outdated: Outdated,
}

/// Generation and revision of a binding: it wants the same of pods as long as neither changes.
pub type Version = (i64, i64);

/// The workloads and pods that drift, by the reason why. Names are as `kubectl` takes them, such as `deployment/web`.
pub type Outdated = BTreeMap<NotRolledOut, BTreeSet<String>>;

/// Why a pod does not have the current revision. If a binding has several, the first in this order gives the
/// condition's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotRolledOut {
    /// A policy that injects credentials is missing.
    PolicyMissing,
    /// The pod is being replaced.
    Rolling,
    /// The limit of concurrent restarts is reached.
    Throttled,
    /// The restart waits until another binding of the pod is ready, so that one restart serves both.
    WaitingForOthers,
    /// The API server rejected the restart; it is retried.
    Refused,
    /// The rollout of the Deployment is paused.
    Paused,
    /// The workload's update strategy is `OnDelete`: it replaces only pods that a user deletes.
    OnDelete,
    /// A restart for this revision created the pod, and still the pod lacks it. Another restart would not help.
    StillStale,
    /// No workload replaces the pod with a new one: it is bare, or belongs to a Job, for instance.
    NoController,
    /// `spec.injection.restart` of the binding does not allow the restart.
    Disabled,
    /// The operator restarts no workloads.
    LeftToUsers,
    /// The admission policy does not inject into the pods of the namespace.
    NamespaceExcluded,
}

impl NotRolledOut {
    fn reason(self) -> &'static str {
        match self {
            Self::PolicyMissing => reason::POLICY_MISSING,
            Self::Rolling => reason::ROLLING,
            Self::Throttled | Self::WaitingForOthers => reason::WAITING_FOR_RESTART,
            Self::Refused => reason::RESTART_REFUSED,
            Self::Paused => reason::ROLLOUT_PAUSED,
            Self::OnDelete => reason::ON_DELETE,
            Self::StillStale | Self::NoController => reason::STALE_PODS,
            Self::Disabled | Self::LeftToUsers => reason::RESTARTS_DISABLED,
            Self::NamespaceExcluded => reason::NAMESPACE_EXCLUDED,
        }
    }

    /// The message of the condition, up to the names.
    fn explanation(self) -> &'static str {
        match self {
            Self::PolicyMissing => {
                "Pods start without the credentials until these are installed again (helm upgrade). Pods are restarted \
                 after that"
            }
            Self::Rolling => "Being restarted",
            Self::Throttled => "Waiting for other restarts to finish",
            Self::WaitingForOthers => {
                "Waiting until the other bindings of these pods are ready, to restart once"
            }
            Self::Refused => "The API server rejected the restart (see the operator's log); retrying in 10 s",
            Self::Paused => "The rollout is paused; run kubectl rollout resume",
            Self::OnDelete => "The update strategy is OnDelete; delete the pods",
            Self::StillStale => {
                "Restarted, but the new pods still lack the credentials; check the injection policy and the label \
                 servicecatalog.k8s.io/injects of the binding"
            }
            Self::NoController => "No workload replaces these pods; delete them, or wait until they end",
            Self::Disabled => "spec.injection.restart does not allow a restart; run kubectl rollout restart",
            Self::LeftToUsers => {
                "The operator is installed without the permission to restart workloads; run kubectl rollout restart"
            }
            Self::NamespaceExcluded => {
                "Injection is disabled in system namespaces and in the operator's namespace; use another \
                 namespace"
            }
        }
    }
}

impl Usage {
    /// The usage of a binding in a namespace that the admission policy excludes from injection.
    pub fn excluded(binding: &ServiceBinding) -> Self {
        let namespace = binding.metadata.namespace.iter().cloned().collect();
        Self {
            of: version(binding),
            outdated: [(NotRolledOut::NamespaceExcluded, namespace)].into(),
            oldest: None,
        }
    }

    /// Whether the rollout makes progress without a user's help.
    pub fn is_progressing(&self) -> bool {
        let progresses = |finding: &NotRolledOut| {
            matches!(
                finding,
                NotRolledOut::Rolling | NotRolledOut::Throttled | NotRolledOut::WaitingForOthers
            )
        };
        self.outdated.is_empty() || self.outdated.keys().any(progresses)
    }

    /// Status, reason and message of the condition `RolledOut`.
    pub fn verdict(&self) -> (Status, &'static str, String) {
        match self.outdated.keys().next() {
            Some(first) => (Status::False, first.reason(), self.to_string()),
            None => (Status::True, reason::ROLLED_OUT, "All pods have what the binding gives".to_owned()),
        }
    }
}

/// How many names a message has for each finding. With all names, each pod of a large rollout would cost a status
/// write.
const MAX_NAMES: usize = 3;

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (finding, names)) in self.outdated.iter().enumerate() {
            let shown: Vec<&str> = names.iter().take(MAX_NAMES).map(String::as_str).collect();
            let separator = if index == 0 { "" } else { ". " };
            let more = if names.len() > MAX_NAMES { " and others" } else { "" };
            write!(f, "{separator}{}: {}{more}", finding.explanation(), shown.join(", "))?;
        }
        Ok(())
    }
}

/// What the operator reads of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// When it was created, in seconds since 1970.
    pub created: i64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The revision of each binding that the pod started with, by the binding's UID. 0: it was admitted before the
    /// first revision.
    pub stamps: BTreeMap<String, i64>,
    /// The revisions that the operator restarted its workload for, by the binding's UID.
    pub restarts: BTreeMap<String, i64>,
    /// Its controller owner reference.
    pub controller: Option<Controller>,
    /// The admission policy does not inject into it, even if a binding selects it.
    pub exempt: bool,
    /// It is being deleted.
    pub terminating: bool,
}

impl Pod {
    /// Whether the workload replaces the pod, as its controller reference says. Whoever creates a pod chooses that
    /// reference. A `ReplicaSet` gives up a pod that its selector does not match, and that of a Deployment selects by
    /// the hash in its own name.
    fn is_member_of(&self, workload: &Workload) -> bool {
        let is_hashed = |controller: &Controller| {
            let hash = self.labels.get(LABEL_TEMPLATE_HASH);
            hash.is_some_and(|hash| controller.name == format!("{}-{hash}", workload.name))
        };
        workload.kind != WorkloadKind::Deployment || self.controller.as_ref().is_some_and(is_hashed)
    }
}

/// The controller owner reference of a pod.
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

/// A workload that a rollout can restart.
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
    /// The kind as it is in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// Parses the kind of an owner reference; `None` if the operator does not restart that kind.
    pub fn find(kind: &str) -> Option<Self> {
        [Self::Deployment, Self::StatefulSet, Self::DaemonSet].into_iter().find(|each| each.as_str() == kind)
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str().to_lowercase(), self.name)
    }
}

/// What the operator reads of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// The workload's UID.
    pub uid: String,
    /// The revisions that its pod template was last restarted for, by the binding's UID.
    pub restarts: BTreeMap<String, i64>,
    /// The rollout is paused: a new pod template has no effect until a user resumes it.
    pub paused: bool,
    /// The update strategy is `OnDelete`: a new pod template affects a pod only after a user deleted it.
    pub on_delete: bool,
}

/// The root of a pod's chain of controllers: it creates the replacement of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A workload that the operator can restart.
    Workload(Workload),
    /// The name of an owner that the operator cannot restart, such as `job/once`.
    Other(String),
}

/// Whether a binding injects into pods: it selects some, and nothing keeps it from them.
pub fn injects(binding: &ServiceBinding) -> bool {
    selects(binding)
        && !is_only_held(binding)
        && !binding.status.as_ref().is_some_and(is_refused)
        && binding.spec.pod_selector.as_ref().and_then(excess_of_selector).is_none()
}

/// Whether the status says that no pod gets the binding.
pub fn is_refused(status: &ServiceBindingStatus) -> bool {
    const REFUSALS: [&str; 3] = [reason::INJECTION_LIMIT, reason::SECRET_NOT_OWNED, reason::UNSAFE_VARIABLES];
    let injected = condition::find(&status.conditions, condition::INJECTED);
    injected.is_some_and(|injected| {
        injected.status == Status::False.as_str() && REFUSALS.contains(&injected.reason.as_str())
    })
}

/// Whether a binding injects into pods, or did so and still reports on them.
pub fn concerns_pods(binding: &ServiceBinding) -> bool {
    let stated = || {
        let status = binding.status.as_ref()?;
        condition::find(&status.conditions, condition::ROLLED_OUT)
    };
    !is_only_held(binding) && (injects(binding) || stated().is_some())
}

/// Whether only finalizers of other controllers keep a deleted binding. Users may keep any number of bindings like this.
fn is_only_held(binding: &ServiceBinding) -> bool {
    binding.metadata.deletion_timestamp.is_some() && !has_finalizer(&binding.metadata)
}

/// Whether the operator has to watch pods for a binding: its rollout is not known to be complete. Settled bindings cost
/// no watch.
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

/// The version of a binding that pods are compared with.
pub fn version(binding: &ServiceBinding) -> Version {
    let revision = binding.status.as_ref().map(|status| status.revision);
    (binding.metadata.generation.unwrap_or_default(), revision.unwrap_or_default())
}

#[cfg(test)]
mod tests;
