//! What came of a provision?

use super::Settlement;
use crate::crd::condition::{self, Status};
use crate::crd::instance::ProvisionStatus;
use crate::crd::operation::RemovalStatus;
use crate::domain::progress::HasProgress as _;
use crate::domain::verdict::{self, Verdict};
use crate::domain::{Outcome, reason};
use crate::osb;

impl Settlement<'_> {
    pub(super) fn provision(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { dashboard_url } => self.provisioned(dashboard_url),
            Outcome::InProgress { operation, dashboard_url } => {
                self.state.record.dashboard_url = dashboard_url;
                let message = "The instance is being provisioned asynchronously";
                self.accepted(operation, reason::PROVISIONING, message);
            }
            Outcome::Failed(error) => self.provision_failed(&error),
            Outcome::Polled(_) | Outcome::NotAsked(_) | Outcome::Stored { .. } | Outcome::Unusable(_) => {}
        }
    }

    pub(super) fn provisioned(&mut self, dashboard_url: Option<String>) {
        if dashboard_url.is_some() {
            self.state.record.dashboard_url = dashboard_url;
        }
        self.state.record.provision_status = ProvisionStatus::Provisioned;
        self.confirmed();
        let message = "The instance was provisioned successfully";
        self.report(condition::READY, Status::True, reason::PROVISIONED_SUCCESSFULLY, message);
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
                self.accepted(None, reason::PROVISIONING, message);
                self.state.progress().verify(&self.observed.now, self.call.maximum_polling_duration);
            }
            Verdict::Orphan => self.give_up(&message, error.retry_after()),
            verdict @ (Verdict::Retry | Verdict::Repeat) => {
                if verdict == Verdict::Retry {
                    self.state.phase.withdraw();
                    self.state.record.deprovision_status = RemovalStatus::NotRequired;
                }
                let reason = if error.status().is_some() {
                    reason::PROVISION_CALL_FAILED
                } else {
                    reason::ERROR_CALLING_PROVISION
                };
                self.try_again(condition::READY, Status::False, reason, &message, error.retry_after());
            }
        }
    }
}
