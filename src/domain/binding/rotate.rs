//! The credentials of a binding are replaced without an outage: a successor is made at the broker, its credentials go to the
//! same Secret, and the former ones are removed when nobody has them any more.
//!
//! `status.bindingID` is always the binding whose credentials the Secret holds. Two are there at the same time: it and the
//! successor that is being made (`status.successorID`), or it and the one that it has replaced (`status.predecessor`).

mod due;
#[cfg(test)]
mod tests;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use self::due::earliest;
use super::wish::{fingerprint, ready_instance, wish};
use super::{Observed, Step, Verb, ask, generation, mitigate, orphan_of, settle};
use crate::crd::ServiceBindingStatus;
use crate::crd::binding::{BindingOperation, BindingProperties};
use crate::crd::condition::{self, Status};
use crate::domain::progress::{HasProgress as _, not_before};
use crate::domain::{attempt_id, reason, write_or};

/// How much may be left at the broker by attempts to replace credentials that are about to expire, before these wait for
/// its removal.
const MOST_ORPHANS: usize = 2;

/// A binding whose Secret holds its credentials: is something of former ones removed, or are new ones due?
pub(super) fn rotate(
    observed: &Observed<'_>,
    before: &ServiceBindingStatus,
    mut status: ServiceBindingStatus,
) -> Step {
    let now = &observed.now;
    expire(&mut status, now);
    let due = due::due(observed, &status);
    let is_due = is_past(due.as_ref(), now);
    let urgent = due::urgent(&status);
    let is_urgent = is_due && is_past(urgent.as_ref(), now);
    if let Some(orphan) = status.orphans.first().cloned()
        && !(is_urgent && status.orphans.len() < MOST_ORPHANS)
    {
        return mitigate(observed, before, status, &orphan);
    }
    if let Some(predecessor) = &status.predecessor {
        let end = due::retirement(observed, predecessor);
        if is_urgent || is_past(Some(&end), now) {
            retire(&mut status, now);
            return Step::Write(Box::new(status));
        }
        if is_due {
            wait_for_retirement(&mut status, &end, now);
        }
        let until =
            earliest([Some(end), urgent, status.expires_at.clone()].map(|time| still_to_come(time, now)));
        return write_or(before, status, Step::Wait(until));
    }
    if is_due {
        return begin(observed, before, status);
    }
    let until = earliest([due, still_to_come(status.expires_at.clone(), now)]);
    write_or(before, status, Step::Wait(until))
}

/// A successor is being asked for: the same again, unless something else is wanted by now.
pub(super) fn go_on(
    observed: &Observed<'_>,
    before: &ServiceBindingStatus,
    mut status: ServiceBindingStatus,
) -> Step {
    let asked = status.in_progress_properties.as_ref();
    let why = match asked.map(|asked| (fingerprint(asked), successor(observed, asked))) {
        Some((asked, Ok(wanted))) if fingerprint(&wanted) == asked => None,
        Some((_, Err((_, why)))) => Some(why),
        Some((_, Ok(_))) | None => {
            Some("What is asked for changed while it was unknown what the broker had done".to_owned())
        }
    };
    if let Some(why) = why {
        settle::give_up_successor(observed, &mut status, &why, None);
        return Step::Write(Box::new(status));
    }
    if let Some(next) = not_before(status.operation.as_ref(), &observed.now).cloned() {
        return write_or(before, status, Step::Wait(Some(next)));
    }
    ask(observed, before, status, Verb::Bind)
}

/// Whether parameters are about to be sent for a successor.
pub(super) fn sends(before: Option<&ServiceBindingStatus>, after: &ServiceBindingStatus) -> bool {
    let rotates = Some(BindingOperation::Rotate);
    after.current_operation == rotates
        && before.is_none_or(|before| before.current_operation != rotates)
        && after.in_progress_properties.as_ref().is_some_and(|asked| asked.predecessor_id.is_empty())
}

/// The binding goes, and with it what came before it and what was to come after it.
pub(super) fn leave(status: &mut ServiceBindingStatus, now: &Time) -> bool {
    let leaves = status.current_operation == Some(BindingOperation::Rotate) || status.predecessor.is_some();
    if status.current_operation == Some(BindingOperation::Rotate) {
        settle::abandon_successor(status, "the binding is being deleted", now, None);
    }
    retire(status, now);
    leaves
}

/// The predecessor is removed at the broker.
fn retire(status: &mut ServiceBindingStatus, now: &Time) {
    let Some(predecessor) = status.predecessor.take() else { return };
    let Some(instance) = predecessor.instance else { return };
    let left = orphan_of(predecessor.binding_id, &instance, "its credentials were replaced");
    status.progress().abandon(left, reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION, now, None);
}

/// Says once that the credentials are not valid any more.
fn expire(status: &mut ServiceBindingStatus, now: &Time) {
    let Some(expires_at) = status.expires_at.clone().filter(|end| is_past(Some(end), now)) else { return };
    let message =
        format!("The credentials expired at {}; they are replaced as soon as possible", expires_at.0);
    let mut progress = status.progress();
    progress.report(condition::READY, Status::False, reason::CREDENTIALS_EXPIRED, &message, now);
}

/// Whether the credentials are not valid any more.
pub(super) fn has_expired(status: &ServiceBindingStatus, now: &Time) -> bool {
    is_past(status.expires_at.as_ref(), now)
}

fn wait_for_retirement(status: &mut ServiceBindingStatus, end: &Time, now: &Time) {
    let message = format!(
        "The credentials are replaced when those before them are removed: when no pod has them any more, at {} at the \
         latest",
        end.0
    );
    status.progress().report(condition::ROTATED, Status::False, reason::ROTATION_WAITING, &message, now);
}

/// The intent to make a successor.
fn begin(observed: &Observed<'_>, before: &ServiceBindingStatus, mut status: ServiceBindingStatus) -> Step {
    let now = &observed.now;
    let request = due::request(observed.binding, &status).map(str::to_owned);
    if request.is_none()
        && let Some(next) = not_before(status.operation.as_ref(), now).cloned()
    {
        return write_or(before, status, Step::Wait(Some(next)));
    }
    let wanted = match successor(observed, &intended(observed, &status)) {
        Ok(wanted) => wanted,
        Err((reason::ERROR_WITH_PARAMETERS, why)) => {
            status.rotation_request = request.unwrap_or(status.rotation_request);
            settle::rotation_failed(observed, &mut status, &why, None);
            return Step::Write(Box::new(status));
        }
        Err((reason, why)) => {
            status.progress().report(condition::ROTATED, Status::False, reason, &why, now);
            let until = still_to_come(status.expires_at.clone(), now);
            return write_or(before, status, Step::Wait(until));
        }
    };
    let meta = &observed.binding.metadata;
    if attempt_id(meta, status.abandoned_attempts) == status.binding_id {
        status.abandoned_attempts += 1;
    }
    status.successor_id = attempt_id(meta, status.abandoned_attempts);
    status.current_operation = Some(BindingOperation::Rotate);
    status.in_progress_properties = Some(wanted);
    status.rotation_request = request.unwrap_or(status.rotation_request);
    status.observed_generation = generation(observed);
    let mut progress = status.progress();
    progress.start(now);
    let message = "Rotation request for ServiceBinding in-flight to Broker";
    progress.report(condition::ROTATED, Status::False, reason::ROTATION_REQUEST_IN_FLIGHT, message, now);
    Step::Write(Box::new(status))
}

/// How the successor is made: from the present binding if the broker can do that and the binding is still valid (OSB,
/// “Binding Rotation”), else like any other.
fn intended(observed: &Observed<'_>, status: &ServiceBindingStatus) -> BindingProperties {
    let present = status.external_properties.clone().unwrap_or_default();
    let rotatable = observed.offering.rotatable && !has_expired(status, &observed.now);
    let predecessor_id = if rotatable { status.binding_id.clone() } else { String::new() };
    BindingProperties { predecessor_id, ..present }
}

/// What the broker is to be asked for, if it can be asked.
fn successor(
    observed: &Observed<'_>,
    intended: &BindingProperties,
) -> Result<BindingProperties, (&'static str, String)> {
    let instance = ready_instance(observed)?;
    if intended.instance.as_ref().is_some_and(|bound| bound.id != instance.id) {
        let name = &observed.binding.spec.instance_ref.name;
        let why = format!("The ServiceInstance {name:?} is another one than was bound");
        return Err((reason::ERROR_INSTANCE_NOT_READY, why));
    }
    if !observed.offering.bindable {
        let why = "The class or plan of the instance is not bindable any more".to_owned();
        return Err((reason::ERROR_NONBINDABLE_SERVICE_CLASS, why));
    }
    if intended.predecessor_id.is_empty() {
        return wish(observed);
    }
    let user_info = observed.binding.spec.user_info.clone();
    Ok(BindingProperties { instance: Some(instance), user_info, ..intended.clone() })
}

fn is_past(time: Option<&Time>, now: &Time) -> bool {
    time.is_some_and(|time| time.0 <= now.0)
}

fn still_to_come(time: Option<Time>, now: &Time) -> Option<Time> {
    time.filter(|time| time.0 > now.0)
}
