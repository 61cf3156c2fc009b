//! A binding whose status service-catalog wrote: what is said of it here?

use super::{Observed, bound_instance, orphan};
use crate::crd::ServiceBindingStatus;
use crate::domain::progress::HasProgress as _;

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
            properties.instance.clone_from(&bound);
            if let Ok(parameters) = &observed.parameters {
                parameters.renew(&mut properties.parameter_checksum);
            }
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

/// What is left of a failed attempt is removed.
fn take_orphan(status: &mut ServiceBindingStatus) {
    let Some(orphan) = orphan(status, "the bind call of an earlier version had an ambiguous end") else {
        return;
    };
    status.current_operation = None;
    status.progress().inherit(orphan);
}
