//! What the statuses of instances and bindings have in common, and how it changes.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{reason, schedule};
use crate::crd::condition::{self, Condition, Status};
use crate::crd::operation::{Orphan, Schedule};
use crate::crd::{ServiceBindingStatus, ServiceInstanceStatus};

/// The common part of a status, to be changed.
pub struct Progress<'a> {
    conditions: &'a mut Vec<Condition>,
    operation_start_time: &'a mut Option<Time>,
    mitigating: &'a mut bool,
    orphans: &'a mut Vec<Orphan>,
    operation: &'a mut Option<Schedule>,
    last_condition_state: &'a mut String,
    abandoned_attempts: &'a mut i64,
}

/// A status with that common part.
pub trait HasProgress {
    /// The common part.
    fn progress(&mut self) -> Progress<'_>;
}

macro_rules! has_progress {
    ($status:ty) => {
        impl HasProgress for $status {
            fn progress(&mut self) -> Progress<'_> {
                Progress {
                    conditions: &mut self.conditions,
                    operation_start_time: &mut self.operation_start_time,
                    mitigating: &mut self.orphan_mitigation_in_progress,
                    orphans: &mut self.orphans,
                    operation: &mut self.operation,
                    last_condition_state: &mut self.last_condition_state,
                    abandoned_attempts: &mut self.abandoned_attempts,
                }
            }
        }
    };
}
has_progress!(ServiceInstanceStatus);
has_progress!(ServiceBindingStatus);

impl Progress<'_> {
    /// States a condition, and keeps the `Status` column in step.
    pub fn report(&mut self, type_: &str, status: Status, reason: &str, message: &str, now: &Time) {
        condition::set(self.conditions, type_, status, reason, message, now);
        *self.last_condition_state = condition::summary(self.conditions);
    }

    /// Why a condition is as it is, if it is stated.
    pub fn reason(&self, type_: &str) -> Option<&str> {
        condition::find(self.conditions, type_).map(|condition| condition.reason.as_str())
    }

    /// Takes a condition away, and keeps the `Status` column in step.
    pub fn withdraw(&mut self, type_: &str) {
        condition::remove(self.conditions, type_);
        *self.last_condition_state = condition::summary(self.conditions);
    }

    /// Says whether the annotation keeps the operator from calling the broker.
    pub fn pause(&mut self, paused: bool, now: &Time) {
        if paused {
            let message = "The annotation servicecatalog.k8s.io/paused is \"true\": the broker is not called";
            self.report(condition::PAUSED, Status::True, reason::PAUSED_BY_ANNOTATION, message, now);
        } else {
            self.withdraw(condition::PAUSED);
        }
    }

    /// An operation is about to begin.
    pub fn start(&mut self, now: &Time) {
        *self.operation_start_time = Some(now.clone());
        self.withdraw(condition::FAILED);
        if let Some(schedule) = self.operation {
            schedule.next_attempt_time = None;
            schedule.deadline = None;
        }
    }

    /// The broker has accepted the operation and will be polled.
    pub fn poll(&mut self, now: &Time, maximum: Option<Duration>) {
        self.operation_start_time.get_or_insert_with(|| now.clone());
        let schedule = self.operation.get_or_insert_default();
        schedule.next_attempt_time = None;
        schedule.verifying = false;
        schedule.deadline = Some(schedule::deadline(now, maximum));
    }

    /// The broker has something under this id already, and will be polled.
    pub fn verify(&mut self, now: &Time, maximum: Option<Duration>) {
        self.poll(now, maximum);
        self.operation.get_or_insert_default().verifying = true;
    }

    /// The operation is over, one way or the other.
    pub fn end(&mut self) {
        *self.operation_start_time = None;
    }

    /// All is well: what is known of failures is forgotten.
    pub fn forget_failures(&mut self) {
        *self.operation = None;
    }

    /// Counts one more failure; returns the time of the next attempt.
    pub fn fail(&mut self, now: &Time, seed: &str, retry_after: Option<Duration>) -> Time {
        let schedule = self.operation.get_or_insert_default();
        schedule.failures += 1;
        let next = schedule::retry(now, schedule.failures, seed, retry_after);
        schedule.next_attempt_time = Some(next.clone());
        schedule.deadline = None;
        next
    }

    /// What fails now is not tried again before the longest pause: the broker would say the same.
    pub fn wait_longest(&mut self) {
        let schedule = self.operation.get_or_insert_default();
        schedule.failures = schedule.failures.max(schedule::FAILURES_FOR_MAX_DELAY);
    }

    /// What may have been left is gone. The next attempt waits as long as the failures so far ask for; returns how the user
    /// is told.
    pub fn back_off(&mut self, now: &Time, seed: &str) -> String {
        let done = "Orphan mitigation was completed successfully";
        let Some(schedule) = self.operation else { return done.to_owned() };
        let failures = schedule.failures;
        let next = (failures > 0).then(|| schedule::retry(now, failures, seed, None));
        schedule.next_attempt_time.clone_from(&next);
        schedule.deadline = None;
        next.map_or_else(|| done.to_owned(), |next| format!("{done}; it is tried again at {}", next.0))
    }

    /// Something may be left at the broker: it will be removed before anything else, and its id is not used again. The
    /// broker may have asked to be left alone for a while.
    pub fn abandon(&mut self, orphan: Orphan, reason: &str, now: &Time, retry_after: Option<Duration>) {
        let message =
            format!("{} may exist at the broker ({}) and is being removed", orphan.id, orphan.reason);
        self.report(condition::ORPHAN_MITIGATION, Status::True, reason, &message, now);
        self.orphans.push(orphan);
        *self.mitigating = true;
        *self.abandoned_attempts += 1;
        if let Some(schedule) = self.operation {
            schedule.next_attempt_time = retry_after.map(|delay| schedule::after(now, delay));
        }
    }

    /// Takes over an orphan mitigation that service-catalog had begun.
    pub fn inherit(&mut self, orphan: Orphan, execution: Execution) {
        let mut orphan = Orphan { async_op_in_progress: false, last_operation: None, ..orphan };
        execution.store(&mut orphan.async_op_in_progress, &mut orphan.last_operation);
        self.orphans.push(orphan);
    }

    /// The first orphan is gone.
    pub fn orphan_is_gone(&mut self) {
        if !self.orphans.is_empty() {
            self.orphans.remove(0);
        }
        if self.orphans.is_empty() {
            *self.mitigating = false;
            self.withdraw(condition::ORPHAN_MITIGATION);
        }
    }

    /// The broker has begun to remove the first orphan.
    pub fn orphan_is_going(&mut self, operation: Option<String>, now: &Time) {
        if let Some(orphan) = self.orphans.first_mut() {
            orphan.async_op_in_progress = true;
            orphan.last_operation = operation;
        }
        let schedule = self.operation.get_or_insert_default();
        schedule.next_attempt_time = None;
        schedule.deadline = Some(schedule::deadline(now, None));
    }

    /// The first orphan could not be removed; returns when that is tried again.
    pub fn orphan_stays(&mut self, now: &Time, seed: &str, retry_after: Option<Duration>) -> Time {
        if let Some(orphan) = self.orphans.first_mut() {
            orphan.async_op_in_progress = false;
            orphan.last_operation = None;
        }
        self.fail(now, seed, retry_after)
    }
}

/// How far an operation at the broker is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Execution {
    /// The request is to be sent, or to be sent again, as no answer to it is known.
    #[default]
    Requested,
    /// The broker has accepted it and is polled, under this name if it gave one (OSB, “Polling Last Operation”).
    Polled(Option<String>),
}

impl Execution {
    /// Takes the execution out of the two fields of a status in which it is stored.
    pub fn take(polling: &mut bool, last_operation: &mut Option<String>) -> Self {
        let operation = last_operation.take();
        if std::mem::take(polling) { Self::Polled(operation) } else { Self::Requested }
    }

    /// Puts it back.
    pub fn store(self, polling: &mut bool, last_operation: &mut Option<String>) {
        (*polling, *last_operation) = match self {
            Self::Requested => (false, None),
            Self::Polled(operation) => (true, operation),
        };
    }
}

/// The next attempt, if it is not due yet.
pub fn not_before<'a>(schedule: Option<&'a Schedule>, now: &Time) -> Option<&'a Time> {
    schedule?.next_attempt_time.as_ref().filter(|next| next.0 > now.0)
}

/// Whether an asynchronous operation has taken too long.
pub fn is_overdue(schedule: Option<&Schedule>, now: &Time) -> bool {
    schedule.and_then(|schedule| schedule.deadline.as_ref()).is_some_and(|deadline| deadline.0 <= now.0)
}
