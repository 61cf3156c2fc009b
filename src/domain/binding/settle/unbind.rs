//! What came of an unbind?

use super::After;
use crate::crd::condition::Status;
use crate::domain::{Outcome, reason, verdict};

impl After<'_, '_> {
    pub(super) fn unbind(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { .. } => self.unbound(),
            Outcome::Failed(error) if error.is_gone() => self.unbound(),
            Outcome::InProgress { operation, .. } => {
                self.begun(operation, reason::UNBINDING, "The binding is being deleted asynchronously");
            }
            Outcome::Failed(error) => {
                let message = format!(
                    "The broker {} did not remove the binding: {error}{}",
                    self.broker,
                    verdict::hint(&error)
                );
                self.try_again(Status::Unknown, reason::UNBIND_CALL_FAILED, &message, error.retry_after());
            }
            Outcome::Polled(_) | Outcome::NotAsked(_) | Outcome::Stored { .. } | Outcome::Unusable(_) => {}
        }
    }

    pub(super) fn unbound(&mut self) {
        self.status.unbind_status = "Succeeded".to_owned();
        self.status.current_operation = None;
        self.status.external_properties = None;
        self.status.in_progress_properties = None;
        self.release = true;
    }
}
