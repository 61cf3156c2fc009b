//! Orphan mitigation (OSB, “Orphan Mitigation”): how the end of a DELETE, or of a poll for it, changes the status. The
//! entry point is [`settle`]. An orphan stays in `status.orphans`, and is retried, until the broker confirms that it is
//! gone.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::progress::HasProgress;
use super::step::stored;
use super::{Note, Outcome, reason, schedule};
use crate::crd::condition::{self, Status};
use crate::osb::OperationState;

/// The message of an object that is being deleted and has orphans.
pub const DELETION_WAITS: &str = "The deletion waits until the broker has deleted what earlier attempts or replaced \
                                  credentials left there; the condition OrphanMitigation says why and when it is tried next";

/// The removal of an orphan.
pub struct Removal<'a> {
    /// The id of the attempt that may have left it.
    pub id: &'a str,
    /// The name of the broker.
    pub broker: &'a str,
    /// The reason of the condition while the broker is deleting it.
    pub reason: &'static str,
    /// The object's UID, from which the jitter of retries is derived.
    pub seed: &'a str,
    /// The time.
    pub now: &'a Time,
    /// Whether the DELETE may have been sent before: by an earlier reconcile, or by another replica.
    pub may_be_retry: bool,
}

/// What a step of a removal led to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RemovalResult {
    /// The broker has confirmed that the orphan is gone.
    pub gone: Option<Gone>,
    /// The event to send, if any.
    pub note: Option<Note>,
    /// The earliest time of the next poll.
    pub next_poll: Option<Time>,
}

/// An orphan that is gone.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone {
    /// Why it was one.
    pub why: String,
    /// Whether it never existed: the broker did not know it when it was to be deleted.
    pub never_existed: bool,
}

/// Records the outcome of a DELETE, or of a poll for it, in the status.
pub fn settle(status: &mut impl HasProgress, removal: &Removal<'_>, outcome: Outcome) -> RemovalResult {
    let started = status.progress().orphan_removal_started();
    let poll = |retry_after| Some(schedule::poll(removal.now, started.as_ref(), retry_after));
    match outcome {
        Outcome::Done { .. } => removed(status, false),
        Outcome::Failed(error) if error.is_gone() => {
            let is_first = !removal.may_be_retry && started.is_none();
            removed(status, is_first)
        }
        Outcome::InProgress { operation, .. } => {
            let (operation, remark) = stored("operation", operation);
            status.progress().orphan_removal_accepted(operation, removal.now);
            in_progress(status, removal, &remark);
            RemovalResult { next_poll: poll(None), ..RemovalResult::default() }
        }
        Outcome::Polled(last) => match last.state {
            OperationState::Succeeded => removed(status, false),
            OperationState::InProgress => {
                in_progress(status, removal, "");
                RemovalResult { next_poll: poll(last.retry_after), ..RemovalResult::default() }
            }
            OperationState::Failed => {
                failed(status, removal, last.description.as_deref().unwrap_or("no reason given"), None)
            }
        },
        Outcome::Failed(error) => failed(status, removal, &error.to_string(), error.retry_after()),
        Outcome::NotCalled(why) | Outcome::OutOfReach(why) => failed(status, removal, &why, None),
        Outcome::Stored { .. } | Outcome::NoCredentials | Outcome::Unusable(_) => RemovalResult::default(),
    }
}

/// The asynchronous removal has passed its deadline: it counts as failed, and the DELETE is sent again.
pub fn overdue(status: &mut impl HasProgress, removal: &Removal<'_>) {
    failed(status, removal, "the operation exceeded its maximum polling duration", None);
}

fn removed(status: &mut impl HasProgress, never_existed: bool) -> RemovalResult {
    let why = status.progress().orphan_removed();
    let message = "Orphan mitigation was completed successfully";
    let note = Note::new(false, reason::ORPHAN_MITIGATION_SUCCESSFUL, message);
    RemovalResult { gone: Some(Gone { why, never_existed }), note: Some(note), next_poll: None }
}

fn in_progress(status: &mut impl HasProgress, removal: &Removal<'_>, remark: &str) {
    let mut progress = status.progress();
    let why = progress.why_orphaned();
    let message = format!("The broker {} is deleting {}: {why}{remark}", removal.broker, removal.id);
    progress.report(condition::ORPHAN_MITIGATION, Status::True, removal.reason, &message, removal.now);
}

fn failed(
    status: &mut impl HasProgress,
    removal: &Removal<'_>,
    error: &str,
    retry_after: Option<std::time::Duration>,
) -> RemovalResult {
    let mut progress = status.progress();
    let next = progress.orphan_removal_failed(removal.now, removal.seed, retry_after);
    let message = format!(
        "The broker {} did not delete {}: {error}; next attempt at {}",
        removal.broker, removal.id, next.0
    );
    let reason = reason::ORPHAN_MITIGATION_FAILED;
    progress.report(condition::ORPHAN_MITIGATION, Status::True, reason, &message, removal.now);
    RemovalResult { note: Some(Note::new(true, reason, &message)), ..RemovalResult::default() }
}
