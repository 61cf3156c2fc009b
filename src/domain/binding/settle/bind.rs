//! What came of a bind, or of a Secret's repair?

use std::time::Duration;

use super::{After, mitigate, ready};
use crate::crd::condition::{self, Status};
use crate::crd::reference::LocalObjectReference;
use crate::domain::binding::Validity;
use crate::domain::binding::revision::revise;
use crate::domain::binding::wish::fingerprint;
use crate::domain::progress::HasProgress as _;
use crate::domain::verdict::{self, Verdict};
use crate::domain::{Outcome, reason};
use crate::osb;

impl After<'_, '_> {
    pub(super) fn bind(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Stored { digest, validity } => self.bound(&digest, validity),
            Outcome::InProgress { operation, .. } => {
                let message = "The binding is being created asynchronously";
                self.begun(operation, reason::BINDING, message);
            }
            Outcome::Unusable(why) => self.give_up(reason::ERROR_INJECTING_BIND_RESULT, &why, None),
            Outcome::Failed(error) => self.bind_failed(&error),
            Outcome::Done { .. } | Outcome::Polled(_) | Outcome::NotAsked(_) => {}
        }
    }

    /// The Secret holds the credentials.
    pub(super) fn bound(&mut self, digest: &str, validity: Validity) {
        self.status.external_properties =
            self.status.in_progress_properties.take().or_else(|| self.status.external_properties.take());
        self.status.current_operation = None;
        if !self.status.orphans.is_empty() {
            // Pods may have started with the credentials of a successor that came to nothing: they have to get these.
            self.status.secret_digest.clear();
        }
        revise(self.observed.binding, self.status, digest);
        self.status.binding =
            Some(LocalObjectReference { name: self.observed.binding.secret_name().to_owned() });
        self.status.unbind_status = "Required".to_owned();
        self.status.reconciled_generation = self.status.observed_generation;
        self.valid(validity);
        ready(self.status, &self.observed.now);
    }

    /// What a broker that tells the credentials again does not say of them is as it was.
    fn valid(&mut self, validity: Validity) {
        let Validity { expires_at, renew_before, unreadable } = validity;
        let status = &mut *self.status;
        status.issued_at.get_or_insert_with(|| self.observed.now.clone());
        status.expires_at = expires_at.or_else(|| status.expires_at.take());
        status.renew_before = renew_before.or_else(|| status.renew_before.take());
        if let Some(message) = unreadable {
            self.tell(true, reason::UNREADABLE_EXPIRY, &message);
        }
    }

    /// The broker was not asked, or has surely done nothing. What it gave before is still there.
    fn nothing_happened(&mut self) {
        self.status.current_operation = None;
        self.status.in_progress_properties = None;
        if self.status.external_properties.is_none() {
            self.status.unbind_status = "NotRequired".to_owned();
        }
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
    pub(super) fn give_up(&mut self, reason: &'static str, message: &str, retry_after: Option<Duration>) {
        let seed = self.seed();
        let next = self.status.progress().fail(&self.observed.now, seed, retry_after);
        mitigate(self.observed, self.status, message, retry_after);
        let message =
            format!("{message}; what may exist is removed, then it is tried again, not before {}", next.0);
        self.report(condition::READY, Status::False, reason, &message);
        self.tell(true, reason, &message);
    }

    /// The broker will not have it: nothing more happens until something else is asked for.
    pub(super) fn refused(&mut self, message: &str) {
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
