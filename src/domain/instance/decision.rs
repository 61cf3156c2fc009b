//! The part of a [`Decision`] that only instances have.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::adopt::adopt;
use super::state::InstanceState;
use super::{Call, Observed, Step, Verb, cannot_address_broker};
use crate::crd::ServiceInstanceStatus;
use crate::crd::condition::{self, Status};
use crate::crd::instance::InstanceProperties;
use crate::domain::circuit_breaker::Outage;
use crate::domain::decision::{self, Observed as _};

pub(super) type Decision<'a> = decision::Decision<'a, Observed<'a>>;

impl decision::Observed for Observed<'_> {
    type State = InstanceState;
    type Call = Call;

    fn now(&self) -> &Time {
        &self.now
    }

    fn generation(&self) -> i64 {
        self.instance.metadata.generation.unwrap_or_default()
    }

    fn seed(&self) -> &str {
        self.instance.metadata.uid.as_deref().unwrap_or_default()
    }

    fn outage(&self) -> Option<&Outage> {
        self.outage.as_ref()
    }

    fn next_poll(&self) -> Option<&Time> {
        self.next_poll.as_ref()
    }

    fn stored(&self) -> ServiceInstanceStatus {
        self.instance.status.clone().unwrap_or_default()
    }

    fn parse(&self, stored: ServiceInstanceStatus) -> InstanceState {
        adopt(self, stored)
    }

    fn broker_of(call: &Call) -> Option<&str> {
        Some(&call.broker)
    }
}

impl Decision<'_> {
    /// Reports an obstacle that the user or the broker has to remove, and waits for a change.
    pub(super) fn block(mut self, reason: &str, message: &str) -> Step {
        let is_provisioned = self.state.phase.confirmed().is_some();
        self.state.record.observed_generation = self.observed.generation();
        let type_ = if is_provisioned { condition::UPDATED } else { condition::READY };
        self.report(type_, Status::False, reason, message);
        self.wait(None)
    }

    /// The time of the next attempt, unless it is due. An edit of the spec makes it due at once.
    pub(super) fn next_attempt_unless_edited(&self) -> Option<Time> {
        let is_edited = self.state.record.observed_generation < self.observed.generation();
        self.next_attempt().filter(|_| !is_edited)
    }

    /// Sends the request of the current operation, now or when its next attempt is due.
    pub(super) fn request(self, verb: Verb, type_: &'static str) -> Step {
        match self.next_attempt() {
            Some(next) => self.wait(Some(next)),
            None => self.call_broker(verb, type_),
        }
    }

    /// Calls the broker for the instance itself. The call carries the confirmed plan, if there is one.
    pub(super) fn call_broker(self, verb: Verb, type_: &'static str) -> Step {
        let has_ids = |properties: &&InstanceProperties| {
            !properties.service_id.is_empty() && !self.state.record.instance_id.is_empty()
        };
        let Some(properties) = self.state.phase.known().filter(has_ids) else {
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
}
