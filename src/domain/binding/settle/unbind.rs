//! Which status follows from the outcome of an unbind?

use super::Settlement;
use crate::crd::condition::{self, Status};
use crate::crd::operation::RemovalStatus;
use crate::domain::binding::state::Phase;
use crate::domain::{Outcome, reason, verdict};

impl Settlement<'_> {
    pub(super) fn unbind(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done { .. } => self.unbound(),
            Outcome::Failed(error) if error.is_gone() => self.unbound(),
            Outcome::InProgress { operation, .. } => {
                self.accepted(operation, reason::UNBINDING, "The binding is being deleted asynchronously");
            }
            Outcome::Failed(error) => {
                let message = format!(
                    "The broker {} did not delete the binding: {error}{}",
                    self.broker,
                    verdict::hint(&error)
                );
                self.retry(Status::Unknown, reason::UNBIND_CALL_FAILED, &message, error.retry_after());
            }
            Outcome::Polled(_)
            | Outcome::NotCalled(_)
            | Outcome::OutOfReach(_)
            | Outcome::Stored { .. }
            | Outcome::NoCredentials
            | Outcome::Unusable(_) => {}
        }
    }

    pub(super) fn unbound(&mut self) {
        self.state.record.unbind_status = RemovalStatus::Succeeded;
        self.state.phase = Phase::default();
        let (reason, message) = (reason::UNBOUND_SUCCESSFULLY, "The binding was deleted successfully");
        self.report(condition::READY, Status::False, reason, message);
        self.record_event(false, reason, message);
        self.remove_finalizer = true;
    }
}
