//! The lifecycle of a `ServiceInstance`: [`decide`] returns the next step, [`settle()`] records the outcome of
//! a call.
//!
//! | file | what it answers |
//! |---|---|
//! | `state` | what does the stored status mean? `Phase`, and the only conversion to the stored fields and back |
//! | `adopt` | what does a status of the archived service-catalog mean? |
//! | `converge`, `remove` | what is the next step for an instance that stays, and for one that is being deleted? |
//! | `desired` | which properties should the instance have at its broker? |
//! | `settle` and a file for each operation below it | what does the outcome of a call change? |
//! | `orphans` | what is the next step of orphan mitigation? |
//! | `ids` | which ids does the instance have at its broker, and which would its next provision use? |
//! | `broker` | which broker does the instance depend on? |
//!
//! The steps, and what is written in each:
//!
//! - **created:** at admission: finalizer, `spec.userInfo`
//! - **resolve:** the references to class and plan in `spec`, and their labels, by which clients list instances
//! - **intent:** `currentOperation: Provision`, `instanceID`, `inProgressProperties` (broker, ids, checksum of the
//!   parameters), `deprovisionStatus: Required`, `operationStartTime`, `observedGeneration`, `Ready=False`
//! - **success:** `externalProperties` (what was requested is now confirmed), `provisionStatus: Provisioned`,
//!   `reconciledGeneration`, `Ready=True`; `currentOperation` and `operation` are cleared
//! - **asynchronous:** `asyncOpInProgress`, `lastOperation`, `operation.deadline`, `Ready=False`; then polls write
//!   only what changes
//! - **failure:** `operation.failures`, `operation.nextAttemptTime` and a reason; or `refused` and `Failed=True`; or
//!   an entry in `orphans`
//! - **update:** the same with `currentOperation: Update`; `Ready` stays, and the condition `Updated` reports it: a
//!   failing update does not make a working service unready
//! - **deletion:** intent `Deprovision`, call, then the finalizer is removed
//!
//! Why this works:
//!
//! - **Ids.** The id of attempt *n* is `UUIDv5(metadata.uid, n)`, where *n* is `status.abandonedAttempts`;
//!   `spec.externalID` wins if it is set. The id is known without having been written, stays the same when an attempt
//!   is repeated, and changes after an attempt was abandoned. An id that another object has is not used
//!   (`domain::osb_id`).
//! - **Given ids.** What exists under `spec.externalID` may belong to another cluster or user. So an attempt whose end
//!   is uncertain is repeated under that id, and never made an orphan. The broker's success confirms it: from then on
//!   it is the object's own, whether the broker created it (201) or had it already (200), and is deprovisioned with
//!   the object. A deletion before that waits for the end of an asynchronous provision; if there is none to wait for,
//!   the operator leaves at the broker what may be there, and says so (`LeftAtBroker`).
//! - **Failures.** `verdict` says what the broker's failure means: refused; nothing happened; it may have happened,
//!   so repeat the same request; it may have happened halfway, so it is an orphan; it exists already, so poll. The
//!   table for broker authors is in `docs/broker-authors.md`.
//! - **Orphans.** If it is unknown what the broker did, the attempt's id goes to `status.orphans`, and the operator
//!   deletes it at the broker, until the broker confirms, before it tries anything else. The next attempt has a new
//!   id. A deletion of the object waits for its orphans as well.
//! - **Crashes.** Every moment at which the process can die is a status that `decide` knows: with the intent but
//!   without the outcome, the same request is sent again under the same id, which the specification makes harmless.
//!   There is no code for recovery. One thing differs (`Observed::may_be_retry`): if a repeated request is refused, the
//!   first one may have been carried out, so it is an orphan.
//! - **Updates without an answer** are recorded in `status.updateUncertain`: then going back to the confirmed
//!   properties is an update, too.
//! - **Deletion** needs neither class, plan nor catalog: the ids are in `status`. It waits for the bindings that the
//!   broker may know. A deletion that does not end at once gets the label `servicecatalog.k8s.io/deleting`.

mod adopt;
mod broker;
mod converge;
mod decision;
mod desired;
mod ids;
mod orphans;
mod remove;
mod settle;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::circuit_breaker::Outage;
use super::metadata::{has_finalizer, is_paused, is_retained};
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
pub use settle::{merge_concurrent_status, settle};

/// Everything that `decide` and `settle` know of an instance.
#[derive(Debug)]
pub struct Observed<'a> {
    /// The object.
    pub instance: &'a ServiceInstance,
    /// The current time.
    pub now: Time,
    /// The class, plan and broker that the spec names.
    pub target: Result<Target, Unresolved>,
    /// The parameters of the spec, or why they are unusable.
    pub parameters: Result<Parameters, String>,
    /// Whether the parameters have been validated against the plan's schema; if not, [`Step::Validate`] comes first.
    pub validated: bool,
    /// The names of the bindings that have to be deleted before the instance; empty unless it is being deleted.
    pub bindings: &'a [String],
    /// The earliest time of the next poll.
    pub next_poll: Option<Time>,
    /// Whether the intent in the status may have been executed already, because this reconcile did not write it.
    pub may_be_retry: bool,
    /// Whether another object has the id that the next provision would use
    /// ([`next_id`](super::osb_id::HasOsbIds::next_id)).
    pub is_id_taken: bool,
    /// The outage of its broker, if the circuit is open.
    pub outage: Option<Outage>,
}

/// A call to the broker of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The operation.
    pub verb: Verb,
    /// The OSB id of the instance.
    pub instance_id: String,
    /// The OSB id of the class.
    pub service_id: String,
    /// The OSB id of the plan.
    pub plan_id: String,
    /// The name of the broker.
    pub broker: String,
    /// How long an asynchronous operation may take, if the plan limits it.
    pub maximum_polling_duration: Option<Duration>,
}

/// An operation at a broker.
#[derive(Clone, Debug, PartialEq)]
pub enum Verb {
    /// Create the instance.
    Provision,
    /// Change the instance. The request has everything that the broker needs to know, whatever changes.
    Update {
        /// Whether it has the member `parameters`; not if there never were any.
        parameters: bool,
        /// Whether it has `maintenance_info`; not if the instance keeps a version that the plan no longer has.
        maintenance_info: bool,
    },
    /// Delete the instance.
    Deprovision,
    /// Poll the current operation, by the broker's name for it.
    Poll(Option<String>),
    /// Delete an orphan.
    Mitigate,
    /// Poll the asynchronous deletion of an orphan.
    PollMitigation(Option<String>),
}

impl Verb {
    /// Whether the operation may change something at the broker; a poll does not.
    pub fn is_mutating(&self) -> bool {
        !matches!(self, Self::Poll(_) | Self::PollMitigation(_))
    }

    /// The name for logs.
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

/// The next step for an instance.
pub type Step = super::Step<ServiceInstanceStatus, Call>;

/// Returns the next step. Pure: the same observation gives the same step.
pub fn decide(observed: &Observed<'_>) -> Step {
    match next(observed) {
        Step::Wait(_) | Step::AwaitBroker if lacks_deleting_label(&observed.instance.metadata) => {
            Step::Label(LABEL_DELETING, true)
        }
        step => step,
    }
}

/// Whether a deletion that has to wait is not labelled yet. Admission reads the label to reject new bindings to the
/// instance.
fn lacks_deleting_label(meta: &ObjectMeta) -> bool {
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

/// Polls the current operation when that is due, or ends it after its deadline.
fn poll(mut decision: Decision<'_>, operation: Option<String>) -> Step {
    if decision.is_overdue() {
        decision.state = settle::overdue(decision.observed, decision.state);
        return decision.write();
    }
    if let Some(next) = decision.next_poll() {
        return decision.wait(Some(next));
    }
    let type_ = condition_of(&decision.state.phase);
    decision.call_broker(Verb::Poll(operation), type_)
}

/// The condition that reports the current operation. For an update that is `Updated`: a failing update does not take
/// `Ready` away from a working instance.
fn condition_of(phase: &Phase) -> &'static str {
    if matches!(phase, Phase::Updating { .. }) { condition::UPDATED } else { condition::READY }
}

/// Reports an object of service-catalog whose class is gone: only the class had the OSB id that a call needs. With the
/// deletion policy `Retain` the object is deleted without a call.
fn cannot_address_broker(mut decision: Decision<'_>) -> Step {
    let metadata = &decision.observed.instance.metadata;
    if metadata.deletion_timestamp.is_some() && is_retained(metadata) {
        return Step::RemoveFinalizer;
    }
    let why = decision.observed.target.as_ref().err().map_or("", |unresolved| &unresolved.message);
    let message = format!(
        "The OSB id of the class is unknown ({why}), so the operator cannot call the broker. Restore the class; \
         or set the annotation servicecatalog.k8s.io/deletion-policy to Retain: then a deletion needs no call \
         to the broker"
    );
    let reason = reason::REFERENCES_NONEXISTENT_SERVICE_CLASS;
    decision.report(condition::READY, Status::Unknown, reason, &message);
    decision.wait(None)
}
