//! The address at which one of the two broker objects reaches the broker: each has a catalog and credentials of its own, and
//! its callers are told by themselves to leave it alone.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::time::Instant;

use super::request::{Endpoint, Request};

/// How often a broker that cannot be reached is tried by one operator at most: by all that ask at the same time, then at
/// the end of each pause.
const TRIES: usize = 20;

/// How often a catalog may be fetched without any reason that this simulation knows of.
const FETCHES: u64 = 6;
/// How often more for everything that befell the operator, the broker or the objects: first at growing distances, …
const FETCHES_PER_DISTURBANCE: u64 = 6;
/// … then every five minutes, by a broker that fails for long.
const MINUTES_PER_FETCH: u64 = 4;

/// The user name in the Secret; the password is the door's.
pub const USERNAME: &str = "operator";

/// What is published, and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    /// The catalog that was answered.
    pub catalog: Value,
    /// The restrictions that the broker object had when it was asked for.
    pub restrictions: Value,
}

/// One address of the broker.
#[derive(Debug, Default)]
pub struct Door {
    /// What is offered here now.
    pub catalog: Value,
    /// The password that callers need; all are let in without one.
    pub password: Option<String>,
    /// What should be published: the last catalog that was answered and is not empty.
    pub published: Option<Published>,
    /// The last catalog that was answered.
    pub last: Value,
    /// Whether a catalog was answered that the broker object does not speak of yet.
    pub answered: bool,
    /// How often the catalog was asked for.
    pub fetches: u64,
    disturbances: u64,
    /// The restrictions of the broker object; the version of object and Secret that the operator's connection was made from,
    /// if that is known.
    pub known: (Value, Option<String>),
    /// Whether the classes of all instances are published.
    pub is_published: bool,
    /// The restrictions when the catalog was asked for.
    asked: Value,
    began: Option<Instant>,
    /// Until when it wants to be left alone, and which connection was told so.
    alone: Option<(Instant, String)>,
    /// Until when it cannot be reached, and how often that was tried.
    away: Option<(Instant, usize)>,
}

impl Door {
    /// A door that offers this catalog.
    pub fn offering(catalog: Value) -> Self {
        Self { catalog, began: Some(Instant::now()), ..Self::default() }
    }

    /// What it offers is published already.
    pub fn enter(&mut self) {
        self.last = self.catalog.clone();
        self.published = Some(Published { catalog: self.catalog.clone(), restrictions: Value::Null });
    }

    /// A request has arrived; what is wrong with that.
    pub fn receive(&mut self, request: &Request) -> Vec<String> {
        let mut violations = Vec::new();
        // Broken on purpose: with a gate that lets everybody through. What is fetched belongs to a call that was under way.
        let goes_on = request.endpoint == Endpoint::FetchBinding;
        let told = self.alone.as_ref().filter(|(until, connection)| {
            Instant::now() < *until && self.known.1.as_ref() == Some(connection)
        });
        if told.is_some() && !goes_on {
            violations.push(format!("I8: {request:?}: before the broker wants to be asked again"));
        }
        if request.endpoint == Endpoint::Catalog {
            self.fetches += 1;
            self.asked = self.known.0.clone();
            let allowed = self.allowed();
            if self.fetches > allowed {
                violations.push(format!("I8: the catalog is fetched {} times, not {allowed}", self.fetches));
            }
        }
        violations
    }

    /// How often the catalog may have been fetched by now.
    fn allowed(&self) -> u64 {
        let minutes = self.began.map_or(0, |began| began.elapsed().as_secs() / 60);
        FETCHES + FETCHES_PER_DISTURBANCE * self.disturbances + minutes / MINUTES_PER_FETCH
    }

    /// Something has happened that may be so many reasons to fetch the catalog again.
    pub fn disturb(&mut self, reasons: u64) {
        self.disturbances += reasons;
    }

    /// From now on it cannot be reached for so long.
    pub fn go_away(&mut self, delay: Duration) {
        self.away = Some((Instant::now() + delay, 0));
    }

    /// Whoever calls it from now on was not told to leave it alone, and has not found out by trying.
    pub fn forget_caller(&mut self) {
        self.alone = None;
        self.away = self.away.map(|(until, _)| (until, 0));
    }

    /// Its caller is told to leave it alone.
    pub fn stay_alone(&mut self, delay: Duration) {
        let told = self.known.1.clone().map(|connection| (Instant::now() + delay, connection));
        self.alone = told.or_else(|| self.alone.take());
    }

    /// Whether it cannot be reached; `Err` if it was tried too often.
    pub fn is_away(&mut self, request: &Request) -> Result<bool, String> {
        let Some((until, tries)) = &mut self.away else { return Ok(false) };
        if Instant::now() >= *until {
            return Ok(false);
        }
        *tries += 1;
        if *tries > TRIES { Err(format!("I8: {request:?}: it was tried too often")) } else { Ok(true) }
    }

    /// Whether a caller has other credentials than the door's.
    pub fn refuses(&self, request: &Request) -> bool {
        let sent = request.header("authorization").and_then(|sent| sent.strip_prefix("Basic "));
        let wanted = self.password.as_ref().map(|password| STANDARD.encode(format!("{USERNAME}:{password}")));
        wanted.is_some() && wanted.as_deref() != sent
    }

    /// The catalog is answered.
    pub fn answer(&mut self) -> Value {
        self.answered = true;
        self.last = self.catalog.clone();
        if self.catalog["services"].as_array().is_some_and(|services| !services.is_empty()) {
            self.published =
                Some(Published { catalog: self.catalog.clone(), restrictions: self.asked.clone() });
        }
        self.catalog.clone()
    }
}
