//! A binding that is being deleted: what is removed at the broker, in which order, and when does the finalizer go?

use super::decision::Decision;
use super::ids::is_given;
use super::state::{Phase, may_exist};
use super::{Step, Verb, cannot_address_broker, orphans, pods, poll, rotate};
use crate::crd::condition::{self, Status};
use crate::domain::orphan;
use crate::domain::progress::Execution;
use crate::domain::reason;

/// The next step of a deletion, in this order: wait for the restart of pods that have the credentials; remove
/// predecessor, successor and orphans at the broker; unbind; remove the finalizer.
pub(super) fn remove(mut decision: Decision<'_>) -> Step {
    match &decision.state.phase {
        Phase::Unbinding { execution: Execution::Polled(operation), .. } => {
            let operation = operation.clone();
            return poll(decision, operation);
        }
        Phase::Unbinding { execution: Execution::Requested, .. } => {}
        Phase::Absent { .. }
        | Phase::Binding { .. }
        | Phase::Bound { .. }
        | Phase::Rebinding { .. }
        | Phase::Rotating { .. } => {
            if may_exist(decision.stored())
                && let Some(deadline) =
                    pods::unbind_waits_until(decision.observed, &mut decision.state.record)
            {
                return decision.wait(Some(deadline));
            }
        }
    }
    let now = decision.now();
    let has_abandoned = rotate::abandon(&mut decision.state, now);
    if let Some(orphan) = decision.state.record.orphans.first().cloned() {
        if decision.next_removal(&orphan).is_some() {
            let (reason, message) = (reason::DELETION_WAITS_FOR_ORPHANS, orphan::DELETION_WAITS);
            decision.report(condition::READY, Status::False, reason, message);
        }
        return if has_abandoned { decision.write() } else { orphans::mitigate(decision, &orphan) };
    }
    if decision.state.has_orphan_without_ids() {
        return cannot_address_broker(decision);
    }
    if let Phase::Binding { execution, .. } = decision.state.phase.clone()
        && is_given(decision.observed.binding, &decision.state.record)
    {
        return match execution {
            Execution::Polled(operation) => poll(decision, operation),
            Execution::Requested => leave(decision),
        };
    }
    unbind(decision)
}

/// Removes the finalizer without a call: the broker has not confirmed the id that the user gave, so what it may have
/// under it may not be this object's.
fn leave(mut decision: Decision<'_>) -> Step {
    let broker = decision.state.phase.instance().map_or("", |instance| &instance.broker_name);
    let message = format!(
        "Not unbound: the broker {broker} never confirmed that it created a binding with the ID spec.externalID, {:?}, \
         for this object. If it has one that is not needed, delete it there, or create a ServiceBinding with the same \
         spec again and delete that once it is ready",
        decision.state.record.binding_id
    );
    decision.report(condition::READY, Status::Unknown, reason::LEFT_AT_BROKER, &message);
    decision.remove_finalizer()
}

fn unbind(mut decision: Decision<'_>) -> Step {
    if !may_exist(decision.stored()) {
        return Step::RemoveFinalizer;
    }
    if !matches!(decision.state.phase, Phase::Unbinding { .. }) {
        decision.state.phase.unbind();
        let message = "Unbind request for ServiceBinding in-flight to Broker";
        return decision.begin(condition::READY, reason::UNBINDING_REQUEST_IN_FLIGHT, message);
    }
    match decision.next_attempt() {
        Some(next) => decision.wait(Some(next)),
        None => decision.call_broker(Verb::Unbind),
    }
}
