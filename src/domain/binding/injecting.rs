//! May a binding inject into pods, and what does the condition `Injected` say?
//!
//! Each binding of a namespace that injects costs the API server work for each pod that is created there, whether the
//! binding selects the pod or not. The work is bounded by a limit for the namespace. The oldest bindings are within it;
//! for another one the refusal is at the binding, and never at a pod.
//!
//! The label `servicecatalog.k8s.io/injects` says that a binding injects: the policy `injection` is evaluated for
//! bindings that carry it. Only two may set it.
//!
//! - **The policy `binding`, at creation,** if the author may read the Secret of that name. So a pod that is created
//!   right after its binding is held until there are credentials.
//! - **The operator.** It adds the label to other bindings once the Secret is known to be theirs, and takes it from
//!   those beyond the limit, from those whose Secret has another owner, and from those whose deletion has to wait. A vacant name is not enough: another client
//!   may create a Secret of that name later, which the author of the binding may not read.
//!
//! A binding that had the label when it got its credentials keeps it, whatever the limit: pods run with them. So an
//! upgrade takes nothing from bindings that exist.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::collision;
use crate::crd::binding::Injection;
use crate::crd::condition::{self, Status};
use crate::crd::names::LABEL_INJECTS;
use crate::crd::{ServiceBinding, ServiceBindingStatus};
use crate::domain::bounds::excess_of_selector;
use crate::domain::progress::HasProgress as _;
use crate::domain::reason;
use crate::domain::rollout::selects;

/// How many bindings of a namespace inject. The policy `injection` has the same number for one pod.
pub const MAX_BINDINGS: usize = 16;

/// How many variables these bindings add in all, from `spec.injection.env`. An `envFrom` counts as one.
pub const MAX_VARIABLES: usize = 64;

/// Why a binding must not inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// As many bindings of the namespace inject already as may do so.
    Bindings,
    /// With this binding, the bindings of the namespace would add too many variables.
    Variables,
    /// The selector is too large to compare each pod with it. It is from before the limit.
    Selector,
    /// The Secret of the name does not belong to the binding.
    ForeignSecret,
    /// There is no Secret yet, and the author of the binding may not read whatever Secret gets its name.
    VacantSecret,
    /// The Secret has entries that `spec.injection.envFrom` would make variables that run code. It is from before
    /// `envFrom`, and about to be written again without them.
    UnsafeEntries,
}

/// Whether a binding has injected ever since it got its credentials.
pub fn is_settled(binding: &ServiceBinding) -> bool {
    is_labelled(binding) && binding.status.as_ref().is_some_and(|status| status.revision > 0)
}

/// Whether the selector of a binding that wants to inject is too large.
pub fn has_large_selector(binding: &ServiceBinding) -> bool {
    wants_to(binding) && binding.spec.pod_selector.as_ref().and_then(excess_of_selector).is_some()
}

/// Whether a binding wants to inject.
pub fn wants_to(binding: &ServiceBinding) -> bool {
    binding.metadata.deletion_timestamp.is_none() && selects(binding)
}

/// The order in which bindings get their share: those that are settled come first, then the oldest. The UID decides
/// between those of one second.
type Rank = (bool, Option<Timestamp>, Option<String>);

fn rank(binding: &ServiceBinding) -> Rank {
    let meta = &binding.metadata;
    (!is_settled(binding), meta.creation_timestamp.as_ref().map(|created| created.0), meta.uid.clone())
}

/// The bindings of a namespace that want to inject, in the order in which they get their share. They are kept in order,
/// because a namespace may have thousands, and each asks for its limit.
#[derive(Debug, Default)]
pub struct Contenders(BTreeMap<Rank, Contender>);

#[derive(Debug)]
struct Contender {
    name: String,
    variables: usize,
}

/// What is left of the limit.
struct Room {
    bindings: usize,
    variables: usize,
}

impl Room {
    /// Takes the share of a binding, or says why it gets none. A settled one keeps its share, whatever is left.
    fn take(&mut self, variables: usize, is_settled: bool) -> Option<Obstacle> {
        let obstacle = self.obstacle(variables);
        if is_settled || obstacle.is_none() {
            self.bindings = self.bindings.saturating_sub(1);
            self.variables = self.variables.saturating_sub(variables);
        }
        obstacle.filter(|_| !is_settled)
    }

    fn obstacle(&self, variables: usize) -> Option<Obstacle> {
        match () {
            () if self.bindings == 0 => Some(Obstacle::Bindings),
            () if variables > self.variables => Some(Obstacle::Variables),
            () => None,
        }
    }
}

impl Contenders {
    const ROOM: Room = Room { bindings: MAX_BINDINGS, variables: MAX_VARIABLES };

    /// Adds a binding, if it wants to inject.
    pub fn insert(&mut self, binding: &ServiceBinding) {
        if let Some(variables) = share(binding) {
            let name = binding.metadata.name.clone().unwrap_or_default();
            self.0.insert(rank(binding), Contender { name, variables });
        }
    }

    /// Removes a binding that was inserted like this.
    pub fn remove(&mut self, binding: &ServiceBinding) {
        self.0.remove(&rank(binding));
    }

    /// Whether no binding wants to inject.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The obstacle that the other bindings are to this one.
    pub fn limit(&self, binding: &ServiceBinding) -> Option<Obstacle> {
        let (own, mut room) = (rank(binding), Self::ROOM);
        let others = self.0.iter().filter(|(rank, _)| rank.2 != own.2);
        for (rank, other) in others.take_while(|(rank, _)| !rank.0 || **rank < own) {
            if room.bindings == 0 {
                break;
            }
            room.take(other.variables, !rank.0);
        }
        room.obstacle(variables(binding))
    }

    /// The names of those to which the others are no obstacle.
    pub fn admitted(&self) -> BTreeSet<String> {
        let (mut room, mut admitted) = (Self::ROOM, BTreeSet::new());
        for (rank, contender) in &self.0 {
            let is_settled = !rank.0;
            if !is_settled && room.bindings == 0 {
                break;
            }
            if room.take(contender.variables, is_settled).is_none() {
                admitted.insert(contender.name.clone());
            }
        }
        admitted
    }
}

/// What a binding takes of the limit: how many variables, if it wants to inject.
pub fn share(binding: &ServiceBinding) -> Option<usize> {
    wants_to(binding).then(|| variables(binding))
}

/// How many variables the binding adds to a container.
fn variables(binding: &ServiceBinding) -> usize {
    let injection = binding.spec.injection.as_ref();
    injection.map_or(0, |injection| injection.env.len() + usize::from(injection.env_from.is_some()))
}

/// Whether new pods get the binding.
pub fn is_labelled(binding: &ServiceBinding) -> bool {
    binding
        .metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(LABEL_INJECTS))
        .is_some_and(|value| value == "true")
}

/// Whether a binding whose deletion has to wait still has the label: it would cost each new pod, and the deleted bindings
/// that a finalizer holds have no limit.
pub(super) fn is_label_left(binding: &ServiceBinding) -> bool {
    binding.metadata.deletion_timestamp.is_some() && is_labelled(binding)
}

/// Whether the binding has to get or to lose the label; `None` if the label is right.
pub(super) fn label_to_write(binding: &ServiceBinding, obstacle: Option<Obstacle>) -> Option<bool> {
    let may_inject = obstacle.is_none();
    let is_refused_later = matches!(obstacle, Some(Obstacle::ForeignSecret | Obstacle::Selector));
    let is_open = wants_to(binding) && (!is_settled(binding) || is_refused_later);
    (is_open && is_labelled(binding) != may_inject).then_some(may_inject)
}

/// Reports in `Injected` what keeps the binding from pods, as a whole or in part.
pub(super) fn report(
    record: &mut ServiceBindingStatus,
    binding: &ServiceBinding,
    obstacle: Option<Obstacle>,
    collisions: &BTreeSet<String>,
    now: &Time,
) {
    let injection = binding.spec.injection.as_ref().filter(|_| wants_to(binding));
    let unsafe_variables = injection.map(Injection::unsafe_variables).unwrap_or_default();
    let refused = obstacle.and_then(|obstacle| explain(obstacle, binding));
    let (status, reason, message) = if let Some((reason, why)) = refused {
        (Status::False, reason, format!("Pods do not get the binding: {why}"))
    } else if collisions.is_empty() && !unsafe_variables.is_empty() {
        let message = format!(
            "Pods get the binding as before, but spec.injection.env names variables that run code or redirect traffic, \
             which is rejected today: {}. Rename them, or set spec.injection.allowUnsafeVariables",
            unsafe_variables.join(", ")
        );
        (Status::True, reason::UNSAFE_VARIABLES, message)
    } else {
        return collision::report(record, collisions, now);
    };
    record.progress().report(condition::INJECTED, status, reason, &message, now);
}

/// The reason of the condition, and the cause with what to do; `None` for what ends without the author's help.
fn explain(obstacle: Obstacle, binding: &ServiceBinding) -> Option<(&'static str, String)> {
    Some(match obstacle {
        Obstacle::VacantSecret => return None,
        Obstacle::Bindings => (
            reason::INJECTION_LIMIT,
            format!(
                "{MAX_BINDINGS} other bindings of the namespace inject into pods, the most that are allowed. Delete one \
                 of them or its spec.podSelector, or use another namespace"
            ),
        ),
        Obstacle::Variables => (
            reason::INJECTION_LIMIT,
            format!(
                "with it, the bindings of the namespace would add more than {MAX_VARIABLES} variables, the most that are \
                 allowed. Shorten spec.injection.env of one of them, or use envFrom or the files"
            ),
        ),
        Obstacle::Selector => (
            reason::INJECTION_LIMIT,
            format!(
                "spec.podSelector is too large to compare each pod with it: {}. Shorten it",
                binding.spec.pod_selector.as_ref().and_then(excess_of_selector).unwrap_or_default()
            ),
        ),
        Obstacle::ForeignSecret => (
            reason::SECRET_NOT_OWNED,
            format!(
                "the Secret {:?} exists and does not belong to this binding. Delete it, or create a binding with another \
                 spec.secretName",
                binding.secret_name()
            ),
        ),
        Obstacle::UnsafeEntries => (
            reason::UNSAFE_VARIABLES,
            format!(
                "spec.injection.envFrom would make variables that run code of entries of the Secret {:?}. The operator \
                 requests the credentials again and leaves these entries out",
                binding.secret_name()
            ),
        ),
    })
}

#[cfg(test)]
mod tests;
