//! What does a status that service-catalog wrote mean?

use super::state::{BindingState, Phase, may_exist};
use super::{Observed, bound_instance};
use crate::crd::ServiceBindingStatus;
use crate::crd::operation::RemovalStatus;
use crate::domain::progress::{Execution, HasProgress as _};

#[cfg(test)]
mod tests;

/// Parses a status. If service-catalog wrote it, missing fields are completed; a status of this operator stays as it
/// is.
pub(super) fn adopt(observed: &Observed<'_>, mut status: ServiceBindingStatus) -> BindingState {
    if status.binding_id.is_empty() && may_exist(&status) {
        status.binding_id.clone_from(&observed.binding.spec.external_id);
        if status.unbind_status == RemovalStatus::Failed {
            status.unbind_status = RemovalStatus::Required;
        }
    }
    let mut state = BindingState::parse(status);
    let is_required =
        state.record.unbind_status == RemovalStatus::Required && state.record.orphans.is_empty();
    if let Phase::Absent { last_request } = &mut state.phase
        && is_required
    {
        last_request.get_or_insert_default();
    }
    let bound = observed.instance.and_then(bound_instance);
    for properties in state.phase.properties_mut().filter(|properties| properties.instance.is_none()) {
        properties.instance.clone_from(&bound);
        if let Ok(parameters) = &observed.parameters {
            parameters.renew(&mut properties.parameter_checksum);
        }
    }
    if state.has_orphan_without_ids() {
        adopt_orphan(&mut state);
    }
    if state.phase.execution().is_none() && !state.has_orphan_without_ids() {
        // Without a current operation there is nothing to poll.
        (state.record.async_op_in_progress, state.record.last_operation) = (false, None);
    }
    state
}

/// Lists the orphan that service-catalog was mitigating, so that the mitigation goes on.
fn adopt_orphan(state: &mut BindingState) {
    let Some(orphan) = state.orphan("the bind call of an earlier version had an ambiguous end") else {
        return;
    };
    let record = &mut state.record;
    let execution = match state.phase.execution() {
        Some(execution) => execution.clone(),
        None => Execution::take(&mut record.async_op_in_progress, &mut record.last_operation),
    };
    let last_request = state.phase.request().or_else(|| state.phase.confirmed()).cloned();
    state.phase = Phase::Absent { last_request };
    state.progress().inherit(orphan, execution);
}
