//! Which properties should an instance have at its broker? Computed from the spec, the resolved plan and the
//! parameters.

use sha2::{Digest as _, Sha256};

use super::Observed;
use crate::crd::instance::InstanceProperties;
use crate::crd::names::hex;
use crate::domain::parameters::Parameters;
use crate::domain::plan_reference::Target;

/// The desired properties. Parameters are redacted, because they go to the status; the checksum covers their values.
pub(super) fn properties(
    observed: &Observed<'_>,
    target: &Target,
    parameters: &Parameters,
) -> InstanceProperties {
    let spec = &observed.instance.spec;
    let mut properties = InstanceProperties {
        parameters: parameters.shown(),
        parameter_checksum: parameters.checksum(),
        user_info: spec.user_info.clone(),
        broker_name: target.broker.clone(),
        service_id: target.service_id.clone(),
        maintenance_version: target.maintenance.version.clone(),
        update_requests: spec.update_requests,
        ..InstanceProperties::default()
    };
    let (name, id) = if target.namespaced {
        (&mut properties.service_plan_external_name, &mut properties.service_plan_external_id)
    } else {
        (&mut properties.cluster_service_plan_external_name, &mut properties.cluster_service_plan_external_id)
    };
    name.clone_from(&target.plan_name);
    id.clone_from(&target.plan_id);
    properties
}

/// Identifies a request: two requests with the same fingerprint have the same effect at the broker.
pub(super) fn fingerprint(properties: &InstanceProperties) -> String {
    let parts = [
        &properties.service_id,
        properties.plan_id(),
        &properties.parameter_checksum,
        &properties.update_requests.to_string(),
    ];
    hex(&Sha256::digest(parts.join("\n")))
}
