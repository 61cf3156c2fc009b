//! Which ids does an instance have at its broker, and which one would its next provision use?

use super::state::may_exist;
use crate::crd::instance::{InstanceOperation, ProvisionStatus};
use crate::crd::{ServiceInstance, ServiceInstanceStatus};
use crate::domain::metadata::attempt_id;
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
    let external_id = &instance.spec.external_id;
    if external_id.is_empty() {
        attempt_id(&instance.metadata, abandoned_attempts)
    } else {
        external_id.clone()
    }
}

/// Whether the user has given the id of the current attempt.
pub(super) fn is_given(instance: &ServiceInstance, status: &ServiceInstanceStatus) -> bool {
    let external_id = &instance.spec.external_id;
    !external_id.is_empty() && *external_id == status.instance_id
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
