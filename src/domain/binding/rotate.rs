//! Rotation replaces the credentials of a binding without an outage, in three steps: the broker creates a successor,
//! its credentials replace those in the Secret, and the predecessor is removed at the broker once no pod has its
//! credentials.
//!
//! `status.bindingID` always names the binding whose credentials the Secret holds. At most one other binding exists
//! beside it: the successor that is being created (`status.successorID`), or the predecessor that it replaced
//! (`status.predecessor`). A rotation that fails does not take `Ready` away: the condition `Rotated` reports its
//! progress.
//!
//! The entry points are [`rotate`] for a bound binding, [`request`] while a successor is being requested, and
//! [`abandon`] when the binding is deleted. `due` computes the times; `lost` is about credentials that cannot be had again.
//!
//! The steps, and what is written in each:
//!
//! - **due:** `renewBefore`, `expiresAt`, `spec.rotation.interval`, the annotation `rotate`, or `Rotated=False`: a
//!   rotation that failed is still owed
//! - **intent:** `currentOperation: Rotate`, `successorID`, `inProgressProperties` with `predecessorID` if the
//!   successor is made from the present binding, `rotationRequest`, `Rotated=False`; `Ready` stays
//! - **call:** a bind with the successor's id; its credentials replace those in the Secret
//! - **outcome:** `bindingID` is the successor's, `predecessor` the former binding, `revision` increases,
//!   `Rotated=True`
//! - **failure:** the successor becomes an orphan if anything may be left of it; the binding is as before
//! - **retirement:** the predecessor moves to `orphans` when no pod has a revision as old, its grace period is over,
//!   or it has expired
//!
//! The Secret comes before orphans, so a Secret that holds the credentials of an abandoned successor is repaired
//! before that successor is removed, and pods that may have started with them get another revision. The next rotation
//! waits until the predecessor is gone, unless the current credentials have less than a tenth of their life left. A
//! deletion removes successor and predecessor first.

mod due;
mod lost;
#[cfg(test)]
mod tests;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub(super) use self::due::requested;
pub(super) use self::lost::replaces_lost;

use self::due::earliest;
use self::lost::{report_lost, report_next_attempt, unready_reason};
use super::decision::Decision;
use super::desired::{Blocked, desired, fingerprint, ready_instance, require_same};
use super::ids::successor_number;
use super::state::{BindingState, Phase, orphan_of};
use super::{Observed, Step, Verb, orphans, settle};
use crate::crd::ServiceBindingStatus;
use crate::crd::binding::BindingProperties;
use crate::crd::condition::{self, Status};
use crate::domain::metadata::attempt_id;
use crate::domain::progress::{Execution, HasProgress as _};
use crate::domain::reason;
use crate::domain::schedule::shown;
use crate::domain::schema::Purpose;

/// How many orphans failed attempts may pile up while the credentials are about to expire. Then orphan mitigation comes
/// first again.
const MAX_ORPHANS_WHEN_URGENT: usize = 2;

/// Why a requested successor is given up.
const NOT_FROM_PREDECESSOR: &str = "The successor can no longer be created from its predecessor: the plan does not \
                                    allow it, the instance is being updated, or the credentials have expired";

/// The next step of a binding whose Secret holds its credentials: orphan mitigation, the removal of the predecessor, or
/// a new successor.
pub(super) fn rotate(mut decision: Decision<'_>) -> Step {
    let (observed, now) = (decision.observed, decision.now());
    let record = &mut decision.state.record;
    let replaces_lost = replaces_lost(observed, record);
    if replaces_lost {
        report_lost(record, now);
    } else {
        report_expiry(record, now);
    }
    let due = due::due(observed, record);
    let is_due = is_past(due.as_ref(), now) || replaces_lost;
    let urgent = due::urgent(record);
    let is_urgent = is_due && is_past(urgent.as_ref(), now);
    if let Some(orphan) = record.orphans.first().cloned()
        && !(is_urgent && record.orphans.len() < MAX_ORPHANS_WHEN_URGENT)
    {
        return orphans::mitigate(decision, &orphan);
    }
    let expires_at = if_future(record.expires_at.clone(), now);
    if let Some(predecessor) = &record.predecessor {
        let end = due::retirement(observed, predecessor);
        if is_urgent || is_past(Some(&end), now) {
            retire(record, now);
            return decision.write();
        }
        if is_due {
            report_wait_for_retirement(record, &end, now);
        }
        let until = earliest([if_future(Some(end), now), if_future(urgent, now), expires_at]);
        return decision.wait(until);
    }
    if is_due { begin(decision) } else { decision.wait(earliest([due, expires_at])) }
}

/// The next step while a successor is being requested: the same request again, or orphan mitigation if the spec asks
/// for something else by now.
pub(super) fn request(mut decision: Decision<'_>) -> Step {
    let pending = decision.state.phase.request().cloned().unwrap_or_default();
    let is_possible =
        pending.predecessor_id.is_empty() || is_rotatable(decision.observed, &decision.state.record);
    let why = match successor(decision.observed, &pending) {
        Ok(_) if !is_possible => Some(NOT_FROM_PREDECESSOR.to_owned()),
        Ok(desired) if fingerprint(&desired) == fingerprint(&pending) => None,
        Ok(_) => Some("The request changed while the outcome of the previous one was unknown".to_owned()),
        Err(blocked) => Some(blocked.message),
    };
    if let Some(why) = why {
        settle::give_up_successor(decision.observed, &mut decision.state, &why, None);
        return decision.write();
    }
    match decision.next_attempt() {
        Some(next) => decision.wait(Some(next)),
        None => decision.call_broker(Verb::Bind),
    }
}

/// Makes orphans of successor and predecessor, as the binding is being deleted; returns whether it had any.
pub(super) fn abandon(state: &mut BindingState, now: &Time) -> bool {
    let has_successor = matches!(state.phase, Phase::Rotating { .. });
    let has_any = has_successor || state.record.predecessor.is_some();
    if has_successor {
        settle::abandon_successor(state, "the binding is being deleted", now, None);
    }
    retire(&mut state.record, now);
    has_any
}

/// Makes an orphan of the predecessor, which is then removed at the broker like any other.
fn retire(record: &mut ServiceBindingStatus, now: &Time) {
    let Some(predecessor) = record.predecessor.take() else { return };
    let Some(instance) = predecessor.instance else { return };
    let left = orphan_of(predecessor.binding_id, &instance, "its credentials were replaced");
    record.progress().abandon(left, reason::SERVICE_BINDING_NEEDS_ORPHAN_MITIGATION, now, None);
}

/// Reports that the credentials have expired, if so.
fn report_expiry(status: &mut ServiceBindingStatus, now: &Time) {
    let Some(expires_at) = status.expires_at.clone().filter(|end| is_past(Some(end), now)) else { return };
    let message =
        format!("The credentials expired at {}; they are replaced as soon as possible", shown(&expires_at));
    let mut progress = status.progress();
    progress.report(condition::READY, Status::False, reason::CREDENTIALS_EXPIRED, &message, now);
}

/// Whether the credentials have expired.
pub(super) fn has_expired(status: &ServiceBindingStatus, now: &Time) -> bool {
    is_past(status.expires_at.as_ref(), now)
}

fn report_wait_for_retirement(status: &mut ServiceBindingStatus, end: &Time, now: &Time) {
    let message = format!(
        "Rotation waits until the previous binding is deleted: when no pod uses it, at {} at the latest",
        shown(end)
    );
    status.progress().report(condition::ROTATED, Status::False, reason::ROTATION_WAITING, &message, now);
}

/// Writes the intent to create a successor.
fn begin(mut decision: Decision<'_>) -> Step {
    let observed = decision.observed;
    let request = due::request(observed.binding, &decision.state.record).map(str::to_owned);
    if request.is_none()
        && let Some(next) = decision.next_attempt()
    {
        report_next_attempt(&mut decision.state.record, &next, &observed.now);
        return decision.wait(Some(next));
    }
    let confirmed = decision.state.phase.confirmed().cloned().unwrap_or_default();
    let desired = match successor(observed, &intended(observed, &decision.state.record, &confirmed)) {
        Ok(desired) => desired,
        Err(Blocked { reason: reason::ERROR_WITH_PARAMETERS, message }) => {
            acknowledge(&mut decision.state.record, request);
            settle::rotation_failed(observed, &mut decision.state, &message, None);
            return decision.write();
        }
        Err(Blocked { reason, message }) => {
            decision.report(condition::ROTATED, Status::False, reason, &message);
            let until = if_future(decision.state.record.expires_at.clone(), decision.now());
            return decision.wait(until);
        }
    };
    // A successor that the broker creates from its predecessor inherits the parameters: none are sent.
    if !observed.validated && desired.predecessor_id.is_empty() {
        return Step::Validate(Purpose::Bind);
    }
    let record = &mut decision.state.record;
    record.abandoned_attempts = successor_number(observed.binding, record);
    if observed.is_id_taken {
        record.abandoned_attempts += 1;
        return decision.write();
    }
    let successor_id = attempt_id(&observed.binding.metadata, record.abandoned_attempts);
    acknowledge(record, request);
    decision.state.phase =
        Phase::Rotating { confirmed, request: desired, successor_id, execution: Execution::Requested };
    let message = "Rotation request for ServiceBinding in-flight to Broker";
    decision.begin(condition::ROTATED, reason::ROTATION_REQUEST_IN_FLIGHT, message)
}

/// Records the user's request as served: each value of the annotation requests one rotation.
fn acknowledge(record: &mut ServiceBindingStatus, request: Option<String>) {
    if let Some(request) = request {
        record.rotation_request = request;
    }
}

/// Whether the broker can create a successor from the present binding, which must not have expired (OSB, “Binding
/// Rotation”). During an update of the instance it is unknown which plan decides that, so the answer is no.
fn is_rotatable(observed: &Observed<'_>, record: &ServiceBindingStatus) -> bool {
    let instance = observed.instance.and_then(|instance| instance.status.as_ref());
    let is_updated = instance.is_some_and(|status| status.current_operation.is_some());
    // The broker may have lost the binding, too.
    let is_lost = unready_reason(record) == Some(reason::ERROR_INJECTING_BIND_RESULT);
    observed.offering.rotatable && !is_updated && !is_lost && !has_expired(record, &observed.now)
}

/// The request for a successor: from the present binding if the broker can do that, else like a new binding.
fn intended(
    observed: &Observed<'_>,
    record: &ServiceBindingStatus,
    confirmed: &BindingProperties,
) -> BindingProperties {
    let predecessor_id =
        if is_rotatable(observed, record) { record.binding_id.clone() } else { String::new() };
    BindingProperties { predecessor_id, ..confirmed.clone() }
}

/// Completes the request for a successor, unless something blocks it.
fn successor(observed: &Observed<'_>, intended: &BindingProperties) -> Result<BindingProperties, Blocked> {
    let instance = ready_instance(observed)?;
    require_same(observed, intended, &instance)?;
    if observed.offering.not_bindable.is_some() {
        // It names no plan, because stored bindings have this message.
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

fn if_future(time: Option<Time>, now: &Time) -> Option<Time> {
    time.filter(|time| time.0 > now.0)
}
