//! A binding that is wanted: is it made, or is its Secret put right, or is it left alone?

use sha2::{Digest as _, Sha256};

use super::revision::revise;
use super::{Observed, Step, Verb, ask, bound_instance, generation, next, pods, rotate, settle};
use crate::crd::ServiceBindingStatus;
use crate::crd::binding::{BindingOperation, BindingProperties};
use crate::crd::condition::{self, Status};
use crate::crd::names::{ANNOTATION_ROTATE, hex};
use crate::crd::operation::BoundInstance;
use crate::domain::progress::{HasProgress as _, not_before};
use crate::domain::{annotation, attempt_id, reason, write_or};

/// Whether parameters are about to be sent that the broker has not accepted before, nor is being asked to.
pub fn sends(observed: &Observed<'_>) -> bool {
    let Step::Write(status) = next(observed) else { return false };
    let binds = Some(BindingOperation::Bind);
    let before = observed.binding.status.as_ref();
    let is_first = before.is_none_or(|before| before.current_operation != binds);
    status.current_operation == binds && is_first && status.external_properties.is_none()
        || rotate::sends(before, &status)
}

/// The next step towards what the spec says.
pub(super) fn keep(
    observed: &Observed<'_>,
    before: &ServiceBindingStatus,
    status: ServiceBindingStatus,
) -> Step {
    match status.current_operation {
        Some(BindingOperation::Rotate) => rotate::go_on(observed, before, status),
        None if status.external_properties.is_some() => guard(observed, before, status),
        Some(BindingOperation::Bind | BindingOperation::Unbind) | None => create(observed, before, status),
    }
}

/// A bound binding: its Secret must hold what the broker gave.
fn guard(observed: &Observed<'_>, before: &ServiceBindingStatus, mut status: ServiceBindingStatus) -> Step {
    let now = &observed.now;
    status.observed_generation = generation(observed);
    status.reconciled_generation = generation(observed);
    let found = observed.secret.as_ref().filter(|digest| **digest == status.secret_digest);
    if let Some(digest) = found {
        revise(observed.binding, &mut status, digest);
        pods::report(observed, &mut status);
        // Somebody else may have put it right while a repair failed.
        let is_ready = condition::is_true(&status.conditions, condition::READY);
        if !is_ready && !rotate::has_expired(&status, now) {
            settle::ready(&mut status, now);
        }
        return rotate::rotate(observed, before, status);
    }
    // As long as it is ready, what has failed is not a repair.
    let has_failed = !condition::is_true(&status.conditions, condition::READY);
    if let Some(next) = not_before(status.operation.as_ref(), now).filter(|_| has_failed).cloned() {
        return write_or(before, status, Step::Wait(Some(next)));
    }
    if status.secret_digest.is_empty() && observed.secret.is_some() {
        return ask(observed, before, status, Verb::Adopt);
    }
    if observed.offering.retrievable {
        return ask(observed, before, status, Verb::Fetch);
    }
    // The same request once more gets the same binding (OSB, “Binding”, 200 OK), credentials included.
    status.current_operation = Some(BindingOperation::Bind);
    status.in_progress_properties.clone_from(&status.external_properties);
    let mut progress = status.progress();
    progress.start(now);
    let message = "The Secret was changed or deleted; the broker is asked for the credentials again";
    progress.report(condition::READY, Status::False, reason::BINDING_REQUEST_IN_FLIGHT, message, now);
    Step::Write(Box::new(status))
}

fn create(observed: &Observed<'_>, before: &ServiceBindingStatus, mut status: ServiceBindingStatus) -> Step {
    let now = &observed.now;
    let desired = match wish(observed) {
        Ok(desired) => desired,
        Err((reason, message)) => return blocked(observed, before, status, (reason, &message)),
    };
    let wanted = fingerprint(&desired);
    if status.refused == wanted {
        return write_or(before, status, Step::Wait(None));
    }
    if status.current_operation == Some(BindingOperation::Bind) {
        if status.in_progress_properties.as_ref().map(fingerprint) != Some(wanted) {
            settle::mitigate(
                observed,
                &mut status,
                "what is asked for changed while it was unknown what the broker had done",
                None,
            );
            return Step::Write(Box::new(status));
        }
        if let Some(next) = not_before(status.operation.as_ref(), now).cloned() {
            return write_or(before, status, Step::Wait(Some(next)));
        }
        return ask(observed, before, status, Verb::Bind);
    }
    if !observed.offering.bindable {
        status.refused = wanted;
        let message = "The class or plan of the instance is not bindable";
        let reason = reason::ERROR_NONBINDABLE_SERVICE_CLASS;
        status.progress().report(condition::FAILED, Status::True, reason, message, now);
        return blocked(observed, before, status, (reason, message));
    }
    if let Some(next) = not_before(status.operation.as_ref(), now).cloned() {
        return write_or(before, status, Step::Wait(Some(next)));
    }
    let external_id = &observed.binding.spec.external_id;
    let has_had_a_successor = !status.binding_id.is_empty() && status.binding_id != *external_id;
    status.binding_id = if external_id.is_empty() || has_had_a_successor {
        attempt_id(&observed.binding.metadata, status.abandoned_attempts)
    } else {
        external_id.clone()
    };
    status.rotation_request =
        annotation(&observed.binding.metadata, ANNOTATION_ROTATE).unwrap_or_default().to_owned();
    status.current_operation = Some(BindingOperation::Bind);
    status.in_progress_properties = Some(desired);
    status.unbind_status = "Required".to_owned();
    status.refused.clear();
    status.observed_generation = generation(observed);
    let mut progress = status.progress();
    progress.start(now);
    let message = "Binding request for ServiceBinding in-flight to Broker";
    progress.report(condition::READY, Status::False, reason::BINDING_REQUEST_IN_FLIGHT, message, now);
    Step::Write(Box::new(status))
}

/// Something that the user or the instance has to put right first.
fn blocked(
    observed: &Observed<'_>,
    before: &ServiceBindingStatus,
    mut status: ServiceBindingStatus,
    (reason, message): (&str, &str),
) -> Step {
    status.observed_generation = generation(observed);
    status.progress().report(condition::READY, Status::False, reason, message, &observed.now);
    write_or(before, status, Step::Wait(None))
}

/// What the broker is to be asked for, if it can be asked.
pub(super) fn wish(observed: &Observed<'_>) -> Result<BindingProperties, (&'static str, String)> {
    let instance = ready_instance(observed)?;
    let parameters =
        observed.parameters.as_ref().map_err(|error| (reason::ERROR_WITH_PARAMETERS, error.clone()))?;
    Ok(BindingProperties {
        parameters: Some(parameters.redacted.clone()).filter(|parameters| !parameters.is_empty()),
        parameter_checksum: parameters.checksum(),
        user_info: observed.binding.spec.user_info.clone(),
        predecessor_id: String::new(),
        instance: Some(instance),
    })
}

/// The instance, if it can be bound.
pub(super) fn ready_instance(observed: &Observed<'_>) -> Result<BoundInstance, (&'static str, String)> {
    let name = &observed.binding.spec.instance_ref.name;
    let Some(instance) = observed.instance else {
        return Err((
            reason::REFERENCES_NONEXISTENT_INSTANCE,
            format!("There is no ServiceInstance {name:?} in the namespace"),
        ));
    };
    let not_ready =
        |why: &str| (reason::ERROR_INSTANCE_NOT_READY, format!("The ServiceInstance {name:?} {why}"));
    if instance.metadata.deletion_timestamp.is_some() {
        return Err(not_ready("is being deleted"));
    }
    let status = instance.status.as_ref();
    let ready = status.is_some_and(|status| condition::is_true(&status.conditions, condition::READY));
    let bound = bound_instance(instance).filter(|_| ready).ok_or_else(|| not_ready("is not ready"))?;
    if status.is_some_and(|status| status.async_op_in_progress) {
        return Err(not_ready("is being changed by the broker"));
    }
    Ok(bound)
}

/// Tells wishes apart: two with the same fingerprint ask the broker for the same.
pub(super) fn fingerprint(properties: &BindingProperties) -> String {
    let instance = properties.instance.as_ref().map_or("", |instance| &instance.id);
    hex(&Sha256::digest([instance, &properties.parameter_checksum].join("\n")))
}
