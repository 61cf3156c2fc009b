//! Settles an update.

use super::Settlement;
use crate::crd::condition::{self, Status};
use crate::domain::verdict::{self, Verdict};
use crate::domain::{Outcome, reason};
use crate::osb::Screened;

impl Settlement<'_> {
    pub(super) fn update(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { dashboard_url } => self.updated(dashboard_url),
            Outcome::InProgress { operation, dashboard_url } => {
                let remark = self.store_dashboard(dashboard_url);
                let message = format!("The instance is being updated asynchronously{remark}");
                self.accepted(operation, reason::UPDATING_INSTANCE, &message);
            }
            Outcome::Failed(error) => {
                let message = format!(
                    "The broker {} did not update the instance: {error}{}",
                    self.call.broker,
                    verdict::hint(&error)
                );
                self.state.record.update_uncertain |= error.may_have_happened() || self.observed.may_be_retry;
                self.report_unusable(error.instance_usable(), &message);
                match verdict::of_update(&error) {
                    Verdict::Refused => self.refused(&message),
                    Verdict::Retry | Verdict::Repeat | Verdict::Orphan | Verdict::Poll => {
                        let reason = reason::UPDATE_INSTANCE_CALL_FAILED;
                        let retry_after = error.retry_after();
                        self.retry(condition::UPDATED, Status::False, reason, &message, retry_after);
                    }
                }
            }
            Outcome::Polled(_)
            | Outcome::NotCalled(_)
            | Outcome::OutOfReach(_)
            | Outcome::Stored { .. }
            | Outcome::NoCredentials
            | Outcome::Unusable(_) => {}
        }
    }

    pub(super) fn updated(&mut self, dashboard_url: Option<Screened>) {
        let remark = self.store_dashboard(dashboard_url);
        self.confirmed();
        let (reason, message) =
            (reason::INSTANCE_UPDATED_SUCCESSFULLY, format!("The instance was updated successfully{remark}"));
        self.report(condition::READY, Status::True, reason, &message);
        self.record_event(false, reason, &message);
    }

    /// Takes `Ready` away if the broker reports that the instance is unusable (OSB, “Service Broker Errors”).
    pub(super) fn report_unusable(&mut self, usable: Option<bool>, message: &str) {
        if usable == Some(false) {
            let message = format!("{message}; the instance is unusable until it is updated or deleted");
            self.report(condition::READY, Status::False, reason::INSTANCE_UNUSABLE, &message);
        }
    }
}
