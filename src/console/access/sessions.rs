//! Sessions: who is logged in, and for how long?
//!
//! They are in memory only, by the digest of their cookie. Each has its own client of the API server; no client and
//! nothing that was read with one is shared between sessions.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;
use tokio::time::Instant;

use super::identity::User;
use super::random::{SecretDigest, Unavailable, digest, secret};
use super::transport::UserClient;

/// A session without requests ends after this time.
pub const MAX_IDLE: Duration = Duration::from_mins(30);
/// Every session ends after this time.
pub const MAX_AGE: Duration = Duration::from_hours(12);
/// The most sessions at once. A further one ends a session of the user who has most: the one that was used least recently.
pub const MAX_SESSIONS: usize = 500;
/// The most sessions of one user ([`User::principal`]), so that a user cannot end the sessions of others by logging in often.
pub const MAX_SESSIONS_OF_USER: usize = 20;

/// What a session knows.
#[derive(Clone)]
pub struct Login {
    /// The user.
    pub user: Arc<User>,
    /// Calls the API server as the user.
    pub client: UserClient,
}

/// All sessions.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<SecretDigest, Session>>);

struct Session {
    login: Login,
    last_used: Instant,
    ends: Instant,
    /// Dropped with the session: so receivers know that it has ended.
    alive: watch::Sender<()>,
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now >= self.ends || now >= self.last_used + MAX_IDLE
    }
}

impl Sessions {
    /// Starts a session of at most `lifetime`. Returns the value of its cookie, always a new one: an id that an attacker
    /// gave to the browser before the login is of no use.
    pub fn start(&self, login: Login, lifetime: Duration) -> Result<SecretString, Unavailable> {
        let (id, now) = (secret()?, Instant::now());
        let mut sessions = self.lock();
        sessions.retain(|_, session| !session.is_over(now));
        let of = |principal: &str, session: &Session| session.login.user.principal() == principal;
        let of_user = |session: &Session| of(login.user.principal(), session);
        if sessions.values().filter(|session| of_user(session)).count() >= MAX_SESSIONS_OF_USER {
            end_least_recently_used(&mut sessions, of_user);
        }
        if sessions.len() >= MAX_SESSIONS {
            let largest = largest_holder(&sessions);
            end_least_recently_used(&mut sessions, |session| of(&largest, session));
        }
        let (ends, (alive, _)) = (now + lifetime.min(MAX_AGE), watch::channel(()));
        let session = Session { login, last_used: now, ends, alive };
        sessions.insert(digest(id.expose_secret()), session);
        Ok(id)
    }

    /// The session with this cookie. It counts as used.
    pub fn find(&self, id: &SecretDigest) -> Option<Login> {
        self.with(id, |session| {
            session.last_used = Instant::now();
            session.login.clone()
        })
    }

    /// The session with this cookie, for a request that the user did not make: it does not count as used.
    pub fn peek(&self, id: &SecretDigest) -> Option<Login> {
        self.with(id, |session| session.login.clone())
    }

    /// A receiver whose sender is dropped with the session. It does not count as used.
    pub fn end_of(&self, id: &SecretDigest) -> Option<watch::Receiver<()>> {
        self.with(id, |session| session.alive.subscribe())
    }

    fn with<T>(&self, id: &SecretDigest, read: impl FnOnce(&mut Session) -> T) -> Option<T> {
        let mut sessions = self.lock();
        let session = sessions.get_mut(id)?;
        if session.is_over(Instant::now()) {
            sessions.remove(id);
            return None;
        }
        Some(read(session))
    }

    /// Ends a session and forgets its client, with the token in it.
    pub fn end(&self, id: &SecretDigest) {
        self.lock().remove(id);
    }

    /// How many sessions there are.
    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SecretDigest, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The user who has most sessions; of several, the first by name.
fn largest_holder(sessions: &HashMap<SecretDigest, Session>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for session in sessions.values() {
        *counts.entry(session.login.user.principal()).or_default() += 1;
    }
    let largest = counts.iter().rev().max_by_key(|(_, count)| **count);
    largest.map(|(name, _)| (*name).to_owned()).unwrap_or_default()
}

fn end_least_recently_used(sessions: &mut HashMap<SecretDigest, Session>, among: impl Fn(&Session) -> bool) {
    let candidates = sessions.iter().filter(|(_, session)| among(session));
    let oldest = candidates.min_by_key(|(_, session)| session.last_used).map(|(id, _)| *id);
    if let Some(id) = oldest {
        sessions.remove(&id);
    }
}

#[cfg(test)]
mod tests;
