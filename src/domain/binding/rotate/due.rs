//! When are the credentials of a binding replaced, and when are the former ones removed?

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::super::Observed;
use crate::crd::binding::Predecessor;
use crate::crd::condition;
use crate::crd::names::ANNOTATION_ROTATE;
use crate::crd::{ServiceBinding, ServiceBindingStatus};
use crate::domain::duration::go_duration;
use crate::domain::metadata::annotation;
use crate::domain::{rollout, schedule};

/// How long credentials are kept at least, whatever the broker says.
const SHORTEST: Duration = Duration::from_secs(10);
/// If the broker says only when they expire, they are replaced in the last fifth of their life, and not before the last day.
const LAST_DAY: Duration = Duration::from_hours(24);
/// How much sooner than they have to be they are replaced at most.
const SOONEST: Duration = Duration::from_hours(1);
/// How long former credentials stay valid if the spec does not say.
const GRACE: Duration = Duration::from_hours(24);

/// What the user asks for, if it is something else than what was heard last.
pub(super) fn request<'a>(binding: &'a ServiceBinding, status: &ServiceBindingStatus) -> Option<&'a str> {
    annotation(&binding.metadata, ANNOTATION_ROTATE).filter(|value| *value != status.rotation_request)
}

/// When the credentials are due to be replaced; nothing if never. What was due and did not succeed still is.
pub(super) fn due(observed: &Observed<'_>, status: &ServiceBindingStatus) -> Option<Time> {
    let owed = condition::is_false(&status.conditions, condition::ROTATED);
    if owed || request(observed.binding, status).is_some() {
        return Some(observed.now.clone());
    }
    let meta = &observed.binding.metadata;
    let issued = status.issued_at.as_ref().or(meta.creation_timestamp.as_ref())?;
    let interval = observed.binding.spec.rotation.as_ref().and_then(|rotation| rotation.interval.as_deref());
    let interval = interval.and_then(go_duration).map(|interval| schedule::after(issued, interval));
    let wanted =
        status.renew_before.clone().or_else(|| Some(last_chance(issued, status.expires_at.as_ref()?)));
    let due = earliest([wanted, interval])?;
    let seed = meta.uid.as_deref().unwrap_or_default();
    Some(latest(sooner(issued, &due, seed), schedule::after(issued, SHORTEST)))
}

/// When credentials are replaced of which only the end is known.
fn last_chance(issued: &Time, expires: &Time) -> Time {
    let last_day = before(expires, LAST_DAY);
    latest(schedule::after(issued, schedule::elapsed(issued, expires).mul_f64(0.8)), last_day)
}

/// Up to a tenth of the time sooner, at least half of that: bindings (`seed`) that were made together come apart.
fn sooner(issued: &Time, due: &Time, seed: &str) -> Time {
    let most = (schedule::elapsed(issued, due) / 10).min(SOONEST);
    before(due, most.mul_f64(0.5 + 0.5 * schedule::share(seed)))
}

/// When the credentials have less than a tenth of their life left.
pub(super) fn urgent(status: &ServiceBindingStatus) -> Option<Time> {
    let expires = status.expires_at.as_ref()?;
    let life = status.issued_at.as_ref().map(|issued| schedule::elapsed(issued, expires));
    Some(before(expires, life.unwrap_or_default() / 10))
}

/// When a predecessor can be removed: now if no pod has its credentials any more, else when its time is over.
pub(super) fn retirement(observed: &Observed<'_>, predecessor: &Predecessor) -> Time {
    let usage = observed.usage.as_ref().filter(|_| rollout::selects(observed.binding));
    if usage.is_some_and(|usage| usage.oldest.is_none_or(|oldest| oldest > predecessor.revision)) {
        return observed.now.clone();
    }
    let rotation = observed.binding.spec.rotation.as_ref();
    let grace = rotation.and_then(|rotation| go_duration(rotation.grace_period.as_deref()?));
    let replaced = predecessor.replaced_at.as_ref().unwrap_or(&observed.now);
    let over = schedule::after(replaced, grace.unwrap_or(GRACE));
    earliest([Some(over.clone()), predecessor.expires_at.clone()]).unwrap_or(over)
}

/// The first of these moments.
pub(super) fn earliest<const N: usize>(times: [Option<Time>; N]) -> Option<Time> {
    times.into_iter().flatten().min_by_key(|time| time.0)
}

fn latest(one: Time, other: Time) -> Time {
    if one.0 < other.0 { other } else { one }
}

fn before(time: &Time, duration: Duration) -> Time {
    let earlier = jiff::SignedDuration::try_from(duration).ok().and_then(|d| time.0.checked_sub(d).ok());
    Time(earlier.unwrap_or(jiff::Timestamp::MIN))
}
