//! An instance that is wanted: is it provisioned, or changed, or left alone?

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{Observed, Step, Verb, call, generation, lost, next, settle};
use crate::crd::ServiceInstanceStatus;
use crate::crd::condition::{self, Status};
use crate::crd::instance::{InstanceOperation, InstanceProperties};
use crate::crd::names::hex;
use crate::domain::parameters::Parameters;
use crate::domain::plan_reference::Target;
use crate::domain::progress::{HasProgress as _, not_before};
use crate::domain::schema::Purpose;
use crate::domain::{attempt_id, reason, write_or};

/// What the parameters are about to be sent for. What is settled already, or being asked for, is not about to be sent.
pub fn sends(observed: &Observed<'_>) -> Option<Purpose> {
    let Step::Write(status) = next(observed) else { return None };
    let before = observed.instance.status.as_ref();
    let began = |operation| {
        let asked = |status: &ServiceInstanceStatus| status.in_progress_properties.as_ref().map(fingerprint);
        let is_new = before.is_none_or(|before| {
            before.current_operation != Some(operation) || asked(before) != asked(&status)
        });
        is_new && status.current_operation == Some(operation)
    };
    let checksum = |properties: &Option<InstanceProperties>| {
        properties.as_ref().map(|properties| properties.parameter_checksum.clone())
    };
    if began(InstanceOperation::Provision) {
        return Some(Purpose::Provision);
    }
    let changes = checksum(&status.in_progress_properties) != checksum(&status.external_properties);
    (began(InstanceOperation::Update) && changes).then_some(Purpose::Update)
}

/// The next step towards what the spec says.
pub(super) fn keep(
    observed: &Observed<'_>,
    before: &ServiceInstanceStatus,
    mut status: ServiceInstanceStatus,
) -> Step {
    let target = match &observed.target {
        Ok(target) => target,
        Err(unresolved) => {
            blocked(observed, &mut status, unresolved.reason, &unresolved.message);
            return write_or(before, status, Step::Wait(None));
        }
    };
    if let Some(references) = target.references_to_write(observed.instance) {
        return Step::Resolve(references);
    }
    status.user_specified_class_name.clone_from(&target.user_specified_class);
    status.user_specified_plan_name.clone_from(&target.user_specified_plan);
    let confirmed = status.external_properties.as_ref().map(InstanceProperties::plan_id);
    status.plan_updatable = target.is_fixed(confirmed).then_some(false);
    let parameters = match &observed.parameters {
        Ok(parameters) => parameters,
        Err(error) => {
            blocked(observed, &mut status, reason::ERROR_WITH_PARAMETERS, error);
            return write_or(before, status, Step::Wait(None));
        }
    };
    let desired = properties(observed, target, parameters);
    match status.external_properties.clone() {
        None => create(observed, before, status, target, desired),
        Some(external) => change(observed, before, status, (target, desired, &external)),
    }
}

/// Something that the user or the broker has to put right first.
fn blocked(observed: &Observed<'_>, status: &mut ServiceInstanceStatus, reason: &str, message: &str) {
    let condition = if status.external_properties.is_some() { condition::UPDATED } else { condition::READY };
    status.observed_generation = generation(observed);
    status.progress().report(condition, Status::False, reason, message, &observed.now);
}

fn create(
    observed: &Observed<'_>,
    before: &ServiceInstanceStatus,
    mut status: ServiceInstanceStatus,
    target: &Target,
    desired: InstanceProperties,
) -> Step {
    let now = &observed.now;
    if status.refused == fingerprint(&desired) {
        status.observed_generation = generation(observed);
        return write_or(before, status, Step::Wait(None));
    }
    if status.current_operation == Some(InstanceOperation::Provision) {
        let same = status.in_progress_properties.as_ref().map(fingerprint) == Some(fingerprint(&desired));
        if same && !status.instance_id.is_empty() {
            return retry(observed, before, status, Verb::Provision);
        }
        settle::mitigate(
            observed,
            &mut status,
            "the spec changed while it was unknown what the broker had done",
            None,
        );
        return Step::Write(Box::new(status));
    }
    if let Some((reason, message)) = target.removed() {
        blocked(observed, &mut status, reason, &message);
        return write_or(before, status, Step::Wait(None));
    }
    let edited = status.observed_generation < generation(observed);
    if let Some(next) = not_before(status.operation.as_ref(), now).filter(|_| !edited) {
        let next = next.clone();
        return write_or(before, status, Step::Wait(Some(next)));
    }
    let meta = &observed.instance.metadata;
    let external_id = &observed.instance.spec.external_id;
    status.instance_id = if external_id.is_empty() {
        attempt_id(meta, status.abandoned_attempts)
    } else {
        external_id.clone()
    };
    status.current_operation = Some(InstanceOperation::Provision);
    status.in_progress_properties = Some(desired);
    status.default_provision_parameters = target.defaults();
    status.deprovision_status = "Required".to_owned();
    status.provision_status = "NotProvisioned".to_owned();
    status.refused.clear();
    status.observed_generation = generation(observed);
    status.progress().start(now);
    let message = "Provision request for ServiceInstance in-flight to Broker";
    status.progress().report(
        condition::READY,
        Status::False,
        reason::PROVISION_REQUEST_IN_FLIGHT,
        message,
        now,
    );
    Step::Write(Box::new(status))
}

fn change(
    observed: &Observed<'_>,
    before: &ServiceInstanceStatus,
    mut status: ServiceInstanceStatus,
    (target, mut desired, external): (&Target, InstanceProperties, &InstanceProperties),
) -> Step {
    let now = &observed.now;
    let updating = status.current_operation == Some(InstanceOperation::Update);
    let plan_changes = desired.plan_id() != external.plan_id();
    // A new version comes with a new plan, or when the user asks for an update.
    if !plan_changes && desired.update_requests == external.update_requests {
        desired.maintenance_version.clone_from(&external.maintenance_version);
    }
    let wanted = fingerprint(&desired);
    let as_wanted = wanted == fingerprint(external) && !status.update_uncertain;
    if as_wanted && !updating {
        status.refused.clear();
        status.observed_generation = generation(observed);
        status.reconciled_generation = generation(observed);
        status.progress().withdraw(condition::UPDATED);
        tell_version(observed, &mut status, target, external);
        return write_or(before, status, Step::Wait(None));
    }
    if status.refused == wanted {
        status.observed_generation = generation(observed);
        return write_or(before, status, Step::Wait(None));
    }
    if plan_changes && let Some((reason, message)) = target.change_refused() {
        blocked(observed, &mut status, reason, &message);
        return write_or(before, status, Step::Wait(None));
    }
    let same = status.in_progress_properties.as_ref().is_some_and(|asked| {
        fingerprint(asked) == wanted && asked.maintenance_version == desired.maintenance_version
    });
    if updating && same {
        let uncertain = status.update_uncertain;
        let plan_changes = plan_changes || (uncertain && target.plan_updatable);
        let verb = Verb::Update {
            plan_id: plan_changes.then(|| desired.plan_id().to_owned()),
            parameters: uncertain || desired.parameter_checksum != external.parameter_checksum,
        };
        return retry(observed, before, status, verb);
    }
    let edited = status.observed_generation < generation(observed);
    if let Some(next) = not_before(status.operation.as_ref(), now).filter(|_| !edited) {
        let next = next.clone();
        return write_or(before, status, Step::Wait(Some(next)));
    }
    status.update_uncertain |= updating;
    status.current_operation = Some(InstanceOperation::Update);
    status.in_progress_properties = Some(desired);
    status.refused.clear();
    status.observed_generation = generation(observed);
    status.progress().start(now);
    let message = "Update request for ServiceInstance in-flight to Broker";
    let reason = reason::UPDATE_INSTANCE_REQUEST_IN_FLIGHT;
    status.progress().report(condition::UPDATED, Status::False, reason, message, now);
    Step::Write(Box::new(status))
}

/// An instance is upgraded at its user's request only (OSB, “Updating a Service Instance”), who has to know of it.
fn tell_version(
    observed: &Observed<'_>,
    status: &mut ServiceInstanceStatus,
    target: &Target,
    external: &InstanceProperties,
) {
    let (plan, own) = (&target.maintenance, &external.maintenance_version);
    if plan.version.is_empty() || plan.version == *own {
        return status.progress().withdraw(condition::UPGRADE_AVAILABLE);
    }
    let own = if own.is_empty() { "none that is known" } else { own };
    let description =
        if plan.description.is_empty() { String::new() } else { format!(" ({})", plan.description) };
    let message = format!(
        "The plan {} has the version {}{description}, the instance has {own}. Raise spec.updateRequests to have it \
         upgraded",
        target.plan_name, plan.version
    );
    let (type_, reason) = (condition::UPGRADE_AVAILABLE, reason::MAINTENANCE_AVAILABLE);
    status.progress().report(type_, Status::True, reason, &message, &observed.now);
}

/// The intent is written: the broker is asked, now or when its turn comes.
fn retry(
    observed: &Observed<'_>,
    before: &ServiceInstanceStatus,
    status: ServiceInstanceStatus,
    verb: Verb,
) -> Step {
    if let Some(next) = not_before(status.operation.as_ref(), &observed.now) {
        let next = next.clone();
        return write_or(before, status, Step::Wait(Some(next)));
    }
    match call(&status, verb, observed) {
        Some(call) => write_or(before, status, Step::Call(call)),
        None => lost(observed, before, status),
    }
}

/// What the broker is to be asked for.
pub(super) fn properties(
    observed: &Observed<'_>,
    target: &Target,
    parameters: &Parameters,
) -> InstanceProperties {
    let spec = &observed.instance.spec;
    let mut properties = InstanceProperties {
        parameters: some(parameters.redacted.clone()),
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

/// Tells wishes apart: two with the same fingerprint ask the broker for the same.
pub(super) fn fingerprint(properties: &InstanceProperties) -> String {
    let wish = [
        &properties.service_id,
        properties.plan_id(),
        &properties.parameter_checksum,
        &properties.update_requests.to_string(),
    ];
    hex(&Sha256::digest(wish.join("\n")))
}

fn some(object: Map<String, Value>) -> Option<Map<String, Value>> {
    (!object.is_empty()).then_some(object)
}
