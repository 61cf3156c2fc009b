//! The common part of `decide` for instances and bindings. A [`Decision`] holds the observation, the stored status and
//! the state that the object is to be in. The code of a kind edits the state, then ends the decision with a method that
//! returns a step: [`wait`](Decision::wait), [`begin`](Decision::begin), [`call`](Decision::call) or
//! [`write`](Decision::write).
//!
//! Two invariants are kept here: a call is only returned once its intent is stored, and no intent is written while the
//! circuit of its broker is open.

use std::ops::ControlFlow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::circuit_breaker::Outage;
use super::progress::{HasProgress, is_overdue, not_before};
use super::step::Step;
use super::{orphan, outage, schedule};
use crate::crd::condition::{self, Status};
use crate::crd::operation::{Orphan, Schedule};

/// Everything that `decide` knows of an object of one kind.
pub trait Observed {
    /// The parsed status.
    type State: State;
    /// A call to the broker.
    type Call;

    /// The current time.
    fn now(&self) -> &Time;
    /// `metadata.generation`.
    fn generation(&self) -> i64;
    /// The object's UID, from which jitter is derived.
    fn seed(&self) -> &str;
    /// The outage of a broker, if the circuit is open.
    fn outage(&self) -> Option<&Outage>;
    /// The earliest time of the next poll.
    fn next_poll(&self) -> Option<&Time>;
    /// The stored status; the default if there is none.
    fn stored(&self) -> StatusOf<Self>;
    /// Parses the stored status.
    fn parse(&self, stored: StatusOf<Self>) -> Self::State;
    /// The name of the broker that a call goes to.
    fn broker_of(call: &Self::Call) -> Option<&str>;
}

/// A parsed status.
pub trait State: HasProgress + Clone {
    /// The status type of the custom resource.
    type Status: HasProgress + PartialEq;

    /// Turns the state back into the status to store.
    fn into_status(self) -> Self::Status;
    /// Corrects times that were written while the clock was ahead.
    fn correct_times(&mut self, now: &Time) {
        self.progress().correct_times(now);
    }
    /// The name of the object's broker, if it is known.
    fn broker(&self) -> Option<&str>;
    /// The retry state of the current operation.
    fn schedule(&self) -> Option<&Schedule>;
    /// Records the generation that the operator acts on.
    fn set_observed_generation(&mut self, generation: i64);
    /// Forgets the refused request: the spec has changed since.
    fn clear_refused(status: &mut Self::Status);
}

/// The status type of a kind.
pub type StatusOf<O> = <<O as Observed>::State as State>::Status;

/// The step type of a kind.
pub type StepOf<O> = Step<StatusOf<O>, <O as Observed>::Call>;

/// A decision in progress; see the module.
pub struct Decision<'a, O: Observed> {
    /// The observation.
    pub observed: &'a O,
    /// The state to be stored.
    pub state: O::State,
    stored: StatusOf<O>,
}

impl<'a, O: Observed> Decision<'a, O> {
    /// Starts from the stored status.
    pub fn of(observed: &'a O) -> Self {
        let mut state = observed.parse(observed.stored());
        state.correct_times(observed.now());
        Self { observed, state, stored: observed.stored() }
    }

    /// The current time.
    pub fn now(&self) -> &'a Time {
        self.observed.now()
    }

    /// The stored status, before any change.
    pub fn stored(&self) -> &StatusOf<O> {
        &self.stored
    }

    /// Sets a condition.
    pub fn report(&mut self, type_: &str, status: Status, reason: &str, message: &str) {
        self.state.progress().report(type_, status, reason, message, self.observed.now());
    }

    /// The time of the next attempt, unless it is due.
    pub fn next_attempt(&self) -> Option<Time> {
        not_before(self.state.schedule(), self.now()).cloned()
    }

    /// Whether the asynchronous operation has passed its deadline.
    pub fn is_overdue(&self) -> bool {
        is_overdue(self.state.schedule(), self.now())
    }

    /// The time of the next poll, unless it is due.
    pub fn next_poll(&self) -> Option<Time> {
        self.observed.next_poll().filter(|next| !schedule::is_due(next, self.now())).cloned()
    }

    /// Ends with a write of the state.
    pub fn write(mut self) -> StepOf<O> {
        // Reported again if the API server still refuses.
        self.state.progress().withdraw(condition::WRITE_REFUSED);
        Step::Write(Box::new(self.state.into_status()))
    }

    /// Ends with a wait; before that, with a write if the state differs from the stored status.
    pub fn wait(self, until: Option<Time>) -> StepOf<O> {
        self.once_written(Step::Wait(until))
    }

    /// Ends with a write of the intent: the operation in the state's phase. `type_` is the condition that reports it.
    ///
    /// While the circuit is open, the object waits without an intent. Only `refused` is cleared then, because the
    /// refusal was about an earlier spec.
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

    /// Ends with a call; before that, with a write if the state differs from the stored status. `type_` is the
    /// condition that reports an outage.
    pub fn call(self, call: O::Call, type_: &'static str) -> StepOf<O> {
        let broker = O::broker_of(&call);
        match self.observed.outage().filter(|outage| broker == Some(&outage.broker)) {
            Some(outage) if self.state.clone().into_status() == self.stored => {
                self.await_broker(outage, type_)
            }
            _ => self.once_written(Step::Call(call)),
        }
    }

    /// Continues if the removal of an orphan can be requested or polled now; otherwise returns the step to take
    /// instead.
    pub fn mitigate(
        mut self,
        orphan: &Orphan,
        removal: &orphan::Removal<'_>,
    ) -> ControlFlow<StepOf<O>, Self> {
        if orphan.async_op_in_progress && is_overdue(self.removal_schedule(orphan), self.now()) {
            orphan::overdue(&mut self.state, removal);
            return ControlFlow::Break(self.write());
        }
        match self.next_removal(orphan) {
            Some(next) => ControlFlow::Break(self.wait(Some(next))),
            None => ControlFlow::Continue(self),
        }
    }

    /// When the removal of an orphan is requested or polled next, unless that is due.
    pub fn next_removal(&self, orphan: &Orphan) -> Option<Time> {
        let next_attempt = not_before(self.removal_schedule(orphan), self.now()).cloned();
        next_attempt.or_else(|| self.next_poll().filter(|_| orphan.async_op_in_progress))
    }

    /// Earlier versions stored the retry state of a removal in the status of the object.
    fn removal_schedule<'b>(&'b self, orphan: &'b Orphan) -> Option<&'b Schedule> {
        orphan.operation.as_ref().or_else(|| self.state.schedule())
    }

    /// Ends with the removal of the finalizer; before that, with a write if the state differs from the stored status.
    pub fn remove_finalizer(self) -> StepOf<O> {
        self.once_written(Step::RemoveFinalizer)
    }

    /// What the API server refuses is a condition until an object waits for something else: a step may be the one that is
    /// refused, and is then made without a write of the status.
    fn once_written(mut self, step: StepOf<O>) -> StepOf<O> {
        if self.state.clone().into_status() == self.stored && !matches!(step, Step::Wait(_)) {
            return step;
        }
        self.state.progress().withdraw(condition::WRITE_REFUSED);
        let status = self.state.into_status();
        if status == self.stored { step } else { Step::Write(Box::new(status)) }
    }

    fn await_broker(self, outage: &Outage, type_: &str) -> StepOf<O> {
        outage::wait(outage, self.stored, type_, self.observed.now(), self.observed.seed())
    }
}
