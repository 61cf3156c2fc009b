//! A fair semaphore: it limits what is in flight at once, and gives permits to waiting namespaces in turn
//! (round-robin).
//!
//! With one queue for all, a namespace with a thousand objects would delay every other namespace. Here a namespace
//! waits for at most one request of each other namespace before its own next one. The entry point is
//! [`FairLimiter::acquire`].

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A semaphore that gives permits to namespaces in turn.
#[derive(Debug)]
pub struct FairLimiter(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Free permits. There are none while a request waits.
    free: usize,
    /// The waiting requests of each namespace. The first namespace is next. No queue is empty.
    queues: VecDeque<(String, VecDeque<oneshot::Sender<Permit>>)>,
}

impl FairLimiter {
    /// A semaphore with this many permits.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: limit, queues: VecDeque::new() })))
    }

    /// Waits for a permit for this namespace.
    pub async fn acquire(self: &Arc<Self>, namespace: &str) -> Permit {
        let permit = {
            let mut state = self.lock();
            if let Some(free) = state.free.checked_sub(1) {
                state.free = free;
                return Permit(Some(Arc::clone(self)));
            }
            state.enqueue(namespace)
        };
        // The sender is dropped only together with the limiter.
        permit.await.unwrap_or(Permit(None))
    }

    /// How many requests wait for a permit.
    pub fn waiting(&self) -> usize {
        self.lock()
            .queues
            .iter()
            .map(|(_, queue)| queue.iter().filter(|waiter| !waiter.is_closed()).count())
            .sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enqueue(&mut self, namespace: &str) -> oneshot::Receiver<Permit> {
        let (sender, permit) = oneshot::channel();
        match self.queues.iter_mut().find(|(owner, _)| owner == namespace) {
            Some((_, queue)) => queue.push_back(sender),
            None => self.queues.push_back((namespace.to_owned(), VecDeque::from([sender]))),
        }
        permit
    }

    /// The next waiting request. Its namespace moves to the end.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let (namespace, mut queue) = self.queues.pop_front()?;
        let next = queue.pop_front();
        if !queue.is_empty() {
            self.queues.push_back((namespace, queue));
        }
        next
    }
}

/// A permit, which is returned on drop.
#[derive(Debug)]
#[must_use]
pub struct Permit(Option<Arc<FairLimiter>>);

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(limiter) = self.0.take() else { return };
        loop {
            let mut state = limiter.lock();
            let Some(next) = state.next() else {
                state.free += 1;
                return;
            };
            drop(state);
            // If the waiter has given up, the permit goes to the next one. `take` keeps it from being returned twice.
            match next.send(Self(Some(Arc::clone(&limiter)))) {
                Ok(()) => return,
                Err(mut unsent) => drop(unsent.0.take()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    /// Seen to fail with one queue for all namespaces: `b` comes after all of `a`.
    #[tokio::test]
    async fn a_namespace_with_many_requests_does_not_delay_another() {
        let limiter = FairLimiter::new(1);
        let first = limiter.acquire("a").await;
        let mut waiting: Vec<_> = ["a", "a", "a", "b", "a", "b", "c"]
            .into_iter()
            .map(|namespace| (namespace, Box::pin(limiter.acquire(namespace))))
            .collect();
        assert!(waiting.iter_mut().all(|(_, permit)| permit.now_or_never().is_none()));
        assert_eq!(limiter.waiting(), 7);
        drop(first);
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let mut served = None;
            for (index, (namespace, permit)) in waiting.iter_mut().enumerate() {
                if let Some(permit) = permit.as_mut().now_or_never() {
                    order.push(*namespace);
                    drop(permit);
                    served = Some(index);
                    break;
                }
            }
            drop(waiting.remove(served.expect("no waiter got the permit")));
        }
        assert_eq!(order, ["a", "b", "c", "a", "b", "a", "a"]);
    }

    /// Seen to fail when the permit of a waiter that has given up is not passed on: the last one hangs.
    #[tokio::test]
    async fn a_waiter_that_gives_up_returns_its_permit() {
        let limiter = FairLimiter::new(1);
        let first = limiter.acquire("a").await;
        let mut gives_up_before = Box::pin(limiter.acquire("a"));
        let mut gives_up_after = Box::pin(limiter.acquire("a"));
        let mut last = Box::pin(limiter.acquire("a"));
        for permit in [&mut gives_up_before, &mut gives_up_after, &mut last] {
            assert!(permit.now_or_never().is_none());
        }
        drop(gives_up_before);
        assert_eq!(limiter.waiting(), 2);
        drop(first);
        drop(gives_up_after);
        assert!(last.now_or_never().is_some());
        assert!(limiter.acquire("b").now_or_never().is_some());
    }
}
