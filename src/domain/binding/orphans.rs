//! Orphan mitigation of a binding: is the removal of an orphan requested, polled or waited for?

use std::ops::ControlFlow;

use super::decision::Decision;
use super::{Call, Step, Verb, cannot_address_broker, settle};
use crate::crd::condition;
use crate::crd::operation::Orphan;

/// The next step of the removal of the first orphan.
pub(super) fn mitigate(decision: Decision<'_>, orphan: &Orphan) -> Step {
    let removal = settle::removal(decision.observed, &orphan.id, &orphan.broker_name);
    let decision = match decision.mitigate(orphan, &removal) {
        ControlFlow::Continue(decision) => decision,
        ControlFlow::Break(step) => return step,
    };
    let Some(instance) = orphan.instance.clone() else { return cannot_address_broker(decision) };
    let verb = if orphan.async_op_in_progress {
        Verb::PollMitigation(orphan.last_operation.clone())
    } else {
        Verb::Mitigate
    };
    let instance = decision.with_current_plan(instance);
    decision.call(Call { verb, binding_id: orphan.id.clone(), instance }, condition::ORPHAN_MITIGATION)
}
