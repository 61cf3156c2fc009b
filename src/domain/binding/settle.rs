//! What is so after a call to the broker of a binding?

mod bind;
mod poll;
mod rotate;
mod unbind;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::desired::fingerprint;
use super::state::{BindingState, Phase, orphan_of};
use super::{Call, Observed, Verb, pods};
use crate::crd::ServiceBindingStatus;
use crate::crd::condition::{self, Status};
use crate::crd::operation::RemovalStatus;
use crate::domain::decision::{Observed as _, State as _};
use crate::domain::orphan::{self, Removal};
use crate::domain::progress::{Execution, HasProgress as _};
use crate::domain::{Note, Outcome, Settled, reason, schedule};

/// The status after a call, from the one before and what came of it.
pub fn settle(observed: &Observed<'_>, call: &Call, outcome: Outcome) -> Settled<ServiceBindingStatus> {
    let state = BindingState::parse(observed.binding.status.clone().unwrap_or_default());
    let mut settlement = Settlement::new(observed, &call.instance.broker_name, state);
    match (&call.verb, outcome) {
        (Verb::Mitigate | Verb::PollMitigation(_), outcome) => settlement.mitigation(call, outcome),
        (Verb::Bind | Verb::Poll(_), outcome) if settlement.is_rotating() => settlement.rotation(outcome),
        (verb, Outcome::NotAsked(why)) => settlement.not_asked(verb, &why),
        (Verb::Unbind, outcome) => settlement.unbind(outcome),
        (Verb::Bind, outcome) => settlement.bind(outcome),
        (Verb::Fetch | Verb::Adopt, outcome) => settlement.repair(outcome),
        (Verb::Poll(_), outcome) => settlement.poll(outcome),
    }
    let Settlement { mut state, note, release, next_poll, .. } = settlement;
    pods::report(observed, &mut state.record);
    Settled { status: state.into_status(), release, note, next_poll }
}

/// What is so if the status is no longer the one `before` the call: a former leader's last word came late. What the broker
/// was asked must not be forgotten over it. Nothing, if the status that is there now knows of it.
pub fn merge_concurrent(
    observed: &Observed<'_>,
    before: &ServiceBindingStatus,
    call: &Call,
) -> Option<ServiceBindingStatus> {
    let mut state = BindingState::parse(observed.binding.status.clone().unwrap_or_default());
    let before = BindingState::parse(before.clone());
    let asked = |state: &BindingState| state.phase.request().map(fingerprint);
    let id = &call.binding_id;
    let is_asked_for = state.record.binding_id == *id
        && (asked(&state) == asked(&before) || state.phase.confirmed().is_some());
    let is_successor = matches!(&state.phase, Phase::Rotating { successor_id, .. } if successor_id == id);
    let is_predecessor = state.record.predecessor.as_ref().is_some_and(|former| former.binding_id == *id);
    let is_orphan = state.record.orphans.iter().any(|orphan| orphan.id == *id);
    if call.verb != Verb::Bind || is_asked_for || is_successor || is_predecessor || is_orphan {
        return None;
    }
    let why = "another replica wrote the status while the broker was asked";
    let left = orphan_of(id.clone(), &call.instance, why);
    if !state.is_bound() {
        state.phase.withdraw();
        state.progress().end();
    }
    let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
    state.progress().abandon(left, reason, &observed.now, None);
    Some(state.into_status())
}

/// An asynchronous operation has taken longer than it may: it counts as failed (OSB, “Polling Last Operation”).
pub(super) fn overdue(observed: &Observed<'_>, state: BindingState) -> BindingState {
    let mut settlement = Settlement::new(observed, "", state);
    settlement.operation_failed("The operation took longer than the broker's plan or the operator allows");
    settlement.state
}

/// The attempt under way is given up, and what it may have left is removed.
pub(super) fn mitigate(
    state: &mut BindingState,
    observed: &Observed<'_>,
    why: &str,
    retry_after: Option<Duration>,
) {
    let Some(orphan) = state.orphan(why) else { return };
    let record = &mut state.record;
    (record.issued_at, record.expires_at, record.renew_before) = (None, None, None);
    state.phase = Phase::default();
    let mut progress = state.progress();
    progress.end();
    let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
    progress.abandon(orphan, reason, &observed.now, retry_after);
}

/// The Secret holds what the broker gave.
pub(super) fn ready(record: &mut ServiceBindingStatus, now: &Time) {
    let mut progress = record.progress();
    progress.end();
    progress.forget_failures();
    progress.withdraw(condition::FAILED);
    let (reason, message) = (reason::INJECTED_BIND_RESULT, "Injected bind result");
    progress.report(condition::READY, Status::True, reason, message, now);
}

/// The removal of what an attempt may have left.
pub(super) fn removal<'a>(observed: &'a Observed<'_>, id: &'a str, broker: &'a str) -> Removal<'a> {
    let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
    Removal { id, broker, reason, seed: observed.seed(), now: &observed.now }
}

pub(super) use rotate::{abandon_successor, give_up_successor, rotation_failed};

/// What becomes of a call: the state, and what the shell does besides writing it.
struct Settlement<'a> {
    observed: &'a Observed<'a>,
    broker: &'a str,
    state: BindingState,
    note: Option<Note>,
    release: bool,
    next_poll: Option<Time>,
}

impl<'a> Settlement<'a> {
    fn new(observed: &'a Observed<'a>, broker: &'a str, state: BindingState) -> Self {
        Self { observed, broker, state, note: None, release: false, next_poll: None }
    }

    fn report(&mut self, type_: &str, status: Status, reason: &'static str, message: &str) {
        self.state.progress().report(type_, status, reason, message, &self.observed.now);
    }

    fn tell(&mut self, warning: bool, reason: &'static str, message: &str) {
        self.note = Some(Note::new(warning, reason, message));
    }

    /// The broker is polled again, the later the longer the operation runs.
    fn poll_later(&mut self, retry_after: Option<Duration>) {
        let started = self.state.record.operation_start_time.as_ref();
        self.next_poll = Some(schedule::poll(&self.observed.now, started, retry_after));
    }

    /// The broker was not asked: what it may have done before stays as it is.
    fn not_asked(&mut self, verb: &Verb, why: &str) {
        if matches!(verb, Verb::Poll(_)) {
            self.report(condition::READY, Status::False, reason::ERROR_POLLING_LAST_OPERATION, why);
            self.poll_later(None);
        } else {
            self.try_again(Status::False, reason::ERROR_INJECTING_BIND_RESULT, why, None);
        }
    }

    /// The condition that tells of the operation under way: it is no reason to take `Ready` away that there will be other
    /// credentials.
    fn condition_of_operation(&self) -> &'static str {
        if self.is_rotating() { condition::ROTATED } else { condition::READY }
    }

    fn is_rotating(&self) -> bool {
        matches!(self.state.phase, Phase::Rotating { .. })
    }

    /// The broker has accepted the operation and works on it.
    fn accepted(&mut self, operation: Option<String>, reason: &'static str, message: &str) {
        let maximum = self.observed.offering.maximum_polling_duration;
        self.state.phase.set_execution(Execution::Polled(operation));
        self.state.progress().poll(&self.observed.now, maximum);
        self.report(self.condition_of_operation(), Status::False, reason, message);
        self.tell(false, reason, message);
        self.next_poll = Some(schedule::poll(&self.observed.now, None, None));
    }

    /// The broker has something under this id already: it is polled to find out what.
    fn verify(&mut self, reason: &'static str, message: &str) {
        self.accepted(None, reason, message);
        let maximum = self.observed.offering.maximum_polling_duration;
        self.state.progress().verify(&self.observed.now, maximum);
    }

    fn try_again(
        &mut self,
        status: Status,
        reason: &'static str,
        message: &str,
        retry_after: Option<Duration>,
    ) {
        let next = self.fail(retry_after);
        let message = format!("{message}; it is tried again at {}", next.0);
        self.report(condition::READY, status, reason, &message);
        self.tell(true, reason, &message);
    }

    /// Counts a failure; returns the time of the next attempt.
    fn fail(&mut self, retry_after: Option<Duration>) -> Time {
        fail(&mut self.state, self.observed, retry_after)
    }

    fn mitigation(&mut self, call: &Call, outcome: Outcome) {
        let removal = removal(self.observed, &call.binding_id, self.broker);
        let after = orphan::settle(&mut self.state, &removal, outcome);
        self.note = after.note;
        self.next_poll = after.next_poll;
        if !after.gone {
            return;
        }
        if self.state.is_bound() {
            self.left_is_gone();
            return;
        }
        if self.state.phase.confirmed().is_none() && self.state.record.orphans.is_empty() {
            self.state.record.unbind_status = RemovalStatus::NotRequired;
        }
        if !condition::is_true(&self.state.record.conditions, condition::FAILED) {
            let message = self.state.progress().back_off(&self.observed.now, self.observed.seed());
            self.report(condition::READY, Status::False, reason::ORPHAN_MITIGATION_SUCCESSFUL, &message);
        }
    }
}

/// Counts a failure of the operation under way, which is requested again; returns when.
fn fail(state: &mut BindingState, observed: &Observed<'_>, retry_after: Option<Duration>) -> Time {
    state.phase.set_execution(Execution::Requested);
    state.progress().fail(&observed.now, observed.seed(), retry_after)
}
