//! How many requests are dealt with at once? Each has answers of the API server and a page in memory.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::fair_limiter::{FairLimiter, Permit};

/// The most requests at once.
const MAX_REQUESTS: usize = 16;
/// The most of them of one user ([`User::principal`](crate::console::access::identity::User::principal)).
const MAX_OF_USER: usize = 2;
/// The most requests of one user that wait or are dealt with. A further one is refused, so that those of a user do not take all
/// connections.
pub const MAX_PRESENT_OF_USER: usize = 16;
/// How long a request waits: longer than a page may take to be sent (`http::server`).
const WAIT_TIMEOUT: Duration = Duration::from_secs(40);

/// The requests that the console has. Users take turns.
pub struct Requests {
    present: Arc<FairLimiter>,
    active: Arc<FairLimiter>,
}

impl Default for Requests {
    fn default() -> Self {
        Self {
            present: FairLimiter::for_each(MAX_PRESENT_OF_USER),
            active: FairLimiter::with_share(MAX_REQUESTS, MAX_OF_USER),
        }
    }
}

impl Requests {
    /// Counts a request of this user; `None` if there are too many.
    pub fn enter(&self, principal: &str) -> Option<Permit> {
        self.present.try_acquire(principal)
    }

    /// Waits until a request of this user may be dealt with; `None` if that takes too long.
    pub async fn begin(&self, principal: &str) -> Option<Permit> {
        timeout(WAIT_TIMEOUT, self.active.acquire(principal)).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_a_user_few_requests_are_dealt_with_and_some_more_wait() {
        let requests = Requests::default();
        let active: Vec<_> = (0..MAX_OF_USER).map(|_| requests.active.try_acquire("jane").unwrap()).collect();
        assert!(requests.begin("jane").await.is_none());
        assert!(requests.begin("joe").await.is_some());
        drop(active);
        assert!(requests.begin("jane").await.is_some());
        let _present: Vec<_> = (0..MAX_PRESENT_OF_USER).map(|_| requests.enter("jane").unwrap()).collect();
        assert!(requests.enter("jane").is_none() && requests.enter("joe").is_some());
    }
}
