//! The next step of orphan mitigation: request the removal, poll it, or wait?

use std::ops::ControlFlow;

use super::decision::Decision;
use super::{Call, Step, Verb, settle};
use crate::crd::condition;
use crate::crd::operation::Orphan;

/// The next step of the removal of the first orphan. Orphans are removed one at a time.
pub(super) fn mitigate(decision: Decision<'_>, orphan: &Orphan) -> Step {
    let removal = settle::removal(decision.observed, &orphan.id, &orphan.broker_name);
    let decision = match decision.mitigate(orphan, &removal) {
        ControlFlow::Continue(decision) => decision,
        ControlFlow::Break(step) => return step,
    };
    let verb = if orphan.async_op_in_progress {
        Verb::PollMitigation(orphan.last_operation.clone())
    } else {
        Verb::Mitigate
    };
    let call = Call {
        verb,
        instance_id: orphan.id.clone(),
        service_id: orphan.service_id.clone(),
        plan_id: orphan.plan_id.clone(),
        broker: orphan.broker_name.clone(),
        maximum_polling_duration: None,
    };
    decision.call(call, condition::ORPHAN_MITIGATION)
}
