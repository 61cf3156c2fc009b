//! A place at which the operator dies: before or after one of its effects, a write at the API server or a call to a broker.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::scripted::When;

/// What is done, and how often the same was done before.
pub type Effect = (String, usize);

/// Sees all effects in one namespace. Whoever walks into it waits there until it dies.
#[derive(Clone, Default)]
pub struct Killpoint(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    effects: Vec<Effect>,
    place: Option<(Effect, When)>,
    is_sprung: bool,
}

impl Killpoint {
    /// Forgets what was done, and waits for this; for nothing if there is no place.
    pub fn set(&self, place: Option<(Effect, When)>) {
        *self.lock() = State { place, ..State::default() };
    }

    /// Nobody walks into it any more. What was done is known still.
    pub fn disarm(&self) {
        self.lock().place = None;
    }

    /// What was done since it was set.
    pub fn effects(&self) -> Vec<Effect> {
        self.lock().effects.clone()
    }

    /// Whether somebody is in it.
    pub fn is_sprung(&self) -> bool {
        self.lock().is_sprung
    }

    /// Lets this be done, unless the killpoint is there: then it is not done, or nobody learns of it, and this never ends.
    pub async fn pass<T>(&self, what: String, act: impl Future<Output = T>) -> T {
        let caught = self.note(what);
        if caught == Some(When::Before) {
            self.spring().await;
        }
        let done = act.await;
        if caught == Some(When::After) {
            self.spring().await;
        }
        done
    }

    fn note(&self, what: String) -> Option<When> {
        let mut state = self.lock();
        let before = state.effects.iter().filter(|(other, _)| *other == what).count();
        let effect = (what, before);
        let caught = state.place.as_ref().filter(|(place, _)| *place == effect).map(|(_, when)| *when);
        state.effects.push(effect);
        caught
    }

    async fn spring(&self) {
        self.lock().is_sprung = true;
        std::future::pending::<()>().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}
