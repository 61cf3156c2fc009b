//! Where does the work run whose cost users and brokers determine: schemas, templates, parameters?
//!
//! Not on the threads of the async runtime: a probe, the lease and every other reconcile would wait for it. It runs on
//! blocking threads, a few at once, and namespaces get permits in turn, so one with a thousand expensive objects delays
//! another by one piece of work. Each piece is bounded by `domain` before or while it runs: a thread cannot be stopped.
//! The entry point is [`TenantWork::run`].

use std::sync::Arc;

use super::error::Error;
use crate::fair_limiter::{FairLimiter, Permit};

/// How many pieces of work run at once, at most.
const MAX_CONCURRENT: usize = 2;

/// How many of them are of the same namespace, at most.
const MAX_CONCURRENT_OF_NAMESPACE: usize = 1;

/// Runs work on blocking threads, fairly between namespaces.
#[derive(Clone, Debug)]
pub struct TenantWork(Arc<FairLimiter>);

impl Default for TenantWork {
    fn default() -> Self {
        Self(FairLimiter::with_share(MAX_CONCURRENT, MAX_CONCURRENT_OF_NAMESPACE))
    }
}

impl TenantWork {
    /// Waits for a permit for this namespace. What the work needs is read after that, so that it does not pile up in
    /// memory while it waits.
    pub async fn turn(&self, namespace: &str) -> Turn {
        Turn { _permit: self.0.acquire(namespace).await }
    }

    /// Waits for a permit for this namespace, and runs the work; see [`Turn::run`].
    pub async fn run<T: Send + 'static>(
        &self,
        namespace: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.turn(namespace).await.run(work).await
    }
}

/// A permit to run one piece of work.
#[must_use]
pub struct Turn {
    _permit: Permit,
}

impl Turn {
    /// Runs the work on a blocking thread. The error is a panic of the work.
    ///
    /// The permit goes with the work: if the caller is cancelled, the thread goes on, and its permit must not be free
    /// before it ends.
    pub async fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(self);
            done
        });
        done.await.map_err(|error| Error::Panic(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    /// On a runtime with one thread, the runtime still runs timers and other tasks while two pieces of work hang; a third
    /// one waits, also after the callers have given up. Seen to fail when the caller holds the permit, and to hang
    /// when the work runs on the runtime's thread.
    #[tokio::test]
    async fn work_that_hangs_stops_nothing_but_other_work() {
        let work = TenantWork::default();
        let mut gates = Vec::new();
        for namespace in ["a", "b"] {
            let (open, gate) = channel::<()>();
            let hanging = work.run(namespace, move || gate.recv());
            assert!(tokio::time::timeout(Duration::from_millis(50), hanging).await.is_err());
            gates.push(open);
        }
        let mut waiting = Box::pin(work.run("c", || 1));
        let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
        assert!(early.is_err(), "the permits belong to the threads");
        drop(gates);
        assert_eq!(waiting.await.unwrap(), 1);
    }

    /// A panic ends the reconcile with an error, and its permit is returned.
    #[tokio::test]
    async fn a_panic_is_an_error() {
        let work = TenantWork::default();
        for _ in 0..2 * MAX_CONCURRENT {
            let failed = work.run("a", || assert!(std::hint::black_box(false), "boom")).await;
            assert!(matches!(failed, Err(Error::Panic(_))));
        }
        assert_eq!(work.run("a", || 1).await.unwrap(), 1);
    }
}
