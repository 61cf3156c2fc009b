//! The next step for an instance that is being deleted: what does the deletion wait for, and when is the finalizer
//! removed?

use super::decision::Decision;
use super::ids::is_given;
use super::state::{Phase, may_exist};
use super::{Step, Verb, cannot_address_broker, orphans, poll};
use crate::crd::condition::{self, Status};
use crate::domain::metadata::{is_cascading, is_retained};
use crate::domain::orphan;
use crate::domain::progress::{Execution, HasProgress as _};
use crate::domain::reason;

/// The next step of a deletion. An asynchronous provision or update is not waited for: the deprovision is sent at once.
pub(super) fn remove(mut decision: Decision<'_>) -> Step {
    if let Phase::Deprovisioning { execution: Execution::Polled(operation), .. } = &decision.state.phase {
        let operation = operation.clone();
        return poll(decision, operation);
    }
    if let Some(orphan) = decision.state.record.orphans.first().cloned() {
        if decision.next_removal(&orphan).is_some() {
            let (reason, message) = (reason::DELETION_WAITS_FOR_ORPHANS, orphan::DELETION_WAITS);
            decision.report(condition::READY, Status::False, reason, message);
        }
        return orphans::mitigate(decision, &orphan);
    }
    if decision.state.has_orphan_without_ids() {
        return cannot_address_broker(decision);
    }
    let instance = decision.observed.instance;
    if !may_exist(decision.stored()) || is_retained(&instance.metadata) {
        return Step::RemoveFinalizer;
    }
    if let Phase::Provisioning { execution, .. } = decision.state.phase.clone()
        && is_given(instance, &decision.state.record)
    {
        return match execution {
            Execution::Polled(operation) => poll(decision, operation),
            Execution::Requested => leave(decision),
        };
    }
    if decision.observed.bindings.is_empty() { deprovision(decision) } else { await_bindings(decision) }
}

fn deprovision(mut decision: Decision<'_>) -> Step {
    if matches!(decision.state.phase, Phase::Deprovisioning { .. }) {
        return decision.request(Verb::Deprovision, condition::READY);
    }
    decision.state.phase.deprovision();
    let message = "Deprovision request for ServiceInstance in-flight to Broker";
    decision.state.progress().withdraw(condition::UPDATED);
    decision.begin(condition::READY, reason::DEPROVISION_REQUEST_IN_FLIGHT, message)
}

/// Removes the finalizer without a call: the broker has not confirmed the id that the user gave, so what it may have
/// under it may not be this object's.
fn leave(mut decision: Decision<'_>) -> Step {
    let broker = decision.state.phase.known().map_or("", |known| &known.broker_name);
    let message = format!(
        "Not deprovisioned: the broker {broker} never confirmed that it provisioned an instance with the ID \
         spec.externalID, {:?}, for this object. If it has one that is not needed, delete it there, or create a \
         ServiceInstance with the same spec again and delete that once it is ready",
        decision.state.record.instance_id
    );
    decision.report(condition::READY, Status::Unknown, reason::LEFT_AT_BROKER, &message);
    decision.remove_finalizer()
}

/// Waits for the bindings. With the policy `Cascade` they delete themselves.
fn await_bindings(mut decision: Decision<'_>) -> Step {
    let names = decision.observed.bindings.join(", ");
    let (reason, message) = if is_cascading(&decision.observed.instance.metadata) {
        let message = format!("The instance's service bindings are being deleted: {names}");
        (reason::SERVICE_BINDINGS_DELETION, message)
    } else {
        let message = format!(
            "All associated ServiceBindings must be removed before this ServiceInstance can be deleted: {names}"
        );
        (reason::DEPROVISION_BLOCKED, message)
    };
    decision.report(condition::READY, Status::False, reason, &message);
    decision.wait(None)
}
