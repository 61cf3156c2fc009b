//! A point at which the operator is killed: before or after one of its effects (a write to the API server, or a call to
//! a broker).

use std::sync::{Arc, Mutex, MutexGuard};

use crate::scripted::When;

/// What is done, and how often the same has happened before.
pub type Effect = (String, usize);

/// Records all effects in one namespace. The request that reaches it stops there until the operator is killed.
#[derive(Clone, Default)]
pub struct Killpoint(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    effects: Vec<Effect>,
    place: Option<(Effect, When)>,
    is_reached: bool,
}

impl Killpoint {
    /// Clears the record, and stops the operator at this place; nowhere with `None`.
    pub fn set(&self, place: Option<(Effect, When)>) {
        *self.lock() = State { place, ..State::default() };
    }

    /// Stops nothing any more. The record is kept.
    pub fn disarm(&self) {
        self.lock().place = None;
    }

    /// The effects since it was set.
    pub fn effects(&self) -> Vec<Effect> {
        self.lock().effects.clone()
    }

    /// Whether a request has stopped here.
    pub fn is_reached(&self) -> bool {
        self.lock().is_reached
    }

    /// Executes an effect, unless the killpoint is here. Then the effect is not executed, or it is, but the operator
    /// does not learn of it; in both cases this never returns.
    pub async fn pass<T>(&self, what: String, act: impl Future<Output = T>) -> T {
        let stops = self.note(what);
        if stops == Some(When::Before) {
            self.stop().await;
        }
        let done = act.await;
        if stops == Some(When::After) {
            self.stop().await;
        }
        done
    }

    fn note(&self, what: String) -> Option<When> {
        let mut state = self.lock();
        let before = state.effects.iter().filter(|(other, _)| *other == what).count();
        let effect = (what, before);
        let stops = state.place.as_ref().filter(|(place, _)| *place == effect).map(|(_, when)| *when);
        state.effects.push(effect);
        stops
    }

    async fn stop(&self) {
        self.lock().is_reached = true;
        std::future::pending::<()>().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}
