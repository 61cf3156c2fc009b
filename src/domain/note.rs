//! What users are told with an event.

use super::reason;
use crate::crd::condition::{self, Condition};

/// Something to tell the user with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether somebody should look at it.
    pub warning: bool,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

impl Note {
    pub(super) fn new(warning: bool, reason: &str, message: &str) -> Self {
        Self { warning, reason: reason.to_owned(), message: message.to_owned() }
    }

    /// What is new in a status that is written without a call: something is in the way that somebody has to move.
    pub fn of_news(before: &[Condition], after: &[Condition]) -> Option<Self> {
        let new = |condition: &&Condition| {
            condition::find(before, &condition.type_)
                .is_none_or(|old| (&old.reason, &old.message) != (&condition.reason, &condition.message))
        };
        let told = |condition: &Condition| match condition.type_.as_str() {
            condition::PAUSED => Some(false),
            condition::READY | condition::UPDATED | condition::ROTATED if condition.status != "True" => {
                Some(true)
            }
            _ => None,
        };
        after.iter().filter(new).find_map(|condition| {
            // That a broker is not called is told of the broker, not of each object that waits for it; and that pods
            // are restarted first is no trouble.
            let known = condition.reason.ends_with(reason::IN_FLIGHT)
                || [reason::WAITING_FOR_BROKER, reason::WAITING_FOR_PODS]
                    .contains(&condition.reason.as_str());
            let warning = told(condition).filter(|_| !known)?;
            Some(Self::new(warning, &condition.reason, &condition.message))
        })
    }
}
