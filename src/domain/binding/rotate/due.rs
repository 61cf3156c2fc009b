//! When are the credentials of a binding due for rotation, and when is the predecessor removed?

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::super::Observed;
use crate::crd::binding::Predecessor;
use crate::crd::condition;
use crate::crd::names::ANNOTATION_ROTATE;
use crate::crd::{ServiceBinding, ServiceBindingStatus};
use crate::domain::bounds::MAX_ANNOTATION_CHARS;
use crate::domain::duration::go_duration;
use crate::domain::metadata::annotation;
use crate::domain::{rollout, schedule};

/// How long credentials are kept at least. Without it, a broker that issues credentials which are about to expire would
/// be called all the time.
const MIN_INTERVAL: Duration = Duration::from_secs(10);
/// If the broker sends only `expires_at`, credentials are due in the last fifth of their lifetime, but not before this
/// much time is left.
const MAX_MARGIN: Duration = Duration::from_hours(24);
/// Upper bound of the jitter that pulls a rotation forward.
const MAX_JITTER: Duration = Duration::from_hours(1);
/// The default of `spec.rotation.gracePeriod`.
const DEFAULT_GRACE_PERIOD: Duration = Duration::from_hours(24);

/// The user's request for a rotation, unless it was served before.
pub(super) fn request<'a>(binding: &'a ServiceBinding, status: &ServiceBindingStatus) -> Option<&'a str> {
    requested(&binding.metadata).filter(|value| *value != start(&status.rotation_request))
}

/// The value of the annotation that requests a rotation, as far as it counts: the cache has no more of it.
pub(in crate::domain::binding) fn requested(meta: &ObjectMeta) -> Option<&str> {
    annotation(meta, ANNOTATION_ROTATE).map(start)
}

fn start(value: &str) -> &str {
    let end = value.char_indices().nth(MAX_ANNOTATION_CHARS).map(|(end, _)| end);
    end.and_then(|end| value.get(..end)).unwrap_or(value)
}

/// When the credentials are due for rotation; `None` if never. A rotation that has not succeeded stays due.
pub(super) fn due(observed: &Observed<'_>, status: &ServiceBindingStatus) -> Option<Time> {
    let is_owed = condition::is_false(&status.conditions, condition::ROTATED);
    if is_owed || request(observed.binding, status).is_some() {
        return Some(observed.now.clone());
    }
    let meta = &observed.binding.metadata;
    let issued = status.issued_at.as_ref().or(meta.creation_timestamp.as_ref())?;
    let interval = observed.binding.spec.rotation.as_ref().and_then(|rotation| rotation.interval.as_deref());
    let interval = interval.and_then(go_duration).map(|interval| schedule::after(issued, interval));
    let expiring =
        status.renew_before.clone().or_else(|| Some(before_expiry(issued, status.expires_at.as_ref()?)));
    let due = earliest([expiring, interval])?;
    let seed = meta.uid.as_deref().unwrap_or_default();
    Some(latest(with_jitter(issued, &due, seed), schedule::after(issued, MIN_INTERVAL)))
}

/// When credentials are due if the broker sent `expires_at` but no `renew_before`.
fn before_expiry(issued: &Time, expires: &Time) -> Time {
    let not_before = before(expires, MAX_MARGIN);
    latest(schedule::after(issued, schedule::elapsed(issued, expires).mul_f64(0.8)), not_before)
}

/// Pulls a rotation forward by 5 to 10 % of the interval, so that bindings that were created together do not rotate
/// together. The seed, not chance, chooses how much: a decision is a pure function.
fn with_jitter(issued: &Time, due: &Time, seed: &str) -> Time {
    let most = (schedule::elapsed(issued, due) / 10).min(MAX_JITTER);
    before(due, most.mul_f64(0.5 + 0.5 * schedule::share(seed)))
}

/// When the credentials have a tenth of their lifetime left.
pub(super) fn urgent(status: &ServiceBindingStatus) -> Option<Time> {
    let expires = status.expires_at.as_ref()?;
    let lifetime = status.issued_at.as_ref().map(|issued| schedule::elapsed(issued, expires));
    Some(before(expires, lifetime.unwrap_or_default() / 10))
}

/// When a predecessor can be removed: now if pods no longer have its credentials, else when its grace period or its
/// credentials end.
pub(super) fn retirement(observed: &Observed<'_>, predecessor: &Predecessor) -> Time {
    let usage = observed.usage.as_ref().filter(|_| rollout::selects(observed.binding));
    if usage.is_some_and(|usage| usage.oldest.is_none_or(|oldest| oldest > predecessor.revision)) {
        return observed.now.clone();
    }
    let rotation = observed.binding.spec.rotation.as_ref();
    let grace = rotation.and_then(|rotation| go_duration(rotation.grace_period.as_deref()?));
    let replaced = predecessor.replaced_at.as_ref().unwrap_or(&observed.now);
    let end = schedule::after(replaced, grace.unwrap_or(DEFAULT_GRACE_PERIOD));
    earliest([Some(end.clone()), predecessor.expires_at.clone()]).unwrap_or(end)
}

/// The earliest of these times.
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
