//! The part that the statuses of instances and bindings share: conditions, retries, polling, orphans.
//! [`Progress`] changes it.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{note, reason, schedule};
use crate::crd::condition::{self, Condition, Status};
use crate::crd::operation::{Orphan, Schedule};
use crate::crd::{ServiceBindingStatus, ServiceInstanceStatus};

/// A mutable view of the shared part of a status.
pub struct Progress<'a> {
    conditions: &'a mut Vec<Condition>,
    operation_start_time: &'a mut Option<Time>,
    mitigating: &'a mut bool,
    orphans: &'a mut Vec<Orphan>,
    operation: &'a mut Option<Schedule>,
    last_condition_state: &'a mut String,
    abandoned_attempts: &'a mut i64,
}

/// A status with the shared part.
pub trait HasProgress {
    /// The shared part.
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
    /// Sets a condition, and `lastConditionState`, which is the `STATUS` column of `kubectl get`.
    pub fn report(&mut self, type_: &str, status: Status, reason: &str, message: &str, now: &Time) {
        condition::set(self.conditions, type_, status, reason, message, now);
        *self.last_condition_state = condition::summary(self.conditions);
    }

    /// Reports the progress of a polled operation, or why it is unknown. Most of the message is the broker's, and it may
    /// change with every poll: it is not written more often than the schedule allows.
    pub fn report_progress(&mut self, type_: &str, reason: &str, message: &str, now: &Time) {
        let former = condition::find(self.conditions, type_);
        let is_news = former.is_none_or(|former| (&*former.reason, &*former.message) != (reason, message));
        if !is_news || !self.is_progress_due(now) {
            return;
        }
        self.report(type_, Status::False, reason, message, now);
        self.operation.get_or_insert_default().progress_time = Some(now.clone());
    }

    /// The reason of a condition, if it is set.
    pub fn reason(&self, type_: &str) -> Option<&str> {
        condition::find(self.conditions, type_).map(|condition| condition.reason.as_str())
    }

    /// Removes a condition, and updates `lastConditionState`.
    pub fn withdraw(&mut self, type_: &str) {
        condition::remove(self.conditions, type_);
        *self.last_condition_state = condition::summary(self.conditions);
    }

    /// Sets or removes the condition `Paused`.
    pub fn pause(&mut self, paused: bool, now: &Time) {
        if paused {
            let message = "The annotation servicecatalog.k8s.io/paused is \"true\": the broker is not called";
            self.report(condition::PAUSED, Status::True, reason::PAUSED_BY_ANNOTATION, message, now);
        } else {
            self.withdraw(condition::PAUSED);
        }
    }

    /// Reports that the API server has refused what the operator has to write.
    pub fn write_refused(&mut self, why: &str, now: &Time) {
        let reason = reason::REFUSED_BY_API_SERVER;
        self.report(condition::WRITE_REFUSED, Status::True, reason, &note::refusal(why), now);
    }

    /// Starts an operation: `Failed` and the deadlines of the previous one no longer apply. The failure count stays.
    pub fn start(&mut self, now: &Time) {
        *self.operation_start_time = Some(now.clone());
        self.withdraw(condition::FAILED);
        if let Some(schedule) = self.operation {
            schedule.next_attempt_time = None;
            schedule.deadline = None;
        }
    }

    /// The broker has accepted the operation: it is polled until the deadline.
    pub fn poll(&mut self, now: &Time, maximum: Option<Duration>) {
        self.operation_start_time.get_or_insert_with(|| now.clone());
        let schedule = self.operation.get_or_insert_default();
        *schedule = Schedule {
            failures: schedule.failures,
            deadline: Some(schedule::deadline(now, maximum)),
            ..Schedule::default()
        };
    }

    /// The poll of a deletion has answered. Written no more often than progress.
    pub fn poll_answered(&mut self, now: &Time) {
        if self.is_progress_due(now)
            && let Some(schedule) = self.operation
        {
            schedule.polls_failing_since = None;
        }
    }

    /// The poll of a deletion has failed; returns how long all polls have failed. Written no more often than progress.
    pub fn poll_failed(&mut self, now: &Time) -> Duration {
        let is_due = self.is_progress_due(now);
        let since = &mut self.operation.get_or_insert_default().polls_failing_since;
        if let Some(since) = since {
            return schedule::elapsed(since, now);
        }
        *since = is_due.then(|| now.clone());
        Duration::ZERO
    }

    fn is_progress_due(&self, now: &Time) -> bool {
        let written = self.operation.as_ref().and_then(|schedule| schedule.progress_time.as_ref());
        schedule::is_progress_due(written, self.operation_start_time.as_ref(), now)
    }

    /// Corrects times that no pause can explain: the clock was ahead when they were written.
    pub fn correct_times(&mut self, now: &Time) {
        clamp(self.operation_start_time, now, Duration::ZERO, now);
        let removals = self.orphans.iter_mut().filter_map(|orphan| orphan.operation.as_mut());
        for schedule in self.operation.iter_mut().chain(removals) {
            clamp(&mut schedule.next_attempt_time, now, schedule::LONGEST_PAUSE, now);
            clamp(&mut schedule.progress_time, now, Duration::ZERO, now);
            clamp(&mut schedule.polls_failing_since, now, Duration::ZERO, now);
            let deadline = schedule::deadline(now, None);
            clamp(&mut schedule.deadline, now, schedule::LONGEST_OPERATION, &deadline);
        }
    }

    /// The broker already has something under this id (409): the poll finds out its state.
    pub fn verify(&mut self, now: &Time, maximum: Option<Duration>) {
        self.poll(now, maximum);
        self.operation.get_or_insert_default().verifying = true;
    }

    /// Ends the operation, whether it succeeded or not.
    pub fn end(&mut self) {
        *self.operation_start_time = None;
    }

    /// Resets the back-off.
    pub fn forget_failures(&mut self) {
        *self.operation = None;
    }

    /// Counts a failure and schedules the next attempt; returns its time.
    pub fn fail(&mut self, now: &Time, seed: &str, retry_after: Option<Duration>) -> Time {
        fail(self.operation.get_or_insert_default(), now, seed, retry_after)
    }

    /// Whether an attempt of the current operation has failed, or its end is unknown.
    pub fn has_failed(&self) -> bool {
        self.operation.as_ref().is_some_and(|schedule| schedule.failures > 0)
    }

    /// Counts the attempt whose end is unknown, as another request takes its place.
    pub fn replace_attempt(&mut self) {
        self.operation.get_or_insert_default().failures += 1;
    }

    /// Makes the next failure wait for the longest delay: the broker would give the same answer sooner.
    pub fn wait_longest(&mut self) {
        let schedule = self.operation.get_or_insert_default();
        schedule.failures = schedule.failures.max(schedule::FAILURES_FOR_MAX_DELAY);
    }

    /// Schedules the next attempt after orphan mitigation: the failures before it still count for the back-off. Returns
    /// the message for the condition, which keeps `why`: it is what the next attempt has to overcome.
    pub fn back_off(&mut self, why: &str, now: &Time, seed: &str) -> String {
        let done = format!("{why}; orphan mitigation was completed successfully");
        let Some(schedule) = self.operation else { return done };
        let failures = schedule.failures;
        let next = (failures > 0).then(|| schedule::retry(now, failures, seed, None));
        schedule.next_attempt_time.clone_from(&next);
        schedule.deadline = None;
        next.map_or_else(|| done.clone(), |next| format!("{done}; next attempt at {}", next.0))
    }

    /// Abandons an attempt of unknown outcome. What it may have left becomes an orphan, which is deleted before
    /// anything else is tried, but not before `retry_after`; the next attempt gets a new id.
    pub fn abandon(&mut self, orphan: Orphan, reason: &str, now: &Time, retry_after: Option<Duration>) {
        let why = as_clause(&orphan.reason);
        // The pause of the failed operation is not that of the removal.
        let next_attempt_time = retry_after.map(|delay| schedule::not_before(now, delay));
        let not_before = next_attempt_time.as_ref().map(|time| format!("; not before {}", time.0));
        let not_before = not_before.unwrap_or_default();
        let message =
            format!("Deleting {} at the broker {}: {why}{not_before}", orphan.id, orphan.broker_name);
        self.report(condition::ORPHAN_MITIGATION, Status::True, reason, &message, now);
        let operation = Some(Schedule { next_attempt_time, ..Schedule::default() });
        self.orphans.push(Orphan { operation, ..orphan });
        *self.mitigating = true;
        *self.abandoned_attempts += 1;
    }

    /// Takes over an orphan mitigation that service-catalog had started.
    pub fn inherit(&mut self, orphan: Orphan, execution: Execution) {
        let mut orphan = Orphan { async_op_in_progress: false, last_operation: None, ..orphan };
        execution.store(&mut orphan.async_op_in_progress, &mut orphan.last_operation);
        self.orphans.push(orphan);
    }

    /// Why the first orphan is deleted, as a clause.
    pub fn why_orphaned(&self) -> String {
        self.orphans.first().map(|orphan| as_clause(&orphan.reason)).unwrap_or_default()
    }

    /// The broker has confirmed that the first orphan is gone. Returns why it was one.
    pub fn orphan_removed(&mut self) -> String {
        let why = if self.orphans.is_empty() { String::new() } else { self.orphans.remove(0).reason };
        if self.orphans.is_empty() {
            *self.mitigating = false;
            self.withdraw(condition::ORPHAN_MITIGATION);
        }
        why
    }

    /// The attempt has left nothing at the broker: the next one may have its id.
    pub fn reuse_attempt(&mut self) {
        *self.abandoned_attempts -= 1;
    }

    /// The broker deletes the first orphan asynchronously.
    pub fn orphan_removal_accepted(&mut self, operation: Option<String>, now: &Time) {
        if let Some(orphan) = self.orphans.first_mut() {
            orphan.async_op_in_progress = true;
            orphan.last_operation = operation;
            let schedule = orphan.operation.get_or_insert_default();
            schedule.next_attempt_time = None;
            schedule.deadline = Some(schedule::deadline(now, None));
        }
    }

    /// When the broker accepted the removal of the first orphan.
    pub fn orphan_removal_started(&self) -> Option<Time> {
        let deadline = self.orphans.first()?.operation.as_ref()?.deadline.as_ref();
        deadline.map(schedule::start_of_longest)
    }

    /// The broker did not delete the first orphan; returns the time of the next attempt.
    pub fn orphan_removal_failed(&mut self, now: &Time, seed: &str, retry_after: Option<Duration>) -> Time {
        let Some(orphan) = self.orphans.first_mut() else { return now.clone() };
        orphan.async_op_in_progress = false;
        orphan.last_operation = None;
        fail(orphan.operation.get_or_insert_default(), now, seed, retry_after)
    }
}

/// How an operation at the broker is executed at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Execution {
    /// The request has to be sent, or sent again because its answer is unknown.
    #[default]
    Requested,
    /// The broker has accepted it, and is polled for this operation, if it named one (OSB, “Polling Last Operation”).
    Polled(Option<String>),
}

impl Execution {
    /// Parses the two fields of a status that store the execution, and clears them.
    pub fn take(polling: &mut bool, last_operation: &mut Option<String>) -> Self {
        let operation = last_operation.take();
        if std::mem::take(polling) { Self::Polled(operation) } else { Self::Requested }
    }

    /// Writes the execution back to the two fields.
    pub fn store(self, polling: &mut bool, last_operation: &mut Option<String>) {
        (*polling, *last_operation) = match self {
            Self::Requested => (false, None),
            Self::Polled(operation) => (true, operation),
        };
    }
}

fn fail(schedule: &mut Schedule, now: &Time, seed: &str, retry_after: Option<Duration>) -> Time {
    schedule.failures += 1;
    let next = schedule::retry(now, schedule.failures, seed, retry_after);
    schedule.next_attempt_time = Some(next.clone());
    schedule.deadline = None;
    next
}

/// Replaces a time that is further ahead than `longest`.
fn clamp(time: &mut Option<Time>, now: &Time, longest: Duration, replacement: &Time) {
    if let Some(time) = time.as_mut().filter(|time| time.0 > schedule::after(now, longest).0) {
        time.clone_from(replacement);
    }
}

/// Turns a sentence into a clause that follows a colon: without its capital letter.
fn as_clause(sentence: &str) -> String {
    let mut clause = sentence.to_owned();
    if let Some(first) = clause.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    clause
}

/// The time of the next attempt, unless it is due.
pub fn not_before<'a>(schedule: Option<&'a Schedule>, now: &Time) -> Option<&'a Time> {
    schedule?.next_attempt_time.as_ref().filter(|next| next.0 > now.0)
}

/// Whether an asynchronous operation has passed its deadline.
pub fn is_overdue(schedule: Option<&Schedule>, now: &Time) -> bool {
    schedule.and_then(|schedule| schedule.deadline.as_ref()).is_some_and(|deadline| deadline.0 <= now.0)
}
