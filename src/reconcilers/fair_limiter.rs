//! A limit of how much is done at once, shared fairly: those who wait get permits by namespace in turn, so a namespace
//! that has much to do does not delay one that has little.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A semaphore that serves namespaces in turn.
#[derive(Debug)]
pub struct FairLimiter(Mutex<State>);

#[derive(Debug)]
struct State {
    /// How many permits are free.
    free: usize,
    /// Who waits, by namespace; the first namespace is next. No line is empty.
    lines: VecDeque<(String, VecDeque<oneshot::Sender<Permit>>)>,
}

impl FairLimiter {
    /// So many permits at once.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: limit, lines: VecDeque::new() })))
    }

    /// Waits for a permit for this namespace.
    pub async fn acquire(self: &Arc<Self>, namespace: &str) -> Permit {
        let permit = {
            let mut state = self.lock();
            if let Some(free) = state.free.checked_sub(1) {
                state.free = free;
                return Permit(Some(Arc::clone(self)));
            }
            state.stand_in_line(namespace)
        };
        // The sender is dropped only with all of this.
        permit.await.unwrap_or(Permit(None))
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.lock().lines.iter().map(|(_, line)| line.iter().filter(|waits| !waits.is_closed()).count()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn stand_in_line(&mut self, namespace: &str) -> oneshot::Receiver<Permit> {
        let (sender, permit) = oneshot::channel();
        match self.lines.iter_mut().find(|(whose, _)| whose == namespace) {
            Some((_, line)) => line.push_back(sender),
            None => self.lines.push_back((namespace.to_owned(), VecDeque::from([sender]))),
        }
        permit
    }

    /// The next one, whose namespace goes to the end.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let (namespace, mut line) = self.lines.pop_front()?;
        let next = line.pop_front();
        if !line.is_empty() {
            self.lines.push_back((namespace, line));
        }
        next
    }
}

/// A permit. It is given back when this is dropped.
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
            // A receiver that is gone gives the permit back.
            match next.send(Self(Some(Arc::clone(&limiter)))) {
                Ok(()) => return,
                Err(mut refused) => drop(refused.0.take()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    /// Broken on purpose: with one line for all, `b` comes after all of `a`.
    #[tokio::test]
    async fn a_namespace_that_has_much_to_do_does_not_delay_another() {
        let limiter = FairLimiter::new(1);
        let first = limiter.acquire("a").await;
        let mut waiting: Vec<_> = ["a", "a", "a", "b", "a", "b", "c"]
            .into_iter()
            .map(|namespace| (namespace, Box::pin(limiter.acquire(namespace))))
            .collect();
        assert!(waiting.iter_mut().all(|(_, turn)| turn.now_or_never().is_none()));
        assert_eq!(limiter.waiting(), 7);
        drop(first);
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let mut went = None;
            for (index, (namespace, turn)) in waiting.iter_mut().enumerate() {
                if let Some(turn) = turn.as_mut().now_or_never() {
                    order.push(*namespace);
                    drop(turn);
                    went = Some(index);
                    break;
                }
            }
            drop(waiting.remove(went.expect("nobody's turn")));
        }
        assert_eq!(order, ["a", "b", "c", "a", "b", "a", "a"]);
    }

    /// Broken on purpose: if a turn that nobody waits for any more is not given on, the last one hangs.
    #[tokio::test]
    async fn who_goes_away_gives_the_turn_back() {
        let limiter = FairLimiter::new(1);
        let first = limiter.acquire("a").await;
        let mut gone_before = Box::pin(limiter.acquire("a"));
        let mut gone_after = Box::pin(limiter.acquire("a"));
        let mut last = Box::pin(limiter.acquire("a"));
        for turn in [&mut gone_before, &mut gone_after, &mut last] {
            assert!(turn.now_or_never().is_none());
        }
        drop(gone_before);
        assert_eq!(limiter.waiting(), 2);
        drop(first);
        drop(gone_after);
        assert!(last.now_or_never().is_some());
        assert!(limiter.acquire("b").now_or_never().is_some());
    }
}
