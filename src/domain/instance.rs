//! The life of an instance: what is the next step, and what came of the last one?

mod adopt;
mod broker;
mod converge;
mod decision;
mod desired;
mod orphans;
mod remove;
mod settle;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::circuit_breaker::Outage;
use super::metadata::{has_finalizer, is_paused};
use super::parameters::Parameters;
use super::plan_reference::{Target, Unresolved};
use super::progress::HasProgress as _;
use super::reason;
use crate::crd::condition::{self, Status};
use crate::crd::names::LABEL_DELETING;
use crate::crd::{ServiceInstance, ServiceInstanceStatus};
use decision::Decision;
use state::Phase;

pub use broker::broker;
pub use settle::{merge_concurrent, settle};

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
    /// Whether the parameters are known to fit the plan's schema; if not, [`Step::Validate`] comes before they are sent.
    pub validated: bool,
    /// The names of the bindings to it.
    pub bindings: &'a [String],
    /// When the broker may be asked again how far it is.
    pub next_poll: Option<Time>,
    /// Whether the intent in the status may have been carried out already: it was not written just now.
    pub repeated: bool,
    /// Whether its broker is not called for a while.
    pub outage: Option<Outage>,
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
    match next(observed) {
        Step::Wait(_) | Step::AwaitBroker if goes_unnoticed(&observed.instance.metadata) => {
            Step::Label(LABEL_DELETING)
        }
        step => step,
    }
}

/// Whether the API server does not know yet that nothing may be bound to the instance any more.
fn goes_unnoticed(meta: &ObjectMeta) -> bool {
    let is_labelled = meta.labels.as_ref().is_some_and(|labels| labels.contains_key(LABEL_DELETING));
    meta.deletion_timestamp.is_some() && has_finalizer(meta) && !is_labelled
}

fn next(observed: &Observed<'_>) -> Step {
    let meta = &observed.instance.metadata;
    let deleting = meta.deletion_timestamp.is_some();
    if deleting && !has_finalizer(meta) {
        return Step::Wait(None);
    }
    let mut decision = Decision::of(observed);
    let paused = is_paused(meta);
    decision.state.progress().pause(paused, &observed.now);
    match (paused, deleting) {
        (true, _) => decision.wait(None),
        (false, true) => remove::remove(decision),
        (false, false) => converge::converge(decision),
    }
}

/// The broker works on an operation: it is polled when that is due.
fn poll(mut decision: Decision<'_>, operation: Option<String>) -> Step {
    if decision.is_overdue() {
        decision.state = settle::overdue(decision.observed, decision.state);
        return decision.write();
    }
    if let Some(next) = decision.next_poll() {
        return decision.wait(Some(next));
    }
    let type_ = condition_of(&decision.state.phase);
    decision.ask(Verb::Poll(operation), type_)
}

/// The condition that tells of the operation under way: a failing update does not take `Ready` away.
fn condition_of(phase: &Phase) -> &'static str {
    if matches!(phase, Phase::Updating { .. }) { condition::UPDATED } else { condition::READY }
}

/// An object of an earlier version whose class is gone, and with it the ids by which the broker is asked.
fn cannot_address_broker(mut decision: Decision<'_>) -> Step {
    let why = decision.observed.target.as_ref().err().map_or("", |unresolved| &unresolved.message);
    let message = format!(
        "The id of the class at the broker is not known ({why}); it is needed to ask the broker. Bring the class \
         back, or set the annotation servicecatalog.k8s.io/deletion-policy to Retain to let the instance go"
    );
    let reason = reason::REFERENCES_NONEXISTENT_SERVICE_CLASS;
    decision.report(condition::READY, Status::Unknown, reason, &message);
    decision.wait(None)
}
