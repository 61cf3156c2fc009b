//! What does the outcome of a call change in the status of an instance? The entry point is [`settle`].

mod deprovision;
mod poll;
mod provision;
mod update;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::desired::fingerprint;
use super::ids::is_given;
use super::state::{InstanceState, Phase};
use super::{Call, Observed, Verb, condition_of};
use crate::crd::ServiceInstanceStatus;
use crate::crd::condition::{self, Status};
use crate::crd::operation::{Orphan, RemovalStatus};
use crate::domain::decision::{Observed as _, State as _};
use crate::domain::orphan::Removal;
use crate::domain::osb_id::HasOsbIds as _;
use crate::domain::progress::{Execution, HasProgress as _};
use crate::domain::step::{not_called, stored};
use crate::domain::{Note, Outcome, Settled, reason, schedule};
use crate::osb::Screened;

/// What a message adds about an attempt that failed for good and may have left something under a given id.
const LEFT_UNDER_GIVEN_ID: &str = "; what the broker may have under spec.externalID is not deleted";

/// Settles a call: the new status, from the stored one and the outcome, and what the shell does besides writing it.
pub fn settle(observed: &Observed<'_>, call: &Call, outcome: Outcome) -> Settled<ServiceInstanceStatus> {
    let state = InstanceState::parse(observed.instance.status.clone().unwrap_or_default());
    let mut settlement = Settlement::new(observed, call, state);
    match (&call.verb, outcome) {
        (_, Outcome::OutOfReach(why)) if settlement.is_deleted() => settlement.leave(&why),
        (_, Outcome::OutOfReach(why)) => settlement.not_called(&why),
        (Verb::Mitigate | Verb::PollMitigation(_), outcome) => settlement.mitigation(outcome),
        (_, Outcome::NotCalled(why)) => settlement.not_called(&why),
        (Verb::Deprovision, outcome) => settlement.deprovision(outcome),
        (Verb::Provision, outcome) => settlement.provision(outcome),
        (Verb::Update { .. }, outcome) => settlement.update(outcome),
        (Verb::Poll(_), outcome) => settlement.poll(outcome),
    }
    let Settlement { state, note, remove_finalizer, next_poll, .. } = settlement;
    Settled { status: state.into_status(), remove_finalizer, note, next_poll }
}

/// Merges the effect of a call into a status that another replica wrote meanwhile.
///
/// `before` is the status with the intent of the call. A former leader whose write was delayed may have replaced it by
/// one that does not mention the attempt. Without this merge nothing would deprovision what the broker created, and the
/// instance would leak. So a provision becomes an orphan of the present status, and an update makes it uncertain.
/// `None` if that status already accounts for the call.
pub fn merge_concurrent_status(
    observed: &Observed<'_>,
    before: &ServiceInstanceStatus,
    call: &Call,
) -> Option<ServiceInstanceStatus> {
    let mut state = InstanceState::parse(observed.instance.status.clone().unwrap_or_default());
    let before = InstanceState::parse(before.clone());
    match call.verb {
        Verb::Provision => {
            let request = |state: &InstanceState| state.phase.known().map(fingerprint);
            let is_same = request(&state) == request(&before);
            let is_known = state.record.instance_id == call.instance_id
                && (is_same || state.phase.confirmed().is_some())
                || state.record.orphans.iter().any(|orphan| orphan.id == call.instance_id);
            // The next attempt has the same id, and its answer tells what this one has done.
            let is_repeated = is_given(observed.instance, &before.record);
            let orphan = before.orphan("another replica wrote the status during the call");
            abandon(observed, &mut state, orphan.filter(|_| !is_known && !is_repeated)?, None);
        }
        Verb::Update { .. } if !state.record.update_uncertain => state.record.update_uncertain = true,
        _ => return None,
    }
    Some(state.into_status())
}

/// Fails an asynchronous operation that exceeded its maximum polling duration (OSB, “Polling Last Operation”).
pub(super) fn overdue(observed: &Observed<'_>, mut state: InstanceState) -> InstanceState {
    let message = "the operation exceeded its maximum polling duration";
    let call = Call {
        verb: Verb::Poll(None),
        instance_id: state.record.instance_id.clone(),
        service_id: String::new(),
        plan_id: String::new(),
        broker: String::new(),
        maximum_polling_duration: None,
    };
    state.record.update_uncertain |= matches!(state.phase, Phase::Updating { .. });
    let mut settlement = Settlement::new(observed, &call, state);
    settlement.operation_failed(message, None);
    settlement.state
}

/// Gives up the current attempt and makes an orphan of what it may have left at the broker. The removal starts after
/// `retry_after`, if the broker asked for that.
pub(super) fn mitigate(
    state: &mut InstanceState,
    observed: &Observed<'_>,
    why: &str,
    retry_after: Option<Duration>,
) {
    if let Some(orphan) = state.orphan(why) {
        abandon(observed, state, orphan, retry_after);
    }
}

fn abandon(
    observed: &Observed<'_>,
    state: &mut InstanceState,
    orphan: Orphan,
    retry_after: Option<Duration>,
) {
    state.phase.abandon();
    let mut progress = state.progress();
    progress.end();
    progress.abandon(orphan, reason::STARTING_INSTANCE_ORPHAN_MITIGATION, &observed.now, retry_after);
}

/// Describes the removal of an orphan to the module that instances and bindings share.
pub(super) fn removal<'a>(observed: &'a Observed<'_>, id: &'a str, broker: &'a str) -> Removal<'a> {
    let reason = reason::STARTING_INSTANCE_ORPHAN_MITIGATION;
    let may_be_retry = observed.may_be_retry;
    Removal { id, broker, reason, seed: observed.seed(), now: &observed.now, may_be_retry }
}

/// A settlement in the making: the new state, and what the shell does besides writing it.
struct Settlement<'a> {
    observed: &'a Observed<'a>,
    call: &'a Call,
    state: InstanceState,
    note: Option<Note>,
    remove_finalizer: bool,
    next_poll: Option<Time>,
}

impl<'a> Settlement<'a> {
    fn new(observed: &'a Observed<'a>, call: &'a Call, state: InstanceState) -> Self {
        Self { observed, call, state, note: None, remove_finalizer: false, next_poll: None }
    }

    fn report(&mut self, type_: &str, status: Status, reason: &'static str, message: &str) {
        self.state.progress().report(type_, status, reason, message, &self.observed.now);
    }

    fn report_progress(&mut self, type_: &str, reason: &'static str, message: &str) {
        self.state.progress().report_progress(type_, reason, message, &self.observed.now);
    }

    /// Has the shell record an event.
    fn record_event(&mut self, warning: bool, reason: &'static str, message: &str) {
        self.note = Some(Note::new(warning, reason, message));
    }

    /// Schedules the next poll. The interval grows with the time that the operation has taken.
    fn poll_later(&mut self, retry_after: Option<Duration>) {
        let started = self.state.record.operation_start_time.as_ref();
        self.next_poll = Some(schedule::poll(&self.observed.now, started, retry_after));
    }

    /// The condition that reports the current operation.
    fn condition_of_operation(&self) -> &'static str {
        condition_of(&self.state.phase)
    }

    /// The request was not sent, so the state at the broker is unchanged.
    fn not_called(&mut self, why: &str) {
        let type_ = self.condition_of_operation();
        let why = not_called(&self.call.broker, why);
        if matches!(self.call.verb, Verb::Poll(_)) {
            let why = format!("{why}; polling continues");
            self.report(type_, Status::False, reason::ERROR_POLLING_LAST_OPERATION, &why);
            self.poll_later(None);
            return;
        }
        // What was surely never sent needs no broker to be deleted.
        if !self.observed.may_be_retry && matches!(self.call.verb, Verb::Provision | Verb::Update { .. }) {
            self.nothing_happened();
        }
        self.retry(type_, Status::False, reason::REFERENCES_NONEXISTENT_BROKER, &why, None);
    }

    fn is_deleted(&self) -> bool {
        self.observed.instance.metadata.deletion_timestamp.is_some()
    }

    /// Lets the object go, although the broker may still have something for it.
    fn leave(&mut self, why: &str) {
        let instance = self.observed.instance;
        let ids: Vec<&str> = instance.ids().into_iter().map(|(id, _)| id).collect();
        let message = format!(
            "Left at the broker {}: what it may have for the instance, as {}. It cannot be deprovisioned: {why}, and \
             its namespace is being deleted. If the broker has it, delete it there",
            self.call.broker,
            ids.join(", ")
        );
        self.record_event(true, reason::LEFT_AT_BROKER, &message);
        self.remove_finalizer = true;
    }

    /// The attempt certainly had no effect at the broker: the state before it is restored.
    fn nothing_happened(&mut self) {
        self.state.phase.withdraw();
        if self.state.phase.confirmed().is_none() {
            self.state.record.deprovision_status = RemovalStatus::NotRequired;
        }
    }

    /// The broker has confirmed the request.
    fn confirmed(&mut self) {
        self.state.phase.confirm();
        let record = &mut self.state.record;
        record.update_uncertain = false;
        record.reconciled_generation = record.observed_generation;
        let mut progress = self.state.progress();
        progress.end();
        progress.forget_failures();
        progress.withdraw(condition::FAILED);
        progress.withdraw(condition::UPDATED);
    }

    /// The broker accepted the operation (202): it is polled from now on.
    fn accepted(&mut self, operation: Option<Screened>, reason: &'static str, message: &str) {
        let (operation, remark) = stored("operation", operation);
        let message = format!("{message}{remark}");
        self.state.phase.set_execution(Execution::Polled(operation));
        self.state.progress().poll(&self.observed.now, self.call.maximum_polling_duration);
        self.report(self.condition_of_operation(), Status::False, reason, &message);
        self.record_event(false, reason, &message);
        self.next_poll = Some(schedule::poll(&self.observed.now, None, None));
    }

    /// Stores the web page of the instance, if the broker has named one. Returns what to add to the message.
    fn store_dashboard(&mut self, dashboard_url: Option<Screened>) -> String {
        let is_named = dashboard_url.is_some();
        let (url, remark) = stored("dashboard_url", dashboard_url);
        if is_named {
            self.state.record.dashboard_url = url;
        }
        remark
    }

    /// Counts a failure of the current operation, and has it requested again; returns the time of the next attempt.
    fn fail(&mut self, retry_after: Option<Duration>) -> Time {
        self.state.phase.set_execution(Execution::Requested);
        self.state.progress().fail(&self.observed.now, self.observed.seed(), retry_after)
    }

    /// Whether the user has given the id of the attempt; see `instance`.
    fn has_given_id(&self) -> bool {
        is_given(self.observed.instance, &self.state.record)
    }

    /// Gives up the attempt: orphan mitigation, then another attempt under a new id. With a given id the same request
    /// is sent again.
    fn give_up(&mut self, message: &str, retry_after: Option<Duration>) {
        if self.has_given_id() {
            let reason = reason::PROVISION_CALL_FAILED;
            return self.retry(condition::READY, Status::False, reason, message, retry_after);
        }
        let next = self.fail(retry_after);
        mitigate(&mut self.state, self.observed, message, retry_after);
        let message =
            format!("{message}; deleting what may exist at the broker; next attempt not before {}", next.0);
        let reason = reason::STARTING_INSTANCE_ORPHAN_MITIGATION;
        self.report(condition::READY, Status::False, reason, &message);
        self.record_event(true, reason, &message);
    }

    /// Counts a failure, and reports when the request is retried.
    fn retry(
        &mut self,
        type_: &str,
        status: Status,
        reason: &'static str,
        message: &str,
        retry_after: Option<Duration>,
    ) {
        let next = self.fail(retry_after);
        let message = format!("{message}; next attempt at {}", next.0);
        self.report(type_, status, reason, &message);
        self.record_event(true, reason, &message);
    }

    /// The broker refused the request. The operator does not send the same request again.
    fn refused(&mut self, message: &str) {
        let is_provision = self.state.phase.confirmed().is_none();
        let request = self.state.phase.withdraw();
        self.state.record.refused = request.as_ref().map(fingerprint).unwrap_or_default();
        let mut progress = self.state.progress();
        progress.end();
        progress.forget_failures();
        let message =
            format!("{message}; not retried until the parameters, the plan or spec.updateRequests change");
        if is_provision {
            self.state.record.deprovision_status = RemovalStatus::NotRequired;
            self.report(condition::READY, Status::False, reason::PROVISION_CALL_FAILED, &message);
            self.report(condition::FAILED, Status::True, reason::BROKER_RETURNED_FAILURE, &message);
            self.record_event(true, reason::PROVISION_CALL_FAILED, &message);
        } else {
            self.report(condition::UPDATED, Status::False, reason::UPDATE_INSTANCE_CALL_FAILED, &message);
            self.record_event(true, reason::UPDATE_INSTANCE_CALL_FAILED, &message);
        }
    }
}
