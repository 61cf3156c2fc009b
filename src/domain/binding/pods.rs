//! What does the condition `RolledOut` of a binding say, and does its unbind wait for pods?

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Observed;
use crate::crd::ServiceBindingStatus;
use crate::crd::binding::Restart;
use crate::crd::condition::{self, Status};
use crate::domain::decision::Observed as _;
use crate::domain::progress::HasProgress as _;
use crate::domain::reason;
use crate::domain::rollout::{concerns_pods, injects};
use crate::domain::schedule::shown;

/// How long an unbind waits for pods at most.
const MAX_WAIT_FOR_PODS: SignedDuration = SignedDuration::from_mins(5);

/// Reports whether all pods have the current revision. If this status has a new revision, what was observed of the pods
/// is outdated, and the condition becomes `Unknown` in the same write: nothing may take the former `True` for the new
/// revision.
pub(super) fn report(observed: &Observed<'_>, status: &mut ServiceBindingStatus) {
    let binding = observed.binding;
    let before = binding.status.as_ref();
    if status.revision == 0 || binding.metadata.deletion_timestamp.is_some() || !concerns_pods(binding) {
        return;
    }
    let is_reported = condition::find(&status.conditions, condition::ROLLED_OUT).is_some();
    let is_same = before.is_some_and(|before| before.revision == status.revision);
    let is_new = !is_same || before.is_some_and(|before| before.observed_generation != observed.generation());
    let mut progress = status.progress();
    match observed.usage.as_ref().filter(|_| is_same) {
        Some(usage) if usage.outdated.is_empty() && !injects(binding) => {
            progress.withdraw(condition::ROLLED_OUT);
        }
        Some(usage) => {
            let (value, reason, message) = usage.verdict();
            progress.report(condition::ROLLED_OUT, value, reason, &message, &observed.now);
        }
        None if is_new || !is_reported => {
            let message = "Checking which pods have the current credentials";
            let reason = reason::LOOKING_FOR_PODS;
            progress.report(condition::ROLLED_OUT, Status::Unknown, reason, message, &observed.now);
        }
        None => {}
    }
}

/// Until when the unbind waits for pods that have the credentials and are being restarted; `None` if it does not wait.
/// Unbinding first would leave running pods with revoked credentials. Reports the wait once the usage is known.
pub(super) fn unbind_waits_until(observed: &Observed<'_>, status: &mut ServiceBindingStatus) -> Option<Time> {
    let binding = observed.binding;
    let restart = binding.spec.injection.as_ref().and_then(|injection| injection.restart).unwrap_or_default();
    let since = binding.metadata.deletion_timestamp.as_ref()?;
    let deadline = Time(since.0.checked_add(MAX_WAIT_FOR_PODS).unwrap_or(since.0));
    // A deletion in the future: the operator's clock was set back. It waits for pods no longer than from now on.
    let is_over = deadline.0 <= observed.now.0 || since.0 > observed.now.0 + MAX_WAIT_FOR_PODS;
    if is_over || restart != Restart::Always || status.revision == 0 || !concerns_pods(binding) {
        return None;
    }
    if let Some(usage) = &observed.usage {
        usage.oldest.filter(|_| usage.is_progressing())?;
        let message = format!(
            "Pods have the credentials. The broker is asked to remove them when no pod has them any more, at {} at \
             the latest. {usage}",
            shown(&deadline)
        );
        let reason = reason::WAITING_FOR_PODS;
        status.progress().report(condition::READY, Status::False, reason, &message, &observed.now);
    }
    Some(deadline)
}

#[cfg(test)]
mod tests;
