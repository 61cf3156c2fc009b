//! A fair semaphore: it limits what is in flight at once, and gives permits to waiting namespaces in turn
//! (round-robin).
//!
//! With one queue for all, a namespace with a thousand objects would delay every other namespace. Here a namespace
//! waits for at most one request of each other namespace before its own next one. Where a request may take its permit
//! for minutes, a namespace also has a share, so that it can never hold all permits. The entry point is
//! [`FairLimiter::acquire`].

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A semaphore that gives permits to namespaces in turn.
#[derive(Debug)]
pub struct FairLimiter(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Free permits. There are some while a request waits only if its namespace has its share.
    free: usize,
    /// The most permits that a namespace has at once.
    share: usize,
    /// How many permits each namespace has. No count is 0.
    held: HashMap<String, usize>,
    /// The waiting requests of each namespace. The first namespace is next. No queue is empty.
    queues: VecDeque<(String, VecDeque<oneshot::Sender<Permit>>)>,
}

impl FairLimiter {
    /// A semaphore with this many permits.
    pub fn new(limit: usize) -> Arc<Self> {
        Self::with_share(limit, limit)
    }

    /// A semaphore with this many permits, of which one namespace has at most `share`.
    pub fn with_share(limit: usize, share: usize) -> Arc<Self> {
        let (held, queues) = (HashMap::new(), VecDeque::new());
        Arc::new(Self(Mutex::new(State { free: limit, share, held, queues })))
    }

    /// A semaphore that limits each namespace to `share` permits, however many namespaces there are.
    pub fn for_each(share: usize) -> Arc<Self> {
        Self::with_share(usize::MAX, share)
    }

    /// Waits for a permit for this namespace.
    pub async fn acquire(self: &Arc<Self>, namespace: &str) -> Permit {
        let permit = {
            let mut state = self.lock();
            if state.take(namespace) {
                return self.permit(namespace.to_owned());
            }
            state.enqueue(namespace)
        };
        // The sender is dropped only together with the limiter.
        permit.await.unwrap_or(Permit(None))
    }

    /// Takes a permit for this namespace, if there is one.
    pub fn try_acquire(self: &Arc<Self>, namespace: &str) -> Option<Permit> {
        let is_taken = self.lock().take(namespace);
        is_taken.then(|| self.permit(namespace.to_owned()))
    }

    /// How many permits this namespace could take now.
    pub fn available(&self, namespace: &str) -> usize {
        let state = self.lock();
        let held = state.held.get(namespace).copied().unwrap_or_default();
        state.free.min(state.share.saturating_sub(held))
    }

    /// How many requests wait for a permit.
    pub fn waiting(&self) -> usize {
        self.lock()
            .queues
            .iter()
            .map(|(_, queue)| queue.iter().filter(|waiter| !waiter.is_closed()).count())
            .sum()
    }

    fn permit(self: &Arc<Self>, namespace: String) -> Permit {
        Permit(Some((Arc::clone(self), namespace)))
    }

    /// Returns a permit of this namespace, and gives it to the next request.
    fn release(self: &Arc<Self>, mut namespace: String) {
        loop {
            let mut state = self.lock();
            state.give_back(&namespace);
            let Some((next, waiter)) = state.next() else { return };
            drop(state);
            // If the waiter has given up, the permit goes to the next one.
            let Err(unsent) = waiter.send(self.permit(next)) else { return };
            let Some(unused) = unsent.into_namespace() else { return };
            namespace = unused;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_share(&self, namespace: &str) -> bool {
        self.held.get(namespace).is_some_and(|held| *held >= self.share)
    }

    /// Takes a permit for this namespace, unless there is none for it.
    fn take(&mut self, namespace: &str) -> bool {
        let is_free = self.free > 0 && !self.has_share(namespace);
        if is_free {
            self.free -= 1;
            *self.held.entry(namespace.to_owned()).or_default() += 1;
        }
        is_free
    }

    fn give_back(&mut self, namespace: &str) {
        self.free += 1;
        if let Some(held) = self.held.get_mut(namespace) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(namespace);
            }
        }
    }

    fn enqueue(&mut self, namespace: &str) -> oneshot::Receiver<Permit> {
        let (sender, permit) = oneshot::channel();
        match self.queues.iter_mut().find(|(owner, _)| owner == namespace) {
            Some((_, queue)) => {
                // A request that gives up and tries again leaves nothing behind, and its namespace keeps its turn.
                while queue.back().is_some_and(oneshot::Sender::is_closed) {
                    queue.pop_back();
                }
                queue.push_back(sender);
            }
            None => self.queues.push_back((namespace.to_owned(), VecDeque::from([sender]))),
        }
        permit
    }

    /// Takes a permit for the next waiting request that may have one. Its namespace moves to the end.
    fn next(&mut self) -> Option<(String, oneshot::Sender<Permit>)> {
        let index = self.queues.iter().position(|(namespace, _)| !self.has_share(namespace))?;
        let (namespace, mut queue) = self.queues.remove(index)?;
        let next = queue.pop_front()?;
        if !queue.is_empty() {
            self.queues.push_back((namespace.clone(), queue));
        }
        self.take(&namespace);
        Some((namespace, next))
    }
}

/// A permit, which is returned on drop.
#[derive(Debug)]
#[must_use]
pub struct Permit(Option<(Arc<FairLimiter>, String)>);

impl Permit {
    /// The namespace that has it. It is not returned.
    fn into_namespace(mut self) -> Option<String> {
        self.0.take().map(|(_, namespace)| namespace)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((limiter, namespace)) = self.0.take() {
            limiter.release(namespace);
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

    /// Seen to fail without a share: `b` waits for `a`.
    #[tokio::test]
    async fn a_namespace_has_its_share_at_most() {
        let limiter = FairLimiter::with_share(3, 2);
        let first = limiter.acquire("a").await;
        let second = limiter.acquire("a").await;
        let mut third = Box::pin(limiter.acquire("a"));
        assert!((&mut third).now_or_never().is_none());
        let other = limiter.acquire("b").now_or_never().expect("one permit is left for others");
        let mut waiting = Box::pin(limiter.acquire("b"));
        assert!((&mut waiting).now_or_never().is_none(), "all permits are held");
        drop(first);
        let third = third.now_or_never().expect("`a` has waited longest");
        assert!((&mut waiting).now_or_never().is_none());
        drop((second, other));
        drop(waiting.now_or_never().expect("`b` has none now"));
        drop(third);
        assert_eq!(limiter.lock().free, 3);
        assert!(limiter.lock().held.is_empty());
    }

    /// Seen to fail when a request that gives up stays in the queue.
    #[tokio::test]
    async fn a_request_that_tries_again_keeps_its_turn_and_leaves_nothing_behind() {
        let limiter = FairLimiter::with_share(2, 1);
        assert_eq!((limiter.available("a"), limiter.available("b")), (1, 1));
        let first = limiter.try_acquire("a").unwrap();
        assert!(limiter.try_acquire("a").is_none(), "it has its share");
        assert_eq!((limiter.available("a"), limiter.available("b")), (0, 1));
        let _second = limiter.try_acquire("b").unwrap();
        assert_eq!(limiter.available("c"), 0);
        assert!(limiter.acquire("c").now_or_never().is_none());
        let mut last = Box::pin(limiter.acquire("d"));
        assert!((&mut last).now_or_never().is_none());
        for _ in 0..100 {
            assert!(limiter.acquire("c").now_or_never().is_none());
        }
        let mut again = Box::pin(limiter.acquire("c"));
        assert!((&mut again).now_or_never().is_none());
        assert_eq!(limiter.lock().queues.iter().map(|(_, queue)| queue.len()).sum::<usize>(), 2);
        drop(first);
        assert!(last.now_or_never().is_none());
        assert!(again.now_or_never().is_some());
    }

    #[tokio::test]
    async fn with_a_share_only_no_namespace_waits_for_another() {
        let limiter = FairLimiter::for_each(1);
        let mut permits = Vec::new();
        for namespace in ["a", "b", "c"] {
            permits.push(limiter.acquire(namespace).now_or_never().unwrap());
            assert!(limiter.acquire(namespace).now_or_never().is_none());
        }
    }
}
