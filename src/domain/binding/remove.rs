//! A binding that is being deleted: what is removed at the broker, in which order, and when does the finalizer go?

use super::decision::Decision;
use super::state::{Phase, may_exist};
use super::{Step, Verb, cannot_address_broker, orphans, pods, poll, rotate};
use crate::crd::condition;
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
    if rotate::abandon(&mut decision.state, now) {
        return decision.write();
    }
    if let Some(orphan) = decision.state.record.orphans.first().cloned() {
        return orphans::mitigate(decision, &orphan);
    }
    if decision.state.has_orphan_without_ids() {
        return cannot_address_broker(decision);
    }
    unbind(decision)
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
