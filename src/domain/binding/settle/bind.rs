//! What came of a bind, or of a Secret's repair?

use std::time::Duration;

use super::{Settlement, mitigate, ready};
use crate::crd::condition::{self, Status};
use crate::crd::operation::RemovalStatus;
use crate::crd::reference::LocalObjectReference;
use crate::domain::binding::desired::fingerprint;
use crate::domain::binding::revision::revise;
use crate::domain::progress::HasProgress as _;
use crate::domain::validity::Validity;
use crate::domain::verdict::{self, Verdict};
use crate::domain::{Outcome, reason};
use crate::osb;

impl Settlement<'_> {
    pub(super) fn bind(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Stored { digest, validity } => self.bound(&digest, validity),
            Outcome::InProgress { operation, .. } => {
                let message = "The binding is being created asynchronously";
                self.accepted(operation, reason::BINDING, message);
            }
            Outcome::Unusable(why) => self.give_up(reason::ERROR_INJECTING_BIND_RESULT, &why, None),
            Outcome::Failed(error) => self.bind_failed(&error),
            Outcome::Done { .. } | Outcome::Polled(_) | Outcome::NotAsked(_) => {}
        }
    }

    /// The Secret holds the credentials.
    pub(super) fn bound(&mut self, digest: &str, validity: Validity) {
        let binding = self.observed.binding;
        self.state.phase.confirm();
        let record = &mut self.state.record;
        if !record.orphans.is_empty() {
            // Pods may have started with the credentials of a successor that came to nothing: they have to get these.
            record.secret_digest.clear();
        }
        revise(binding, record, digest);
        record.binding = Some(LocalObjectReference { name: binding.secret_name().to_owned() });
        record.unbind_status = RemovalStatus::Required;
        record.reconciled_generation = record.observed_generation;
        self.valid(validity);
        ready(&mut self.state.record, &self.observed.now);
    }

    /// What a broker that tells the credentials again does not say of them is as it was.
    fn valid(&mut self, validity: Validity) {
        let Validity { expires_at, renew_before, unreadable } = validity;
        let record = &mut self.state.record;
        record.issued_at.get_or_insert_with(|| self.observed.now.clone());
        record.expires_at = expires_at.or_else(|| record.expires_at.take());
        record.renew_before = renew_before.or_else(|| record.renew_before.take());
        if let Some(message) = unreadable {
            self.tell(true, reason::UNREADABLE_EXPIRY, &message);
        }
    }

    /// The broker was not asked, or has surely done nothing. What it gave before is still there.
    fn nothing_happened(&mut self) {
        self.state.phase.withdraw();
        if self.state.phase.confirmed().is_none() {
            self.state.record.unbind_status = RemovalStatus::NotRequired;
        }
    }

    fn bind_failed(&mut self, error: &osb::Error) {
        let message =
            format!("The broker {} did not make the binding: {error}{}", self.broker, verdict::hint(error));
        let bound = self.state.phase.confirmed().is_some();
        // An id that the user has given may belong to something else, unless it was sent before.
        let given = !self.observed.binding.spec.external_id.is_empty();
        let foreign = given && !bound && !self.observed.repeated;
        match verdict::of_creation(error).after_attempts(self.observed.repeated) {
            Verdict::Refused if !bound => self.refused(&message),
            Verdict::Poll if foreign => self.refused(&message),
            Verdict::Poll if self.observed.offering.retrievable => {
                let message = "The broker has the binding already; it is asked how far it is";
                self.verify(reason::BINDING, message);
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

    /// What may exist is removed; then the broker is asked again, under a new id.
    pub(super) fn give_up(&mut self, reason: &'static str, message: &str, retry_after: Option<Duration>) {
        let next = self.fail(retry_after);
        mitigate(&mut self.state, self.observed, message, retry_after);
        let message =
            format!("{message}; what may exist is removed, then it is tried again, not before {}", next.0);
        self.report(condition::READY, Status::False, reason, &message);
        self.tell(true, reason, &message);
    }

    /// The broker will not have it: nothing more happens until something else is asked for.
    pub(super) fn refused(&mut self, message: &str) {
        self.state.record.refused = self.state.phase.request().map(fingerprint).unwrap_or_default();
        self.nothing_happened();
        let mut progress = self.state.progress();
        progress.end();
        progress.forget_failures();
        let message = format!("{message}; it is not tried again: delete the binding and create another");
        self.report(condition::READY, Status::False, reason::BIND_CALL_FAILED, &message);
        self.report(condition::FAILED, Status::True, reason::SERVICE_BINDING_RETURNED_FAILURE, &message);
        self.tell(true, reason::BIND_CALL_FAILED, &message);
    }

    /// The Secret of a bound binding was written again, or taken over.
    pub(super) fn repair(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Stored { digest, validity } => self.bound(&digest, validity),
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
}
