//! Settles a provision.

use super::{LEFT_UNDER_GIVEN_ID, Settlement};
use crate::crd::condition::{self, Status};
use crate::crd::instance::ProvisionStatus;
use crate::domain::progress::HasProgress as _;
use crate::domain::verdict::{self, Verdict};
use crate::domain::{Outcome, reason};
use crate::osb::{self, Screened};

impl Settlement<'_> {
    pub(super) fn provision(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { dashboard_url } => self.provisioned(dashboard_url),
            Outcome::InProgress { operation, dashboard_url } => {
                self.state.record.dashboard_url = None;
                let remark = self.store_dashboard(dashboard_url);
                let message = format!("The instance is being provisioned asynchronously{remark}");
                self.accepted(operation, reason::PROVISIONING, &message);
            }
            Outcome::Failed(error) => self.provision_failed(&error),
            Outcome::Polled(_)
            | Outcome::NotCalled(_)
            | Outcome::OutOfReach(_)
            | Outcome::Stored { .. }
            | Outcome::NoCredentials
            | Outcome::Unusable(_) => {}
        }
    }

    pub(super) fn provisioned(&mut self, dashboard_url: Option<Screened>) {
        let remark = self.store_dashboard(dashboard_url);
        self.state.record.provision_status = ProvisionStatus::Provisioned;
        self.confirmed();
        let (reason, message) =
            (reason::PROVISIONED_SUCCESSFULLY, format!("The instance was provisioned successfully{remark}"));
        self.report(condition::READY, Status::True, reason, &message);
        self.record_event(false, reason, &message);
    }

    fn provision_failed(&mut self, error: &osb::Error) {
        let message = format!(
            "The broker {} did not provision the instance: {error}{}",
            self.call.broker,
            verdict::hint(error)
        );
        // A user may have set `spec.externalID` to the id of another instance. A conflict on the first attempt then
        // says so, and mitigating it would delete that instance.
        let (may_be_retry, is_given) = (self.observed.may_be_retry, self.has_given_id());
        let may_be_foreign = is_given && !may_be_retry;
        let may_be_left = is_given && (may_be_retry || self.state.progress().has_failed());
        let left = if may_be_left { LEFT_UNDER_GIVEN_ID } else { "" };
        match verdict::of_creation(error).of_attempt(may_be_retry, is_given) {
            Verdict::Refused => self.refused(&format!("{message}{left}")),
            Verdict::Poll if may_be_foreign => self.refused(&format!("{message}{LEFT_UNDER_GIVEN_ID}")),
            Verdict::Poll => {
                let message = "The broker already has the instance; polling for its state";
                self.accepted(None, reason::PROVISIONING, message);
                self.state.progress().verify(&self.observed.now, self.call.maximum_polling_duration);
            }
            Verdict::Orphan => self.give_up(&message, error.retry_after()),
            verdict @ (Verdict::Retry | Verdict::Repeat) => {
                if verdict == Verdict::Retry {
                    self.nothing_happened();
                }
                let reason = if error.status().is_some() {
                    reason::PROVISION_CALL_FAILED
                } else {
                    reason::ERROR_CALLING_PROVISION
                };
                self.retry(condition::READY, Status::False, reason, &message, error.retry_after());
            }
        }
    }
}
