//! What came of a deprovision, or of the removal of what an attempt may have left?

use super::{After, removal};
use crate::crd::condition::{self, Status};
use crate::domain::progress::HasProgress as _;
use crate::domain::verdict;
use crate::domain::{Outcome, reason};

impl After<'_, '_> {
    pub(super) fn deprovision(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { .. } => self.deprovisioned(),
            Outcome::Failed(error) if error.is_gone() => self.deprovisioned(),
            Outcome::InProgress { operation, .. } => {
                let message = "The instance is being deprovisioned asynchronously";
                self.begun(operation, condition::READY, reason::DEPROVISIONING, message);
            }
            Outcome::Failed(error) => {
                let message = format!(
                    "The broker {} did not deprovision the instance: {error}{}",
                    self.call.broker,
                    verdict::hint(&error)
                );
                let reason = reason::DEPROVISION_CALL_FAILED;
                self.try_again(condition::READY, Status::Unknown, reason, (&message, error.retry_after()));
            }
            Outcome::Polled(_) | Outcome::NotAsked(_) | Outcome::Stored { .. } | Outcome::Unusable(_) => {}
        }
    }

    pub(super) fn deprovisioned(&mut self) {
        self.status.external_properties = None;
        self.status.in_progress_properties = None;
        self.status.current_operation = None;
        self.status.provision_status = "NotProvisioned".to_owned();
        self.status.deprovision_status = "Succeeded".to_owned();
        let mut progress = self.status.progress();
        progress.end();
        progress.forget_failures();
        let message = "The instance was deprovisioned successfully";
        self.report(condition::READY, Status::False, reason::DEPROVISIONED_SUCCESSFULLY, message);
        self.release = true;
    }

    pub(super) fn mitigation(&mut self, outcome: Outcome) {
        let removal = removal(self.observed, &self.call.instance_id, &self.call.broker);
        let after = crate::domain::orphan::settle(self.status, &removal, outcome);
        self.note = after.note;
        self.next_poll = after.next_poll;
        if after.gone {
            self.mitigated();
        }
    }

    fn mitigated(&mut self) {
        if self.status.external_properties.is_none() && self.status.orphans.is_empty() {
            self.status.in_progress_properties = None;
            self.status.deprovision_status = "NotRequired".to_owned();
        }
        if condition::is_true(&self.status.conditions, condition::FAILED) {
            return;
        }
        let seed = self.seed().to_owned();
        let message = self.status.progress().back_off(&self.observed.now, &seed);
        self.report(condition::READY, Status::False, reason::ORPHAN_MITIGATION_SUCCESSFUL, &message);
    }
}
