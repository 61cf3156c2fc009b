//! How many pages are kept up to date at once? Each costs a connection of the browser, and one or two watches at the API
//! server.

use std::sync::Arc;

use crate::crd::names::hex;
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
    of_sessions: Arc<FairLimiter>,
    of_users: Arc<FairLimiter>,
}

/// The right to one stream: of the session, and of the user. Dropped with it.
pub type Slot = [Permit; 2];

impl Default for Streams {
    fn default() -> Self {
        Self {
            of_sessions: FairLimiter::for_each(MAX_OF_SESSION),
            of_users: FairLimiter::with_share(MAX_STREAMS, MAX_OF_USER),
        }
    }
}

impl Streams {
    /// A slot for a stream of this session of a user; `None` if there are too many.
    pub fn take(&self, session: &[u8], user: &str) -> Option<Slot> {
        Some([self.of_sessions.try_acquire(&hex(session))?, self.of_users.try_acquire(user)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_few_streams_and_gets_one_back_when_it_closes() {
        let streams = Streams::default();
        let take = |session: &[u8]| streams.take(session, "jane");
        let mut slots: Vec<_> = (0..MAX_OF_SESSION).map(|_| take(b"a").unwrap()).collect();
        assert!(take(b"a").is_none());
        assert!(take(b"b").is_some());
        slots.pop();
        assert!(take(b"a").is_some());
    }

    #[test]
    fn users_and_all_of_them_together_have_a_limit() {
        let streams = Streams::default();
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
        let all: Vec<_> = (0..MAX_STREAMS).map(|number| take(number).unwrap()).collect();
        assert_eq!(all.len(), MAX_STREAMS, "nothing is left of those that were dropped");
    }
}
