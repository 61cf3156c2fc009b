//! Which ids does an instance have at its broker, and which one would its next provision use?
//!
//! The operator writes the id of the current attempt to `spec.externalID`, as service-catalog did, so that a backup of the
//! object holds it. Such an id is derived from the object's own UID, so it is told apart from one that a user has given
//! without any further mark. In an object that is restored from a backup, the UID is another one: then the id is a given
//! one, with all the care that such ids need, and a permission is necessary to set it.

use super::state::may_exist;
use crate::crd::instance::{InstanceOperation, ProvisionStatus};
use crate::crd::{ServiceInstance, ServiceInstanceStatus};
use crate::domain::metadata::{attempt_id, is_attempt_id};
use crate::domain::osb_id::{HasOsbIds, Standing};

impl HasOsbIds for ServiceInstance {
    type Status = ServiceInstanceStatus;

    fn ids_of<'a>(&'a self, status: &'a ServiceInstanceStatus) -> Vec<(&'a str, Standing)> {
        let orphans = status.orphans.iter().map(|orphan| (&*orphan.id, Standing::Firm));
        let own = may_exist(status).then(|| {
            let standing = if is_requested(status) { Standing::Requested } else { Standing::Firm };
            // service-catalog stored the id in the spec only.
            let id = if status.instance_id.is_empty() { &self.spec.external_id } else { &status.instance_id };
            (&**id, standing)
        });
        orphans.chain(own).filter(|(id, _)| !id.is_empty()).collect()
    }

    fn ids(&self) -> Vec<(&str, Standing)> {
        self.status.as_ref().map(|status| self.ids_of(status)).unwrap_or_default()
    }

    fn next_id(&self) -> Option<String> {
        if self.metadata.deletion_timestamp.is_some() {
            return None;
        }
        match &self.status {
            Some(status) if is_requested(status) && !status.instance_id.is_empty() => {
                Some(status.instance_id.clone())
            }
            Some(status) if exists(status) => None,
            status => Some(next_id(self, status.as_ref().map_or(0, |status| status.abandoned_attempts))),
        }
    }
}

/// The id of the attempt after this number of abandoned ones.
pub(super) fn next_id(instance: &ServiceInstance, abandoned_attempts: i64) -> String {
    given_id(instance, abandoned_attempts)
        .map_or_else(|| attempt_id(&instance.metadata, abandoned_attempts), str::to_owned)
}

/// The id that a user has given: `spec.externalID`, unless the operator has written it.
pub(super) fn given_id(instance: &ServiceInstance, abandoned_attempts: i64) -> Option<&str> {
    let external_id = instance.spec.external_id.as_str();
    let is_given =
        !external_id.is_empty() && !is_attempt_id(&instance.metadata, abandoned_attempts, external_id);
    is_given.then_some(external_id)
}

/// Whether the user has given the id of the current attempt.
pub(super) fn is_given(instance: &ServiceInstance, status: &ServiceInstanceStatus) -> bool {
    given_id(instance, status.abandoned_attempts).is_some_and(|id| id == status.instance_id)
}

/// The id to write to `spec.externalID`: the one that the broker knows, or that the next provision sends. `None` if it is
/// there already, or not the operator's to write.
pub(super) fn id_to_record(instance: &ServiceInstance) -> Option<String> {
    let default = ServiceInstanceStatus::default();
    let status = instance.status.as_ref().unwrap_or(&default);
    let number = status.abandoned_attempts;
    let id = instance.next_id().unwrap_or_else(|| status.instance_id.clone());
    let is_own = given_id(instance, number).is_none() && is_attempt_id(&instance.metadata, number, &id);
    (is_own && id != instance.spec.external_id).then_some(id)
}

fn is_requested(status: &ServiceInstanceStatus) -> bool {
    status.current_operation == Some(InstanceOperation::Provision)
        && status.external_properties.is_none()
        && !status.async_op_in_progress
}

fn exists(status: &ServiceInstanceStatus) -> bool {
    (status.current_operation.is_some() && !is_requested(status))
        || status.external_properties.is_some()
        || status.provision_status == ProvisionStatus::Provisioned
}
