//! Whose turn is it? So many at once, and those who wait take turns by namespace: one that has much to do does not delay
//! another that has little.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A limit that is shared fairly.
#[derive(Debug)]
pub struct Turns(Mutex<State>);

#[derive(Debug)]
struct State {
    /// How many more may go at once.
    free: usize,
    /// Who waits, by namespace; the first is next. None of them is empty.
    lines: VecDeque<(String, VecDeque<oneshot::Sender<Turn>>)>,
}

impl Turns {
    /// So many at once.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: limit, lines: VecDeque::new() })))
    }

    /// Waits for a turn of this namespace.
    pub async fn take(self: &Arc<Self>, namespace: &str) -> Turn {
        let turn = {
            let mut state = self.lock();
            if let Some(free) = state.free.checked_sub(1) {
                state.free = free;
                return Turn(Some(Arc::clone(self)));
            }
            state.stand_in_line(namespace)
        };
        // The sender is dropped only with all of this.
        turn.await.unwrap_or(Turn(None))
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
    fn stand_in_line(&mut self, namespace: &str) -> oneshot::Receiver<Turn> {
        let (sender, turn) = oneshot::channel();
        match self.lines.iter_mut().find(|(whose, _)| whose == namespace) {
            Some((_, line)) => line.push_back(sender),
            None => self.lines.push_back((namespace.to_owned(), VecDeque::from([sender]))),
        }
        turn
    }

    /// The next one, whose namespace goes to the end.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let (namespace, mut line) = self.lines.pop_front()?;
        let next = line.pop_front();
        if !line.is_empty() {
            self.lines.push_back((namespace, line));
        }
        next
    }
}

/// A turn. It ends when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn(Option<Arc<Turns>>);

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.0.take() else { return };
        loop {
            let mut state = turns.lock();
            let Some(next) = state.next() else {
                state.free += 1;
                return;
            };
            drop(state);
            // Who waits no longer gives the turn back.
            match next.send(Self(Some(Arc::clone(&turns)))) {
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
        let turns = Turns::new(1);
        let first = turns.take("a").await;
        let mut waiting: Vec<_> = ["a", "a", "a", "b", "a", "b", "c"]
            .into_iter()
            .map(|namespace| (namespace, Box::pin(turns.take(namespace))))
            .collect();
        assert!(waiting.iter_mut().all(|(_, turn)| turn.now_or_never().is_none()));
        assert_eq!(turns.waiting(), 7);
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
        let turns = Turns::new(1);
        let first = turns.take("a").await;
        let mut gone_before = Box::pin(turns.take("a"));
        let mut gone_after = Box::pin(turns.take("a"));
        let mut last = Box::pin(turns.take("a"));
        for turn in [&mut gone_before, &mut gone_after, &mut last] {
            assert!(turn.now_or_never().is_none());
        }
        drop(gone_before);
        assert_eq!(turns.waiting(), 2);
        drop(first);
        drop(gone_after);
        assert!(last.now_or_never().is_some());
        assert!(turns.take("b").now_or_never().is_some());
    }
}
