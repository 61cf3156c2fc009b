//! What came of the removal of something that a failed attempt may have left (OSB, “Orphan Mitigation”)?

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::progress::HasProgress;
use super::{Note, Outcome, reason, schedule};
use crate::crd::condition::{self, Status};
use crate::osb::OperationState;

/// Whose orphan it is.
pub struct Removal<'a> {
    /// The id of the attempt that may have left it.
    pub id: &'a str,
    /// The name of the broker.
    pub broker: &'a str,
    /// The word for its being removed.
    pub reason: &'static str,
    /// The object's UID, which spreads retries.
    pub seed: &'a str,
    /// The time.
    pub now: &'a Time,
}

/// What is so then.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct After {
    /// It is gone.
    pub gone: bool,
    /// What to tell.
    pub note: Option<Note>,
    /// When the broker may be asked again how far it is.
    pub next_poll: Option<Time>,
}

/// Takes the outcome of a deletion, or of a question how far it is, into the status.
pub fn settle(status: &mut impl HasProgress, removal: &Removal<'_>, outcome: Outcome) -> After {
    let poll = |retry_after| Some(schedule::poll(removal.now, None, retry_after));
    match outcome {
        Outcome::Done { .. } => gone(status),
        Outcome::Failed(error) if error.is_gone() => gone(status),
        Outcome::InProgress { operation, .. } => {
            status.progress().orphan_is_going(operation, removal.now);
            goes(status, removal);
            After { next_poll: poll(None), ..After::default() }
        }
        Outcome::Polled(last) => match last.state {
            OperationState::Succeeded => gone(status),
            OperationState::InProgress => {
                goes(status, removal);
                After { next_poll: poll(last.retry_after), ..After::default() }
            }
            OperationState::Failed => {
                stays(status, removal, last.description.as_deref().unwrap_or("it gave no reason"), None)
            }
        },
        Outcome::Failed(error) => stays(status, removal, &error.to_string(), error.retry_after()),
        Outcome::NotAsked(why) => stays(status, removal, &why, None),
        Outcome::Stored { .. } | Outcome::Unusable(_) => After::default(),
    }
}

/// The broker has taken longer to remove it than it may: it is asked to once more.
pub fn overdue(status: &mut impl HasProgress, removal: &Removal<'_>) {
    stays(status, removal, "it took longer than the operator allows", None);
}

fn gone(status: &mut impl HasProgress) -> After {
    status.progress().orphan_is_gone();
    let message = "Orphan mitigation was completed successfully";
    let note = Note::new(false, reason::ORPHAN_MITIGATION_SUCCESSFUL, message);
    After { gone: true, note: Some(note), next_poll: None }
}

fn goes(status: &mut impl HasProgress, removal: &Removal<'_>) {
    let message = format!(
        "The broker {} is removing {}, which a failed attempt may have left",
        removal.broker, removal.id
    );
    status.progress().report(
        condition::ORPHAN_MITIGATION,
        Status::True,
        removal.reason,
        &message,
        removal.now,
    );
}

fn stays(
    status: &mut impl HasProgress,
    removal: &Removal<'_>,
    why: &str,
    retry_after: Option<std::time::Duration>,
) -> After {
    let mut progress = status.progress();
    let next = progress.orphan_stays(removal.now, removal.seed, retry_after);
    let message = format!(
        "The broker {} did not remove {}, which a failed attempt may have left: {why}; it is tried again at {}",
        removal.broker, removal.id, next.0
    );
    let reason = reason::ORPHAN_MITIGATION_FAILED;
    progress.report(condition::ORPHAN_MITIGATION, Status::True, reason, &message, removal.now);
    After { note: Some(Note::new(true, reason, &message)), ..After::default() }
}
