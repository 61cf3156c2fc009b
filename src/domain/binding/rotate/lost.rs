//! Credentials that cannot be had again: the Secret does not hold them, and the broker does not return them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{due, intended, successor};
use crate::crd::ServiceBindingStatus;
use crate::crd::condition::{self, Status};
use crate::domain::binding::Observed;
use crate::domain::progress::HasProgress as _;
use crate::domain::reason;
use crate::domain::schedule::shown;

/// Whether new credentials are requested for ones that cannot be had again: the broker does not return them and
/// the Secret is gone, or the user has asked for new ones. The reason of `Ready` tells it until the Secret is as it
/// should be, so a rotation that has to wait leaves it.
pub(in crate::domain::binding) fn replaces_lost(
    observed: &Observed<'_>,
    record: &ServiceBindingStatus,
) -> bool {
    let is_requested = due::request(observed.binding, record).is_some();
    match unready_reason(record) {
        Some(reason::CREDENTIALS_NOT_RETURNED) => observed.secret.is_none() || is_requested,
        // Unless the rotation has to wait: until then the Secret may be repaired.
        Some(reason::ERROR_INJECTING_BIND_RESULT) => is_requested && may_begin(observed, record),
        _ => false,
    }
}

/// Whether nothing keeps a rotation from beginning.
fn may_begin(observed: &Observed<'_>, record: &ServiceBindingStatus) -> bool {
    let stored = observed.binding.status.as_ref();
    let confirmed = stored.and_then(|status| status.external_properties.clone()).unwrap_or_default();
    let is_blocked = successor(observed, &intended(observed, record, &confirmed)).is_err();
    record.orphans.is_empty() && record.predecessor.is_none() && !is_blocked
}

/// Why the binding is not ready.
pub(super) fn unready_reason(record: &ServiceBindingStatus) -> Option<&str> {
    let ready = condition::find(&record.conditions, condition::READY)?;
    (ready.status == Status::False.as_str()).then_some(&ready.reason)
}

/// Says on `Ready` that the binding waits for new credentials, in place of the repair's next attempt, which is not made
/// any more. `Rotated` says what they wait for.
pub(super) fn report_lost(record: &mut ServiceBindingStatus, now: &Time) {
    if unready_reason(record) != Some(reason::CREDENTIALS_NOT_RETURNED) {
        return;
    }
    let message = "The Secret does not hold the credentials, and the broker did not return them when asked again; the \
                   binding waits for new credentials: see the condition Rotated";
    let reason = reason::CREDENTIALS_NOT_RETURNED;
    record.progress().report(condition::READY, Status::False, reason, message, now);
}

/// Says on `Rotated` when new credentials are requested for lost ones, if it does not say yet what became of that.
pub(super) fn report_next_attempt(record: &mut ServiceBindingStatus, next: &Time, now: &Time) {
    let is_told = condition::is_false(&record.conditions, condition::ROTATED);
    if is_told || unready_reason(record) != Some(reason::CREDENTIALS_NOT_RETURNED) {
        return;
    }
    let message = format!("New credentials are requested for the lost ones; next attempt at {}", shown(next));
    let reason = reason::CREDENTIALS_NOT_RETURNED;
    record.progress().report(condition::ROTATED, Status::False, reason, &message, now);
}
