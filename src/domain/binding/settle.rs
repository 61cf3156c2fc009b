//! Which status follows from the outcome of a call?
//!
//! | file | outcomes of |
//! |---|---|
//! | `bind` | binds, and repairs of the Secret |
//! | `poll` | polls of an asynchronous bind or unbind |
//! | `rotate` | everything about a successor |
//! | `unbind` | unbinds |

mod bind;
mod poll;
mod rotate;
mod unbind;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::desired::fingerprint;
use super::ids::is_given;
use super::state::{BindingState, Phase, orphan_of};
use super::{Call, Observed, Verb, pods};
use crate::crd::ServiceBindingStatus;
use crate::crd::condition::{self, Status};
use crate::crd::operation::RemovalStatus;
use crate::domain::decision::{Observed as _, State as _};
use crate::domain::metadata::attempt_id;
use crate::domain::orphan::{self, Removal};
use crate::domain::osb_id::HasOsbIds as _;
use crate::domain::progress::{Execution, HasProgress as _};
use crate::domain::step::{not_called, stored};
use crate::domain::{Note, Outcome, Settled, reason, schedule};
use crate::osb::Screened;

/// What a message adds about an attempt that failed for good and may have left something under a given id.
const LEFT_UNDER_GIVEN_ID: &str = "; what the broker may have under spec.externalID is not deleted";

/// Settles a call: the new status, from the stored one and the outcome, and what the shell does besides writing it.
pub fn settle(observed: &Observed<'_>, call: &Call, outcome: Outcome) -> Settled<ServiceBindingStatus> {
    let state = BindingState::parse(observed.binding.status.clone().unwrap_or_default());
    let mut settlement = Settlement::new(observed, &call.instance.broker_name, state);
    match (&call.verb, outcome) {
        (_, Outcome::OutOfReach(why)) if settlement.is_deleted() => settlement.leave(&why),
        (verb, Outcome::OutOfReach(why)) => settlement.not_called(verb, &why),
        (Verb::Mitigate | Verb::PollMitigation(_), outcome) => settlement.mitigation(call, outcome),
        (Verb::Bind | Verb::Poll(_), outcome) if settlement.is_rotating() => settlement.rotation(outcome),
        (verb, Outcome::NotCalled(why)) => settlement.not_called(verb, &why),
        (Verb::Unbind, outcome) => settlement.unbind(outcome),
        (Verb::Bind, outcome) => settlement.bind(outcome),
        (Verb::Fetch | Verb::Adopt, outcome) => settlement.repair(outcome),
        (Verb::Poll(_), outcome) => settlement.poll(outcome),
    }
    let Settlement { mut state, note, remove_finalizer, next_poll, .. } = settlement;
    pods::report(observed, &mut state.record);
    Settled { status: state.into_status(), remove_finalizer, note, next_poll }
}

/// Merges the effect of a call into a status that another replica wrote meanwhile.
///
/// `before` is the status with the intent of the call. A former leader whose write was delayed may have replaced it by
/// one that does not mention the attempt. Without this merge nothing would remove what the broker created, and the
/// binding would leak. So the attempt becomes an orphan of the present status. `None` if that status already accounts
/// for the call.
pub fn merge_concurrent_status(
    observed: &Observed<'_>,
    before: &ServiceBindingStatus,
    call: &Call,
) -> Option<ServiceBindingStatus> {
    let mut state = BindingState::parse(observed.binding.status.clone().unwrap_or_default());
    let before = BindingState::parse(before.clone());
    let request = |state: &BindingState| state.phase.request().map(fingerprint);
    let id = &call.binding_id;
    let is_current = state.record.binding_id == *id
        && (request(&state) == request(&before) || state.phase.confirmed().is_some());
    let is_successor = matches!(&state.phase, Phase::Rotating { successor_id, .. } if successor_id == id);
    let is_predecessor = state.record.predecessor.as_ref().is_some_and(|former| former.binding_id == *id);
    let is_orphan = state.record.orphans.iter().any(|orphan| orphan.id == *id);
    // The next attempt has the same id, and its answer tells what this one has done.
    let is_repeated = before.phase.confirmed().is_none() && is_given(observed.binding, &before.record);
    if call.verb != Verb::Bind || is_current || is_successor || is_predecessor || is_orphan || is_repeated {
        return None;
    }
    let why = "another replica wrote the status during the call";
    let left = orphan_of(id.clone(), &call.instance, why);
    if !state.is_bound() {
        state.phase.withdraw();
        state.progress().end();
    }
    let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
    state.progress().abandon(left, reason, &observed.now, None);
    Some(state.into_status())
}

/// Fails an asynchronous operation that exceeded its maximum polling duration (OSB, “Polling Last Operation”).
pub(super) fn overdue(observed: &Observed<'_>, state: BindingState) -> BindingState {
    let mut settlement = Settlement::new(observed, "", state);
    settlement.operation_failed("the operation exceeded its maximum polling duration");
    settlement.state
}

/// Gives up the current attempt and makes an orphan of what it may have left at the broker.
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

/// Reports `Ready`: the Secret holds the broker's credentials.
pub(super) fn ready(record: &mut ServiceBindingStatus, now: &Time) {
    let mut progress = record.progress();
    progress.end();
    progress.forget_failures();
    progress.withdraw(condition::FAILED);
    let (reason, message) = (reason::INJECTED_BIND_RESULT, "Injected bind result");
    progress.report(condition::READY, Status::True, reason, message, now);
}

/// Describes the removal of an orphan to the module that instances and bindings share.
pub(super) fn removal<'a>(observed: &'a Observed<'_>, id: &'a str, broker: &'a str) -> Removal<'a> {
    let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
    let may_be_retry = observed.may_be_retry;
    Removal { id, broker, reason, seed: observed.seed(), now: &observed.now, may_be_retry }
}

pub(super) use rotate::{abandon_successor, give_up_successor, rotation_failed};

/// A settlement in the making: the new state, and what the shell does besides writing it.
struct Settlement<'a> {
    observed: &'a Observed<'a>,
    broker: &'a str,
    state: BindingState,
    note: Option<Note>,
    remove_finalizer: bool,
    next_poll: Option<Time>,
}

impl<'a> Settlement<'a> {
    fn new(observed: &'a Observed<'a>, broker: &'a str, state: BindingState) -> Self {
        Self { observed, broker, state, note: None, remove_finalizer: false, next_poll: None }
    }

    fn report(&mut self, type_: &str, status: Status, reason: &'static str, message: &str) {
        self.state.progress().report(type_, status, reason, message, &self.observed.now);
    }

    fn report_progress(&mut self, reason: &'static str, message: &str) {
        let type_ = self.condition_of_operation();
        self.state.progress().report_progress(type_, reason, message, &self.observed.now);
    }

    /// Has the shell record an event, once the status is written.
    fn record_event(&mut self, warning: bool, reason: &'static str, message: &str) {
        self.note = Some(Note::new(warning, reason, message));
    }

    /// Schedules the next poll. The interval grows with the time that the operation has taken.
    fn poll_later(&mut self, retry_after: Option<Duration>) {
        let started = self.state.record.operation_start_time.as_ref();
        self.next_poll = Some(schedule::poll(&self.observed.now, started, retry_after));
    }

    /// The request was not sent, so the state at the broker is unchanged.
    fn not_called(&mut self, verb: &Verb, why: &str) {
        let message = not_called(self.broker, why);
        if matches!(verb, Verb::Poll(_)) {
            let message = format!("{message}; polling continues");
            self.report(condition::READY, Status::False, reason::ERROR_POLLING_LAST_OPERATION, &message);
            self.poll_later(None);
            return;
        }
        // What was surely never sent needs no broker to be deleted.
        if !self.observed.may_be_retry && *verb == Verb::Bind {
            self.nothing_happened();
        }
        self.retry(Status::False, reason::ERROR_INJECTING_BIND_RESULT, &message, None);
    }

    fn is_deleted(&self) -> bool {
        self.observed.binding.metadata.deletion_timestamp.is_some()
    }

    /// Lets the object go, although the broker may still have something for it.
    fn leave(&mut self, why: &str) {
        let binding = self.observed.binding;
        let ids: Vec<&str> = binding.ids().into_iter().map(|(id, _)| id).collect();
        let message = format!(
            "Left at the broker {}: what it may have for the binding, as {}. It cannot be deleted: {why}, and its \
             namespace is being deleted. If the broker has it, delete it there",
            self.broker,
            ids.join(", ")
        );
        self.record_event(true, reason::LEFT_AT_BROKER, &message);
        self.remove_finalizer = true;
    }

    /// The condition that reports the current operation. A rotation does not touch `Ready`: the current credentials
    /// work.
    fn condition_of_operation(&self) -> &'static str {
        if self.is_rotating() { condition::ROTATED } else { condition::READY }
    }

    /// Whether the user has given the id of the attempt, and the broker has not confirmed it; see `instance`.
    fn has_unconfirmed_given_id(&self) -> bool {
        self.state.phase.confirmed().is_none() && is_given(self.observed.binding, &self.state.record)
    }

    fn is_rotating(&self) -> bool {
        matches!(self.state.phase, Phase::Rotating { .. })
    }

    /// The broker accepted the operation (202): it is polled from now on.
    fn accepted(&mut self, operation: Option<Screened>, reason: &'static str, message: &str) {
        let (operation, remark) = stored("operation", operation);
        let message = format!("{message}{remark}");
        let maximum = self.observed.offering.maximum_polling_duration;
        self.state.phase.set_execution(Execution::Polled(operation));
        self.state.progress().poll(&self.observed.now, maximum);
        self.report(self.condition_of_operation(), Status::False, reason, &message);
        self.record_event(false, reason, &message);
        self.next_poll = Some(schedule::poll(&self.observed.now, None, None));
    }

    /// The broker already has something under this id (409): polling finds out what.
    fn verify(&mut self, reason: &'static str, message: &str) {
        self.accepted(None, reason, message);
        let maximum = self.observed.offering.maximum_polling_duration;
        self.state.progress().verify(&self.observed.now, maximum);
    }

    /// Counts a failure, and reports when the request is retried.
    fn retry(&mut self, status: Status, reason: &'static str, message: &str, retry_after: Option<Duration>) {
        let next = self.fail(retry_after);
        let message = format!("{message}; next attempt at {}", next.0);
        self.report(condition::READY, status, reason, &message);
        self.record_event(true, reason, &message);
    }

    /// Counts a failure; returns the time of the next attempt.
    fn fail(&mut self, retry_after: Option<Duration>) -> Time {
        fail(&mut self.state, self.observed, retry_after)
    }

    fn mitigation(&mut self, call: &Call, outcome: Outcome) {
        let removal = removal(self.observed, &call.binding_id, self.broker);
        let removed = orphan::settle(&mut self.state, &removal, outcome);
        self.note = removed.note;
        self.next_poll = removed.next_poll;
        let Some(gone) = removed.gone else { return };
        let latest = attempt_id(&self.observed.binding.metadata, self.state.record.abandoned_attempts - 1);
        if gone.never_existed && call.binding_id == latest {
            self.state.progress().reuse_attempt();
        }
        if self.state.is_bound() {
            return;
        }
        if self.state.phase.confirmed().is_none() && self.state.record.orphans.is_empty() {
            self.state.record.unbind_status = RemovalStatus::NotRequired;
        }
        if !condition::is_true(&self.state.record.conditions, condition::FAILED) {
            let message = self.state.progress().back_off(&gone.why, &self.observed.now, self.observed.seed());
            self.report(condition::READY, Status::False, reason::ORPHAN_MITIGATION_SUCCESSFUL, &message);
        }
    }
}

/// The message about credentials that cannot be written.
fn unusable(why: &str) -> String {
    format!("Cannot write the credentials to the Secret: {why}")
}

/// Counts a failure of the current operation, and has it requested again; returns the time of the next attempt.
fn fail(state: &mut BindingState, observed: &Observed<'_>, retry_after: Option<Duration>) -> Time {
    state.phase.set_execution(Execution::Requested);
    state.progress().fail(&observed.now, observed.seed(), retry_after)
}
