//! A decision about an instance in the making: what is known, the status that is stored, and the state that it will be in.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::adopt::adopt;
use super::state::State;
use super::{Call, Observed, Step, Verb, cannot_address_broker};
use crate::crd::ServiceInstanceStatus;
use crate::crd::condition::{self, Status};
use crate::crd::instance::InstanceProperties;
use crate::domain::breaker::Held;
use crate::domain::outage;
use crate::domain::progress::{HasProgress as _, not_before};

/// See the module.
pub(super) struct Decision<'a> {
    pub(super) observed: &'a Observed<'a>,
    pub(super) state: State,
    stored: ServiceInstanceStatus,
}

impl<'a> Decision<'a> {
    pub(super) fn of(observed: &'a Observed<'a>) -> Self {
        let stored = observed.instance.status.clone().unwrap_or_default();
        Self { observed, state: adopt(observed, stored.clone()), stored }
    }

    pub(super) fn now(&self) -> &'a Time {
        &self.observed.now
    }

    /// The status as it is stored.
    pub(super) fn stored(&self) -> &ServiceInstanceStatus {
        &self.stored
    }

    pub(super) fn report(&mut self, type_: &str, status: Status, reason: &str, message: &str) {
        self.state.progress().report(type_, status, reason, message, &self.observed.now);
    }

    /// Something has to be put right by the user or by the broker first.
    pub(super) fn block(mut self, reason: &str, message: &str) -> Step {
        let is_provisioned = self.state.phase.confirmed().is_some();
        self.state.record.observed_generation = self.observed.generation();
        let type_ = if is_provisioned { condition::UPDATED } else { condition::READY };
        self.report(type_, Status::False, reason, message);
        self.wait(None)
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

    /// The same for a new attempt: an edit of the spec ends the wait for it.
    pub(super) fn next_attempt_unless_edited(&self) -> Option<Time> {
        let is_edited = self.state.record.observed_generation < self.observed.generation();
        self.next_attempt().filter(|_| !is_edited)
    }

    /// Writes the intent to ask the broker for what the state's phase says; `type_` is the condition that tells of it.
    pub(super) fn begin(mut self, type_: &'static str, reason: &'static str, message: &str) -> Step {
        let broker = self.state.phase.known().map(|known| &known.broker_name);
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

    /// Sends the request of the operation under way, now or when its turn comes.
    pub(super) fn request(self, verb: Verb, type_: &'static str) -> Step {
        match self.next_attempt() {
            Some(next) => self.wait(Some(next)),
            None => self.ask(verb, type_),
        }
    }

    /// Asks the broker about the instance itself. The plan is the one that the broker has confirmed, if it has one.
    pub(super) fn ask(self, verb: Verb, type_: &'static str) -> Step {
        let is_known = |properties: &&InstanceProperties| {
            !properties.service_id.is_empty() && !self.state.record.instance_id.is_empty()
        };
        let Some(properties) = self.state.phase.known().filter(is_known) else {
            return cannot_address_broker(self);
        };
        let target = self.observed.target.as_ref().ok();
        let call = Call {
            verb,
            instance_id: self.state.record.instance_id.clone(),
            service_id: properties.service_id.clone(),
            plan_id: properties.plan_id().to_owned(),
            broker: properties.broker_name.clone(),
            maximum_polling_duration: target.and_then(|target| target.maximum_polling_duration),
        };
        self.call(call, type_)
    }

    /// Makes a call, once the status is written; `type_` is the condition that tells if the broker is not called for a while.
    pub(super) fn call(self, call: Call, type_: &'static str) -> Step {
        match self.observed.outage.as_ref().filter(|outage| outage.broker == call.broker) {
            Some(outage) if self.state.clone().into_status() == self.stored => {
                self.await_broker(outage, type_)
            }
            _ => self.once_written(Step::Call(call)),
        }
    }

    fn once_written(self, step: Step) -> Step {
        let status = self.state.into_status();
        if status == self.stored { step } else { Step::Write(Box::new(status)) }
    }

    fn await_broker(self, outage: &Held, type_: &str) -> Step {
        outage::wait(outage, self.stored, type_, (&self.observed.now, self.observed.seed()))
    }
}
