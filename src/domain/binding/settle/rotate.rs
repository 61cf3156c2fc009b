//! What came of the request for a successor, or of the question how far it is? Whatever it is, the binding stays as it is
//! until the Secret holds the credentials of the successor.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::After;
use crate::crd::ServiceBindingStatus;
use crate::crd::binding::Predecessor;
use crate::crd::condition::{self, Status};
use crate::domain::binding::{Observed, Validity, asked, orphan_of};
use crate::domain::progress::HasProgress as _;
use crate::domain::verdict::{self, Verdict};
use crate::domain::{Outcome, reason};
use crate::osb::{self, State};

impl After<'_, '_> {
    pub(super) fn rotation(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Stored { digest, validity } => self.rotated(&digest, validity),
            Outcome::InProgress { operation, .. } => self.successor_begun(operation),
            Outcome::Polled(last) => match last.state {
                State::InProgress => self.going_on(last.description.as_deref(), last.retry_after),
                State::Succeeded | State::Failed => {
                    let description = last.description.as_deref().unwrap_or("it gave no reason");
                    self.operation_failed(&format!("The broker reports a failure: {description}"));
                }
            },
            Outcome::Failed(error) if self.status.async_op_in_progress => self.successor_lost(&error),
            Outcome::Failed(error) => self.successor_failed(&error),
            Outcome::Unusable(why) => self.give_up_successor(&why, None),
            Outcome::NotAsked(why) => self.rotation_failed(&why, None),
            Outcome::Done { .. } => {}
        }
    }

    fn rotated(&mut self, digest: &str, validity: Validity) {
        let status = &mut *self.status;
        let successor = std::mem::take(&mut status.successor_id);
        let former = Predecessor {
            instance: asked(status).cloned(),
            binding_id: std::mem::replace(&mut status.binding_id, successor),
            revision: 0,
            replaced_at: Some(self.observed.now.clone()),
            expires_at: status.expires_at.take(),
        };
        (status.issued_at, status.renew_before) = (None, None);
        self.bound(digest, validity);
        let revision = self.status.credentials_revision - 1;
        self.status.predecessor = Some(Predecessor { revision, ..former });
        let message = "The credentials were replaced";
        self.report(condition::ROTATED, Status::True, reason::ROTATED_SUCCESSFULLY, message);
    }

    fn successor_begun(&mut self, operation: Option<String>) {
        let message = "The credentials are being replaced asynchronously";
        self.begun(operation, reason::ROTATING, message);
    }

    fn successor_lost(&mut self, error: &osb::Error) {
        if self.is_verifying() && verdict::is_unknown(error) {
            let message = format!(
                "The broker {} says that it has the successor already, but does not know of it: {error}",
                self.broker
            );
            self.give_up_successor(&message, error.retry_after());
        } else {
            self.asked_in_vain(error);
        }
    }

    fn successor_failed(&mut self, error: &osb::Error) {
        let message = format!(
            "The broker {} did not replace the credentials: {error}{}",
            self.broker,
            verdict::hint(error)
        );
        let retry_after = error.retry_after();
        match verdict::of_creation(error).after_attempts(self.observed.repeated) {
            Verdict::Poll if self.observed.offering.retrievable => {
                self.successor_begun(None);
                let maximum = self.observed.offering.maximum_polling_duration;
                self.status.progress().verify(&self.observed.now, maximum);
            }
            Verdict::Orphan | Verdict::Poll => self.give_up_successor(&message, retry_after),
            Verdict::Refused => {
                forget_successor(self.status);
                self.status.progress().wait_longest();
                self.rotation_failed(&message, retry_after);
            }
            Verdict::Retry => {
                forget_successor(self.status);
                self.rotation_failed(&message, retry_after);
            }
            Verdict::Repeat => self.rotation_failed(&message, retry_after),
        }
    }

    /// The broker has tried, and could not.
    pub(super) fn successor_refused(&mut self, why: &str) {
        self.status.progress().wait_longest();
        self.give_up_successor(why, None);
    }

    fn give_up_successor(&mut self, why: &str, retry_after: Option<Duration>) {
        let message = give_up_successor(self.observed, self.status, why, retry_after);
        self.tell(true, reason::ROTATION_FAILED, &message);
    }

    fn rotation_failed(&mut self, why: &str, retry_after: Option<Duration>) {
        let message = rotation_failed(self.observed, self.status, why, retry_after);
        self.tell(true, reason::ROTATION_FAILED, &message);
    }

    /// What a successor or a predecessor has left is gone: a failed rotation is tried again as late as its failures ask for.
    pub(super) fn left_is_gone(&mut self) {
        let seed = self.seed();
        let owed = condition::is_false(&self.status.conditions, condition::ROTATED);
        let mut progress = self.status.progress();
        if owed {
            progress.back_off(&self.observed.now, seed);
        } else {
            progress.forget_failures();
        }
    }
}

/// The successor is given up, and what may have been made of it is removed. Returns what the user is told.
pub(in crate::domain::binding) fn give_up_successor(
    observed: &Observed<'_>,
    status: &mut ServiceBindingStatus,
    why: &str,
    retry_after: Option<Duration>,
) -> String {
    let message = rotation_failed(observed, status, why, retry_after);
    abandon_successor(status, why, &observed.now, retry_after);
    message
}

/// What may have been made of the successor is removed.
pub(in crate::domain::binding) fn abandon_successor(
    status: &mut ServiceBindingStatus,
    why: &str,
    now: &Time,
    retry_after: Option<Duration>,
) {
    let left = asked(status).map(|instance| orphan_of(status.successor_id.clone(), instance, why));
    forget_successor(status);
    if let Some(left) = left {
        let reason = reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION;
        status.progress().abandon(left, reason, now, retry_after);
    }
}

fn forget_successor(status: &mut ServiceBindingStatus) {
    status.successor_id.clear();
    status.current_operation = None;
    status.in_progress_properties = None;
    status.progress().end();
}

/// The credentials stay as they are for now. Returns what the user is told.
pub(in crate::domain::binding) fn rotation_failed(
    observed: &Observed<'_>,
    status: &mut ServiceBindingStatus,
    why: &str,
    retry_after: Option<Duration>,
) -> String {
    let seed = observed.binding.metadata.uid.as_deref().unwrap_or_default();
    let mut progress = status.progress();
    let next = progress.fail(&observed.now, seed, retry_after);
    let message =
        format!("{why}; the credentials stay as they are, and it is tried again, not before {}", next.0);
    progress.report(condition::ROTATED, Status::False, reason::ROTATION_FAILED, &message, &observed.now);
    message
}
