//! The life of an instance: what is the next step, and what came of the last one?

mod adopt;
mod hold;
mod keep;
mod settle;
#[cfg(test)]
mod tests;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::breaker::Held;
use super::parameters::Parameters;
use super::plan_reference::{Target, Unresolved};
use super::progress::{HasProgress as _, is_overdue, not_before};
use super::{has_finalizer, is_cascading, is_paused, is_retained, reason, schedule, write_or};
use crate::crd::condition::{self, Status};
use crate::crd::instance::{InstanceOperation, InstanceProperties};
use crate::crd::names::LABEL_DELETING;
use crate::crd::operation::Orphan;
use crate::crd::{ServiceInstance, ServiceInstanceStatus};

pub use hold::broker;
pub use keep::sends;
pub use settle::{overtaken, settle};

/// All that is known of an instance.
#[derive(Debug)]
pub struct Observed<'a> {
    /// The object.
    pub instance: &'a ServiceInstance,
    /// The time.
    pub now: Time,
    /// The class, plan and broker that the spec names.
    pub target: Result<Target, Unresolved>,
    /// The parameters that the spec asks for.
    pub parameters: Result<Parameters, String>,
    /// The names of the bindings to it.
    pub bindings: &'a [String],
    /// When the broker may be asked again how far it is.
    pub next_poll: Option<Time>,
    /// Whether the intent in the status may have been carried out already: it was not written just now.
    pub repeated: bool,
    /// Whether its broker is not called for a while.
    pub hold: Option<Held>,
}

/// A call to the broker of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is asked.
    pub verb: Verb,
    /// The instance's id at the broker.
    pub instance_id: String,
    /// The class's id at the broker.
    pub service_id: String,
    /// The plan's id at the broker.
    pub plan_id: String,
    /// The name of the broker.
    pub broker: String,
    /// How long the broker may take if it works asynchronously.
    pub maximum_polling_duration: Option<Duration>,
}

/// What is asked of a broker.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Make the instance.
    Provision,
    /// Make it as the spec says now; with the plan and the parameters only where they change.
    Update {
        /// The plan to change to.
        plan_id: Option<String>,
        /// Whether the parameters change.
        parameters: bool,
    },
    /// Remove it.
    Deprovision,
    /// How far is the operation of this name?
    Poll(Option<String>),
    /// Remove what a failed attempt may have left.
    Mitigate,
    /// How far is that removal?
    PollMitigation(Option<String>),
}

impl Verb {
    /// Whether the broker is asked to change something, not only to tell.
    pub fn changes_something(&self) -> bool {
        !matches!(self, Self::Poll(_) | Self::PollMitigation(_))
    }

    /// One word for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Update { .. } => "update",
            Self::Deprovision => "deprovision",
            Self::Poll(_) => "poll",
            Self::Mitigate => "mitigate",
            Self::PollMitigation(_) => "poll mitigation",
        }
    }
}

/// The next thing to do for an instance.
pub type Step = super::Step<ServiceInstanceStatus, Call>;

/// The one next step.
pub fn decide(observed: &Observed<'_>) -> Step {
    match hold::unless_held(observed, next(observed)) {
        Step::Wait(_) | Step::Hold if goes_unnoticed(&observed.instance.metadata) => {
            Step::Label(LABEL_DELETING)
        }
        step => step,
    }
}

/// Whether the API server does not know yet that nobody may be bound any more.
fn goes_unnoticed(meta: &ObjectMeta) -> bool {
    let is_labelled = meta.labels.as_ref().is_some_and(|labels| labels.contains_key(LABEL_DELETING));
    meta.deletion_timestamp.is_some() && has_finalizer(meta) && !is_labelled
}

fn next(observed: &Observed<'_>) -> Step {
    let meta = &observed.instance.metadata;
    let before = observed.instance.status.clone().unwrap_or_default();
    let deleting = meta.deletion_timestamp.is_some();
    if deleting && !has_finalizer(meta) {
        return Step::Wait(None);
    }
    let mut status = adopt::adopt(observed, before.clone());
    let paused = is_paused(meta);
    status.progress().pause(paused, &observed.now);
    if paused {
        return write_or(&before, status, Step::Wait(None));
    }
    if status.async_op_in_progress && !(deleting && is_creation(&status)) {
        return poll(observed, &before, status);
    }
    if let Some(orphan) = status.orphans.first().cloned() {
        return mitigate(observed, &before, status, &orphan);
    }
    if status.orphan_mitigation_in_progress {
        return lost(observed, &before, status);
    }
    if deleting { remove(observed, &before, status) } else { keep::keep(observed, &before, status) }
}

/// A deletion does not wait until a creation or an update has ended: the broker is told at once.
fn is_creation(status: &ServiceInstanceStatus) -> bool {
    status.current_operation != Some(InstanceOperation::Deprovision)
}

/// What the attempt under way would leave at the broker.
fn orphan(status: &ServiceInstanceStatus, reason: &str) -> Option<Orphan> {
    let properties = asked(status)?;
    Some(Orphan {
        id: status.instance_id.clone(),
        service_id: properties.service_id.clone(),
        plan_id: properties.plan_id().to_owned(),
        broker_name: properties.broker_name.clone(),
        reason: reason.to_owned(),
        ..Orphan::default()
    })
}

/// What the broker has confirmed, or else has been asked for.
fn asked(status: &ServiceInstanceStatus) -> Option<&InstanceProperties> {
    status.external_properties.as_ref().or(status.in_progress_properties.as_ref())
}

fn poll(observed: &Observed<'_>, before: &ServiceInstanceStatus, status: ServiceInstanceStatus) -> Step {
    if is_overdue(status.operation.as_ref(), &observed.now) {
        return Step::Write(Box::new(settle::overdue(observed, status)));
    }
    if let Some(next) = later(observed.next_poll.as_ref(), &observed.now) {
        return write_or(before, status, Step::Wait(Some(next.clone())));
    }
    match call(&status, Verb::Poll(status.last_operation.clone()), observed) {
        Some(call) => write_or(before, status, Step::Call(call)),
        None => lost(observed, before, status),
    }
}

fn mitigate(
    observed: &Observed<'_>,
    before: &ServiceInstanceStatus,
    mut status: ServiceInstanceStatus,
    orphan: &Orphan,
) -> Step {
    if orphan.async_op_in_progress && is_overdue(status.operation.as_ref(), &observed.now) {
        let removal = settle::removal(observed, &orphan.id, &orphan.broker_name);
        super::orphan::overdue(&mut status, &removal);
        return Step::Write(Box::new(status));
    }
    let wait = not_before(status.operation.as_ref(), &observed.now);
    let wait = wait.or_else(|| {
        later(observed.next_poll.as_ref(), &observed.now).filter(|_| orphan.async_op_in_progress)
    });
    if let Some(next) = wait.cloned() {
        return write_or(before, status, Step::Wait(Some(next)));
    }
    let call = Call {
        verb: if orphan.async_op_in_progress {
            Verb::PollMitigation(orphan.last_operation.clone())
        } else {
            Verb::Mitigate
        },
        instance_id: orphan.id.clone(),
        service_id: orphan.service_id.clone(),
        plan_id: orphan.plan_id.clone(),
        broker: orphan.broker_name.clone(),
        maximum_polling_duration: None,
    };
    write_or(before, status, Step::Call(call))
}

fn remove(
    observed: &Observed<'_>,
    before: &ServiceInstanceStatus,
    mut status: ServiceInstanceStatus,
) -> Step {
    let now = &observed.now;
    if !adopt::may_exist(&status) || is_retained(&observed.instance.metadata) {
        return Step::Release;
    }
    if !observed.bindings.is_empty() {
        let (reason, message) = waits_for_bindings(observed);
        status.progress().report(condition::READY, Status::False, reason, &message, now);
        return write_or(before, status, Step::Wait(None));
    }
    if status.current_operation != Some(InstanceOperation::Deprovision) {
        status.current_operation = Some(InstanceOperation::Deprovision);
        status.observed_generation = generation(observed);
        status.progress().start(now);
        let message = "Deprovision request for ServiceInstance in-flight to Broker";
        let mut progress = status.progress();
        progress.report(condition::READY, Status::False, reason::DEPROVISION_REQUEST_IN_FLIGHT, message, now);
        return Step::Write(Box::new(status));
    }
    if let Some(next) = not_before(status.operation.as_ref(), now) {
        let next = next.clone();
        return write_or(before, status, Step::Wait(Some(next)));
    }
    match call(&status, Verb::Deprovision, observed) {
        Some(call) => write_or(before, status, Step::Call(call)),
        None => lost(observed, before, status),
    }
}

/// Bindings delete themselves if the instance takes them along.
fn waits_for_bindings(observed: &Observed<'_>) -> (&'static str, String) {
    let names = observed.bindings.join(", ");
    if is_cascading(&observed.instance.metadata) {
        let message = format!("The instance's service bindings are being deleted: {names}");
        return (reason::SERVICE_BINDINGS_DELETION, message);
    }
    let message = format!(
        "All associated ServiceBindings must be removed before this ServiceInstance can be deleted: {names}"
    );
    (reason::DEPROVISION_BLOCKED, message)
}

/// An object of an earlier version whose class is gone, so that nobody knows what to ask the broker.
fn lost(observed: &Observed<'_>, before: &ServiceInstanceStatus, mut status: ServiceInstanceStatus) -> Step {
    let why = observed.target.as_ref().err().map_or("", |unresolved| &unresolved.message);
    let message = format!(
        "The id of the class at the broker is not known ({why}); it is needed to ask the broker. Bring the class \
         back, or set the annotation servicecatalog.k8s.io/deletion-policy to Retain to let the instance go"
    );
    let reason = reason::REFERENCES_NONEXISTENT_SERVICE_CLASS;
    status.progress().report(condition::READY, Status::Unknown, reason, &message, &observed.now);
    write_or(before, status, Step::Wait(None))
}

/// A call about the instance itself. The plan is the one that the broker has confirmed, if it has one.
fn call(status: &ServiceInstanceStatus, verb: Verb, observed: &Observed<'_>) -> Option<Call> {
    let is_known = |properties: &&InstanceProperties| {
        !properties.service_id.is_empty() && !status.instance_id.is_empty()
    };
    let properties = asked(status).filter(is_known)?;
    Some(Call {
        verb,
        instance_id: status.instance_id.clone(),
        service_id: properties.service_id.clone(),
        plan_id: properties.plan_id().to_owned(),
        broker: properties.broker_name.clone(),
        maximum_polling_duration: observed
            .target
            .as_ref()
            .ok()
            .and_then(|target| target.maximum_polling_duration),
    })
}

fn later<'a>(time: Option<&'a Time>, now: &Time) -> Option<&'a Time> {
    time.filter(|time| time.0 > now.0)
}

fn generation(observed: &Observed<'_>) -> i64 {
    observed.instance.metadata.generation.unwrap_or_default()
}
