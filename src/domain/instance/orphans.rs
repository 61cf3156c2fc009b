//! What an attempt may have left at the broker: is its removal requested, polled, or waited for?

use super::decision::Decision;
use super::{Call, Step, Verb, settle};
use crate::crd::condition;
use crate::crd::operation::Orphan;
use crate::domain::orphan;
use crate::domain::progress::is_overdue;

/// The next step of the removal of the first orphan.
pub(super) fn mitigate(mut decision: Decision<'_>, orphan: &Orphan) -> Step {
    let observed = decision.observed;
    let is_polled = orphan.async_op_in_progress;
    if is_polled && is_overdue(decision.state.record.operation.as_ref(), &observed.now) {
        let removal = settle::removal(observed, &orphan.id, &orphan.broker_name);
        orphan::overdue(&mut decision.state, &removal);
        return decision.write();
    }
    let next_poll = observed.next_poll.as_ref().filter(|next| is_polled && next.0 > observed.now.0);
    if let Some(next) = decision.next_attempt().or_else(|| next_poll.cloned()) {
        return decision.wait(Some(next));
    }
    let call = Call {
        verb: if is_polled { Verb::PollMitigation(orphan.last_operation.clone()) } else { Verb::Mitigate },
        instance_id: orphan.id.clone(),
        service_id: orphan.service_id.clone(),
        plan_id: orphan.plan_id.clone(),
        broker: orphan.broker_name.clone(),
        maximum_polling_duration: None,
    };
    decision.call(call, condition::ORPHAN_MITIGATION)
}
