//! What is so after a call to the broker of a binding?

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::keep::fingerprint;
use super::revision::revise;
use super::{Call, Observed, Verb, orphan};
use crate::crd::ServiceBindingStatus;
use crate::crd::binding::BindingOperation;
use crate::crd::condition::{self, Status};
use crate::crd::reference::LocalObjectReference;
use crate::domain::orphan::Removal;
use crate::domain::progress::HasProgress as _;
use crate::domain::verdict::{self, Verdict};
use crate::domain::{Note, Outcome, Settled, reason, schedule};
use crate::osb::{self, State};

/// The status after a call, from the one before and what came of it.
pub fn settle(observed: &Observed<'_>, call: &Call, outcome: Outcome) -> Settled<ServiceBindingStatus> {
    let mut status = observed.binding.status.clone().unwrap_or_default();
    let broker = &call.instance.broker_name;
    let mut after =
        After { observed, broker, status: &mut status, note: None, release: false, next_poll: None };
    match (&call.verb, outcome) {
        (Verb::Mitigate | Verb::PollMitigation(_), outcome) => after.mitigation(call, outcome),
        (verb, Outcome::NotAsked(why)) => after.not_asked(verb, &why),
        (Verb::Unbind, outcome) => after.unbind(outcome),
        (Verb::Bind, outcome) => after.bind(outcome),
        (Verb::Fetch | Verb::Adopt, outcome) => after.repair(outcome),
        (Verb::Poll(_), outcome) => after.poll(outcome),
    }
    let After { note, release, next_poll, .. } = after;
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
        || status.orphans.iter().any(|orphan| orphan.id == call.binding_id);
    if call.verb != Verb::Bind || known {
        return None;
    }
    let left = orphan(before, "another replica wrote the status while the broker was asked")?;
    status.current_operation = None;
    status.in_progress_properties = None;
    let mut progress = status.progress();
    progress.end();
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

    fn bind(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Stored { digest } => self.bound(&digest),
            Outcome::InProgress { operation, .. } => {
                let message = "The binding is being created asynchronously";
                self.begun(operation, reason::BINDING, message);
            }
            Outcome::Unusable(why) => self.give_up(reason::ERROR_INJECTING_BIND_RESULT, &why, None),
            Outcome::Failed(error) => self.bind_failed(&error),
            Outcome::Done { .. } | Outcome::Polled(_) | Outcome::NotAsked(_) => {}
        }
    }

    fn bound(&mut self, digest: &str) {
        self.status.external_properties =
            self.status.in_progress_properties.take().or_else(|| self.status.external_properties.take());
        self.status.current_operation = None;
        revise(self.observed.binding, self.status, digest);
        self.status.binding =
            Some(LocalObjectReference { name: self.observed.binding.secret_name().to_owned() });
        self.status.unbind_status = "Required".to_owned();
        self.status.reconciled_generation = self.status.observed_generation;
        ready(self.status, &self.observed.now);
    }

    /// The broker was not asked, or has surely done nothing. What it gave before is still there.
    fn nothing_happened(&mut self) {
        self.status.current_operation = None;
        self.status.in_progress_properties = None;
        if self.status.external_properties.is_none() {
            self.status.unbind_status = "NotRequired".to_owned();
        }
    }

    fn begun(&mut self, operation: Option<String>, reason: &'static str, message: &str) {
        let maximum = self.observed.offering.maximum_polling_duration;
        self.status.progress().poll(operation, &self.observed.now, maximum);
        self.report(condition::READY, Status::False, reason, message);
        self.tell(false, reason, message);
        self.next_poll = Some(schedule::poll(&self.observed.now, None, None));
    }

    fn bind_failed(&mut self, error: &osb::Error) {
        let message =
            format!("The broker {} did not make the binding: {error}{}", self.broker, verdict::hint(error));
        let bound = self.status.external_properties.is_some();
        // An id that the user has given may belong to something else, unless it was sent before.
        let given = !self.observed.binding.spec.external_id.is_empty();
        let foreign = given && !bound && !self.observed.repeated;
        match verdict::of_creation(error).after_attempts(self.observed.repeated) {
            Verdict::Refused if !bound => self.refused(&message),
            Verdict::Poll if foreign => self.refused(&message),
            Verdict::Poll if self.observed.offering.retrievable => {
                let message = "The broker has the binding already; it is asked how far it is";
                self.begun(None, reason::BINDING, message);
                let maximum = self.observed.offering.maximum_polling_duration;
                self.status.progress().verify(&self.observed.now, maximum);
            }
            Verdict::Orphan | Verdict::Poll | Verdict::Refused => {
                self.give_up(reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION, &message, error.retry_after());
            }
            Verdict::Retry => {
                self.nothing_happened();
                self.try_again(Status::False, reason::BIND_CALL_FAILED, &message, error.retry_after());
            }
            Verdict::Repeat => {
                self.try_again(Status::False, reason::BIND_CALL_FAILED, &message, error.retry_after());
            }
        }
    }

    /// What may exist is removed; then the binding is made anew, under another id.
    fn give_up(&mut self, reason: &'static str, message: &str, retry_after: Option<Duration>) {
        let seed = self.seed();
        let next = self.status.progress().fail(&self.observed.now, seed, retry_after);
        mitigate(self.observed, self.status, message, retry_after);
        let message =
            format!("{message}; what may exist is removed, then it is tried again, not before {}", next.0);
        self.report(condition::READY, Status::False, reason, &message);
        self.tell(true, reason, &message);
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

    /// The broker will not have it: nothing more happens until something else is asked for.
    fn refused(&mut self, message: &str) {
        self.status.refused =
            self.status.in_progress_properties.as_ref().map(fingerprint).unwrap_or_default();
        self.nothing_happened();
        let mut progress = self.status.progress();
        progress.end();
        progress.forget_failures();
        let message = format!("{message}; it is not tried again: delete the binding and create another");
        self.report(condition::READY, Status::False, reason::BIND_CALL_FAILED, &message);
        self.report(condition::FAILED, Status::True, reason::SERVICE_BINDING_RETURNED_FAILURE, &message);
        self.tell(true, reason::BIND_CALL_FAILED, &message);
    }

    /// The Secret of a bound binding was written again, or taken over.
    fn repair(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Stored { digest } => self.bound(&digest),
            Outcome::Failed(error) => {
                let message =
                    format!("The broker {} does not tell the credentials again: {error}", self.broker);
                self.try_again(
                    Status::False,
                    reason::ERROR_INJECTING_BIND_RESULT,
                    &message,
                    error.retry_after(),
                );
            }
            Outcome::Unusable(why) => {
                self.try_again(Status::False, reason::ERROR_INJECTING_BIND_RESULT, &why, None);
            }
            Outcome::Done { .. } | Outcome::InProgress { .. } | Outcome::Polled(_) | Outcome::NotAsked(_) => {
            }
        }
    }

    fn unbind(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { .. } => self.unbound(),
            Outcome::Failed(error) if error.is_gone() => self.unbound(),
            Outcome::InProgress { operation, .. } => {
                self.begun(operation, reason::UNBINDING, "The binding is being deleted asynchronously");
            }
            Outcome::Failed(error) => {
                let message = format!(
                    "The broker {} did not remove the binding: {error}{}",
                    self.broker,
                    verdict::hint(&error)
                );
                self.try_again(Status::Unknown, reason::UNBIND_CALL_FAILED, &message, error.retry_after());
            }
            Outcome::Polled(_) | Outcome::NotAsked(_) | Outcome::Stored { .. } | Outcome::Unusable(_) => {}
        }
    }

    fn unbound(&mut self) {
        self.status.unbind_status = "Succeeded".to_owned();
        self.status.current_operation = None;
        self.status.external_properties = None;
        self.status.in_progress_properties = None;
        self.release = true;
    }

    fn poll(&mut self, outcome: Outcome) {
        let removing = self.status.current_operation == Some(BindingOperation::Unbind);
        match outcome {
            Outcome::Stored { digest } => {
                self.bound(&digest);
                self.tell(false, reason::INJECTED_BIND_RESULT, "Injected bind result");
            }
            Outcome::Polled(last) => match last.state {
                State::InProgress => self.going_on(last.description.as_deref(), last.retry_after),
                State::Succeeded if removing => self.unbound(),
                State::Succeeded | State::Failed => {
                    let description = last.description.as_deref().unwrap_or("it gave no reason");
                    self.operation_failed(&format!("The broker reports a failure: {description}"));
                }
            },
            Outcome::Failed(error) if removing && error.is_gone() => self.unbound(),
            Outcome::Failed(error) if removing && error.is_not_found() => {
                self.operation_failed("The broker does not know the operation");
            }
            Outcome::Failed(error) if self.is_verifying() && verdict::is_unknown(&error) => {
                let message = format!(
                    "The broker {} says that it has the binding already, but does not know of it: {error}",
                    self.broker
                );
                let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
                self.give_up(reason, &message, error.retry_after());
            }
            Outcome::Failed(error) => {
                let message = format!(
                    "The broker {} does not say how far it is: {error}; it is asked again",
                    self.broker
                );
                self.report(condition::READY, Status::False, reason::ERROR_POLLING_LAST_OPERATION, &message);
                let started = self.status.operation_start_time.as_ref();
                self.next_poll = Some(schedule::poll(&self.observed.now, started, error.retry_after()));
            }
            Outcome::Unusable(why) => self.give_up(reason::ERROR_INJECTING_BIND_RESULT, &why, None),
            Outcome::Done { .. } | Outcome::InProgress { .. } | Outcome::NotAsked(_) => {}
        }
    }

    fn is_verifying(&self) -> bool {
        self.status.operation.as_ref().is_some_and(|operation| operation.verifying)
    }

    fn going_on(&mut self, description: Option<&str>, retry_after: Option<Duration>) {
        let (reason, message) = match self.status.current_operation {
            Some(BindingOperation::Unbind) => {
                (reason::UNBINDING, "The binding is being deleted asynchronously")
            }
            Some(BindingOperation::Bind | BindingOperation::Rotate) | None => {
                (reason::BINDING, "The binding is being created asynchronously")
            }
        };
        let message = match description.filter(|text| !text.is_empty()) {
            Some(text) => format!("{message} ({text})"),
            None => message.to_owned(),
        };
        self.report(condition::READY, Status::False, reason, &message);
        let started = self.status.operation_start_time.as_ref();
        self.next_poll = Some(schedule::poll(&self.observed.now, started, retry_after));
    }

    fn operation_failed(&mut self, why: &str) {
        match self.status.current_operation {
            Some(BindingOperation::Unbind) => {
                let message = format!("Unbind call failed: {why}");
                self.try_again(Status::Unknown, reason::UNBIND_CALL_FAILED, &message, None);
            }
            Some(BindingOperation::Bind | BindingOperation::Rotate) | None => {
                let left = orphan(self.status, why);
                self.refused(&format!("Bind call failed: {why}"));
                if let Some(left) = left {
                    let why = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
                    self.status.progress().abandon(left, why, &self.observed.now, None);
                }
            }
        }
    }

    fn mitigation(&mut self, call: &Call, outcome: Outcome) {
        let removal = removal(self.observed, &call.binding_id, self.broker);
        let after = crate::domain::orphan::settle(self.status, &removal, outcome);
        self.note = after.note;
        self.next_poll = after.next_poll;
        if !after.gone {
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
