//! How many host names are looked up at once?
//!
//! A lookup takes a thread until the name servers have answered or the resolver gives up, which takes up to a minute,
//! and nothing can stop it. Whoever owns a broker chooses the name, and a new request may begin a new lookup long
//! before. Therefore the permit for a lookup goes with the thread: an abandoned one counts until it ends, and delays
//! only lookups of the same owner.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use crate::fair_limiter::FairLimiter;

/// How many names are looked up at once, at most. The runtime has 512 threads for all blocking work.
const MAX_LOOKUPS: usize = 128;

/// How many of them are names of brokers of the same owner, at most.
const MAX_LOOKUPS_OF_OWNER: usize = 4;

/// Looks up host names of the brokers of one owner. Clones share the limit.
#[derive(Clone, Debug)]
pub struct NameLookups {
    limiter: Arc<FairLimiter>,
    owner: Arc<str>,
}

impl NameLookups {
    /// The share of another owner of the same limit.
    #[must_use]
    pub fn of(&self, owner: &str) -> Self {
        Self { limiter: Arc::clone(&self.limiter), owner: owner.into() }
    }

    /// The addresses of a host, with port 0.
    pub(super) async fn find(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        let host = (host.to_owned(), 0);
        self.run(move || Ok(host.to_socket_addrs()?.collect())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        lookup: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let permit = self.limiter.acquire(&self.owner).await;
        let found = tokio::task::spawn_blocking(move || {
            let found = lookup();
            drop(permit);
            found
        });
        found.await?
    }
}

impl Default for NameLookups {
    /// A limit that is shared with no other client.
    fn default() -> Self {
        Self { limiter: FairLimiter::with_share(MAX_LOOKUPS, MAX_LOOKUPS_OF_OWNER), owner: "".into() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Seen to fail when the permit belongs to the caller: the fifth lookup begins.
    #[tokio::test]
    async fn abandoned_lookups_count_until_they_end() {
        let lookups = NameLookups::default();
        let hostile = lookups.of("hostile");
        let mut gates = Vec::new();
        for _ in 0..MAX_LOOKUPS_OF_OWNER {
            let (open, gate) = channel::<()>();
            let hanging = hostile.run(move || Ok(gate.recv()));
            assert!(timeout(Duration::from_millis(50), hanging).await.is_err());
            gates.push(open);
        }
        let mut next = Box::pin(hostile.run(|| Ok(1)));
        assert!(
            timeout(Duration::from_millis(50), &mut next).await.is_err(),
            "the permits belong to the threads"
        );
        assert_eq!(lookups.of("honest").run(|| Ok(2)).await.unwrap(), 2);
        drop(gates);
        assert_eq!(next.await.unwrap(), 1);
    }

    #[tokio::test]
    async fn an_address_is_its_own() {
        let found = NameLookups::default().find("127.0.0.1").await.unwrap();
        assert_eq!(found, ["127.0.0.1:0".parse().unwrap()]);
    }
}
