//! A binding whose status service-catalog wrote: what is said of it here?

use super::{Observed, bound_instance, orphan};
use crate::crd::ServiceBindingStatus;
use crate::crd::binding::BindingProperties;
use crate::crd::operation::BoundInstance;
use crate::domain::parameters::Parameters;

#[cfg(test)]
mod tests;

/// The status as it would be here. One that is of this operator stays as it is.
pub(super) fn adopt(observed: &Observed<'_>, mut status: ServiceBindingStatus) -> ServiceBindingStatus {
    if status.binding_id.is_empty() && may_exist(&status) {
        status.binding_id.clone_from(&observed.binding.spec.external_id);
        if status.unbind_status == "Failed" {
            status.unbind_status = "Required".to_owned();
        }
    }
    if status.unbind_status == "Required" && status.external_properties.is_none() {
        status.in_progress_properties.get_or_insert_default();
    }
    let bound = observed.instance.and_then(bound_instance);
    for properties in [&mut status.in_progress_properties, &mut status.external_properties] {
        if let Some(properties) = properties.as_mut().filter(|properties| properties.instance.is_none()) {
            complete(properties, bound.as_ref(), observed.parameters.as_ref().ok());
        }
    }
    if status.orphan_mitigation_in_progress && status.orphans.is_empty() {
        take_orphan(&mut status);
    }
    status
}

/// Whether the broker may know of the binding.
pub(super) fn may_exist(status: &ServiceBindingStatus) -> bool {
    status.current_operation.is_some()
        || status.external_properties.is_some()
        || status.orphan_mitigation_in_progress
        || matches!(status.unbind_status.as_str(), "Required" | "Failed")
}

/// Adds what the broker is asked with, and the checksum that the same parameters have here.
fn complete(
    properties: &mut BindingProperties,
    bound: Option<&BoundInstance>,
    parameters: Option<&Parameters>,
) {
    properties.instance = bound.cloned();
    if let Some(parameters) = parameters
        && properties.parameter_checksum == parameters.checksum_of_service_catalog()
    {
        properties.parameter_checksum = parameters.checksum();
    }
}

/// What is left of a failed attempt, and how far its removal is, is known of the orphan here.
fn take_orphan(status: &mut ServiceBindingStatus) {
    let Some(mut orphan) = orphan(status, "the bind call of an earlier version had an ambiguous end") else {
        return;
    };
    orphan.async_op_in_progress = std::mem::take(&mut status.async_op_in_progress);
    orphan.last_operation = status.last_operation.take();
    status.current_operation = None;
    status.orphans.push(orphan);
}
