//! The next step for an instance that is not being deleted: provision, update, poll, or nothing?

use super::decision::Decision;
use super::desired::{fingerprint, properties};
use super::ids::{given_id, id_to_record, is_given, next_id};
use super::state::Phase;
use super::{Step, Verb, cannot_address_broker, orphans, poll, settle};
use crate::crd::ServiceInstance;
use crate::crd::condition::{self, Status};
use crate::crd::instance::{InstanceProperties, ProvisionStatus};
use crate::crd::operation::RemovalStatus;
use crate::domain::decision::Observed as _;
use crate::domain::osb_id;
use crate::domain::plan_reference::{References, Target};
use crate::domain::progress::{Execution, HasProgress as _};
use crate::domain::reason;
use crate::domain::schema::Purpose;

/// The next step towards the spec. Unfinished work comes first: an operation that is polled, then orphans.
pub(super) fn converge(mut decision: Decision<'_>) -> Step {
    // The names in the spec count only until the catalog changes, so an edit is resolved before all other work.
    if let Ok(target) = &decision.observed.target
        && target.is_edited
        && let Some(references) = target.references_to_write(decision.observed.instance)
    {
        return resolve(decision.observed.instance, references);
    }
    if let Some(Execution::Polled(operation)) = decision.state.phase.execution().cloned() {
        return poll(decision, operation);
    }
    if let Some(orphan) = decision.state.record.orphans.first().cloned() {
        return orphans::mitigate(decision, &orphan);
    }
    if decision.state.has_orphan_without_ids() {
        return cannot_address_broker(decision);
    }
    let observed = decision.observed;
    let target = match &observed.target {
        Ok(target) => target,
        Err(unresolved) => return decision.block(unresolved.reason, &unresolved.message),
    };
    if let Some(references) = target.references_to_write(observed.instance) {
        return resolve(observed.instance, references);
    }
    record_target(&mut decision, target);
    let parameters = match &observed.parameters {
        Ok(parameters) => parameters,
        Err(error) => return decision.block(reason::ERROR_WITH_PARAMETERS, error),
    };
    let desired = properties(observed, target, parameters);
    match decision.state.phase.confirmed().cloned() {
        None => create(decision, target, desired),
        Some(confirmed) => change(decision, target, desired, confirmed),
    }
}

/// Writes the references, and with them the id, so that it costs no write of its own.
fn resolve(instance: &ServiceInstance, references: References) -> Step {
    Step::Resolve(References { external_id: id_to_record(instance), ..references })
}

/// Records what the spec was resolved to.
fn record_target(decision: &mut Decision<'_>, target: &Target) {
    let plan = decision.state.phase.confirmed().map(InstanceProperties::plan_id);
    let is_fixed = target.is_fixed(plan);
    let record = &mut decision.state.record;
    record.user_specified_class_name.clone_from(&target.user_specified_class);
    record.user_specified_plan_name.clone_from(&target.user_specified_plan);
    record.plan_updatable = is_fixed.then_some(false);
    match target.outdated_names() {
        Some(message) => {
            decision.report(condition::NAME_OUTDATED, Status::True, reason::RENAMED_IN_CATALOG, &message);
        }
        None => decision.state.progress().withdraw(condition::NAME_OUTDATED),
    }
}

/// Waits for an edit, because the broker has refused this request already.
fn refused(mut decision: Decision<'_>) -> Step {
    decision.state.record.observed_generation = decision.observed.generation();
    decision.wait(None)
}

fn create(mut decision: Decision<'_>, target: &Target, desired: InstanceProperties) -> Step {
    if decision.state.record.refused == fingerprint(&desired) {
        return refused(decision);
    }
    if let Phase::Provisioning { request, .. } = &decision.state.phase {
        let is_same = fingerprint(request) == fingerprint(&desired);
        if is_same && !decision.state.record.instance_id.is_empty() {
            return if decision.observed.is_id_taken {
                id_is_taken(decision)
            } else {
                decision.request(Verb::Provision, condition::READY)
            };
        }
    }
    let has_given_id = is_given(decision.observed.instance, &decision.state.record);
    if matches!(decision.state.phase, Phase::Provisioning { .. }) && !has_given_id {
        let why = "the spec changed while the outcome of the last call was unknown";
        settle::mitigate(&mut decision.state, decision.observed, why, None);
        return decision.write();
    }
    if let Some((reason, message)) = target.provision_refused() {
        return decision.block(reason, &message);
    }
    if let Some(next) = decision.next_attempt_unless_edited() {
        return decision.wait(Some(next));
    }
    if decision.observed.is_id_taken {
        return id_is_taken(decision);
    }
    if !decision.observed.validated {
        return Step::Validate(Purpose::Provision);
    }
    // The former attempt was abandoned, or the references are those of a copied object. The id is written before the broker
    // gets it.
    let instance = decision.observed.instance;
    if id_to_record(instance).is_some() {
        return resolve(instance, target.references());
    }
    let record = &mut decision.state.record;
    record.instance_id = next_id(instance, record.abandoned_attempts);
    record.default_provision_parameters = target.defaults();
    record.deprovision_status = RemovalStatus::Required;
    record.provision_status = ProvisionStatus::NotProvisioned;
    record.refused.clear();
    if matches!(decision.state.phase, Phase::Provisioning { .. }) {
        decision.state.progress().replace_attempt();
    }
    decision.state.phase = Phase::Provisioning { request: desired, execution: Execution::Requested };
    let message = "Provision request for ServiceInstance in-flight to Broker";
    decision.begin(condition::READY, reason::PROVISION_REQUEST_IN_FLIGHT, message)
}

/// Another object has the id of the next provision. An id that the operator has derived is skipped, so that nobody can
/// block an instance by giving its next id to another one. It does not become an orphan: it is the other object's.
fn id_is_taken(mut decision: Decision<'_>) -> Step {
    let abandoned_attempts = decision.state.record.abandoned_attempts;
    if given_id(decision.observed.instance, abandoned_attempts).is_none() {
        decision.state.phase.withdraw();
        decision.state.record.deprovision_status = RemovalStatus::NotRequired;
        decision.state.record.abandoned_attempts += 1;
        return decision.write();
    }
    decision.block(reason::EXTERNAL_ID_IN_USE, &osb_id::in_use("ServiceInstance"))
}

fn change(
    mut decision: Decision<'_>,
    target: &Target,
    mut desired: InstanceProperties,
    confirmed: InstanceProperties,
) -> Step {
    let plan_changes = desired.plan_id() != confirmed.plan_id();
    // An upgrade of maintenance_info needs a plan change or `spec.updateRequests`; the operator does not start one
    // itself.
    if !plan_changes && desired.update_requests == confirmed.update_requests {
        desired.maintenance_version.clone_from(&confirmed.maintenance_version);
    }
    let desired_fingerprint = fingerprint(&desired);
    let is_updating = matches!(decision.state.phase, Phase::Updating { .. });
    let is_converged =
        desired_fingerprint == fingerprint(&confirmed) && !decision.state.record.update_uncertain;
    if is_converged && !is_updating {
        return settled(decision, target, &confirmed);
    }
    if decision.state.record.refused == desired_fingerprint {
        return refused(decision);
    }
    if plan_changes && let Some((reason, message)) = target.change_refused() {
        return decision.block(reason, &message);
    }
    let is_requested = decision.state.phase.request().is_some_and(|request| {
        fingerprint(request) == desired_fingerprint
            && request.maintenance_version == desired.maintenance_version
    });
    if is_updating && is_requested {
        let are_empty = desired.parameter_checksum.is_empty() && confirmed.parameter_checksum.is_empty();
        let verb = Verb::Update {
            parameters: !are_empty || decision.state.record.update_uncertain,
            maintenance_info: desired.maintenance_version == target.maintenance.version,
        };
        return decision.request(verb, condition::UPDATED);
    }
    if let Some(next) = decision.next_attempt_unless_edited() {
        return decision.wait(Some(next));
    }
    if !decision.observed.validated && must_validate(&decision.state.phase, &desired, &confirmed) {
        return Step::Validate(Purpose::Update);
    }
    // An earlier version did not write it.
    if id_to_record(decision.observed.instance).is_some() {
        return resolve(decision.observed.instance, target.references());
    }
    decision.state.record.update_uncertain |= is_updating;
    decision.state.record.refused.clear();
    decision.state.phase = Phase::Updating { confirmed, request: desired, execution: Execution::Requested };
    let message = "Update request for ServiceInstance in-flight to Broker";
    decision.begin(condition::UPDATED, reason::UPDATE_INSTANCE_REQUEST_IN_FLIGHT, message)
}

/// Whether an update sends parameters that are neither confirmed nor in the current request.
fn must_validate(phase: &Phase, desired: &InstanceProperties, confirmed: &InstanceProperties) -> bool {
    let is_requested =
        matches!(phase, Phase::Updating { request, .. } if fingerprint(request) == fingerprint(desired));
    !is_requested && desired.parameter_checksum != confirmed.parameter_checksum
}

/// Records that the instance is as its spec says.
fn settled(mut decision: Decision<'_>, target: &Target, confirmed: &InstanceProperties) -> Step {
    let generation = decision.observed.generation();
    let record = &mut decision.state.record;
    record.refused.clear();
    record.observed_generation = generation;
    record.reconciled_generation = generation;
    decision.state.progress().withdraw(condition::UPDATED);
    report_upgrade(&mut decision, target, confirmed);
    decision.wait(None)
}

/// Reports a new version of the plan. Only the user may start an upgrade (OSB, “Updating a Service Instance”), so the
/// user has to know of it. Changing the text costs a write for each instance, because the
/// condition is on settled ones.
fn report_upgrade(decision: &mut Decision<'_>, target: &Target, confirmed: &InstanceProperties) {
    let (plan, own) = (&target.maintenance, &confirmed.maintenance_version);
    if plan.version.is_empty() || plan.version == *own {
        return decision.state.progress().withdraw(condition::UPGRADE_AVAILABLE);
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
    decision.report(type_, Status::True, reason, &message);
}
