//! What is so after a call to the broker of an instance?

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::keep::fingerprint;
use super::{Call, Observed, Verb, orphan, schedule};
use crate::crd::ServiceInstanceStatus;
use crate::crd::condition::{self, Status};
use crate::crd::instance::InstanceOperation;
use crate::domain::orphan::Removal;
use crate::domain::progress::HasProgress as _;
use crate::domain::verdict::{self, Verdict};
use crate::domain::{Note, Outcome, Settled, reason};
use crate::osb::{self, State};

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
    let Some(orphan) = orphan(status, why) else { return };
    status.current_operation = None;
    let mut progress = status.progress();
    progress.end();
    progress.abandon(orphan, reason::STARTING_INSTANCE_ORPHAN_MITIGATION, &observed.now, retry_after);
}

/// The removal of what an attempt may have left.
pub(super) fn removal<'a>(observed: &'a Observed<'_>, id: &'a str, broker: &'a str) -> Removal<'a> {
    let seed = observed.instance.metadata.uid.as_deref().unwrap_or_default();
    Removal { id, broker, seed, now: &observed.now }
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

    fn provision(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { dashboard_url } => self.provisioned(dashboard_url),
            Outcome::InProgress { operation, dashboard_url } => {
                self.status.dashboard_url = dashboard_url;
                let message = "The instance is being provisioned asynchronously";
                self.begun(operation, condition::READY, reason::PROVISIONING, message);
            }
            Outcome::Failed(error) => self.provision_failed(&error),
            Outcome::Polled(_) | Outcome::NotAsked(_) | Outcome::Stored { .. } | Outcome::Unusable(_) => {}
        }
    }

    fn provisioned(&mut self, dashboard_url: Option<String>) {
        if dashboard_url.is_some() {
            self.status.dashboard_url = dashboard_url;
        }
        self.status.provision_status = "Provisioned".to_owned();
        self.confirmed();
        let message = "The instance was provisioned successfully";
        self.report(condition::READY, Status::True, reason::PROVISIONED_SUCCESSFULLY, message);
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

    fn provision_failed(&mut self, error: &osb::Error) {
        let message = format!(
            "The broker {} did not provision the instance: {error}{}",
            self.call.broker,
            verdict::hint(error)
        );
        // An id that the user has given may belong to something else, unless it was sent before.
        let given = !self.observed.instance.spec.external_id.is_empty();
        let foreign = error.is_conflict() && given && !self.observed.repeated;
        match verdict::of_creation(error).after_attempts(self.observed.repeated) {
            Verdict::Refused => self.refused(&message),
            Verdict::Poll if foreign => self.refused(&message),
            Verdict::Poll => {
                let message = "The broker has the instance already; it is asked how far it is";
                self.begun(None, condition::READY, reason::PROVISIONING, message);
                self.status.progress().verify(&self.observed.now, self.call.maximum_polling_duration);
            }
            Verdict::Orphan => self.give_up(&message, error.retry_after()),
            verdict @ (Verdict::Retry | Verdict::Repeat) => {
                if verdict == Verdict::Retry {
                    self.status.current_operation = None;
                    self.status.in_progress_properties = None;
                    self.status.deprovision_status = "NotRequired".to_owned();
                }
                let reason = if error.status().is_some() {
                    reason::PROVISION_CALL_FAILED
                } else {
                    reason::ERROR_CALLING_PROVISION
                };
                self.try_again(condition::READY, Status::False, reason, (&message, error.retry_after()));
            }
        }
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

    fn update(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { dashboard_url } => self.updated(dashboard_url),
            Outcome::InProgress { operation, dashboard_url } => {
                self.status.dashboard_url = dashboard_url.or_else(|| self.status.dashboard_url.take());
                let message = "The instance is being updated asynchronously";
                self.begun(operation, condition::UPDATED, reason::UPDATING_INSTANCE, message);
            }
            Outcome::Failed(error) => {
                let message = format!(
                    "The broker {} did not update the instance: {error}{}",
                    self.call.broker,
                    verdict::hint(&error)
                );
                self.status.update_uncertain |= error.may_have_happened() || self.observed.repeated;
                self.usable(error.instance_usable(), &message);
                match verdict::of_update(&error) {
                    Verdict::Refused => self.refused(&message),
                    Verdict::Retry | Verdict::Repeat | Verdict::Orphan | Verdict::Poll => {
                        let reason = reason::UPDATE_INSTANCE_CALL_FAILED;
                        self.try_again(
                            condition::UPDATED,
                            Status::False,
                            reason,
                            (&message, error.retry_after()),
                        );
                    }
                }
            }
            Outcome::Polled(_) | Outcome::NotAsked(_) | Outcome::Stored { .. } | Outcome::Unusable(_) => {}
        }
    }

    fn updated(&mut self, dashboard_url: Option<String>) {
        if dashboard_url.is_some() {
            self.status.dashboard_url = dashboard_url;
        }
        self.confirmed();
        let message = "The instance was updated successfully";
        self.report(condition::READY, Status::True, reason::INSTANCE_UPDATED_SUCCESSFULLY, message);
    }

    /// Whether the broker says that the instance cannot be used any more (OSB, “Service Broker Errors”).
    fn usable(&mut self, usable: Option<bool>, message: &str) {
        if usable == Some(false) {
            let message = format!("{message}; until it is updated or deleted, the instance cannot be used");
            self.report(condition::READY, Status::False, reason::INSTANCE_UNUSABLE, &message);
        }
    }

    fn deprovision(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { .. } => self.deprovisioned(),
            Outcome::Failed(error) if error.is_gone() => self.deprovisioned(),
            Outcome::InProgress { operation, .. } => {
                let message = "The instance is being deprovisioned asynchronously";
                self.begun(operation, condition::READY, reason::DEPROVISIONING, message);
            }
            Outcome::Failed(error) => {
                let message = format!(
                    "The broker {} did not deprovision the instance: {error}{}",
                    self.call.broker,
                    verdict::hint(&error)
                );
                let reason = reason::DEPROVISION_CALL_FAILED;
                self.try_again(condition::READY, Status::Unknown, reason, (&message, error.retry_after()));
            }
            Outcome::Polled(_) | Outcome::NotAsked(_) | Outcome::Stored { .. } | Outcome::Unusable(_) => {}
        }
    }

    fn deprovisioned(&mut self) {
        self.status.external_properties = None;
        self.status.in_progress_properties = None;
        self.status.current_operation = None;
        self.status.provision_status = "NotProvisioned".to_owned();
        self.status.deprovision_status = "Succeeded".to_owned();
        let mut progress = self.status.progress();
        progress.end();
        progress.forget_failures();
        let message = "The instance was deprovisioned successfully";
        self.report(condition::READY, Status::False, reason::DEPROVISIONED_SUCCESSFULLY, message);
        self.release = true;
    }

    fn poll(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Polled(last) => match last.state {
                State::InProgress => self.going_on(last.description.as_deref(), last.retry_after),
                State::Succeeded => self.operation_succeeded(),
                State::Failed => {
                    let description = last.description.as_deref().unwrap_or("it gave no reason");
                    let message = format!("The broker reports a failure: {description}");
                    if self.status.current_operation == Some(InstanceOperation::Update) {
                        self.usable(last.instance_usable, &message);
                    }
                    self.operation_failed(&message, last.update_repeatable);
                }
            },
            Outcome::Failed(error) => self.poll_failed(&error),
            Outcome::Done { .. }
            | Outcome::InProgress { .. }
            | Outcome::NotAsked(_)
            | Outcome::Stored { .. }
            | Outcome::Unusable(_) => {}
        }
    }

    fn poll_failed(&mut self, error: &osb::Error) {
        let removing = self.status.current_operation == Some(InstanceOperation::Deprovision);
        if removing && error.is_gone() {
            return self.deprovisioned();
        }
        if removing && error.is_not_found() {
            return self.operation_failed("The broker does not know the operation", None);
        }
        let verifying = self.status.operation.as_ref().is_some_and(|operation| operation.verifying);
        if verifying && verdict::is_unknown(error) {
            let message = format!(
                "The broker {} says that it has the instance already, but does not know of it: {error}",
                self.call.broker
            );
            return self.give_up(&message, error.retry_after());
        }
        let type_ = self.condition_of_operation();
        let message =
            format!("The broker {} does not say how far it is: {error}; it is asked again", self.call.broker);
        self.report(type_, Status::False, reason::ERROR_POLLING_LAST_OPERATION, &message);
        self.next_poll =
            Some(schedule::poll(self.now(), self.status.operation_start_time.as_ref(), error.retry_after()));
    }

    fn condition_of_operation(&self) -> &'static str {
        match self.status.current_operation {
            Some(InstanceOperation::Update) => condition::UPDATED,
            Some(InstanceOperation::Provision | InstanceOperation::Deprovision) | None => condition::READY,
        }
    }

    fn going_on(&mut self, description: Option<&str>, retry_after: Option<Duration>) {
        let (reason, message) = match self.status.current_operation {
            Some(InstanceOperation::Update) => {
                (reason::UPDATING_INSTANCE, "The instance is being updated asynchronously")
            }
            Some(InstanceOperation::Deprovision) => {
                (reason::DEPROVISIONING, "The instance is being deprovisioned asynchronously")
            }
            Some(InstanceOperation::Provision) | None => {
                (reason::PROVISIONING, "The instance is being provisioned asynchronously")
            }
        };
        let message = match description.filter(|text| !text.is_empty()) {
            Some(text) => format!("{message} ({text})"),
            None => message.to_owned(),
        };
        self.report(self.condition_of_operation(), Status::False, reason, &message);
        self.next_poll =
            Some(schedule::poll(self.now(), self.status.operation_start_time.as_ref(), retry_after));
    }

    fn operation_succeeded(&mut self) {
        match self.status.current_operation {
            Some(InstanceOperation::Update) => {
                self.updated(None);
                self.tell(
                    false,
                    reason::INSTANCE_UPDATED_SUCCESSFULLY,
                    "The instance was updated successfully",
                );
            }
            Some(InstanceOperation::Deprovision) => self.deprovisioned(),
            Some(InstanceOperation::Provision) | None => {
                self.provisioned(None);
                self.tell(
                    false,
                    reason::PROVISIONED_SUCCESSFULLY,
                    "The instance was provisioned successfully",
                );
            }
        }
    }

    fn operation_failed(&mut self, message: &str, update_repeatable: Option<bool>) {
        match self.status.current_operation {
            Some(InstanceOperation::Deprovision) => {
                let message = format!("Deprovision call failed: {message}");
                let reason = reason::DEPROVISION_CALL_FAILED;
                self.try_again(condition::READY, Status::Unknown, reason, (&message, None));
            }
            // What the broker does not say is that it makes no sense to try again (OSB, “Service Broker Errors”).
            Some(InstanceOperation::Update) if update_repeatable != Some(false) => {
                let message = format!("Update call failed: {message}");
                let reason = reason::UPDATE_INSTANCE_CALL_FAILED;
                self.try_again(condition::UPDATED, Status::False, reason, (&message, None));
            }
            Some(InstanceOperation::Update) => self.refused(&format!("Update call failed: {message}")),
            Some(InstanceOperation::Provision) | None => {
                let left = orphan(self.status, message);
                self.refused(&format!("Provision call failed: {message}"));
                if let Some(left) = left {
                    let why = reason::STARTING_INSTANCE_ORPHAN_MITIGATION;
                    self.status.progress().abandon(left, why, &self.observed.now, None);
                }
            }
        }
    }

    fn mitigation(&mut self, outcome: Outcome) {
        let removal = removal(self.observed, &self.call.instance_id, &self.call.broker);
        let after = crate::domain::orphan::settle(self.status, &removal, outcome);
        self.note = after.note;
        self.next_poll = after.next_poll;
        if after.gone {
            self.mitigated();
        }
    }

    fn mitigated(&mut self) {
        if self.status.external_properties.is_none() && self.status.orphans.is_empty() {
            self.status.in_progress_properties = None;
            self.status.deprovision_status = "NotRequired".to_owned();
        }
        if condition::is_true(&self.status.conditions, condition::FAILED) {
            return;
        }
        let seed = self.seed().to_owned();
        self.status.progress().back_off(&self.observed.now, &seed);
        let message = "Orphan mitigation was completed successfully";
        self.report(condition::READY, Status::False, reason::ORPHAN_MITIGATION_SUCCESSFUL, message);
    }
}
