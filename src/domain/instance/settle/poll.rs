//! Settles a poll of an asynchronous operation.

use std::time::Duration;

use super::{LEFT_UNDER_GIVEN_ID, Settlement};
use crate::crd::condition::{self, Status};
use crate::domain::instance::state::Phase;
use crate::domain::progress::HasProgress as _;
use crate::domain::verdict;
use crate::domain::{Outcome, reason, schedule};
use crate::osb::{self, OperationState};

impl Settlement<'_> {
    pub(super) fn poll(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Polled(last) => match last.state {
                OperationState::InProgress => {
                    self.still_in_progress(last.description.as_deref(), last.retry_after);
                }
                OperationState::Succeeded => self.operation_succeeded(),
                OperationState::Failed => {
                    let description = last.description.as_deref().unwrap_or("no reason given");
                    let message = format!("the broker reports a failure: {description}");
                    if matches!(self.state.phase, Phase::Updating { .. }) {
                        let message = format!("Update call failed: {message}");
                        self.report_unusable(last.instance_usable, &message);
                    }
                    self.operation_failed(&message, last.update_repeatable);
                }
            },
            Outcome::Failed(error) => self.poll_failed(&error),
            Outcome::Done { .. }
            | Outcome::InProgress { .. }
            | Outcome::NotCalled(_)
            | Outcome::OutOfReach(_)
            | Outcome::Stored { .. }
            | Outcome::NoCredentials
            | Outcome::Unusable(_) => {}
        }
    }

    fn poll_failed(&mut self, error: &osb::Error) {
        let removing = matches!(self.state.phase, Phase::Deprovisioning { .. });
        if removing && error.is_gone() {
            return self.deprovisioned();
        }
        if removing && error.is_not_found() {
            return self.operation_failed("the broker does not know the operation", None);
        }
        let verifying = self.state.record.operation.as_ref().is_some_and(|operation| operation.verifying);
        if verifying && verdict::is_unknown(error) {
            let message = format!(
                "The broker {} answered 409 (already exists), but does not know the instance when polled: {error}",
                self.call.broker
            );
            return self.give_up(&message, error.retry_after());
        }
        if removing {
            let failing = self.state.progress().poll_failed(&self.observed.now);
            if failing >= schedule::POLLS_FAIL_FOR {
                let message = format!("its polls have failed for {} s: {error}", failing.as_secs());
                return self.operation_failed(&message, None);
            }
        }
        let type_ = self.condition_of_operation();
        let message = format!(
            "The broker {} did not report the state of the operation: {error}; polling continues",
            self.call.broker
        );
        self.report_progress(type_, reason::ERROR_POLLING_LAST_OPERATION, &message);
        self.poll_later(error.retry_after());
    }

    fn still_in_progress(&mut self, description: Option<&str>, retry_after: Option<Duration>) {
        if matches!(self.state.phase, Phase::Deprovisioning { .. }) {
            self.state.progress().poll_answered(&self.observed.now);
        }
        let (reason, message) = match self.state.phase {
            Phase::Updating { .. } => {
                (reason::UPDATING_INSTANCE, "The instance is being updated asynchronously")
            }
            Phase::Deprovisioning { .. } => {
                (reason::DEPROVISIONING, "The instance is being deprovisioned asynchronously")
            }
            Phase::Absent { .. } | Phase::Provisioning { .. } | Phase::Provisioned { .. } => {
                (reason::PROVISIONING, "The instance is being provisioned asynchronously")
            }
        };
        let message = match description.filter(|text| !text.is_empty()) {
            Some(text) => format!("{message} ({text})"),
            None => message.to_owned(),
        };
        self.report_progress(self.condition_of_operation(), reason, &message);
        self.poll_later(retry_after);
    }

    fn operation_succeeded(&mut self) {
        match self.state.phase {
            Phase::Updating { .. } => self.updated(None),
            Phase::Deprovisioning { .. } => self.deprovisioned(),
            Phase::Absent { .. } | Phase::Provisioning { .. } | Phase::Provisioned { .. } => {
                self.provisioned(None);
            }
        }
    }

    pub(super) fn operation_failed(&mut self, message: &str, update_repeatable: Option<bool>) {
        match self.state.phase {
            Phase::Deprovisioning { .. } => {
                let message = format!("Deprovision call failed: {message}");
                let reason = reason::DEPROVISION_CALL_FAILED;
                self.retry(condition::READY, Status::Unknown, reason, &message, None);
            }
            // Without `update_repeatable: false` the update may be sent again (OSB, “Service Broker Errors”).
            Phase::Updating { .. } if update_repeatable != Some(false) => {
                let message = format!("Update call failed: {message}");
                let reason = reason::UPDATE_INSTANCE_CALL_FAILED;
                self.retry(condition::UPDATED, Status::False, reason, &message, None);
            }
            Phase::Updating { .. } => self.refused(&format!("Update call failed: {message}")),
            Phase::Absent { .. } | Phase::Provisioning { .. } | Phase::Provisioned { .. } => {
                let is_given = self.has_given_id();
                let orphan = self.state.orphan(message).filter(|_| !is_given);
                let left = if is_given { LEFT_UNDER_GIVEN_ID } else { "" };
                self.refused(&format!("Provision call failed: {message}{left}"));
                if let Some(orphan) = orphan {
                    let why = reason::STARTING_INSTANCE_ORPHAN_MITIGATION;
                    self.state.progress().abandon(orphan, why, &self.observed.now, None);
                }
            }
        }
    }
}
