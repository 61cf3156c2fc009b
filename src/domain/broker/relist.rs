//! When does the operator fetch a catalog again?

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Connection, Observed, Outage};
use crate::crd::broker::RelistBehavior;
use crate::crd::condition;
use crate::domain::duration::go_duration;
use crate::domain::{reason, schedule};
use crate::osb::ApiVersion;

/// When an outage may be over, pending requests of instances and bindings probe a broker of one namespace first. If
/// there are none, a fetch of the catalog probes it after this delay. A broker that asks for pauses is not fetched from
/// more often, either.
const PROBE_DELAY: Duration = Duration::from_secs(5);

/// The shortest time between two fetches of a catalog that the broker calls outdated: every answer may say so.
const OUTDATED_RELIST_MIN: Duration = Duration::from_secs(10);

/// The shortest time between two fetches, even if `spec.relistDuration` is shorter: each is a request to the broker and
/// a write.
const RELIST_MIN: Duration = Duration::from_secs(1);

/// The same for a namespaced broker: a tenant may have many.
const RELIST_MIN_OF_TENANT: Duration = Duration::from_mins(1);

/// When the catalog is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Relist {
    /// Now.
    Now,
    /// At this time.
    At(Time),
    /// When the spec or the Secret changes.
    OnRequest,
    /// It is not due, but a fetch has to probe the broker.
    Probe,
}

/// When the catalog is fetched next.
pub(super) fn next(observed: &Observed<'_>, connection: &Connection<'_>) -> Relist {
    let due = due(observed, connection);
    match &connection.outage {
        None => match (&due, &connection.failures) {
            (Relist::Now, None) => due,
            _ if connection.is_suspected => Relist::Probe,
            (Relist::Now, Some(failures)) if schedule::is_due(&failures.retry_at, &observed.now) => {
                Relist::Now
            }
            (Relist::Now, Some(failures)) => Relist::At(failures.retry_at.clone()),
            _ => due,
        },
        Some(outage) => during_outage(&due, outage, connection.is_shared, &observed.now),
    }
}

/// When a fetch of the catalog has to probe a shared broker whose catalog is not needed, because it is being deleted;
/// `None` if it need not.
pub(super) fn probe(observed: &Observed<'_>, connection: &Connection<'_>) -> Option<Relist> {
    match &connection.outage {
        None => connection.is_suspected.then_some(Relist::Probe),
        Some(outage) if connection.is_shared => {
            Some(during_outage(&Relist::OnRequest, outage, true, &observed.now))
        }
        Some(_) => None,
    }
}

/// A version of the API as the status has it: empty if it is the newest, which needs no record.
pub(super) fn recorded(version: ApiVersion) -> &'static str {
    if version == ApiVersion::default() { "" } else { version.as_str() }
}

/// When the catalog is due, without regard to an outage: at once for a new spec (`relistRequests` is part of it), for
/// new credentials, for another version of the API (it offers other features) and after a failure (which
/// [`Failures`](super::Failures) delays), else when the relist duration has passed.
fn due(observed: &Observed<'_>, connection: &Connection<'_>) -> Relist {
    let Some(status) = observed.status else { return Relist::Now };
    let changed = status.reconciled_generation != observed.meta.generation.unwrap_or_default()
        || status.auth_secret_version != connection.secret_version
        || status.osb_api_version != recorded(connection.api_version);
    // A fetch in the future: the clock was set back since.
    let is_past = |last: &&Time| last.0 <= observed.now.0;
    let Some(last) = status.last_catalog_retrieval_time.as_ref().filter(is_past).filter(|_| !changed) else {
        return Relist::Now;
    };
    if !condition::is_true(&status.conditions, condition::READY) {
        return Relist::Now;
    }
    let spec = observed.spec;
    if spec.relist_behavior == Some(RelistBehavior::Manual) {
        return Relist::OnRequest;
    }
    let duration = spec.relist_duration.as_deref().and_then(go_duration).unwrap_or(observed.relist_interval);
    let min = if observed.meta.namespace.is_some() { RELIST_MIN_OF_TENANT } else { RELIST_MIN };
    let duration = duration.max(min);
    let duration = if connection.is_outdated { duration.min(OUTDATED_RELIST_MIN) } else { duration };
    at(schedule::after(last, duration), &observed.now)
}

/// When a catalog is fetched that is `due` during an outage: after the end of the outage. While a probe is in flight,
/// the end is not known, and the result of the probe requeues the broker.
///
/// No other call can probe a shared broker, so the fetch follows the outage at once, unless the broker has named the end
/// itself: it may ask for no pause at all, and pauses that it asks for do not get longer.
fn during_outage(due: &Relist, outage: &Outage, is_shared: bool, now: &Time) -> Relist {
    let Some(until) = &outage.until else { return Relist::OnRequest };
    let is_asked_for = outage.cause.reason == reason::BROKER_RATE_LIMITED;
    let delay = if is_shared && !is_asked_for { Duration::ZERO } else { PROBE_DELAY };
    // The clock was set back: no outage ends that late.
    let is_over = until.0 > now.0 && schedule::is_due(until, now);
    let next = if is_over { Relist::Now } else { at(schedule::after(until, delay), now) };
    match (next, due) {
        (Relist::Now, Relist::At(_) | Relist::OnRequest | Relist::Probe) => Relist::Probe,
        (probe, _) => probe,
    }
}

fn at(time: Time, now: &Time) -> Relist {
    if time.0 <= now.0 { Relist::Now } else { Relist::At(time) }
}
