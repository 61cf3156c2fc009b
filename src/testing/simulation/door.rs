//! The broker's addresses, one for each of the two broker objects. Each has its own catalog and credentials, and its
//! own `Retry-After`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::time::Instant;

use super::request::{Endpoint, Request};

/// The most attempts of one operator to reach an unreachable broker: one for each call in flight, then one half-open
/// probe each time that the circuit has been open long enough.
const MAX_ATTEMPTS: usize = 20;

/// The fetches of a catalog that are allowed without a reason.
const FETCHES: u64 = 6;
/// Further fetches for each disturbance of the operator, the broker or the objects: first with exponential back-off, …
const FETCHES_PER_DISTURBANCE: u64 = 6;
/// … then every five minutes while a broker keeps failing.
const MINUTES_PER_FETCH: u64 = 4;

/// The username in the Secret; the password is the door's.
pub const USERNAME: &str = "operator";

/// The catalog that should be published, and the restrictions that apply to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    /// The catalog that the broker answered.
    pub catalog: Value,
    /// The restrictions of the broker object at the time of the request.
    pub restrictions: Value,
}

/// One address of the broker.
#[derive(Debug, Default)]
pub struct Door {
    /// The catalog that it offers now.
    pub catalog: Value,
    /// The password that callers need; `None` without authentication.
    pub password: Option<String>,
    /// The catalog that should be published: the last non-empty one of which its caller has learned.
    pub published: Option<Published>,
    /// The last catalog of which its caller has learned.
    pub last: Value,
    /// Whether its caller has learned of a catalog that the status of the broker object does not reflect yet.
    pub is_answered: bool,
    /// The number of catalog requests.
    pub fetches: u64,
    disturbances: u64,
    /// The restrictions of the broker object, and the versions of object and Secret that the operator's connection
    /// uses, if they are known.
    pub known: (Value, Option<String>),
    /// Whether the classes of all instances are published.
    pub is_published: bool,
    /// The restrictions at the time of the last catalog request.
    requested_with: Value,
    began: Option<Instant>,
    /// The end of its `Retry-After`, the connection that received it, and whether it applies to fetches of the catalog.
    suspended: Option<(Instant, String, bool)>,
    /// Until when it is unreachable, and the attempts so far.
    unreachable: Option<(Instant, usize)>,
}

impl Door {
    /// A door that offers this catalog.
    pub fn offering(catalog: Value) -> Self {
        Self { catalog, began: Some(Instant::now()), ..Self::default() }
    }

    /// Its catalog is published already.
    pub fn enter(&mut self) {
        self.last = self.catalog.clone();
        self.published = Some(Published { catalog: self.catalog.clone(), restrictions: Value::Null });
    }

    /// Receives a request; returns its violations of I8.
    pub fn receive(&mut self, request: &Request) -> Vec<String> {
        let mut violations = Vec::new();
        // Seen to fail with a call gate that admits every call. Fetching a binding belongs to a call that was in
        // flight.
        let continues = request.endpoint == Endpoint::FetchBinding;
        let is_fetch = request.endpoint == Endpoint::Catalog;
        let suspended = self.suspended.as_ref().filter(|(until, connection, applies_to_fetches)| {
            Instant::now() < *until
                && self.known.1.as_ref() == Some(connection)
                && (*applies_to_fetches || !is_fetch)
        });
        if suspended.is_some() && !continues {
            violations.push(format!("I8: {request:?}: within the broker's Retry-After"));
        }
        if request.endpoint == Endpoint::Catalog {
            self.fetches += 1;
            self.requested_with = self.known.0.clone();
            let allowed = self.allowed();
            if self.fetches > allowed {
                violations.push(format!("I8: the catalog is fetched {} times, not {allowed}", self.fetches));
            }
        }
        violations
    }

    /// The catalog requests that are allowed so far.
    fn allowed(&self) -> u64 {
        let minutes = self.began.map_or(0, |began| began.elapsed().as_secs() / 60);
        FETCHES + FETCHES_PER_DISTURBANCE * self.disturbances + minutes / MINUTES_PER_FETCH
    }

    /// Something has happened that may be a reason, or several, to fetch the catalog again.
    pub fn disturb(&mut self, reasons: u64) {
        self.disturbances += reasons;
    }

    /// From now on it is unreachable for this long.
    pub fn become_unreachable(&mut self, delay: Duration) {
        self.unreachable = Some((Instant::now() + delay, 0));
    }

    /// Its callers are new from now on: they have received no `Retry-After`, and have not tried to reach it.
    pub fn reset_callers(&mut self) {
        self.suspended = None;
        self.unreachable = self.unreachable.map(|(until, _)| (until, 0));
    }

    /// Its caller has received a `Retry-After`. One for a namespace does not apply to the catalog of a broker that
    /// several namespaces use.
    pub fn suspend_calls(&mut self, delay: Duration, applies_to_fetches: bool) {
        let suspended = self.known.1.clone();
        let suspended = suspended.map(|connection| (Instant::now() + delay, connection, applies_to_fetches));
        self.suspended = suspended.or_else(|| self.suspended.take());
    }

    /// Whether it is unreachable; `Err` after too many attempts.
    pub fn is_unreachable(&mut self, request: &Request) -> Result<bool, String> {
        let Some((until, attempts)) = &mut self.unreachable else { return Ok(false) };
        if Instant::now() >= *until {
            return Ok(false);
        }
        *attempts += 1;
        if *attempts > MAX_ATTEMPTS { Err(format!("I8: {request:?}: too many attempts")) } else { Ok(true) }
    }

    /// Whether the request lacks the door's credentials.
    pub fn refuses(&self, request: &Request) -> bool {
        let sent = request.header("authorization").and_then(|sent| sent.strip_prefix("Basic "));
        let wanted = self.password.as_ref().map(|password| STANDARD.encode(format!("{USERNAME}:{password}")));
        wanted.is_some() && wanted.as_deref() != sent
    }

    /// Its caller has learned of the catalog.
    pub fn answered(&mut self) {
        self.is_answered = true;
        self.last = self.catalog.clone();
        if self.catalog["services"].as_array().is_some_and(|services| !services.is_empty()) {
            self.published =
                Some(Published { catalog: self.catalog.clone(), restrictions: self.requested_with.clone() });
        }
    }
}
