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
use super::decision::Decision;
use super::desired::{Blocked, desired, fingerprint, ready_instance};
use super::state::{BindingState, Phase, orphan_of};
use super::{Observed, Step, Verb, orphans, settle};
use crate::crd::ServiceBindingStatus;
use crate::crd::binding::BindingProperties;
use crate::crd::condition::{self, Status};
use crate::domain::metadata::attempt_id;
use crate::domain::progress::{Execution, HasProgress as _};
use crate::domain::reason;
use crate::domain::schema::Purpose;

/// How much may be left at the broker by attempts to replace credentials that are about to expire, before these wait for
/// its removal.
const MOST_ORPHANS: usize = 2;

/// Why a successor that was asked for is given up.
const NOT_FROM_PREDECESSOR: &str = "The plan, an update of the instance or the end of the credentials do not let it be made \
                                    from its predecessor";

/// A binding whose Secret holds its credentials: is something of former ones removed, or are new ones due?
pub(super) fn rotate(mut decision: Decision<'_>) -> Step {
    let (observed, now) = (decision.observed, decision.now());
    let record = &mut decision.state.record;
    expire(record, now);
    let due = due::due(observed, record);
    let is_due = is_past(due.as_ref(), now);
    let urgent = due::urgent(record);
    let is_urgent = is_due && is_past(urgent.as_ref(), now);
    if let Some(orphan) = record.orphans.first().cloned()
        && !(is_urgent && record.orphans.len() < MOST_ORPHANS)
    {
        return orphans::mitigate(decision, &orphan);
    }
    let expires_at = still_to_come(record.expires_at.clone(), now);
    if let Some(predecessor) = &record.predecessor {
        let end = due::retirement(observed, predecessor);
        if is_urgent || is_past(Some(&end), now) {
            retire(record, now);
            return decision.write();
        }
        if is_due {
            wait_for_retirement(record, &end, now);
        }
        let until = earliest([still_to_come(Some(end), now), still_to_come(urgent, now), expires_at]);
        return decision.wait(until);
    }
    if is_due { begin(decision) } else { decision.wait(earliest([due, expires_at])) }
}

/// A successor is being asked for: the same again, unless something else is wanted by now.
pub(super) fn request(mut decision: Decision<'_>) -> Step {
    let asked = decision.state.phase.request().cloned().unwrap_or_default();
    let suits = asked.predecessor_id.is_empty() || is_rotatable(decision.observed, &decision.state.record);
    let why = match successor(decision.observed, &asked) {
        Ok(_) if !suits => Some(NOT_FROM_PREDECESSOR.to_owned()),
        Ok(wanted) if fingerprint(&wanted) == fingerprint(&asked) => None,
        Ok(_) => Some("What is asked for changed while it was unknown what the broker had done".to_owned()),
        Err(blocked) => Some(blocked.message),
    };
    if let Some(why) = why {
        settle::give_up_successor(decision.observed, &mut decision.state, &why, None);
        return decision.write();
    }
    match decision.next_attempt() {
        Some(next) => decision.wait(Some(next)),
        None => decision.ask(Verb::Bind),
    }
}

/// The binding is being deleted, and with it its predecessor and its successor: whether there were any.
pub(super) fn end(state: &mut BindingState, now: &Time) -> bool {
    let rotates = matches!(state.phase, Phase::Rotating { .. });
    let ends = rotates || state.record.predecessor.is_some();
    if rotates {
        settle::abandon_successor(state, "the binding is being deleted", now, None);
    }
    retire(&mut state.record, now);
    ends
}

/// The predecessor is removed at the broker.
fn retire(record: &mut ServiceBindingStatus, now: &Time) {
    let Some(predecessor) = record.predecessor.take() else { return };
    let Some(instance) = predecessor.instance else { return };
    let left = orphan_of(predecessor.binding_id, &instance, "its credentials were replaced");
    record.progress().abandon(left, reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION, now, None);
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

/// The intent to create a successor.
fn begin(mut decision: Decision<'_>) -> Step {
    let observed = decision.observed;
    let request = due::request(observed.binding, &decision.state.record).map(str::to_owned);
    if request.is_none()
        && let Some(next) = decision.next_attempt()
    {
        return decision.wait(Some(next));
    }
    let confirmed = decision.state.phase.confirmed().cloned().unwrap_or_default();
    let wanted = match successor(observed, &intended(observed, &decision.state.record, &confirmed)) {
        Ok(wanted) => wanted,
        Err(Blocked { reason: reason::ERROR_WITH_PARAMETERS, message }) => {
            heed(&mut decision.state.record, request);
            settle::rotation_failed(observed, &mut decision.state, &message, None);
            return decision.write();
        }
        Err(Blocked { reason, message }) => {
            decision.report(condition::ROTATED, Status::False, reason, &message);
            let until = still_to_come(decision.state.record.expires_at.clone(), decision.now());
            return decision.wait(until);
        }
    };
    // A successor that the broker makes from its predecessor has the parameters of that.
    if !observed.validated && wanted.predecessor_id.is_empty() {
        return Step::Validate(Purpose::Bind);
    }
    let meta = &observed.binding.metadata;
    let record = &mut decision.state.record;
    if attempt_id(meta, record.abandoned_attempts) == record.binding_id {
        record.abandoned_attempts += 1;
    }
    let successor_id = attempt_id(meta, record.abandoned_attempts);
    heed(record, request);
    decision.state.phase =
        Phase::Rotating { confirmed, request: wanted, successor_id, execution: Execution::Requested };
    let message = "Rotation request for ServiceBinding in-flight to Broker";
    decision.begin(condition::ROTATED, reason::ROTATION_REQUEST_IN_FLIGHT, message)
}

/// A request of the user counts once.
fn heed(record: &mut ServiceBindingStatus, request: Option<String>) {
    if let Some(request) = request {
        record.rotation_request = request;
    }
}

/// Whether the broker can make a successor from the present binding, which has to be valid still (OSB, “Binding Rotation”).
/// While the instance is being updated it is not known which plan says so.
fn is_rotatable(observed: &Observed<'_>, record: &ServiceBindingStatus) -> bool {
    let instance = observed.instance.and_then(|instance| instance.status.as_ref());
    let is_updated = instance.is_some_and(|status| status.current_operation.is_some());
    observed.offering.rotatable && !is_updated && !has_expired(record, &observed.now)
}

/// How the successor is made: from the present binding if the broker can do that, else like any other.
fn intended(
    observed: &Observed<'_>,
    record: &ServiceBindingStatus,
    confirmed: &BindingProperties,
) -> BindingProperties {
    let predecessor_id =
        if is_rotatable(observed, record) { record.binding_id.clone() } else { String::new() };
    BindingProperties { predecessor_id, ..confirmed.clone() }
}

/// What the broker is to be asked for, if it can be asked.
fn successor(observed: &Observed<'_>, intended: &BindingProperties) -> Result<BindingProperties, Blocked> {
    let instance = ready_instance(observed)?;
    if intended.instance.as_ref().is_some_and(|bound| bound.id != instance.id) {
        let name = &observed.binding.spec.instance_ref.name;
        let why = format!("The ServiceInstance {name:?} is another one than was bound");
        return Err(Blocked::new(reason::ERROR_INSTANCE_NOT_READY, why));
    }
    if !observed.offering.bindable {
        let why = "The class or plan of the instance is not bindable any more";
        return Err(Blocked::new(reason::ERROR_NONBINDABLE_SERVICE_CLASS, why));
    }
    if intended.predecessor_id.is_empty() {
        return desired(observed);
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
