//! An instance whose status service-catalog wrote: what is said of it here?
//!
//! Its statuses lack what service-catalog looked up each time, and know states that nothing led out of. They are read
//! as what they would be here, and go on from there.

use super::keep::properties;
use super::{Observed, asked, is_creation, orphan};
use crate::crd::ServiceInstanceStatus;
use crate::crd::condition::{self, Status};
use crate::domain::parameters::Parameters;
use crate::domain::plan_reference::Target;
use crate::domain::progress::HasProgress as _;
use crate::domain::reason;

#[cfg(test)]
mod tests;

/// The status as it would be here. One that is of this operator stays as it is.
pub(super) fn adopt(observed: &Observed<'_>, mut status: ServiceInstanceStatus) -> ServiceInstanceStatus {
    if status.instance_id.is_empty() && may_exist(&status) {
        status.instance_id.clone_from(&observed.instance.spec.external_id);
        reopen(&mut status);
        if status.external_properties.is_some() && !deprovisions(observed, &status) {
            work(observed, &mut status);
        }
    }
    if let Ok(target) = &observed.target {
        complete(observed, target, &mut status);
    }
    if status.orphan_mitigation_in_progress && status.orphans.is_empty() {
        take_orphan(&mut status);
    }
    status
}

/// Whether the broker may know of the instance.
pub(super) fn may_exist(status: &ServiceInstanceStatus) -> bool {
    status.current_operation.is_some()
        || status.external_properties.is_some()
        || status.orphan_mitigation_in_progress
        || status.provision_status == "Provisioned"
        || matches!(status.deprovision_status.as_str(), "Required" | "Failed")
}

/// A deprovisioning that was given up is taken up again.
fn reopen(status: &mut ServiceInstanceStatus) {
    if status.deprovision_status == "Failed" {
        status.deprovision_status = "Required".to_owned();
    }
}

fn deprovisions(observed: &Observed<'_>, status: &ServiceInstanceStatus) -> bool {
    observed.instance.metadata.deletion_timestamp.is_some() || !is_creation(status)
}

/// An instance that only its update has failed for works: what is wrong with the update is a condition of its own.
fn work(observed: &Observed<'_>, status: &mut ServiceInstanceStatus) {
    let Some(ready) = condition::find(&status.conditions, condition::READY).cloned() else { return };
    if ready.status == "True" {
        return;
    }
    let now = &observed.now;
    let mut progress = status.progress();
    progress.report(condition::UPDATED, Status::False, &ready.reason, &ready.message, now);
    progress.withdraw(condition::FAILED);
    let message = "The instance was provisioned successfully";
    progress.report(condition::READY, Status::True, reason::PROVISIONED_SUCCESSFULLY, message, now);
}

/// Adds the ids and names by which the broker is asked.
fn complete(observed: &Observed<'_>, target: &Target, status: &mut ServiceInstanceStatus) {
    let is_settled = status.observed_generation.max(status.reconciled_generation)
        >= observed.instance.metadata.generation.unwrap_or_default();
    let update_requests = if is_settled { observed.instance.spec.update_requests } else { 0 };
    if status.external_properties.is_none() && status.provision_status == "Provisioned" {
        let parameters = observed.parameters.as_ref().cloned().unwrap_or_default();
        status.external_properties = Some(properties(observed, target, &parameters));
    }
    if status.deprovision_status == "Required" && asked(status).is_none() {
        status.in_progress_properties = Some(properties(observed, target, &Parameters::default()));
    }
    for properties in [&mut status.in_progress_properties, &mut status.external_properties] {
        let Some(properties) = properties.as_mut().filter(|properties| properties.service_id.is_empty())
        else {
            continue;
        };
        properties.service_id.clone_from(&target.service_id);
        properties.broker_name.clone_from(&target.broker);
        properties.update_requests = update_requests;
        if let Ok(parameters) = &observed.parameters {
            parameters.renew(&mut properties.parameter_checksum);
        }
    }
}

/// What is left of a failed attempt is removed.
fn take_orphan(status: &mut ServiceInstanceStatus) {
    let why = "the provision call of an earlier version had an ambiguous end";
    let Some(orphan) = orphan(status, why).filter(|orphan| !orphan.service_id.is_empty()) else { return };
    status.current_operation = None;
    status.progress().inherit(orphan);
}
