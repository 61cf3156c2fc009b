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
//! - **The operator.** It adds the label to other bindings once the Secret is known to be theirs, or its name is
//!   vacant, and takes it from those beyond the limit, and from those whose Secret is somebody else's.
//!
//! A binding that had the label when it got its credentials keeps it: pods run with them. So an upgrade takes nothing
//! from bindings that exist.

use std::collections::BTreeSet;

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

/// The obstacle that the other bindings of the namespace are to this one. Those that are settled come first, then the
/// oldest.
pub fn limit<'a>(
    binding: &ServiceBinding,
    namespace: impl Iterator<Item = &'a ServiceBinding>,
) -> Option<Obstacle> {
    let uid = &binding.metadata.uid;
    let mut others: Vec<&ServiceBinding> =
        namespace.filter(|other| wants_to(other) && other.metadata.uid != *uid).collect();
    others.sort_by_cached_key(|other| rank(other));
    let (mut bindings, mut room) = (0, MAX_VARIABLES);
    for other in others {
        let settled = is_settled(other);
        if !settled && rank(other) > rank(binding) {
            break;
        }
        if settled || bindings < MAX_BINDINGS && variables(other) <= room {
            bindings += 1;
            room = room.saturating_sub(variables(other));
        }
    }
    match () {
        () if bindings >= MAX_BINDINGS => Some(Obstacle::Bindings),
        () if variables(binding) > room => Some(Obstacle::Variables),
        () => None,
    }
}

/// The order in which bindings get their share.
fn rank(binding: &ServiceBinding) -> (bool, Option<Timestamp>, Option<String>) {
    let meta = &binding.metadata;
    (!is_settled(binding), meta.creation_timestamp.as_ref().map(|created| created.0), meta.uid.clone())
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

fn is_labelled(binding: &ServiceBinding) -> bool {
    binding
        .metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(LABEL_INJECTS))
        .is_some_and(|value| value == "true")
}

/// Whether the binding has to get or to lose the label; `None` if the label is right.
pub(super) fn label_to_write(binding: &ServiceBinding, obstacle: Option<Obstacle>) -> Option<bool> {
    let may_inject = obstacle.is_none();
    let is_open = wants_to(binding) && (!is_settled(binding) || obstacle == Some(Obstacle::Selector));
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
    let (status, reason, message) = if let Some(obstacle) = obstacle {
        let (reason, why) = explain(obstacle, binding);
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

/// The reason of the condition, and the cause with what to do.
fn explain(obstacle: Obstacle, binding: &ServiceBinding) -> (&'static str, String) {
    match obstacle {
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
    }
}

#[cfg(test)]
mod tests;
