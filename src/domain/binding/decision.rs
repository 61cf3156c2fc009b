//! A decision about a binding in the making: what is known, the status that is stored, and the state that it will be in.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::adopt::adopt;
use super::state::{Phase, State};
use super::{Call, Observed, Step, Verb, bound_instance};
use crate::crd::ServiceBindingStatus;
use crate::crd::condition::{self, Status};
use crate::crd::operation::BoundInstance;
use crate::domain::breaker::Held;
use crate::domain::outage;
use crate::domain::progress::{HasProgress as _, not_before};

/// See the module.
pub(super) struct Decision<'a> {
    pub(super) observed: &'a Observed<'a>,
    pub(super) state: State,
    stored: ServiceBindingStatus,
}

impl<'a> Decision<'a> {
    pub(super) fn of(observed: &'a Observed<'a>) -> Self {
        let stored = observed.binding.status.clone().unwrap_or_default();
        Self { observed, state: adopt(observed, stored.clone()), stored }
    }

    pub(super) fn now(&self) -> &'a Time {
        &self.observed.now
    }

    pub(super) fn report(&mut self, type_: &str, status: Status, reason: &str, message: &str) {
        self.state.progress().report(type_, status, reason, message, &self.observed.now);
    }

    /// The status as it is stored.
    pub(super) fn stored(&self) -> &ServiceBindingStatus {
        &self.stored
    }

    /// Something has to be put right by the user or by the instance first.
    pub(super) fn block(&mut self, reason: &str, message: &str) {
        self.state.record.observed_generation = self.observed.generation();
        self.report(condition::READY, Status::False, reason, message);
    }

    /// Writes the status.
    pub(super) fn write(self) -> Step {
        Step::Write(Box::new(self.state.into_status()))
    }

    /// Waits, once the status is written.
    pub(super) fn wait(self, until: Option<Time>) -> Step {
        self.once_written(Step::Wait(until))
    }

    /// When the next attempt is due, unless it is.
    pub(super) fn next_attempt(&self) -> Option<Time> {
        not_before(self.state.record.operation.as_ref(), self.now()).cloned()
    }

    /// Writes the intent to ask the broker for what the state's phase says; `type_` is the condition that tells of it.
    pub(super) fn begin(mut self, type_: &'static str, reason: &'static str, message: &str) -> Step {
        let broker = self.state.phase.instance().map(|instance| &instance.broker_name);
        if let Some(outage) = self.observed.outage.as_ref().filter(|outage| broker == Some(&outage.broker)) {
            // Something else is wanted than what was refused.
            self.stored.refused.clear();
            return self.await_broker(outage, type_);
        }
        self.state.record.observed_generation = self.observed.generation();
        let mut progress = self.state.progress();
        progress.start(&self.observed.now);
        progress.report(type_, Status::False, reason, message, &self.observed.now);
        self.write()
    }

    /// Asks the broker about the binding, or about its successor while that is being created.
    pub(super) fn ask(self, verb: Verb) -> Step {
        let id = match &self.state.phase {
            Phase::Rotating { successor_id, .. } => successor_id,
            _ => &self.state.record.binding_id,
        };
        match self.state.phase.instance().cloned() {
            Some(instance) => {
                let call = Call { verb, binding_id: id.clone(), instance: self.as_it_is_now(instance) };
                let rotates = matches!(self.state.phase, Phase::Rotating { .. });
                self.call(call, if rotates { condition::ROTATED } else { condition::READY })
            }
            None => super::cannot_address_broker(self),
        }
    }

    /// Makes a call, once the status is written; `type_` is the condition that tells if the broker is not called for a while.
    pub(super) fn call(self, call: Call, type_: &'static str) -> Step {
        // Only the Secret is touched.
        let is_gated = call.verb != Verb::Adopt;
        let is_held = |outage: &&Held| is_gated && outage.broker == call.instance.broker_name;
        match self.observed.outage.as_ref().filter(is_held) {
            Some(outage) if self.state.clone().into_status() == self.stored => {
                self.await_broker(outage, type_)
            }
            _ => self.once_written(Step::Call(call)),
        }
    }

    /// The instance may have another plan than when it was bound: brokers are told the one that it has.
    pub(super) fn as_it_is_now(&self, bound: BoundInstance) -> BoundInstance {
        let known = self.observed.instance.and_then(bound_instance).filter(|known| known.id == bound.id);
        known.unwrap_or(bound)
    }

    fn once_written(self, step: Step) -> Step {
        let status = self.state.into_status();
        if status == self.stored { step } else { Step::Write(Box::new(status)) }
    }

    fn await_broker(self, outage: &Held, type_: &str) -> Step {
        outage::wait(outage, self.stored, type_, (&self.observed.now, self.observed.seed()))
    }
}
