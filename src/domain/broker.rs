//! The life cycle of a broker: what is the next step for it and its catalog, and what follows from the outcome?
//!
//! [`decide`] answers with one step, [`settle`] turns the outcome of a step into the new status. Both serve
//! cluster-wide and namespaced brokers. Between them, [`publication`] and [`dependents`] say which classes and plans
//! a step writes or deletes.
//!
//! What each step is for:
//!
//! - `AddFinalizer`: only for an object that is older than the policy that adds it
//! - `Connect`: read the Secret with the credentials. If it cannot be used, the broker reports `Ready=False`, and the
//!   former connection is dropped, unless the Secret is missing because its namespace is being deleted
//! - `Write`: the condition `Available` follows the circuit breaker, or the broker reports what blocks its deletion
//! - `ReadLive`: the catalog is due according to the cache; a live read confirms that
//! - `Fetch`: fetch and publish the catalog, classes first; then write the status. After a failed fetch the last
//!   catalog stays published, and the next fetch waits longer each time (`failures`)
//! - `Probe`: the catalog is not due, but an outage may be over and no other object may probe the broker, or calls of a
//!   namespace have failed
//! - `Finalize`: no instance uses the broker. Delete its plans and classes, except those that users created, then
//!   remove the finalizer
//!
//! An empty catalog changes nothing (`publication`). An entry that is missing from the catalog is marked as removed,
//! and is deleted with its last instance (`domain::catalog::entry`). `relist` says when a catalog is fetched,
//! `deletion` what blocks the deletion of a broker, and `namespace_limit` how much the brokers of a namespace publish.

mod deletion;
mod failures;
mod namespace_limit;
mod outage;
mod publication;
mod relist;
mod settle;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::circuit_breaker::OutageCause;
use super::metadata::has_finalizer;
use super::note::{self, Note};
use super::reason;
use crate::crd::ServiceInstance;
use crate::crd::broker::{BrokerStatus, CommonServiceBrokerSpec};
use crate::crd::condition::{self, Status};
use crate::osb::ApiVersion;

use relist::Relist;

pub use deletion::{brokers_of, dependents};
pub use failures::Failures;
pub use namespace_limit::NamespaceLimit;
pub use publication::{Published, publication};
pub use settle::{Next, Outcome, Settled, settle};

/// What the operator knows of a broker: the input of [`decide`] and [`settle`].
#[derive(Debug)]
pub struct Observed<'a> {
    /// The metadata of the object.
    pub meta: &'a ObjectMeta,
    /// Its spec.
    pub spec: &'a CommonServiceBrokerSpec,
    /// Its status; `None` if none was ever written.
    pub status: Option<&'a BrokerStatus>,
    /// The current time.
    pub now: Time,
    /// How long after a fetch the next one is due, unless `spec.relistDuration` says so.
    pub relist_interval: Duration,
    /// Whether the object was read from the API server in this reconcile, not from the cache.
    pub is_live: bool,
    /// The instances for which the broker may have something, and perhaps others. Only a deleted broker needs them.
    pub instances: Vec<Arc<ServiceInstance>>,
    /// How the broker is reached; `None` before [`Step::Connect`].
    pub connection: Option<Connection<'a>>,
}

impl Observed<'_> {
    /// A copy of the stored status, as the base of the new one.
    fn status(&self) -> BrokerStatus {
        self.status.cloned().unwrap_or_default()
    }
}

/// The connection to a broker, and what the last calls over it have shown.
#[derive(Debug)]
pub struct Connection<'a> {
    /// The generation of the spec that the connection was made from.
    pub generation: i64,
    /// The resourceVersion of the Secret with the credentials; empty without a Secret.
    pub secret_version: &'a str,
    /// The version of the API in which the broker is called.
    pub api_version: ApiVersion,
    /// Whether the broker has said since the last fetch that its catalog has changed (OSB, “Service Broker Errors”,
    /// `MaintenanceInfoConflict`).
    pub is_outdated: bool,
    /// Why calls to the broker are suspended; `None` while its circuit is closed.
    pub outage: Option<Outage>,
    /// Whether several namespaces use the broker. Then only a fetch of the catalog probes it.
    pub is_shared: bool,
    /// Whether calls of a namespace have failed, and a fetch of the catalog has to show whether the broker works.
    pub is_suspected: bool,
    /// The fetches over this connection that failed in a row.
    pub failures: Option<Failures>,
}

/// Calls to a broker are suspended: its circuit is open or half-open.
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    /// Why.
    pub cause: OutageCause,
    /// When a call probes the broker; `None` while a probe is in flight.
    pub until: Option<Time>,
}

/// The one next thing to do for a broker.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Do nothing until this time, or until something changes.
    Wait(Option<Time>),
    /// Add the finalizer: the object is older than the policy that adds it.
    AddFinalizer,
    /// Read the Secret with the credentials and connect. Without success: settle [`Outcome::Unusable`].
    Connect,
    /// Send the event, write the status, then decide again.
    Write {
        /// The new status.
        status: Box<BrokerStatus>,
        /// The event.
        note: Option<Note>,
    },
    /// Read the object from the API server, then decide again: the cache may not show yet that the catalog was fetched.
    ReadLive,
    /// Fetch the catalog and write its [`publication`], then [`settle`] the outcome.
    Fetch,
    /// Fetch the catalog only to probe the broker. The circuit breaker evaluates the result.
    Probe,
    /// Delete the [`dependents`], then forget the broker and remove the finalizer.
    Finalize,
}

/// The phase of a broker's life cycle. It determines the step.
#[derive(Debug)]
enum Phase {
    /// Deleted; the operator's finalizer is gone.
    Finalized,
    /// Deleted, but these instances still need the broker.
    DeletionBlocked(Vec<String>),
    /// Deleted, and no instance needs the broker.
    Deleted,
    /// New, without the finalizer.
    Unprotected,
    /// Not connected in this reconcile.
    Disconnected,
    /// The API server has a newer spec than the one that was connected to.
    Superseded,
    /// The condition `Available` does not say what the circuit breaker says: the status that does, and its event.
    OutageChanged(Box<BrokerStatus>, Option<Note>),
    /// The catalog is due, as far as the cache knows.
    DueInCache,
    /// The catalog is due.
    Due,
    /// An outage may be over, and no other object probes the broker; or the broker is suspected.
    ProbeDue,
    /// Nothing is due until this time, or until something changes.
    Settled(Option<Time>),
}

impl Phase {
    fn of(observed: &Observed<'_>) -> Self {
        let is_protected = has_finalizer(observed.meta);
        if observed.meta.deletion_timestamp.is_some() {
            return if is_protected { Self::of_deleted(observed) } else { Self::Finalized };
        }
        if observed.status.is_none() && !is_protected {
            return Self::Unprotected;
        }
        let Some(connection) = &observed.connection else { return Self::Disconnected };
        if observed.meta.generation.unwrap_or_default() != connection.generation {
            return Self::Superseded;
        }
        if let Some(changed) = Self::of_outage(observed, connection) {
            return changed;
        }
        match relist::next(observed, connection) {
            Relist::Now if observed.is_live => Self::Due,
            Relist::Now => Self::DueInCache,
            Relist::Probe => Self::ProbeDue,
            Relist::At(time) => Self::Settled(Some(time)),
            Relist::OnRequest => Self::Settled(None),
        }
    }

    fn of_deleted(observed: &Observed<'_>) -> Self {
        let blocking = deletion::blocking_instances(observed);
        match observed.connection {
            _ if blocking.is_empty() => Self::Deleted,
            // The operator deprovisions the instances with the broker's current address and credentials.
            None => Self::Disconnected,
            Some(ref connection) => match Self::of_outage(observed, connection) {
                Some(changed) => changed,
                None if relist::probe(observed, connection) == Some(Relist::Probe) => Self::ProbeDue,
                None => Self::DeletionBlocked(blocking),
            },
        }
    }

    /// Before anything else, the condition `Available` has to follow the circuit breaker.
    fn of_outage(observed: &Observed<'_>, connection: &Connection<'_>) -> Option<Self> {
        let (status, note) = outage::update(observed, connection)?;
        Some(Self::OutageChanged(Box::new(status), note))
    }
}

/// The one next step.
pub fn decide(observed: &Observed<'_>) -> Step {
    match Phase::of(observed) {
        // The cache will show the newer spec, and that triggers a reconcile. A catalog that is fetched over the former
        // connection would be taken for the catalog of the newer spec.
        Phase::Finalized | Phase::Superseded => Step::Wait(None),
        Phase::DeletionBlocked(instances) => deletion::report_blocked(observed, &instances),
        Phase::Deleted => Step::Finalize,
        Phase::Unprotected => Step::AddFinalizer,
        Phase::Disconnected => Step::Connect,
        Phase::OutageChanged(status, note) => Step::Write { status, note },
        Phase::DueInCache => Step::ReadLive,
        Phase::Due => Step::Fetch,
        Phase::ProbeDue => Step::Probe,
        Phase::Settled(until) => Step::Wait(until),
    }
}

/// Reports that the API server has refused what the operator has to write; nothing, if that is reported already.
pub fn write_refused(status: &mut BrokerStatus, why: &str, now: &Time) {
    if !condition::is_true(&status.conditions, condition::WRITE_REFUSED) {
        let (type_, reason) = (condition::WRITE_REFUSED, reason::REFUSED_BY_API_SERVER);
        condition::set(&mut status.conditions, type_, Status::True, reason, &note::refusal(why), now);
        status.last_condition_state = condition::summary(&status.conditions);
    }
}

/// Sets the condition `Ready`.
fn report(status: &mut BrokerStatus, is: Status, reason: &str, message: &str, now: &Time) {
    condition::remove(&mut status.conditions, condition::WRITE_REFUSED);
    condition::set(&mut status.conditions, condition::READY, is, reason, message, now);
    status.last_condition_state = condition::summary(&status.conditions);
}
