//! What follows from the outcome of a step: the new status, the event, and when to retry?

use super::relist::recorded;
use super::{Failures, Observed, Published, deletion, report};
use crate::crd::broker::BrokerStatus;
use crate::crd::condition::{self, Status};
use crate::domain::{Note, reason, verdict};
use crate::osb;

/// The outcome of [`Step::Connect`](super::Step::Connect) or [`Step::Fetch`](super::Step::Fetch).
#[derive(Debug)]
pub enum Outcome {
    /// The operator cannot connect: the spec or the Secret with the credentials has to be corrected.
    Unusable {
        /// Why.
        why: String,
        /// Whether the credentials are the cause, not the other settings.
        is_about_credentials: bool,
        /// Whether the namespace of the Secret is being deleted.
        secret_is_terminating: bool,
    },
    /// The fetch failed.
    NotFetched(osb::Error),
    /// The catalog cannot be published, for this reason.
    NotPublished(String),
    /// All changes of the catalog's publication were written.
    Published(Published),
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The new status.
    pub status: BrokerStatus,
    /// The event, sent once the status is written.
    pub note: Option<Note>,
    /// The catalog that was published, for the metrics.
    pub published: Option<Published>,
    /// Whether the existing connection to the broker must be dropped.
    pub drops_connection: bool,
    /// The failures in a row, to be kept with the connection.
    pub failures: Option<Failures>,
    /// What happens next.
    pub next: Next,
}

/// How a reconcile ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// With success. The status write triggers the next reconcile, which waits until the catalog is due.
    AwaitChange,
    /// With this error. The reconcile is retried with back-off.
    Retry(String),
}

/// The result of a step, from its outcome and what was known before.
pub fn settle(observed: &Observed<'_>, outcome: Outcome) -> Settled {
    match outcome {
        Outcome::Unusable { why, is_about_credentials, secret_is_terminating } => {
            if observed.meta.deletion_timestamp.is_some() {
                return unusable_and_deleted(observed, Some(&*why).filter(|_| !secret_is_terminating));
            }
            let (reason, why) = if is_about_credentials {
                let why = format!("Error getting broker auth credentials: {why}");
                (reason::ERROR_GETTING_AUTH_CREDENTIALS, why)
            } else {
                (reason::ERROR_FETCHING_CATALOG, format!("Error fetching catalog: {why}"))
            };
            // A namespace that is being deleted loses its Secrets first. The existing connection is still needed to
            // deprovision its instances.
            let drops_connection = !secret_is_terminating;
            Settled { drops_connection, ..failed(observed, reason, &why) }
        }
        Outcome::NotFetched(error) => {
            let hint = if error.is_unsupported_version() { verdict::hint(&error) } else { "" };
            let why = format!("Error fetching catalog. Error getting broker catalog: {error}{hint}");
            failed(observed, reason::ERROR_FETCHING_CATALOG, &why)
        }
        Outcome::NotPublished(why) => failed(observed, reason::ERROR_SYNCING_CATALOG, &why),
        Outcome::Published(published) => succeeded(observed, published),
    }
}

/// Keeps the existing connection of a deleted broker: the instances that block the deletion are deprovisioned over
/// it. `why` says in the condition why there is no new connection. A change of the Secret or of the spec requeues the
/// broker.
fn unusable_and_deleted(observed: &Observed<'_>, why: Option<&str>) -> Settled {
    let blocking = deletion::blocking_instances(observed);
    let status =
        if blocking.is_empty() { observed.status() } else { deletion::blocked(observed, &blocking, why) };
    Settled {
        status,
        note: None,
        published: None,
        drops_connection: false,
        failures: None,
        next: Next::AwaitChange,
    }
}

/// Reports why there is no new catalog. The last good one stays published. `reason` is the reason of the event.
fn failed(observed: &Observed<'_>, reason: &'static str, why: &str) -> Settled {
    let message = format!(
        "{}. The operator retries with back-off (up to 5 min), and at once when this object or its Secret changes",
        why.trim_end_matches('.')
    );
    let mut status = observed.status();
    status.operation_start_time.get_or_insert_with(|| observed.now.clone());
    let of_condition =
        if reason == reason::ERROR_SYNCING_CATALOG { reason } else { reason::ERROR_FETCHING_CATALOG };
    report(&mut status, Status::False, of_condition, &message, &observed.now);
    let is_new = observed.status.is_none_or(|before| before.conditions != status.conditions);
    Settled {
        status,
        note: is_new.then(|| Note::new(true, reason, &message)),
        published: None,
        drops_connection: false,
        failures: Failures::with_one_more(observed),
        next: Next::Retry(why.to_owned()),
    }
}

fn succeeded(observed: &Observed<'_>, published: Published) -> Settled {
    let now = &observed.now;
    let connection = observed.connection.as_ref();
    let secret_version = connection.map(|connection| connection.secret_version);
    let api_version = connection.map(|connection| recorded(connection.api_version));
    let mut status = BrokerStatus {
        reconciled_generation: observed.meta.generation.unwrap_or_default(),
        last_catalog_retrieval_time: Some(now.clone()),
        auth_secret_version: secret_version.unwrap_or_default().to_owned(),
        osb_api_version: api_version.unwrap_or_default().to_owned(),
        operation_start_time: None,
        ..observed.status()
    };
    if published.rejected.is_empty() {
        condition::remove(&mut status.conditions, condition::CATALOG_REJECTED);
    } else {
        let (type_, reason) = (condition::CATALOG_REJECTED, reason::INVALID_CATALOG_ENTRIES);
        condition::set(&mut status.conditions, type_, Status::True, reason, &published.rejected, now);
    }
    report(&mut status, Status::True, reason::FETCHED_CATALOG, published.message, now);
    Settled {
        status,
        note: None,
        published: Some(published),
        drops_connection: false,
        failures: None,
        next: Next::AwaitChange,
    }
}
