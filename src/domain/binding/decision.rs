//! What decisions about bindings need besides what all need.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::adopt::adopt;
use super::state::{BindingState, Phase};
use super::{Call, Observed, Step, Verb, bound_instance, cannot_address_broker};
use crate::crd::ServiceBindingStatus;
use crate::crd::condition::{self, Status};
use crate::crd::operation::BoundInstance;
use crate::domain::circuit_breaker::Outage;
use crate::domain::decision::{self, Observed as _};

pub(super) type Decision<'a> = decision::Decision<'a, Observed<'a>>;

impl decision::Observed for Observed<'_> {
    type State = BindingState;
    type Call = Call;

    fn now(&self) -> &Time {
        &self.now
    }

    fn generation(&self) -> i64 {
        self.binding.metadata.generation.unwrap_or_default()
    }

    fn seed(&self) -> &str {
        self.binding.metadata.uid.as_deref().unwrap_or_default()
    }

    fn outage(&self) -> Option<&Outage> {
        self.outage.as_ref()
    }

    fn next_poll(&self) -> Option<&Time> {
        self.next_poll.as_ref()
    }

    fn stored(&self) -> ServiceBindingStatus {
        self.binding.status.clone().unwrap_or_default()
    }

    fn parse(&self, stored: ServiceBindingStatus) -> BindingState {
        adopt(self, stored)
    }

    /// An adoption touches only the Secret.
    fn broker_of(call: &Call) -> Option<&str> {
        (call.verb != Verb::Adopt).then_some(&*call.instance.broker_name)
    }
}

impl Decision<'_> {
    /// Something has to be put right by the user or by the instance first.
    pub(super) fn block(&mut self, reason: &str, message: &str) {
        self.state.record.observed_generation = self.observed.generation();
        self.report(condition::READY, Status::False, reason, message);
    }

    /// Asks the broker about the binding, or about its successor while that is being created.
    pub(super) fn ask(self, verb: Verb) -> Step {
        let (id, type_) = match &self.state.phase {
            Phase::Rotating { successor_id, .. } => (successor_id, condition::ROTATED),
            _ => (&self.state.record.binding_id, condition::READY),
        };
        match self.state.phase.instance().cloned() {
            Some(instance) => {
                let call = Call { verb, binding_id: id.clone(), instance: self.as_it_is_now(instance) };
                self.call(call, type_)
            }
            None => cannot_address_broker(self),
        }
    }

    /// The instance may have another plan than when it was bound: brokers are told the one that it has.
    pub(super) fn as_it_is_now(&self, bound: BoundInstance) -> BoundInstance {
        let known = self.observed.instance.and_then(bound_instance).filter(|known| known.id == bound.id);
        known.unwrap_or(bound)
    }
}
