//! The life of a binding: what is the next step, and what came of the last one?

mod adopt;
mod broker;
mod collision;
mod converge;
mod decision;
mod desired;
mod orphans;
mod pods;
mod remove;
mod revision;
mod rotate;
mod settle;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::circuit_breaker::Outage;
use super::metadata::{has_finalizer, is_cascading, is_paused};
use super::parameters::Parameters;
use super::progress::HasProgress as _;
use super::reason;
use super::rollout::Usage;
use crate::crd::condition::{self, Status};
use crate::crd::operation::BoundInstance;
use crate::crd::{ServiceBinding, ServiceBindingStatus, ServiceInstance};
use decision::Decision;
use state::may_exist;

pub use broker::broker;
pub use settle::{merge_concurrent, settle};

/// All that is known of a binding.
#[derive(Debug)]
pub struct Observed<'a> {
    /// The object.
    pub binding: &'a ServiceBinding,
    /// The time.
    pub now: Time,
    /// The instance that it names.
    pub instance: Option<&'a ServiceInstance>,
    /// What class and plan of the instance say of bindings.
    pub offering: Offering,
    /// The parameters that the spec asks for.
    pub parameters: Result<Parameters, String>,
    /// Whether the parameters are known to fit the plan's schema; if not, [`Step::Validate`] comes before they are sent.
    pub validated: bool,
    /// The digest of its Secret's entries, if there is one that is the binding's.
    pub secret: Option<String>,
    /// When the broker may be asked again how far it is.
    pub next_poll: Option<Time>,
    /// Whether the intent in the status may have been carried out already: it was not written just now.
    pub repeated: bool,
    /// What its pods have of it, as it is now. Nothing if that is not known, as long as it is not looked for.
    pub usage: Option<Usage>,
    /// What pods have of their own, or of another binding, in the place of what this one gives.
    pub collisions: BTreeSet<String>,
    /// Whether its broker is not called for a while.
    pub outage: Option<Outage>,
}

/// What class and plan say of bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offering {
    /// Whether there are any.
    pub bindable: bool,
    /// Whether the broker tells the credentials again, and so can make bindings asynchronously.
    pub retrievable: bool,
    /// Whether the broker makes the successor of a binding from that binding.
    pub rotatable: bool,
    /// How long asynchronous operations may take.
    pub maximum_polling_duration: Option<Duration>,
}

/// A call to the broker of a binding.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is asked.
    pub verb: Verb,
    /// The binding's id at the broker.
    pub binding_id: String,
    /// The instance, as the broker knows it.
    pub instance: BoundInstance,
}

/// What is asked of a broker, or of the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Make the binding, or its successor, and write the credentials to the Secret.
    Bind,
    /// Tell the credentials again, and write them to the Secret.
    Fetch,
    /// Take over a Secret that service-catalog wrote.
    Adopt,
    /// Remove it.
    Unbind,
    /// How far is the operation of this name? If a binding is done, write its credentials to the Secret.
    Poll(Option<String>),
    /// Remove what a failed attempt may have left.
    Mitigate,
    /// How far is that removal?
    PollMitigation(Option<String>),
}

impl Verb {
    /// Whether the broker is asked to change something, not only to tell.
    pub fn changes_something(&self) -> bool {
        matches!(self, Self::Bind | Self::Unbind | Self::Mitigate)
    }

    /// One word for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Fetch => "fetch",
            Self::Adopt => "adopt",
            Self::Unbind => "unbind",
            Self::Poll(_) => "poll",
            Self::Mitigate => "mitigate",
            Self::PollMitigation(_) => "poll mitigation",
        }
    }
}

/// The next thing to do for a binding.
pub type Step = super::Step<ServiceBindingStatus, Call>;

/// The one next step.
pub fn decide(observed: &Observed<'_>) -> Step {
    let meta = &observed.binding.metadata;
    let deleting = meta.deletion_timestamp.is_some();
    if deleting && !has_finalizer(meta) {
        return Step::Wait(None);
    }
    let mut decision = Decision::of(observed);
    let paused = is_paused(meta);
    decision.state.progress().pause(paused, &observed.now);
    collision::report(&mut decision.state.record, &observed.collisions, &observed.now);
    if paused {
        return decision.wait(None);
    }
    if deleting {
        return remove::remove(decision);
    }
    if observed.instance.is_some_and(takes_its_bindings_along) {
        return Step::Delete;
    }
    converge::converge(decision)
}

/// Whether an instance that goes has to wait for a binding to it: the broker has, or may have, something for that, or it
/// goes along.
pub fn delays(binding: &ServiceBinding, instance: &ServiceInstance) -> bool {
    let is_known = |status: &ServiceBindingStatus| may_exist(status) || !status.orphans.is_empty();
    takes_its_bindings_along(instance) || binding.status.as_ref().is_some_and(is_known)
}

/// Whether an instance is being deleted, and its bindings with it.
pub fn takes_its_bindings_along(instance: &ServiceInstance) -> bool {
    instance.metadata.deletion_timestamp.is_some() && is_cascading(&instance.metadata)
}

/// The instance as its broker knows it, once the broker has confirmed it.
fn bound_instance(instance: &ServiceInstance) -> Option<BoundInstance> {
    let status = instance.status.as_ref()?;
    let properties =
        status.external_properties.as_ref().filter(|properties| !properties.service_id.is_empty())?;
    Some(BoundInstance {
        id: status.instance_id.clone(),
        service_id: properties.service_id.clone(),
        plan_id: properties.plan_id().to_owned(),
        broker_name: properties.broker_name.clone(),
        namespaced: !properties.service_plan_external_id.is_empty(),
    })
}

/// The broker works on an operation: it is polled when that is due.
fn poll(mut decision: Decision<'_>, operation: Option<String>) -> Step {
    if decision.is_overdue() {
        decision.state = settle::overdue(decision.observed, decision.state);
        return decision.write();
    }
    match decision.next_poll() {
        Some(next) => decision.wait(Some(next)),
        None => decision.ask(Verb::Poll(operation)),
    }
}

/// An object of an earlier version whose instance is gone, and with it the ids by which the broker is asked. If the instance
/// is there, it is not taken over yet, and says why.
fn cannot_address_broker(mut decision: Decision<'_>) -> Step {
    if decision.observed.instance.is_some() {
        return decision.wait(None);
    }
    let message = format!(
        "The instance {} is gone, and with it the ids that are needed to ask the broker. Remove the finalizer to let \
         the binding go",
        decision.observed.binding.spec.instance_ref.name
    );
    decision.report(condition::READY, Status::Unknown, reason::REFERENCES_NONEXISTENT_INSTANCE, &message);
    decision.wait(None)
}
