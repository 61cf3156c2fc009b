//! A decision about an instance or a binding in the making: what is known, the status that is stored, and the state that the
//! object will be in. Its methods end the decision with a step; what both kinds need is here, what one needs is beside it.

use std::ops::ControlFlow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::circuit_breaker::Outage;
use super::progress::{HasProgress, is_overdue, not_before};
use super::step::Step;
use super::{orphan, outage};
use crate::crd::condition::Status;
use crate::crd::operation::{Orphan, Schedule};

/// What is known of an object of a kind that lives at a broker.
pub trait Observed {
    /// The parsed status.
    type State: State;
    /// A call to the broker.
    type Call;

    /// The time.
    fn now(&self) -> &Time;
    /// The generation of the object.
    fn generation(&self) -> i64;
    /// What tells the object from others: it spreads what would happen to all at the same time.
    fn seed(&self) -> &str;
    /// Why the broker is not called for a while, if it is not.
    fn outage(&self) -> Option<&Outage>;
    /// When the broker may be polled again.
    fn next_poll(&self) -> Option<&Time>;
    /// The stored status, or an empty one.
    fn stored(&self) -> StatusOf<Self>;
    /// The state that the stored status means.
    fn parse(&self, stored: StatusOf<Self>) -> Self::State;
    /// The broker that a call goes to, if it goes to one.
    fn broker_of(call: &Self::Call) -> Option<&str>;
}

/// A status that was parsed.
pub trait State: HasProgress + Clone {
    /// The status as it is stored.
    type Status: HasProgress + PartialEq;

    /// The way back.
    fn into_status(self) -> Self::Status;
    /// The broker that is asked about the object, if it is known.
    fn broker(&self) -> Option<&str>;
    /// When the operation under way is tried again.
    fn schedule(&self) -> Option<&Schedule>;
    /// Which generation is worked on.
    fn set_observed_generation(&mut self, generation: i64);
    /// Something else is asked for than what the broker refused.
    fn clear_refused(status: &mut Self::Status);
}

/// The stored status of what is observed.
pub type StatusOf<O> = <<O as Observed>::State as State>::Status;

/// The step that a decision ends with.
pub type StepOf<O> = Step<StatusOf<O>, <O as Observed>::Call>;

/// See the module.
pub struct Decision<'a, O: Observed> {
    /// What is known.
    pub observed: &'a O,
    /// What will be so.
    pub state: O::State,
    stored: StatusOf<O>,
}

impl<'a, O: Observed> Decision<'a, O> {
    /// Nothing is decided yet.
    pub fn of(observed: &'a O) -> Self {
        Self { observed, state: observed.parse(observed.stored()), stored: observed.stored() }
    }

    /// The time.
    pub fn now(&self) -> &'a Time {
        self.observed.now()
    }

    /// The status as it is stored.
    pub fn stored(&self) -> &StatusOf<O> {
        &self.stored
    }

    /// States a condition.
    pub fn report(&mut self, type_: &str, status: Status, reason: &str, message: &str) {
        self.state.progress().report(type_, status, reason, message, self.observed.now());
    }

    /// When the next attempt is due, unless it is.
    pub fn next_attempt(&self) -> Option<Time> {
        not_before(self.state.schedule(), self.now()).cloned()
    }

    /// Whether an asynchronous operation has taken longer than it may.
    pub fn is_overdue(&self) -> bool {
        is_overdue(self.state.schedule(), self.now())
    }

    /// When the broker may be polled again, unless it may.
    pub fn next_poll(&self) -> Option<Time> {
        self.observed.next_poll().filter(|next| next.0 > self.now().0).cloned()
    }

    /// Writes the status.
    pub fn write(self) -> StepOf<O> {
        Step::Write(Box::new(self.state.into_status()))
    }

    /// Waits, once the status is written.
    pub fn wait(self, until: Option<Time>) -> StepOf<O> {
        self.once_written(Step::Wait(until))
    }

    /// Writes the intent to ask the broker for what the state's phase says; `type_` is the condition that tells of it.
    pub fn begin(mut self, type_: &'static str, reason: &'static str, message: &str) -> StepOf<O> {
        let broker = self.state.broker();
        if let Some(outage) = self.observed.outage().filter(|outage| broker == Some(&outage.broker)) {
            O::State::clear_refused(&mut self.stored);
            return self.await_broker(outage, type_);
        }
        self.state.set_observed_generation(self.observed.generation());
        self.state.progress().start(self.observed.now());
        self.report(type_, Status::False, reason, message);
        self.write()
    }

    /// Makes a call, once the status is written; `type_` is the condition that tells if the broker is not called for a while.
    pub fn call(self, call: O::Call, type_: &'static str) -> StepOf<O> {
        let broker = O::broker_of(&call);
        match self.observed.outage().filter(|outage| broker == Some(&outage.broker)) {
            Some(outage) if self.state.clone().into_status() == self.stored => {
                self.await_broker(outage, type_)
            }
            _ => self.once_written(Step::Call(call)),
        }
    }

    /// The removal of an orphan, unless its turn has not come: then the step that is taken instead.
    pub fn mitigate(
        mut self,
        orphan: &Orphan,
        removal: &orphan::Removal<'_>,
    ) -> ControlFlow<StepOf<O>, Self> {
        let is_polled = orphan.async_op_in_progress;
        if is_polled && self.is_overdue() {
            orphan::overdue(&mut self.state, removal);
            return ControlFlow::Break(self.write());
        }
        match self.next_attempt().or_else(|| self.next_poll().filter(|_| is_polled)) {
            Some(next) => ControlFlow::Break(self.wait(Some(next))),
            None => ControlFlow::Continue(self),
        }
    }

    fn once_written(self, step: StepOf<O>) -> StepOf<O> {
        let status = self.state.into_status();
        if status == self.stored { step } else { Step::Write(Box::new(status)) }
    }

    fn await_broker(self, outage: &Outage, type_: &str) -> StepOf<O> {
        outage::wait(outage, self.stored, type_, self.observed.now(), self.observed.seed())
    }
}
