//! What is so after a call to the broker of an instance?

mod deprovision;
mod poll;
mod provision;
mod update;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::keep::fingerprint;
use super::{Call, Observed, Verb, asked, orphan, schedule};
use crate::crd::ServiceInstanceStatus;
use crate::crd::condition::{self, Status};
use crate::crd::instance::InstanceOperation;
use crate::crd::operation::Orphan;
use crate::domain::orphan::Removal;
use crate::domain::progress::HasProgress as _;
use crate::domain::{Note, Outcome, Settled, reason};

type Status_ = ServiceInstanceStatus;

/// The status after a call, from the one before and what came of it.
pub fn settle(observed: &Observed<'_>, call: &Call, outcome: Outcome) -> Settled<Status_> {
    let mut status = observed.instance.status.clone().unwrap_or_default();
    let mut after =
        After { observed, call, status: &mut status, note: None, release: false, next_poll: None };
    match (&call.verb, outcome) {
        (Verb::Mitigate | Verb::PollMitigation(_), outcome) => after.mitigation(outcome),
        (_, Outcome::NotAsked(why)) => after.not_asked(&why),
        (Verb::Deprovision, outcome) => after.deprovision(outcome),
        (Verb::Provision, outcome) => after.provision(outcome),
        (Verb::Update { .. }, outcome) => after.update(outcome),
        (Verb::Poll(_), outcome) => after.poll(outcome),
    }
    let After { note, release, next_poll, .. } = after;
    Settled { status, release, note, next_poll }
}

/// What is so if the status is no longer the one `before` the call: a former leader's last word came late. What the broker
/// was asked must not be forgotten over it. Nothing, if the status that is there now knows of it.
pub fn overtaken(observed: &Observed<'_>, before: &Status_, call: &Call) -> Option<Status_> {
    let mut status = observed.instance.status.clone().unwrap_or_default();
    match call.verb {
        Verb::Provision => {
            let same = asked(&status).map(fingerprint) == asked(before).map(fingerprint);
            let known = status.instance_id == call.instance_id
                && (same || status.external_properties.is_some())
                || status.orphans.iter().any(|orphan| orphan.id == call.instance_id);
            let left = orphan(before, "another replica wrote the status while the broker was asked");
            abandon(observed, &mut status, left.filter(|_| !known)?, None);
        }
        Verb::Update { .. } if !status.update_uncertain => status.update_uncertain = true,
        _ => return None,
    }
    Some(status)
}

/// An asynchronous operation has taken longer than it may: it counts as failed (OSB, “Polling Last Operation”).
pub(super) fn overdue(observed: &Observed<'_>, mut status: Status_) -> Status_ {
    let message = "The operation took longer than the broker's plan or the operator allows".to_owned();
    let call = Call {
        verb: Verb::Poll(None),
        instance_id: status.instance_id.clone(),
        service_id: String::new(),
        plan_id: String::new(),
        broker: String::new(),
        maximum_polling_duration: None,
    };
    status.update_uncertain |= status.current_operation == Some(InstanceOperation::Update);
    let mut after =
        After { observed, call: &call, status: &mut status, note: None, release: false, next_poll: None };
    after.operation_failed(&message, None);
    status
}

/// The attempt under way is given up, and what it may have left is removed, unless the broker wants to be left alone
/// for a while.
pub(super) fn mitigate(
    observed: &Observed<'_>,
    status: &mut Status_,
    why: &str,
    retry_after: Option<Duration>,
) {
    if let Some(orphan) = orphan(status, why) {
        abandon(observed, status, orphan, retry_after);
    }
}

fn abandon(observed: &Observed<'_>, status: &mut Status_, orphan: Orphan, retry_after: Option<Duration>) {
    status.current_operation = None;
    let mut progress = status.progress();
    progress.end();
    progress.abandon(orphan, reason::STARTING_INSTANCE_ORPHAN_MITIGATION, &observed.now, retry_after);
}

/// The removal of what an attempt may have left.
pub(super) fn removal<'a>(observed: &'a Observed<'_>, id: &'a str, broker: &'a str) -> Removal<'a> {
    let seed = observed.instance.metadata.uid.as_deref().unwrap_or_default();
    let reason = reason::STARTING_INSTANCE_ORPHAN_MITIGATION;
    Removal { id, broker, reason, seed, now: &observed.now }
}

struct After<'a, 'b> {
    observed: &'a Observed<'a>,
    call: &'a Call,
    status: &'b mut Status_,
    note: Option<Note>,
    release: bool,
    next_poll: Option<Time>,
}

impl After<'_, '_> {
    fn now(&self) -> &Time {
        &self.observed.now
    }

    fn seed(&self) -> &str {
        self.observed.instance.metadata.uid.as_deref().unwrap_or_default()
    }

    fn report(&mut self, type_: &str, status: Status, reason: &'static str, message: &str) {
        self.status.progress().report(type_, status, reason, message, &self.observed.now);
    }

    fn tell(&mut self, warning: bool, reason: &'static str, message: &str) {
        self.note = Some(Note::new(warning, reason, message));
    }

    /// The broker was not asked: what it may have done before stays as it is.
    fn not_asked(&mut self, why: &str) {
        let type_ = self.condition_of_operation();
        let why = format!("The broker {} cannot be asked: {why}", self.call.broker);
        if matches!(self.call.verb, Verb::Poll(_)) {
            self.report(type_, Status::False, reason::ERROR_POLLING_LAST_OPERATION, &why);
            self.next_poll =
                Some(schedule::poll(self.now(), self.status.operation_start_time.as_ref(), None));
        } else {
            self.try_again(type_, Status::False, reason::REFERENCES_NONEXISTENT_BROKER, (&why, None));
        }
    }

    /// What was asked for is so.
    fn confirmed(&mut self) {
        self.status.update_uncertain = false;
        self.status.external_properties = self.status.in_progress_properties.take();
        self.status.current_operation = None;
        self.status.reconciled_generation = self.status.observed_generation;
        let mut progress = self.status.progress();
        progress.end();
        progress.forget_failures();
        progress.withdraw(condition::FAILED);
        progress.withdraw(condition::UPDATED);
    }

    fn begun(&mut self, operation: Option<String>, type_: &str, reason: &'static str, message: &str) {
        self.status.progress().poll(operation, &self.observed.now, self.call.maximum_polling_duration);
        self.report(type_, Status::False, reason, message);
        self.tell(false, reason, message);
        self.next_poll = Some(schedule::poll(self.now(), None, None));
    }

    /// What may exist is removed; then the instance is made anew, under another id.
    fn give_up(&mut self, message: &str, retry_after: Option<Duration>) {
        let seed = self.seed().to_owned();
        let next = self.status.progress().fail(&self.observed.now, &seed, retry_after);
        mitigate(self.observed, self.status, message, retry_after);
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
        (message, retry_after): (&str, Option<Duration>),
    ) {
        let seed = self.seed().to_owned();
        let next = self.status.progress().fail(&self.observed.now, &seed, retry_after);
        let message = format!("{message}; it is tried again at {}", next.0);
        self.report(type_, status, reason, &message);
        self.tell(true, reason, &message);
    }

    /// The broker will not have it: nothing more happens until the spec changes.
    fn refused(&mut self, message: &str) {
        let provision = self.status.external_properties.is_none();
        self.status.refused =
            self.status.in_progress_properties.take().map(|wish| fingerprint(&wish)).unwrap_or_default();
        self.status.current_operation = None;
        let mut progress = self.status.progress();
        progress.end();
        progress.forget_failures();
        let message = format!("{message}; it is not tried again until the spec changes");
        if provision {
            self.status.deprovision_status = "NotRequired".to_owned();
            self.report(condition::READY, Status::False, reason::PROVISION_CALL_FAILED, &message);
            self.report(condition::FAILED, Status::True, reason::BROKER_RETURNED_FAILURE, &message);
            self.tell(true, reason::PROVISION_CALL_FAILED, &message);
        } else {
            self.report(condition::UPDATED, Status::False, reason::UPDATE_INSTANCE_CALL_FAILED, &message);
            self.tell(true, reason::UPDATE_INSTANCE_CALL_FAILED, &message);
        }
    }
}
