//! Which status follows from the outcome of a bind, or of a repair of the Secret?

use std::time::Duration;

use super::{LEFT_UNDER_GIVEN_ID, Settlement, mitigate, ready, unusable};
use crate::crd::condition::{self, Status};
use crate::crd::operation::RemovalStatus;
use crate::crd::reference::LocalObjectReference;
use crate::domain::binding::desired::fingerprint;
use crate::domain::binding::ids::is_given;
use crate::domain::binding::revision::revise;
use crate::domain::progress::HasProgress as _;
use crate::domain::validity::Validity;
use crate::domain::verdict::{self, Verdict};
use crate::domain::{Outcome, reason};
use crate::osb;

impl Settlement<'_> {
    pub(super) fn bind(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Stored { digest, keys, validity } => self.bound(&digest, keys, validity),
            Outcome::NoCredentials => self.without_credentials(),
            Outcome::InProgress { operation, .. } => {
                let message = "The binding is being created asynchronously";
                self.accepted(operation, reason::BINDING, message);
            }
            Outcome::Unusable(why) => self.not_stored(&why),
            Outcome::Failed(error) => self.bind_failed(&error),
            Outcome::Done { .. } | Outcome::Polled(_) | Outcome::NotCalled(_) | Outcome::OutOfReach(_) => {}
        }
    }

    /// The Secret holds the credentials: the binding is ready.
    pub(super) fn bound(&mut self, digest: &str, keys: Vec<String>, validity: Validity) {
        let binding = self.observed.binding;
        self.state.phase.confirm();
        let record = &mut self.state.record;
        if !record.orphans.is_empty() {
            // The Secret may have held the credentials of a successor that was given up, and pods may have started with
            // them. Without the digest, `revise` counts these credentials as new, and such pods are restarted.
            record.secret_digest.clear();
        }
        revise(binding, record, digest);
        record.secret_keys = keys;
        record.binding = Some(LocalObjectReference { name: binding.secret_name().to_owned() });
        record.unbind_status = RemovalStatus::Required;
        record.reconciled_generation = record.observed_generation;
        self.record_event(false, reason::INJECTED_BIND_RESULT, "Injected bind result");
        self.record_validity(validity);
        ready(&mut self.state.record, &self.observed.now);
    }

    /// Records how long the credentials are valid. A fetch may omit times that the bind had: those stay.
    fn record_validity(&mut self, validity: Validity) {
        let Validity { expires_at, renew_before, unreadable } = validity;
        let record = &mut self.state.record;
        record.issued_at.get_or_insert_with(|| self.observed.now.clone());
        record.expires_at = expires_at.or_else(|| record.expires_at.take());
        record.renew_before = renew_before.or_else(|| record.renew_before.take());
        if let Some(message) = unreadable {
            self.record_event(true, reason::UNREADABLE_EXPIRY, &message);
        }
    }

    /// The attempt certainly had no effect at the broker: the state before it is restored.
    pub(super) fn nothing_happened(&mut self) {
        self.state.phase.withdraw();
        if self.state.phase.confirmed().is_none() {
            self.state.record.unbind_status = RemovalStatus::NotRequired;
        }
    }

    fn bind_failed(&mut self, error: &osb::Error) {
        let message =
            format!("The broker {} did not create the binding: {error}{}", self.broker, verdict::hint(error));
        let bound = self.state.phase.confirmed().is_some();
        // A user may have set `spec.externalID` to the id of another binding. A conflict on the first attempt then says
        // so, and mitigating it would delete that binding.
        let (may_be_retry, is_given) = (self.observed.may_be_retry, self.has_unconfirmed_given_id());
        // Without retrieval, it is not possible to take over what the broker has.
        let may_be_foreign = is_given && !(may_be_retry && self.observed.offering.retrievable);
        let may_be_left = is_given && (may_be_retry || self.state.progress().has_failed());
        let left = if may_be_left { LEFT_UNDER_GIVEN_ID } else { "" };
        match verdict::of_creation(error).of_attempt(may_be_retry, is_given) {
            Verdict::Refused if !bound => self.refused(&format!("{message}{left}")),
            Verdict::Poll if may_be_foreign => self.refused(&format!("{message}{LEFT_UNDER_GIVEN_ID}")),
            Verdict::Poll if self.observed.offering.retrievable => {
                let message = "The broker already has the binding; polling for its state";
                self.verify(reason::BINDING, message);
            }
            Verdict::Orphan | Verdict::Poll | Verdict::Refused => {
                self.give_up(reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION, &message, error.retry_after());
            }
            Verdict::Retry => {
                self.nothing_happened();
                self.retry(Status::False, reason::BIND_CALL_FAILED, &message, error.retry_after());
            }
            Verdict::Repeat => {
                self.retry(Status::False, reason::BIND_CALL_FAILED, &message, error.retry_after());
            }
        }
    }

    /// The broker has the binding, but its credentials cannot be written. It becomes an orphan, unless the user has
    /// given its id: then it is confirmed, and the repair of the Secret requests the credentials again.
    pub(super) fn not_stored(&mut self, why: &str) {
        let (reason, message) = (reason::ERROR_INJECTING_BIND_RESULT, unusable(why));
        if is_given(self.observed.binding, &self.state.record) {
            self.state.phase.confirm();
            return self.retry(Status::False, reason, &message, None);
        }
        self.give_up(reason, &message, None);
    }

    /// Gives up the attempt: orphan mitigation, then another attempt under a new id. With a given id the same request
    /// is sent again.
    pub(super) fn give_up(&mut self, reason: &'static str, message: &str, retry_after: Option<Duration>) {
        if self.has_unconfirmed_given_id() {
            return self.retry(Status::False, reason::BIND_CALL_FAILED, message, retry_after);
        }
        let next = self.fail(retry_after);
        mitigate(&mut self.state, self.observed, message, retry_after);
        let message =
            format!("{message}; deleting what may exist at the broker; next attempt not before {}", next.0);
        self.report(condition::READY, Status::False, reason, &message);
        self.record_event(true, reason, &message);
    }

    /// The broker has the binding, but does not return its credentials.
    pub(super) fn without_credentials(&mut self) {
        if self.state.phase.confirmed().is_some() {
            return self.not_returned();
        }
        let message = format!(
            "The broker {} has the binding, but returned no credentials, which an earlier answer may have had",
            self.broker
        );
        if self.has_unconfirmed_given_id() {
            let message = format!("{message}. For new credentials, create a binding without spec.externalID");
            return self.retry(Status::False, reason::CREDENTIALS_NOT_RETURNED, &message, None);
        }
        self.give_up(reason::CREDENTIALS_NOT_RETURNED, &message, None);
    }

    /// The broker does not return the credentials of a bound binding again. What the Secret still has is not touched. If
    /// it is gone, a rotation requests new credentials.
    pub(super) fn not_returned(&mut self) {
        self.state.phase.withdraw();
        let why = format!("the broker {} returned no credentials when asked for them again", self.broker);
        if self.observed.secret.is_some() {
            let message = format!(
                "The Secret was changed, and {why}; it is left as it is. For new credentials, set the annotation \
                 servicecatalog.k8s.io/rotate of the binding"
            );
            return self.retry(Status::False, reason::CREDENTIALS_NOT_RETURNED, &message, None);
        }
        let message = format!("The Secret is gone, and {why}; new credentials are requested");
        self.state.progress().end();
        self.report(condition::READY, Status::False, reason::CREDENTIALS_NOT_RETURNED, &message);
        self.report(condition::ROTATED, Status::False, reason::CREDENTIALS_NOT_RETURNED, &message);
        self.record_event(true, reason::CREDENTIALS_NOT_RETURNED, &message);
    }

    /// The broker refused the request. The operator does not send the same request again.
    pub(super) fn refused(&mut self, message: &str) {
        self.state.record.refused = self.state.phase.request().map(fingerprint).unwrap_or_default();
        self.nothing_happened();
        let mut progress = self.state.progress();
        progress.end();
        progress.forget_failures();
        let edit = if self.observed.binding.spec.parameters_from.is_empty() {
            ""
        } else {
            "edit the Secrets in spec.parametersFrom, or "
        };
        let message = format!("{message}; not retried: {edit}delete the binding and create another");
        self.report(condition::READY, Status::False, reason::BIND_CALL_FAILED, &message);
        self.report(condition::FAILED, Status::True, reason::SERVICE_BINDING_RETURNED_FAILURE, &message);
        self.record_event(true, reason::BIND_CALL_FAILED, &message);
    }

    /// The outcome of a repair or a takeover of the Secret of a bound binding.
    pub(super) fn repair(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Stored { digest, keys, validity } => self.bound(&digest, keys, validity),
            Outcome::NoCredentials => self.not_returned(),
            Outcome::Failed(error) => {
                let message =
                    format!("The broker {} did not return the credentials again: {error}", self.broker);
                self.retry(Status::False, reason::ERROR_INJECTING_BIND_RESULT, &message, error.retry_after());
            }
            Outcome::Unusable(why) => {
                self.retry(Status::False, reason::ERROR_INJECTING_BIND_RESULT, &unusable(&why), None);
            }
            Outcome::Done { .. }
            | Outcome::InProgress { .. }
            | Outcome::Polled(_)
            | Outcome::NotCalled(_)
            | Outcome::OutOfReach(_) => {}
        }
    }
}
