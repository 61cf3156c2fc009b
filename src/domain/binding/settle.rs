//! What is so after a call to the broker of a binding?

mod bind;
mod poll;
mod rotate;
mod unbind;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::wish::fingerprint;
use super::{Call, Observed, Verb, is_bound, orphan, orphan_of, pods};
use crate::crd::ServiceBindingStatus;
use crate::crd::binding::BindingOperation;
use crate::crd::condition::{self, Status};
use crate::domain::orphan::Removal;
use crate::domain::progress::HasProgress as _;
use crate::domain::{Note, Outcome, Settled, reason, schedule};

/// The status after a call, from the one before and what came of it.
pub fn settle(observed: &Observed<'_>, call: &Call, outcome: Outcome) -> Settled<ServiceBindingStatus> {
    let mut status = observed.binding.status.clone().unwrap_or_default();
    let broker = &call.instance.broker_name;
    let mut after =
        After { observed, broker, status: &mut status, note: None, release: false, next_poll: None };
    match (&call.verb, outcome) {
        (Verb::Mitigate | Verb::PollMitigation(_), outcome) => after.mitigation(call, outcome),
        (Verb::Bind | Verb::Poll(_), outcome) if after.is_rotating() => after.rotation(outcome),
        (verb, Outcome::NotAsked(why)) => after.not_asked(verb, &why),
        (Verb::Unbind, outcome) => after.unbind(outcome),
        (Verb::Bind, outcome) => after.bind(outcome),
        (Verb::Fetch | Verb::Adopt, outcome) => after.repair(outcome),
        (Verb::Poll(_), outcome) => after.poll(outcome),
    }
    let After { note, release, next_poll, .. } = after;
    pods::report(observed, &mut status);
    Settled { status, release, note, next_poll }
}

/// What is so if the status is no longer the one `before` the call: a former leader's last word came late. What the broker
/// was asked must not be forgotten over it. Nothing, if the status that is there now knows of it.
pub fn overtaken(
    observed: &Observed<'_>,
    before: &ServiceBindingStatus,
    call: &Call,
) -> Option<ServiceBindingStatus> {
    let mut status = observed.binding.status.clone().unwrap_or_default();
    let wish = |status: &ServiceBindingStatus| status.in_progress_properties.as_ref().map(fingerprint);
    let known = status.binding_id == call.binding_id
        && (wish(&status) == wish(before) || status.external_properties.is_some())
        || status.successor_id == call.binding_id
        || status.predecessor.as_ref().is_some_and(|former| former.binding_id == call.binding_id)
        || status.orphans.iter().any(|orphan| orphan.id == call.binding_id);
    if call.verb != Verb::Bind || known {
        return None;
    }
    let why = "another replica wrote the status while the broker was asked";
    let left = orphan_of(call.binding_id.clone(), &call.instance, why);
    if !is_bound(&status) {
        status.current_operation = None;
        status.in_progress_properties = None;
        status.progress().end();
    }
    let mut progress = status.progress();
    let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
    progress.abandon(left, reason, &observed.now, None);
    Some(status)
}

/// An asynchronous operation has taken longer than it may: it counts as failed (OSB, “Polling Last Operation”).
pub(super) fn overdue(observed: &Observed<'_>, mut status: ServiceBindingStatus) -> ServiceBindingStatus {
    let mut after =
        After { observed, broker: "", status: &mut status, note: None, release: false, next_poll: None };
    after.operation_failed("The operation took longer than the broker's plan or the operator allows");
    status
}

/// The attempt under way is given up, and what it may have left is removed.
pub(super) fn mitigate(
    observed: &Observed<'_>,
    status: &mut ServiceBindingStatus,
    why: &str,
    retry_after: Option<Duration>,
) {
    let Some(orphan) = orphan(status, why) else { return };
    (status.issued_at, status.expires_at, status.renew_before) = (None, None, None);
    status.current_operation = None;
    status.in_progress_properties = None;
    status.external_properties = None;
    let mut progress = status.progress();
    progress.end();
    let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
    progress.abandon(orphan, reason, &observed.now, retry_after);
}

/// The Secret holds what the broker gave.
pub(super) fn ready(status: &mut ServiceBindingStatus, now: &Time) {
    let mut progress = status.progress();
    progress.end();
    progress.forget_failures();
    progress.withdraw(condition::FAILED);
    let (reason, message) = (reason::INJECTED_BIND_RESULT, "Injected bind result");
    progress.report(condition::READY, Status::True, reason, message, now);
}

/// The removal of what an attempt may have left.
pub(super) fn removal<'a>(observed: &'a Observed<'_>, id: &'a str, broker: &'a str) -> Removal<'a> {
    let seed = observed.binding.metadata.uid.as_deref().unwrap_or_default();
    let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
    Removal { id, broker, reason, seed, now: &observed.now }
}

pub(super) use rotate::{abandon_successor, give_up_successor, rotation_failed};

struct After<'a, 'b> {
    observed: &'a Observed<'a>,
    broker: &'a str,
    status: &'b mut ServiceBindingStatus,
    note: Option<Note>,
    release: bool,
    next_poll: Option<Time>,
}

impl<'a> After<'a, '_> {
    fn seed(&self) -> &'a str {
        self.observed.binding.metadata.uid.as_deref().unwrap_or_default()
    }

    fn report(&mut self, type_: &str, status: Status, reason: &'static str, message: &str) {
        self.status.progress().report(type_, status, reason, message, &self.observed.now);
    }

    fn tell(&mut self, warning: bool, reason: &'static str, message: &str) {
        self.note = Some(Note::new(warning, reason, message));
    }

    /// The broker was not asked: what it may have done before stays as it is.
    fn not_asked(&mut self, verb: &Verb, why: &str) {
        if matches!(verb, Verb::Poll(_)) {
            self.report(condition::READY, Status::False, reason::ERROR_POLLING_LAST_OPERATION, why);
            let started = self.status.operation_start_time.as_ref();
            self.next_poll = Some(schedule::poll(&self.observed.now, started, None));
        } else {
            self.try_again(Status::False, reason::ERROR_INJECTING_BIND_RESULT, why, None);
        }
    }

    /// What an operation under way is about: it is no reason to take `Ready` away that there will be other credentials.
    fn about(&self) -> &'static str {
        if self.is_rotating() { condition::ROTATED } else { condition::READY }
    }

    fn is_rotating(&self) -> bool {
        self.status.current_operation == Some(BindingOperation::Rotate)
    }

    fn begun(&mut self, operation: Option<String>, reason: &'static str, message: &str) {
        let maximum = self.observed.offering.maximum_polling_duration;
        self.status.progress().poll(operation, &self.observed.now, maximum);
        self.report(self.about(), Status::False, reason, message);
        self.tell(false, reason, message);
        self.next_poll = Some(schedule::poll(&self.observed.now, None, None));
    }

    fn try_again(
        &mut self,
        status: Status,
        reason: &'static str,
        message: &str,
        retry_after: Option<Duration>,
    ) {
        let seed = self.seed();
        let next = self.status.progress().fail(&self.observed.now, seed, retry_after);
        let message = format!("{message}; it is tried again at {}", next.0);
        self.report(condition::READY, status, reason, &message);
        self.tell(true, reason, &message);
    }

    fn mitigation(&mut self, call: &Call, outcome: Outcome) {
        let removal = removal(self.observed, &call.binding_id, self.broker);
        let after = crate::domain::orphan::settle(self.status, &removal, outcome);
        self.note = after.note;
        self.next_poll = after.next_poll;
        if !after.gone {
            return;
        }
        if is_bound(self.status) {
            self.left_is_gone();
            return;
        }
        if self.status.external_properties.is_none() && self.status.orphans.is_empty() {
            self.status.unbind_status = "NotRequired".to_owned();
        }
        if !condition::is_true(&self.status.conditions, condition::FAILED) {
            let seed = self.seed();
            let message = self.status.progress().back_off(&self.observed.now, seed);
            self.report(condition::READY, Status::False, reason::ORPHAN_MITIGATION_SUCCESSFUL, &message);
        }
    }
}
