//! A binding that is wanted: is it made, or is its Secret put right, or is it left alone?

use super::revision::revise;
use super::wish::{fingerprint, wish};
use super::{Observed, Step, Verb, ask, generation, next, pods, rotate, settle};
use crate::crd::ServiceBindingStatus;
use crate::crd::binding::BindingOperation;
use crate::crd::condition::{self, Status};
use crate::crd::names::ANNOTATION_ROTATE;
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
