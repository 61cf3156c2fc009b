//! The decision type of bindings: how it reads an observation, and the methods that only bindings need.

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

    /// `None` for an adoption, which touches only the Secret.
    fn broker_of(call: &Call) -> Option<&str> {
        (call.verb != Verb::Adopt).then_some(&*call.instance.broker_name)
    }
}

impl Decision<'_> {
    /// Reports why the spec cannot be executed yet. The user or the instance has to act first.
    pub(super) fn block(&mut self, reason: &str, message: &str) {
        self.state.record.observed_generation = self.observed.generation();
        self.report(condition::READY, Status::False, reason, message);
    }

    /// Calls the broker for the binding, or for its successor while that is being created.
    pub(super) fn call_broker(self, verb: Verb) -> Step {
        let (id, type_) = match &self.state.phase {
            Phase::Rotating { successor_id, .. } => (successor_id, condition::ROTATED),
            _ => (&self.state.record.binding_id, condition::READY),
        };
        match self.state.phase.instance().cloned() {
            Some(instance) => {
                let call = Call { verb, binding_id: id.clone(), instance: self.with_current_plan(instance) };
                self.call(call, type_)
            }
            None => cannot_address_broker(self),
        }
    }

    /// The instance with its present plan, which may have changed since the bind: OSB requires the current plan id in
    /// every request.
    pub(super) fn with_current_plan(&self, bound: BoundInstance) -> BoundInstance {
        let known = self.observed.instance.and_then(bound_instance).filter(|known| known.id == bound.id);
        known.unwrap_or(bound)
    }
}
