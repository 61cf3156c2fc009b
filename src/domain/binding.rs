//! The lifecycle of a binding: which step is next, and which status follows from the outcome of a call?
//!
//! Two pure functions are the entry points: [`decide`] answers with the one next [`Step`], and [`settle()`] turns the
//! outcome of a call into the new status. Nothing here does I/O or reads a clock.
//!
//! | file | what it answers |
//! |---|---|
//! | `state` | what does a stored status mean? `Phase`, and the only way back to the stored fields |
//! | `adopt` | what does a status that service-catalog wrote mean? |
//! | `converge`, `remove` | which step comes next for a binding, and which for one that is being deleted? |
//! | `desired` | what does the spec ask of the broker, and what blocks it? |
//! | `rotate`, `rotate/due` | how are credentials rotated, and when? |
//! | `orphans` | is the removal of an orphan requested, polled or waited for? |
//! | `ids` | which ids does the binding have at its broker, and which would its next bind use? |
//! | `settle`, and a file for each operation below it | which status follows from the outcome of a call? |
//! | `revision` | would pods get something different? |
//! | `injecting`, `collision` | may the binding inject into pods, and what does `Injected` say? |
//! | `pods` | what does `RolledOut` say, and does an unbind wait for pods? |
//! | `broker` | which broker does the binding depend on? |
//! | `decision` | the decision type of instances and bindings, for bindings |
//!
//! The steps, and what is written in each:
//!
//! - **created:** at admission: finalizer, `spec.userInfo`, `spec.secretName`; the label
//!   `servicecatalog.k8s.io/injects` if `podSelector` selects anything, unless that is the operator's to decide
//!   (`injecting`)
//! - **waiting:** `Ready=False` with a reason like `ErrorInstanceNotReady`, until the instance is ready and not being
//!   changed
//! - **intent:** `currentOperation: Bind`, `bindingID`, `inProgressProperties` with all ids of the instance,
//!   `unbindStatus: Required`
//! - **call:** the Secret's slot is checked first: if it is foreign, the broker is not called. Then bind
//! - **Secret:** the credentials, after `secretTransforms`, with `type`, `provider` and well-known names
//!   (`domain::credentials`)
//! - **outcome:** `externalProperties`, `secretDigest`, `binding.name`, `Ready=True`: the Secret exists before
//! - **drift:** if the Secret no longer has the digest, the credentials are fetched from the broker, or requested by
//!   the same bind once more
//! - **pods:** `RolledOut`, which is `Unknown` from the write of a new revision until the pods are known
//!   (`domain::rollout`)
//! - **deletion:** pods that have the credentials are restarted (`Ready=False`, `WaitingForPods`); then intent
//!   `Unbind`, call, the Secret is deleted, the finalizer is removed
//!
//! If the credentials cannot be written, what the broker created is of no use: it becomes an orphan. A bound binding
//! takes care of its Secret first, then of its orphans, its predecessor, and its rotation.
//!
//! An id that the user has given (`spec.externalID`) is treated as for instances: nothing under it is deleted before
//! the broker has confirmed it. If the broker has, but the credentials cannot be written, the binding stays, and the
//! same request is repeated until they can.

mod adopt;
mod broker;
mod collision;
mod converge;
mod decision;
mod desired;
mod ids;
pub mod injecting;
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
use crate::crd::names::LABEL_INJECTS;
use crate::crd::operation::BoundInstance;
use crate::crd::{ServiceBinding, ServiceBindingStatus, ServiceInstance};
use decision::Decision;
use state::may_exist;

pub use broker::broker;
pub use settle::{merge_concurrent_status, settle};

/// What the operator observed of a binding: the input of a decision.
#[derive(Debug)]
pub struct Observed<'a> {
    /// The binding itself.
    pub binding: &'a ServiceBinding,
    /// The current time.
    pub now: Time,
    /// The instance that `spec.instanceRef` names; `None` if it does not exist.
    pub instance: Option<&'a ServiceInstance>,
    /// What the instance's class and plan allow for bindings.
    pub offering: Offering,
    /// The merged parameters of the spec, or why they cannot be read.
    pub parameters: Result<Parameters, String>,
    /// Whether the parameters were validated against the plan's schema. If not, [`Step::Validate`] comes before the
    /// bind.
    pub validated: bool,
    /// The digest of its Secret's entries; `None` if the Secret does not exist or is not this binding's.
    pub secret: Option<String>,
    /// When the broker may be polled again.
    pub next_poll: Option<Time>,
    /// Whether the intent in the status may have been executed before: this reconcile did not write it just now.
    pub may_be_retry: bool,
    /// Which revisions its pods have. `None` while the operator does not watch them, or has not compared this version
    /// yet.
    pub usage: Option<Usage>,
    /// What pods define themselves, or get from another binding, in the place of what this binding would inject.
    pub collisions: BTreeSet<String>,
    /// Whether another object has the id that the next bind would use
    /// ([`next_id`](super::osb_id::HasOsbIds::next_id)).
    pub is_id_taken: bool,
    /// What keeps it from injecting into pods. Looked for until the binding is
    /// [settled](injecting::is_settled).
    pub obstacle: Option<injecting::Obstacle>,
    /// The outage of its broker, if calls are suspended.
    pub outage: Option<Outage>,
}

/// What class and plan allow for bindings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offering {
    /// The plan and its class, as messages name them, if instances cannot be bound (`bindable`).
    pub not_bindable: Option<String>,
    /// Whether the broker returns the credentials again (`bindings_retrievable`). Only such brokers may bind
    /// asynchronously.
    pub retrievable: bool,
    /// Whether the broker can create a successor from its predecessor (`binding_rotatable`).
    pub rotatable: bool,
    /// How long asynchronous operations may take (`maximum_polling_duration`).
    pub maximum_polling_duration: Option<Duration>,
}

/// A call to the broker of a binding.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The request.
    pub verb: Verb,
    /// The binding's id at the broker.
    pub binding_id: String,
    /// The instance, as the broker knows it.
    pub instance: BoundInstance,
}

/// A request to the broker, or for the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Create the binding or its successor, and write the credentials to the Secret.
    Bind,
    /// GET the binding, and write its credentials to the Secret.
    Fetch,
    /// Take over the Secret that service-catalog wrote. The broker is not called.
    Adopt,
    /// Delete the binding at the broker.
    Unbind,
    /// Poll the operation of this name. When a bind has succeeded, write the credentials to the Secret.
    Poll(Option<String>),
    /// Orphan mitigation: delete what an attempt may have left at the broker, or a predecessor.
    Mitigate,
    /// Poll that deletion.
    PollMitigation(Option<String>),
}

impl Verb {
    /// Whether the request changes something at the broker.
    pub fn is_mutating(&self) -> bool {
        matches!(self, Self::Bind | Self::Unbind | Self::Mitigate)
    }

    /// The name in logs.
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

/// The next step for a binding.
pub type Step = super::Step<ServiceBindingStatus, Call>;

/// Decides the one next step.
pub fn decide(observed: &Observed<'_>) -> Step {
    match next(observed) {
        Step::Wait(_) | Step::AwaitBroker if injecting::is_label_left(observed.binding) => {
            Step::Label(LABEL_INJECTS, false)
        }
        step => step,
    }
}

fn next(observed: &Observed<'_>) -> Step {
    let meta = &observed.binding.metadata;
    let deleting = meta.deletion_timestamp.is_some();
    if deleting && !has_finalizer(meta) {
        return Step::Wait(None);
    }
    if let Some(is_labelled) = injecting::label_to_write(observed.binding, observed.obstacle) {
        return Step::Label(LABEL_INJECTS, is_labelled);
    }
    let mut decision = Decision::of(observed);
    let paused = is_paused(meta);
    decision.state.progress().pause(paused, &observed.now);
    let Observed { binding, obstacle, collisions, now, .. } = observed;
    injecting::report(&mut decision.state.record, binding, *obstacle, collisions, now);
    if paused {
        return decision.wait(None);
    }
    if deleting {
        return remove::remove(decision);
    }
    if observed.instance.is_some_and(cascades_to_bindings) {
        return Step::Delete;
    }
    converge::converge(decision)
}

/// Whether the deletion of an instance has to wait for this binding: the broker may still know the binding, or the
/// deletion cascades to it.
pub fn blocks_deletion_of(binding: &ServiceBinding, instance: &ServiceInstance) -> bool {
    let is_known = |status: &ServiceBindingStatus| may_exist(status) || !status.orphans.is_empty();
    cascades_to_bindings(instance) || binding.status.as_ref().is_some_and(is_known)
}

/// Whether the instance is being deleted and its deletion policy cascades to its bindings.
pub fn cascades_to_bindings(instance: &ServiceInstance) -> bool {
    instance.metadata.deletion_timestamp.is_some() && is_cascading(&instance.metadata)
}

/// The instance as its broker knows it; `None` before the broker has confirmed it.
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

/// The next step while the broker works on an asynchronous operation.
fn poll(mut decision: Decision<'_>, operation: Option<String>) -> Step {
    if decision.is_overdue() {
        decision.state = settle::overdue(decision.observed, decision.state);
        return decision.write();
    }
    match decision.next_poll() {
        Some(next) => decision.wait(Some(next)),
        None => decision.call_broker(Verb::Poll(operation)),
    }
}

/// The OSB ids that a call needs are unknown: service-catalog stored the binding, and its instance no longer exists. If
/// the instance exists, its takeover is not complete, and the instance itself reports why.
fn cannot_address_broker(mut decision: Decision<'_>) -> Step {
    if decision.observed.instance.is_some() {
        return decision.wait(None);
    }
    let message = format!(
        "The ServiceInstance {:?} does not exist, and only its status had the IDs that a call to the broker needs. To \
         abandon the binding, remove its finalizer kubernetes-incubator/service-catalog",
        decision.observed.binding.spec.instance_ref.name
    );
    decision.report(condition::READY, Status::Unknown, reason::REFERENCES_NONEXISTENT_INSTANCE, &message);
    decision.wait(None)
}
