//! Settles a deprovision, and each step of orphan mitigation.

use super::{Settlement, removal};
use crate::crd::condition::{self, Status};
use crate::crd::instance::ProvisionStatus;
use crate::crd::operation::RemovalStatus;
use crate::domain::decision::Observed as _;
use crate::domain::instance::state::Phase;
use crate::domain::metadata::attempt_id;
use crate::domain::orphan::{self, Gone};
use crate::domain::progress::HasProgress as _;
use crate::domain::verdict;
use crate::domain::{Outcome, reason};

impl Settlement<'_> {
    pub(super) fn deprovision(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { .. } => self.deprovisioned(),
            Outcome::Failed(error) if error.is_gone() => self.deprovisioned(),
            Outcome::InProgress { operation, .. } => {
                let message = "The instance is being deprovisioned asynchronously";
                self.accepted(operation, reason::DEPROVISIONING, message);
            }
            Outcome::Failed(error) => {
                let message = format!(
                    "The broker {} did not deprovision the instance: {error}{}",
                    self.call.broker,
                    verdict::hint(&error)
                );
                let reason = reason::DEPROVISION_CALL_FAILED;
                self.retry(condition::READY, Status::Unknown, reason, &message, error.retry_after());
            }
            Outcome::Polled(_)
            | Outcome::NotCalled(_)
            | Outcome::OutOfReach(_)
            | Outcome::Stored { .. }
            | Outcome::NoCredentials
            | Outcome::Unusable(_) => {}
        }
    }

    pub(super) fn deprovisioned(&mut self) {
        self.state.phase = Phase::default();
        self.state.record.provision_status = ProvisionStatus::NotProvisioned;
        self.state.record.deprovision_status = RemovalStatus::Succeeded;
        let mut progress = self.state.progress();
        progress.end();
        progress.forget_failures();
        let (reason, message) =
            (reason::DEPROVISIONED_SUCCESSFULLY, "The instance was deprovisioned successfully");
        self.report(condition::READY, Status::False, reason, message);
        self.record_event(false, reason, message);
        self.remove_finalizer = true;
    }

    pub(super) fn mitigation(&mut self, outcome: Outcome) {
        let removal = removal(self.observed, &self.call.instance_id, &self.call.broker);
        let removed = orphan::settle(&mut self.state, &removal, outcome);
        self.note = removed.note;
        self.next_poll = removed.next_poll;
        if let Some(gone) = removed.gone {
            self.mitigated(&gone);
        }
    }

    /// An orphan is gone. After a provision that failed for good (`Failed`) there is no further attempt to announce.
    fn mitigated(&mut self, gone: &Gone) {
        let latest = attempt_id(&self.observed.instance.metadata, self.state.record.abandoned_attempts - 1);
        if gone.never_existed && self.call.instance_id == latest {
            self.state.progress().reuse_attempt();
        }
        if self.state.phase.confirmed().is_none() && self.state.record.orphans.is_empty() {
            self.state.phase.forget_request();
            self.state.record.deprovision_status = RemovalStatus::NotRequired;
        }
        if condition::is_true(&self.state.record.conditions, condition::FAILED) {
            return;
        }
        let message = self.state.progress().back_off(&gone.why, &self.observed.now, self.observed.seed());
        self.report(condition::READY, Status::False, reason::ORPHAN_MITIGATION_SUCCESSFUL, &message);
    }
}
