//! Adopts instances of the archived service-catalog: translates their status to a state of this operator.
//!
//! Such a status lacks the ids that service-catalog looked up before each call, so they are completed from the resolved
//! target. It may also be in a state that service-catalog never left, such as a failed deprovision; it becomes the
//! corresponding state here, and is retried from there.

use std::mem::take;

use super::Observed;
use super::desired::properties;
use super::state::{InstanceState, Phase, may_exist};
use crate::crd::ServiceInstanceStatus;
use crate::crd::condition::{self, Status};
use crate::crd::instance::{InstanceProperties, ProvisionStatus};
use crate::crd::operation::RemovalStatus;
use crate::domain::decision::Observed as _;
use crate::domain::parameters::Parameters;
use crate::domain::plan_reference::Target;
use crate::domain::progress::{Execution, HasProgress as _};
use crate::domain::reason;

#[cfg(test)]
mod tests;

/// Parses a status. If service-catalog wrote it, its gaps are filled; a status of this operator stays as it is.
pub(super) fn adopt(observed: &Observed<'_>, mut status: ServiceInstanceStatus) -> InstanceState {
    let is_inherited = status.instance_id.is_empty() && may_exist(&status);
    if is_inherited {
        status.instance_id.clone_from(&observed.instance.spec.external_id);
        // service-catalog gave up a failed deprovision; this operator retries it.
        if status.deprovision_status == RemovalStatus::Failed {
            status.deprovision_status = RemovalStatus::Required;
        }
    }
    let mut state = InstanceState::parse(status);
    if is_inherited && observed.instance.metadata.deletion_timestamp.is_none() {
        separate_update(observed, &mut state);
    }
    if let Ok(target) = &observed.target {
        complete(observed, target, &mut state);
    }
    if state.has_orphan_without_ids() {
        inherit_orphan(&mut state);
    }
    if state.phase.execution().is_none() && !state.has_orphan_without_ids() {
        // These fields belong to an operation, and there is none.
        (state.record.async_op_in_progress, state.record.last_operation) = (false, None);
    }
    state
}

/// Moves the failure of an update from `Ready` to `Updated`: the instance itself still works.
fn separate_update(observed: &Observed<'_>, state: &mut InstanceState) {
    let is_provisioned = matches!(state.phase, Phase::Provisioned { .. } | Phase::Updating { .. });
    let ready = condition::find(&state.record.conditions, condition::READY).cloned();
    let Some(ready) = ready.filter(|ready| is_provisioned && ready.status != "True") else { return };
    let now = &observed.now;
    let mut progress = state.progress();
    progress.report(condition::UPDATED, Status::False, &ready.reason, &ready.message, now);
    progress.withdraw(condition::FAILED);
    let message = "The instance was provisioned successfully";
    progress.report(condition::READY, Status::True, reason::PROVISIONED_SUCCESSFULLY, message, now);
}

/// Adds the ids and names that a call to the broker needs.
fn complete(observed: &Observed<'_>, target: &Target, state: &mut InstanceState) {
    let record = &state.record;
    let is_settled = record.observed_generation.max(record.reconciled_generation) >= observed.generation();
    let update_requests = if is_settled { observed.instance.spec.update_requests } else { 0 };
    let is_provisioned = record.provision_status == ProvisionStatus::Provisioned;
    let is_required = record.deprovision_status == RemovalStatus::Required;
    match &mut state.phase {
        Phase::Absent { .. } if is_provisioned => {
            state.phase = Phase::Provisioned { confirmed: as_provisioned(observed, target) };
        }
        Phase::Provisioning { request, execution } if is_provisioned => {
            let (request, execution) = (take(request), take(execution));
            state.phase = Phase::Updating { confirmed: as_provisioned(observed, target), request, execution };
        }
        Phase::Deprovisioning { confirmed, .. } if is_provisioned => {
            confirmed.get_or_insert_with(|| as_provisioned(observed, target));
        }
        Phase::Absent { abandoned: request } | Phase::Deprovisioning { confirmed: None, request, .. }
            if is_required =>
        {
            request.get_or_insert_with(|| properties(observed, target, &Parameters::default()));
        }
        _ => {}
    }
    for properties in state.phase.properties_mut().filter(|properties| properties.service_id.is_empty()) {
        properties.service_id.clone_from(&target.service_id);
        properties.broker_name.clone_from(&target.broker);
        properties.update_requests = update_requests;
        if let Ok(parameters) = &observed.parameters {
            parameters.renew(&mut properties.parameter_checksum);
        }
    }
}

fn as_provisioned(observed: &Observed<'_>, target: &Target) -> InstanceProperties {
    let parameters = observed.parameters.as_ref().cloned().unwrap_or_default();
    properties(observed, target, &parameters)
}

/// Continues the orphan mitigation that service-catalog had started.
fn inherit_orphan(state: &mut InstanceState) {
    let why = "the provision call of an earlier version had an ambiguous end";
    let Some(orphan) = state.orphan(why).filter(|orphan| !orphan.service_id.is_empty()) else { return };
    let record = &mut state.record;
    let execution = match state.phase.execution() {
        Some(execution) => execution.clone(),
        None => Execution::take(&mut record.async_op_in_progress, &mut record.last_operation),
    };
    state.phase.abandon();
    state.progress().inherit(orphan, execution);
}
