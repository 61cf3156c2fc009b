//! How many pages are kept up to date at once? Each costs a connection of the browser, and one or two watches at the API
//! server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fair_limiter::{FairLimiter, Permit};
use crate::http::MAX_CONNECTIONS;

/// The most streams of a session: browsers have six connections to an address.
pub const MAX_OF_SESSION: usize = 4;
/// The most streams of one user ([`User::principal`](crate::console::access::User::principal)).
pub const MAX_OF_USER: usize = 20;
/// The most streams of all users. Each takes a connection, and other requests need some, too.
pub const MAX_STREAMS: usize = MAX_CONNECTIONS / 4 * 3;

/// The open streams.
pub struct Streams {
    of_sessions: Mutex<HashMap<Vec<u8>, usize>>,
    all: Arc<FairLimiter>,
}

/// The right to one stream. Dropped with it.
pub struct Slot {
    streams: Arc<Streams>,
    session: Vec<u8>,
    _permit: Permit,
}

impl Default for Streams {
    fn default() -> Self {
        Self { of_sessions: Mutex::default(), all: FairLimiter::with_share(MAX_STREAMS, MAX_OF_USER) }
    }
}

impl Streams {
    /// A slot for a stream of this session of a user; `None` if there are too many.
    pub fn take(self: &Arc<Self>, session: &[u8], user: &str) -> Option<Slot> {
        let mut open = self.lock();
        let of_session = open.get(session).copied().unwrap_or_default();
        if of_session >= MAX_OF_SESSION {
            return None;
        }
        let permit = self.all.try_acquire(user)?;
        open.insert(session.to_owned(), of_session + 1);
        Some(Slot { streams: Arc::clone(self), session: session.to_owned(), _permit: permit })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, usize>> {
        self.of_sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        if let Some(count) = open.get_mut(&self.session) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_few_streams_and_gets_one_back_when_it_closes() {
        let streams = Arc::new(Streams::default());
        let take = |session: &[u8]| streams.take(session, "jane");
        let mut slots: Vec<_> = (0..MAX_OF_SESSION).map(|_| take(b"a").unwrap()).collect();
        assert!(take(b"a").is_none());
        assert!(take(b"b").is_some());
        slots.pop();
        assert!(take(b"a").is_some());
    }

    #[test]
    fn users_and_all_of_them_together_have_a_limit() {
        let streams = Arc::new(Streams::default());
        let take = |number: usize| {
            let (session, user) = (number.to_string(), (number / MAX_OF_USER).to_string());
            streams.take(session.as_bytes(), &user)
        };
        let slots: Vec<_> = (0..MAX_STREAMS).map(|number| take(number).unwrap()).collect();
        assert!(streams.take(b"another", "another").is_none());
        drop(slots);
        let slots: Vec<_> = (0..MAX_OF_USER).map(|number| take(number).unwrap()).collect();
        assert!(streams.take(b"another", "0").is_none());
        assert!(streams.take(b"another", "1").is_some());
        drop(slots);
        assert!(streams.lock().is_empty());
    }
}
