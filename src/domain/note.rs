//! Which changes of a status become Kubernetes events?

use super::reason;
use crate::crd::condition::{self, Condition};
use crate::osb::excerpt;

/// The longest text of the API server in a message, in characters.
const MAX_REFUSAL_CHARS: usize = 500;

/// What a user is told of a request that the API server has refused.
pub(super) fn refusal(why: &str) -> String {
    let why = excerpt(why, MAX_REFUSAL_CHARS);
    format!("The API server refuses what the operator has to write: {why}. Retried every 5 min or sooner")
}

/// An event for the user, without the object that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Whether the event has the type `Warning`, not `Normal`.
    pub warning: bool,
    /// One of the words of `reason`.
    pub reason: String,
    /// What happened, and what happens next.
    pub message: String,
}

impl Note {
    pub(super) fn new(warning: bool, reason: &str, message: &str) -> Self {
        Self { warning, reason: reason.to_owned(), message: message.to_owned() }
    }

    /// The event of an admission policy, or its binding, that is not installed.
    pub fn policy_missing(policy: &str) -> Self {
        let message = format!(
            "{policy} is missing, so what it enforces is not enforced. If it injects credentials, new pods start without \
             them. Run helm upgrade"
        );
        Self::new(true, reason::POLICY_MISSING, &message)
    }

    /// The event for a status that the API server refuses.
    pub fn refused(why: &str) -> Self {
        Self::new(true, reason::REFUSED_BY_API_SERVER, &refusal(why))
    }

    /// The event for a status that is written without a call: the first new condition that needs the user's attention.
    pub fn for_change(before: &[Condition], after: &[Condition]) -> Option<Self> {
        let is_new = |condition: &&Condition| {
            condition::find(before, &condition.type_)
                .is_none_or(|old| (&old.reason, &old.message) != (&condition.reason, &condition.message))
        };
        let is_warning = |condition: &Condition| match condition.type_.as_str() {
            condition::PAUSED => Some(false),
            condition::READY | condition::UPDATED | condition::ROTATED if condition.status != "True" => {
                Some(true)
            }
            _ => None,
        };
        after.iter().filter(is_new).find_map(|condition| {
            // An outage is an event of the broker: one for each waiting object would be a storm. That pods are
            // restarted before an unbind is the normal course of a deletion, and that a binding waits for the instance
            // that is applied together with it, the normal order.
            let is_expected = condition.reason.ends_with(reason::IN_FLIGHT)
                || [reason::WAITING_FOR_BROKER, reason::WAITING_FOR_PODS, reason::ERROR_INSTANCE_NOT_READY]
                    .contains(&condition.reason.as_str());
            let warning = is_warning(condition).filter(|_| !is_expected)?;
            Some(Self::new(warning, &condition.reason, &condition.message))
        })
    }
}
