//! How many pages are kept up to date at once? Each costs a connection of the browser, and one or two watches at the API
//! server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most streams of a session.
pub const MAX_OF_SESSION: usize = 4;
/// The most streams of all sessions.
pub const MAX_STREAMS: usize = 200;

/// The open streams of each session.
#[derive(Default)]
pub struct Streams(Mutex<HashMap<Vec<u8>, usize>>);

/// The right to one stream. Dropped with it.
pub struct Slot {
    streams: Arc<Streams>,
    session: Vec<u8>,
}

impl Streams {
    /// A slot for a stream of this session; `None` if there are too many.
    pub fn take(self: &Arc<Self>, session: &[u8]) -> Option<Slot> {
        let mut open = self.lock();
        let is_full = open.values().sum::<usize>() >= MAX_STREAMS;
        let of_session = open.get(session).copied().unwrap_or_default();
        if is_full || of_session >= MAX_OF_SESSION {
            return None;
        }
        open.insert(session.to_owned(), of_session + 1);
        Some(Slot { streams: Arc::clone(self), session: session.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut slots: Vec<_> = (0..MAX_OF_SESSION).map(|_| streams.take(b"a").unwrap()).collect();
        assert!(streams.take(b"a").is_none());
        assert!(streams.take(b"b").is_some());
        slots.pop();
        assert!(streams.take(b"a").is_some());
    }

    #[test]
    fn all_sessions_together_have_a_limit() {
        let streams = Arc::new(Streams::default());
        let session = |number: usize| number.to_string().into_bytes();
        let slots: Vec<_> = (0..MAX_STREAMS).map(|number| streams.take(&session(number)).unwrap()).collect();
        assert!(streams.take(b"another").is_none());
        drop(slots);
        assert!(streams.lock().is_empty());
    }
}
