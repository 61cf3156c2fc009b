//! Which ids does a binding have at its broker, and which one would its next bind use?

use super::state::may_exist;
use crate::crd::binding::BindingOperation;
use crate::crd::{ServiceBinding, ServiceBindingStatus};
use crate::domain::metadata::attempt_id;
use crate::domain::osb_id::{HasOsbIds, Standing};

impl HasOsbIds for ServiceBinding {
    type Status = ServiceBindingStatus;

    fn ids_of<'a>(&'a self, status: &'a ServiceBindingStatus) -> Vec<(&'a str, Standing)> {
        let orphans = status.orphans.iter().map(|orphan| &*orphan.id);
        let rotation =
            status.predecessor.iter().map(|former| &*former.binding_id).chain([&*status.successor_id]);
        let own = may_exist(status).then(|| {
            let standing = if is_requested(status) { Standing::Requested } else { Standing::Firm };
            // service-catalog stored the id in the spec only.
            let id = if status.binding_id.is_empty() { &self.spec.external_id } else { &status.binding_id };
            (&**id, standing)
        });
        let others = orphans.chain(rotation).map(|id| (id, Standing::Firm));
        others.chain(own).filter(|(id, _)| !id.is_empty()).collect()
    }

    fn ids(&self) -> Vec<(&str, Standing)> {
        self.status.as_ref().map(|status| self.ids_of(status)).unwrap_or_default()
    }

    fn next_id(&self) -> Option<String> {
        if self.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let Some(status) = &self.status else { return Some(next_id(self, &ServiceBindingStatus::default())) };
        match status.current_operation {
            Some(BindingOperation::Bind) if is_requested(status) && !status.binding_id.is_empty() => {
                Some(status.binding_id.clone())
            }
            None if status.external_properties.is_some() => {
                Some(attempt_id(&self.metadata, successor_number(self, status)))
            }
            None => Some(next_id(self, status)),
            Some(BindingOperation::Bind | BindingOperation::Rotate | BindingOperation::Unbind) => None,
        }
    }
}

/// The id of a new bind.
pub(super) fn next_id(binding: &ServiceBinding, status: &ServiceBindingStatus) -> String {
    let external_id = &binding.spec.external_id;
    // After a rotation the broker may still know `spec.externalID` as a predecessor.
    let was_rotated = !status.binding_id.is_empty() && status.binding_id != *external_id;
    if external_id.is_empty() || was_rotated {
        attempt_id(&binding.metadata, status.abandoned_attempts)
    } else {
        external_id.clone()
    }
}

/// The number of the attempt that would create a successor.
pub(super) fn successor_number(binding: &ServiceBinding, status: &ServiceBindingStatus) -> i64 {
    let number = status.abandoned_attempts;
    let is_present = attempt_id(&binding.metadata, number) == status.binding_id;
    number + i64::from(is_present)
}

/// Whether the user has given the id of the current attempt.
pub(super) fn is_given(binding: &ServiceBinding, status: &ServiceBindingStatus) -> bool {
    let external_id = &binding.spec.external_id;
    !external_id.is_empty() && *external_id == status.binding_id
}

fn is_requested(status: &ServiceBindingStatus) -> bool {
    status.current_operation == Some(BindingOperation::Bind)
        && status.external_properties.is_none()
        && !status.async_op_in_progress
}
