//! Which status follows from the outcome of a request for a successor, or of a poll of it? The binding itself does not
//! change until the Secret holds the credentials of the successor.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::poll::NOT_FETCHED;
use super::{Settlement, fail, unusable};
use crate::crd::binding::Predecessor;
use crate::crd::condition::{self, Status};
use crate::domain::binding::Observed;
use crate::domain::binding::state::{BindingState, Phase, orphan_of};
use crate::domain::progress::{Execution, HasProgress as _};
use crate::domain::step::not_called;
use crate::domain::validity::Validity;
use crate::domain::verdict::{self, Verdict};
use crate::domain::{Outcome, reason};
use crate::osb;

/// The message while the broker creates the successor.
const IN_PROGRESS: &str = "The credentials are being replaced asynchronously";

impl Settlement<'_> {
    pub(super) fn rotation(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Stored { digest, keys, validity } => self.rotated(&digest, keys, validity),
            Outcome::NoCredentials => {
                let why = format!("The broker {} returned no credentials for the successor", self.broker);
                self.give_up_successor(&why, None);
            }
            Outcome::InProgress { operation, .. } => self.accepted(operation, reason::ROTATING, IN_PROGRESS),
            Outcome::Polled(last) => match last.state {
                osb::OperationState::InProgress => {
                    self.still_in_progress(last.description.as_deref(), last.retry_after);
                }
                osb::OperationState::Succeeded => self.operation_failed(NOT_FETCHED),
                osb::OperationState::Failed => {
                    let description = last.description.as_deref().unwrap_or("no reason given");
                    self.operation_failed(&format!("the broker reports a failure: {description}"));
                }
            },
            Outcome::Failed(error) if self.is_polled() => self.successor_poll_failed(&error),
            Outcome::Failed(error) => self.successor_failed(&error),
            Outcome::Unusable(why) => self.give_up_successor(&unusable(&why), None),
            Outcome::NotCalled(why) | Outcome::OutOfReach(why) => {
                self.rotation_not_called(&not_called(self.broker, &why));
            }
            Outcome::Done { .. } => {}
        }
    }

    fn rotated(&mut self, digest: &str, keys: Vec<String>, validity: Validity) {
        let Phase::Rotating { successor_id, .. } = &self.state.phase else { return };
        let (successor_id, instance) = (successor_id.clone(), self.state.phase.instance().cloned());
        let record = &mut self.state.record;
        let former = Predecessor {
            instance,
            binding_id: std::mem::replace(&mut record.binding_id, successor_id),
            revision: 0,
            replaced_at: Some(self.observed.now.clone()),
            expires_at: record.expires_at.take(),
        };
        (record.issued_at, record.renew_before) = (None, None);
        let are_new = record.secret_digest != digest;
        self.bound(digest, keys, validity);
        let record = &mut self.state.record;
        let revision = record.credentials_revision - 1;
        record.predecessor = Some(Predecessor { revision, ..former });
        let message = if are_new {
            "The Secret holds the new credentials; the operator deletes the previous binding when no pod uses it"
        } else {
            "The broker returned the same credentials as before; the operator deletes the previous binding when no \
             pod uses it"
        };
        self.report(condition::ROTATED, Status::True, reason::ROTATED_SUCCESSFULLY, message);
    }

    /// The request was not sent. A successor that was surely never requested is not removed at the broker, either.
    fn rotation_not_called(&mut self, why: &str) {
        if !self.is_polled() && !self.observed.may_be_retry {
            forget_successor(&mut self.state);
        }
        self.rotation_failed(why, None);
    }

    fn is_polled(&self) -> bool {
        matches!(self.state.phase.execution(), Some(Execution::Polled(_)))
    }

    fn successor_poll_failed(&mut self, error: &osb::Error) {
        if self.is_verifying() && verdict::is_unknown(error) {
            let message = format!(
                "The broker {} answered 409 (already exists), but does not know the successor when polled: {error}",
                self.broker
            );
            self.give_up_successor(&message, error.retry_after());
        } else {
            self.poll_failed(error);
        }
    }

    fn successor_failed(&mut self, error: &osb::Error) {
        let message = format!(
            "The broker {} did not replace the credentials: {error}{}",
            self.broker,
            verdict::hint(error)
        );
        let retry_after = error.retry_after();
        match verdict::of_creation(error).of_attempt(self.observed.may_be_retry, false) {
            Verdict::Poll if self.observed.offering.retrievable => {
                self.verify(reason::ROTATING, IN_PROGRESS);
            }
            Verdict::Orphan | Verdict::Poll => self.give_up_successor(&message, retry_after),
            Verdict::Refused => {
                forget_successor(&mut self.state);
                self.state.progress().wait_longest();
                self.rotation_failed(&message, retry_after);
            }
            Verdict::Retry => {
                forget_successor(&mut self.state);
                self.rotation_failed(&message, retry_after);
            }
            Verdict::Repeat => self.rotation_failed(&message, retry_after),
        }
    }

    /// The broker accepted the request, and then could not create the successor.
    pub(super) fn successor_refused(&mut self, why: &str) {
        self.state.progress().wait_longest();
        self.rotation_failed(&format!("Rotation failed: {why}"), None);
        abandon_successor(&mut self.state, why, &self.observed.now, None);
    }

    fn give_up_successor(&mut self, why: &str, retry_after: Option<Duration>) {
        let message = give_up_successor(self.observed, &mut self.state, why, retry_after);
        self.record_event(true, reason::ROTATION_FAILED, &message);
    }

    fn rotation_failed(&mut self, why: &str, retry_after: Option<Duration>) {
        let message = rotation_failed(self.observed, &mut self.state, why, retry_after);
        self.record_event(true, reason::ROTATION_FAILED, &message);
    }
}

/// Gives up the successor and makes an orphan of it. Returns the message.
pub(in crate::domain::binding) fn give_up_successor(
    observed: &Observed<'_>,
    state: &mut BindingState,
    why: &str,
    retry_after: Option<Duration>,
) -> String {
    let message = rotation_failed(observed, state, why, retry_after);
    abandon_successor(state, why, &observed.now, retry_after);
    message
}

/// Makes an orphan of the successor.
pub(in crate::domain::binding) fn abandon_successor(
    state: &mut BindingState,
    why: &str,
    now: &Time,
    retry_after: Option<Duration>,
) {
    let Phase::Rotating { successor_id, .. } = &state.phase else { return };
    let left = state.phase.instance().map(|instance| orphan_of(successor_id.clone(), instance, why));
    forget_successor(state);
    if let Some(left) = left {
        let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
        state.progress().abandon(left, reason, now, retry_after);
    }
}

fn forget_successor(state: &mut BindingState) {
    state.phase.withdraw();
    state.progress().end();
}

/// Counts and reports a failed rotation; the current credentials stay in place. Returns the message.
pub(in crate::domain::binding) fn rotation_failed(
    observed: &Observed<'_>,
    state: &mut BindingState,
    why: &str,
    retry_after: Option<Duration>,
) -> String {
    let next = fail(state, observed, retry_after);
    let message = format!("{why}; the current credentials stay in place; next attempt not before {}", next.0);
    let reason = reason::ROTATION_FAILED;
    state.progress().report(condition::ROTATED, Status::False, reason, &message, &observed.now);
    message
}
