//! Which status follows from the outcome of a poll of an asynchronous bind or unbind?

use std::time::Duration;

use super::{LEFT_UNDER_GIVEN_ID, Settlement};
use crate::crd::condition::Status;
use crate::domain::binding::state::Phase;
use crate::domain::progress::HasProgress as _;
use crate::domain::{Outcome, reason, schedule, verdict};
use crate::osb::{self, OperationState};

/// Why a bind fails whose last poll says that it succeeded.
pub(super) const NOT_FETCHED: &str = "the broker reports success, but the credentials were not fetched";

impl Settlement<'_> {
    pub(super) fn poll(&mut self, outcome: Outcome) {
        let removing = matches!(self.state.phase, Phase::Unbinding { .. });
        match outcome {
            Outcome::Stored { digest, keys, validity } => self.bound(&digest, keys, validity),
            Outcome::NoCredentials => self.without_credentials(),
            Outcome::Polled(last) => match last.state {
                OperationState::InProgress => {
                    self.still_in_progress(last.description.as_deref(), last.retry_after);
                }
                OperationState::Succeeded if removing => self.unbound(),
                OperationState::Succeeded => self.operation_failed(NOT_FETCHED),
                OperationState::Failed => {
                    let description = last.description.as_deref().unwrap_or("no reason given");
                    self.operation_failed(&format!("the broker reports a failure: {description}"));
                }
            },
            Outcome::Failed(error) if removing && error.is_gone() => self.unbound(),
            Outcome::Failed(error) if removing && error.is_not_found() => {
                self.operation_failed("the broker does not know the operation");
            }
            Outcome::Failed(error) if self.is_verifying() && verdict::is_unknown(&error) => {
                let message = format!(
                    "The broker {} answered 409 (already exists), but does not know the binding when polled: {error}",
                    self.broker
                );
                let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
                self.give_up(reason, &message, error.retry_after());
            }
            Outcome::Failed(error) => self.poll_failed(&error),
            Outcome::Unusable(why) => self.not_stored(&why),
            Outcome::Done { .. }
            | Outcome::InProgress { .. }
            | Outcome::NotCalled(_)
            | Outcome::OutOfReach(_) => {}
        }
    }

    /// The poll failed: the state of the operation is unknown, and polling continues.
    pub(super) fn poll_failed(&mut self, error: &osb::Error) {
        if matches!(self.state.phase, Phase::Unbinding { .. }) {
            let failing = self.state.progress().poll_failed(&self.observed.now);
            if failing >= schedule::POLLS_FAIL_FOR {
                let why = format!("its polls have failed for {} s: {error}", failing.as_secs());
                return self.operation_failed(&why);
            }
        }
        let message = format!(
            "The broker {} did not report the state of the operation: {error}; polling continues",
            self.broker
        );
        self.report_progress(reason::ERROR_POLLING_LAST_OPERATION, &message);
        self.poll_later(error.retry_after());
    }

    pub(super) fn is_verifying(&self) -> bool {
        self.state.record.operation.as_ref().is_some_and(|operation| operation.verifying)
    }

    pub(super) fn still_in_progress(&mut self, description: Option<&str>, retry_after: Option<Duration>) {
        if matches!(self.state.phase, Phase::Unbinding { .. }) {
            self.state.progress().poll_answered(&self.observed.now);
        }
        let (reason, message) = match self.state.phase {
            Phase::Unbinding { .. } => (reason::UNBINDING, "The binding is being deleted asynchronously"),
            Phase::Rotating { .. } => (reason::ROTATING, "The credentials are being replaced asynchronously"),
            Phase::Absent { .. } | Phase::Binding { .. } | Phase::Bound { .. } | Phase::Rebinding { .. } => {
                (reason::BINDING, "The binding is being created asynchronously")
            }
        };
        let message = match description.filter(|text| !text.is_empty()) {
            Some(text) => format!("{message} ({text})"),
            None => message.to_owned(),
        };
        self.report_progress(reason, &message);
        self.poll_later(retry_after);
    }

    pub(super) fn operation_failed(&mut self, why: &str) {
        match self.state.phase {
            Phase::Unbinding { .. } => {
                let message = format!("Unbind call failed: {why}");
                self.retry(Status::Unknown, reason::UNBIND_CALL_FAILED, &message, None);
            }
            Phase::Rotating { .. } => self.successor_refused(why),
            Phase::Absent { .. } | Phase::Binding { .. } | Phase::Bound { .. } | Phase::Rebinding { .. } => {
                let is_given = self.has_unconfirmed_given_id();
                let left = self.state.orphan(why).filter(|_| !is_given);
                let stays = if is_given { LEFT_UNDER_GIVEN_ID } else { "" };
                self.refused(&format!("Bind call failed: {why}{stays}"));
                if let Some(left) = left {
                    let why = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
                    self.state.progress().abandon(left, why, &self.observed.now, None);
                }
            }
        }
    }
}
