//! The life of a binding: what is the next step, and what came of the last one?

mod adopt;
mod collision;
mod hold;
mod keep;
mod pods;
mod revision;
mod rotate;
mod settle;
#[cfg(test)]
mod tests;
mod validity;
mod wish;

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::breaker::Held;
use super::parameters::Parameters;
use super::progress::{HasProgress as _, is_overdue, not_before};
use super::rollout::Usage;
use super::{has_finalizer, is_cascading, is_paused, reason, write_or};
use crate::crd::binding::BindingOperation;
use crate::crd::condition::{self, Status};
use crate::crd::operation::{BoundInstance, Orphan};
use crate::crd::{ServiceBinding, ServiceBindingStatus, ServiceInstance};

pub use hold::broker;
pub use keep::sends;
pub use settle::{overtaken, settle};
pub use validity::Validity;

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
    pub hold: Option<Held>,
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
    hold::unless_held(observed, next(observed))
}

fn next(observed: &Observed<'_>) -> Step {
    let meta = &observed.binding.metadata;
    let before = observed.binding.status.clone().unwrap_or_default();
    let deleting = meta.deletion_timestamp.is_some();
    if deleting && !has_finalizer(meta) {
        return Step::Wait(None);
    }
    let mut status = adopt::adopt(observed, before.clone());
    let paused = is_paused(meta);
    status.progress().pause(paused, &observed.now);
    collision::report(&mut status, &observed.collisions, &observed.now);
    if paused {
        return write_or(&before, status, Step::Wait(None));
    }
    if !deleting && observed.instance.is_some_and(takes_its_bindings_along) {
        return Step::Delete;
    }
    let removing = status.current_operation == Some(BindingOperation::Unbind);
    if status.async_op_in_progress && (removing || !deleting) {
        return poll(observed, &before, status);
    }
    if deleting
        && !removing
        && adopt::may_exist(&status)
        && let Some(deadline) = pods::are_awaited(observed, &mut status)
    {
        return write_or(&before, status, Step::Wait(Some(deadline)));
    }
    if deleting && rotate::leave(&mut status, &observed.now) {
        return Step::Write(Box::new(status));
    }
    if !deleting && is_bound(&status) {
        return keep::keep(observed, &before, status);
    }
    if let Some(orphan) = status.orphans.first().cloned() {
        return mitigate(observed, &before, status, &orphan);
    }
    if status.orphan_mitigation_in_progress {
        return lost(observed, &before, status);
    }
    if deleting { remove(observed, &before, status) } else { keep::keep(observed, &before, status) }
}

/// Whether an instance that goes has to wait for a binding to it: the broker has, or may have, something for that, or it
/// goes along.
pub fn delays(binding: &ServiceBinding, instance: &ServiceInstance) -> bool {
    let is_known = |status: &ServiceBindingStatus| adopt::may_exist(status) || !status.orphans.is_empty();
    takes_its_bindings_along(instance) || binding.status.as_ref().is_some_and(is_known)
}

/// Whether an instance is being deleted, and its bindings with it.
pub fn takes_its_bindings_along(instance: &ServiceInstance) -> bool {
    instance.metadata.deletion_timestamp.is_some() && is_cascading(&instance.metadata)
}

/// Whether the broker has it, and is not asked to remove it.
fn is_bound(status: &ServiceBindingStatus) -> bool {
    let is_going = status.orphans.iter().any(|orphan| orphan.id == status.binding_id)
        || status.orphan_mitigation_in_progress && status.orphans.is_empty()
        || status.current_operation == Some(BindingOperation::Unbind);
    status.external_properties.is_some() && !is_going
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

fn asked(status: &ServiceBindingStatus) -> Option<&BoundInstance> {
    let properties = status.external_properties.as_ref().or(status.in_progress_properties.as_ref())?;
    properties.instance.as_ref()
}

/// What the attempt under way would leave at the broker.
fn orphan(status: &ServiceBindingStatus, reason: &str) -> Option<Orphan> {
    Some(orphan_of(status.binding_id.clone(), asked(status)?, reason))
}

/// What the broker may have under an id.
fn orphan_of(id: String, instance: &BoundInstance, reason: &str) -> Orphan {
    Orphan {
        id,
        service_id: instance.service_id.clone(),
        plan_id: instance.plan_id.clone(),
        broker_name: instance.broker_name.clone(),
        reason: reason.to_owned(),
        instance: Some(instance.clone()),
        ..Orphan::default()
    }
}

fn poll(observed: &Observed<'_>, before: &ServiceBindingStatus, status: ServiceBindingStatus) -> Step {
    if is_overdue(status.operation.as_ref(), &observed.now) {
        return Step::Write(Box::new(settle::overdue(observed, status)));
    }
    if let Some(next) = observed.next_poll.as_ref().filter(|next| next.0 > observed.now.0) {
        return write_or(before, status, Step::Wait(Some(next.clone())));
    }
    let verb = Verb::Poll(status.last_operation.clone());
    ask(observed, before, status, verb)
}

fn mitigate(
    observed: &Observed<'_>,
    before: &ServiceBindingStatus,
    mut status: ServiceBindingStatus,
    orphan: &Orphan,
) -> Step {
    if orphan.async_op_in_progress && is_overdue(status.operation.as_ref(), &observed.now) {
        let removal = settle::removal(observed, &orphan.id, &orphan.broker_name);
        super::orphan::overdue(&mut status, &removal);
        return Step::Write(Box::new(status));
    }
    let polled =
        observed.next_poll.as_ref().filter(|next| orphan.async_op_in_progress && next.0 > observed.now.0);
    if let Some(next) = not_before(status.operation.as_ref(), &observed.now).or(polled).cloned() {
        return write_or(before, status, Step::Wait(Some(next)));
    }
    let verb = if orphan.async_op_in_progress {
        Verb::PollMitigation(orphan.last_operation.clone())
    } else {
        Verb::Mitigate
    };
    let Some(instance) = orphan.instance.clone() else {
        return lost(observed, before, status);
    };
    let instance = as_it_is_now(observed, instance);
    write_or(before, status, Step::Call(Call { verb, binding_id: orphan.id.clone(), instance }))
}

fn remove(observed: &Observed<'_>, before: &ServiceBindingStatus, mut status: ServiceBindingStatus) -> Step {
    let now = &observed.now;
    if !adopt::may_exist(&status) {
        return Step::Release;
    }
    if status.current_operation != Some(BindingOperation::Unbind) {
        status.current_operation = Some(BindingOperation::Unbind);
        status.observed_generation = generation(observed);
        let mut progress = status.progress();
        progress.start(now);
        let message = "Unbind request for ServiceBinding in-flight to Broker";
        progress.report(condition::READY, Status::False, reason::UNBINDING_REQUEST_IN_FLIGHT, message, now);
        return Step::Write(Box::new(status));
    }
    if let Some(next) = not_before(status.operation.as_ref(), now).cloned() {
        return write_or(before, status, Step::Wait(Some(next)));
    }
    ask(observed, before, status, Verb::Unbind)
}

fn ask(
    observed: &Observed<'_>,
    before: &ServiceBindingStatus,
    status: ServiceBindingStatus,
    verb: Verb,
) -> Step {
    match asked(&status).cloned() {
        Some(instance) => {
            let instance = as_it_is_now(observed, instance);
            let rotating = status.current_operation == Some(BindingOperation::Rotate);
            let binding_id = if rotating { &status.successor_id } else { &status.binding_id }.clone();
            write_or(before, status, Step::Call(Call { verb, binding_id, instance }))
        }
        None => lost(observed, before, status),
    }
}

/// The instance may have another plan than when it was bound: brokers are told the one that it has.
fn as_it_is_now(observed: &Observed<'_>, bound: BoundInstance) -> BoundInstance {
    let known = observed.instance.and_then(bound_instance).filter(|known| known.id == bound.id);
    known.unwrap_or(bound)
}

/// An object of an earlier version whose instance is gone, so that nobody knows what to ask the broker. If the instance
/// is there, it is not taken over yet, and says why.
fn lost(observed: &Observed<'_>, before: &ServiceBindingStatus, mut status: ServiceBindingStatus) -> Step {
    if observed.instance.is_some() {
        return write_or(before, status, Step::Wait(None));
    }
    let message = format!(
        "The instance {} is gone, and with it the ids that are needed to ask the broker. Remove the finalizer to let \
         the binding go",
        observed.binding.spec.instance_ref.name
    );
    let reason = reason::REFERENCES_NONEXISTENT_INSTANCE;
    status.progress().report(condition::READY, Status::Unknown, reason, &message, &observed.now);
    write_or(before, status, Step::Wait(None))
}

fn generation(observed: &Observed<'_>) -> i64 {
    observed.binding.metadata.generation.unwrap_or_default()
}
