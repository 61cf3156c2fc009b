//! What is so after a call to the broker of an instance?

mod deprovision;
mod poll;
mod provision;
mod update;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::desired::fingerprint;
use super::state::{InstanceState, Phase};
use super::{Call, Observed, Verb, condition_of};
use crate::crd::ServiceInstanceStatus;
use crate::crd::condition::{self, Status};
use crate::crd::operation::{Orphan, RemovalStatus};
use crate::domain::decision::{Observed as _, State as _};
use crate::domain::orphan::Removal;
use crate::domain::progress::{Execution, HasProgress as _};
use crate::domain::{Note, Outcome, Settled, reason, schedule};

/// The status after a call, from the one before and what came of it.
pub fn settle(observed: &Observed<'_>, call: &Call, outcome: Outcome) -> Settled<ServiceInstanceStatus> {
    let state = InstanceState::parse(observed.instance.status.clone().unwrap_or_default());
    let mut settlement = Settlement::new(observed, call, state);
    match (&call.verb, outcome) {
        (Verb::Mitigate | Verb::PollMitigation(_), outcome) => settlement.mitigation(outcome),
        (_, Outcome::NotAsked(why)) => settlement.not_asked(&why),
        (Verb::Deprovision, outcome) => settlement.deprovision(outcome),
        (Verb::Provision, outcome) => settlement.provision(outcome),
        (Verb::Update { .. }, outcome) => settlement.update(outcome),
        (Verb::Poll(_), outcome) => settlement.poll(outcome),
    }
    let Settlement { state, note, release, next_poll, .. } = settlement;
    Settled { status: state.into_status(), release, note, next_poll }
}

/// What is so if the status is no longer the one `before` the call: a former leader's last word came late. What the broker
/// was asked must not be forgotten over it. Nothing, if the status that is there now knows of it.
pub fn merge_concurrent(
    observed: &Observed<'_>,
    before: &ServiceInstanceStatus,
    call: &Call,
) -> Option<ServiceInstanceStatus> {
    let mut state = InstanceState::parse(observed.instance.status.clone().unwrap_or_default());
    let before = InstanceState::parse(before.clone());
    match call.verb {
        Verb::Provision => {
            let asked = |state: &InstanceState| state.phase.known().map(fingerprint);
            let is_same = asked(&state) == asked(&before);
            let is_known = state.record.instance_id == call.instance_id
                && (is_same || state.phase.confirmed().is_some())
                || state.record.orphans.iter().any(|orphan| orphan.id == call.instance_id);
            let left = before.orphan("another replica wrote the status while the broker was asked");
            abandon(observed, &mut state, left.filter(|_| !is_known)?, None);
        }
        Verb::Update { .. } if !state.record.update_uncertain => state.record.update_uncertain = true,
        _ => return None,
    }
    Some(state.into_status())
}

/// An asynchronous operation has taken longer than it may: it counts as failed (OSB, “Polling Last Operation”).
pub(super) fn overdue(observed: &Observed<'_>, mut state: InstanceState) -> InstanceState {
    let message = "The operation took longer than the broker's plan or the operator allows";
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

/// The attempt under way is given up, and what it may have left is removed, unless the broker wants to be left alone
/// for a while.
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

/// The removal of what an attempt may have left.
pub(super) fn removal<'a>(observed: &'a Observed<'_>, id: &'a str, broker: &'a str) -> Removal<'a> {
    let reason = reason::STARTING_INSTANCE_ORPHAN_MITIGATION;
    Removal { id, broker, reason, seed: observed.seed(), now: &observed.now }
}

/// What becomes of a call: the state, and what the shell does besides writing it.
struct Settlement<'a> {
    observed: &'a Observed<'a>,
    call: &'a Call,
    state: InstanceState,
    note: Option<Note>,
    release: bool,
    next_poll: Option<Time>,
}

impl<'a> Settlement<'a> {
    fn new(observed: &'a Observed<'a>, call: &'a Call, state: InstanceState) -> Self {
        Self { observed, call, state, note: None, release: false, next_poll: None }
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

    /// The condition that tells of the operation under way.
    fn condition_of_operation(&self) -> &'static str {
        condition_of(&self.state.phase)
    }

    /// The broker was not asked: what it may have done before stays as it is.
    fn not_asked(&mut self, why: &str) {
        let type_ = self.condition_of_operation();
        let why = format!("The broker {} cannot be asked: {why}", self.call.broker);
        if matches!(self.call.verb, Verb::Poll(_)) {
            self.report(type_, Status::False, reason::ERROR_POLLING_LAST_OPERATION, &why);
            self.poll_later(None);
        } else {
            self.try_again(type_, Status::False, reason::REFERENCES_NONEXISTENT_BROKER, &why, None);
        }
    }

    /// What was asked for is so.
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

    /// The broker has accepted the operation and works on it.
    fn accepted(&mut self, operation: Option<String>, reason: &'static str, message: &str) {
        self.state.phase.set_execution(Execution::Polled(operation));
        self.state.progress().poll(&self.observed.now, self.call.maximum_polling_duration);
        self.report(self.condition_of_operation(), Status::False, reason, message);
        self.tell(false, reason, message);
        self.next_poll = Some(schedule::poll(&self.observed.now, None, None));
    }

    /// Counts a failure of the operation under way, which is requested again; returns when.
    fn fail(&mut self, retry_after: Option<Duration>) -> Time {
        self.state.phase.set_execution(Execution::Requested);
        self.state.progress().fail(&self.observed.now, self.observed.seed(), retry_after)
    }

    /// What may exist is removed; then the instance is made anew, under another id.
    fn give_up(&mut self, message: &str, retry_after: Option<Duration>) {
        let next = self.fail(retry_after);
        mitigate(&mut self.state, self.observed, message, retry_after);
        let message =
            format!("{message}; what may exist is removed, then it is tried again, not before {}", next.0);
        let reason = reason::STARTING_INSTANCE_ORPHAN_MITIGATION;
        self.report(condition::READY, Status::False, reason, &message);
        self.tell(true, reason, &message);
    }

    fn try_again(
        &mut self,
        type_: &str,
        status: Status,
        reason: &'static str,
        message: &str,
        retry_after: Option<Duration>,
    ) {
        let next = self.fail(retry_after);
        let message = format!("{message}; it is tried again at {}", next.0);
        self.report(type_, status, reason, &message);
        self.tell(true, reason, &message);
    }

    /// The broker will not have it: nothing more happens until the spec changes.
    fn refused(&mut self, message: &str) {
        let is_provision = self.state.phase.confirmed().is_none();
        let asked = self.state.phase.withdraw();
        self.state.record.refused = asked.as_ref().map(fingerprint).unwrap_or_default();
        let mut progress = self.state.progress();
        progress.end();
        progress.forget_failures();
        let message = format!("{message}; it is not tried again until the spec changes");
        if is_provision {
            self.state.record.deprovision_status = RemovalStatus::NotRequired;
            self.report(condition::READY, Status::False, reason::PROVISION_CALL_FAILED, &message);
            self.report(condition::FAILED, Status::True, reason::BROKER_RETURNED_FAILURE, &message);
            self.tell(true, reason::PROVISION_CALL_FAILED, &message);
        } else {
            self.report(condition::UPDATED, Status::False, reason::UPDATE_INSTANCE_CALL_FAILED, &message);
            self.tell(true, reason::UPDATE_INSTANCE_CALL_FAILED, &message);
        }
    }
}
