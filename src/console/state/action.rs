//! What a user can do with an object. [`actions_of`] says what its state makes sensible, whatever the user's rights;
//! `action/` says what an action needs and how it is carried out.

mod change;
mod kubectl;
mod text;

pub use change::Change;
pub use kubectl::quoted;

use crate::crd::condition;
use crate::crd::names::{ANNOTATION_PAUSED, FINALIZER};
use crate::crd::{ServiceBinding, ServiceInstance};
use jiff::{SignedDuration, Timestamp};

use crate::console::state::consequence::DeletionPolicy;
use crate::console::state::line::{State, state_of};
use crate::console::state::subject::{Kind, Subject};
use crate::console::state::word::{Remark, Wait, Word};

/// From this time on a deletion that has not ended can be abandoned, whatever it waits for.
const DELETION_HANGS_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// Something that a user can do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Create a binding of the instance: a page of its own.
    Bind,
    /// Change the plan or the parameters: a page of its own.
    Edit,
    /// Update the instance to the version that its plan offers.
    Upgrade,
    /// Make the next attempt now.
    TryNow,
    /// Replace the credentials.
    Rotate,
    /// Show a value of the Secret: a page of its own.
    Reveal,
    /// Fetch the catalog now.
    Relist,
    /// Keep the operator from calling the broker for the object.
    Pause,
    /// End the pause.
    Resume,
    /// Delete the bindings together with the instance. Set before the deletion, or while it waits.
    Cascade,
    /// Keep the service at the broker when the instance is deleted. Set before the deletion, or while it waits.
    Retain,
    /// Delete the object.
    Delete,
    /// Let the object go without telling the broker: remove the finalizer. Only behind a [warning](Action::warning).
    Abandon,
}

/// What the class and the plan of an instance allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offering {
    /// Whether instances can be bound.
    pub is_bindable: bool,
}

/// A right in the sense of RBAC, as `SelfSubjectAccessReview` and `SelfSubjectRulesReview` have it. No action needs a
/// subresource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// The verb, such as `patch`.
    pub verb: &'static str,
    /// The API group; empty for the core group.
    pub group: &'static str,
    /// The plural name of the resource, such as `serviceinstances`.
    pub resource: &'static str,
}

/// The actions that are sensible in the state of an object at this time, in the order in which a page offers them.
/// `offering` matters for instances only.
pub fn actions_of<'a>(object: impl Into<Subject<'a>>, offering: Offering, now: Timestamp) -> Vec<Action> {
    let subject = object.into();
    let state = state_of(subject, now);
    let is_offered = |action: &Action| match subject {
        _ if subject.is_deleting() => ends_deletion(*action, subject, &state, now),
        Subject::Instance(instance) => is_of_instance(*action, instance, offering, &state),
        Subject::Binding(binding) => is_of_binding(*action, binding, &state),
        Subject::ClusterBroker(_) | Subject::Broker(_) => matches!(action, Action::Relist | Action::Delete),
    };
    Action::ALL.into_iter().filter(is_offered).collect()
}

fn is_of_instance(action: Action, instance: &ServiceInstance, offering: Offering, state: &State) -> bool {
    let subject = Subject::from(instance);
    let has = |type_| condition::is_true(subject.conditions(), type_);
    let is_paused = state.word == Word::Paused;
    match action {
        Action::Bind => offering.is_bindable && has(condition::READY),
        Action::Upgrade => has(condition::UPGRADE_AVAILABLE) && has(condition::READY) && !is_paused,
        Action::TryNow => matches!(
            state.word,
            Word::Failed
                | Word::NotReady
                | Word::Waiting(Wait::Retry | Wait::Quota)
                | Word::ReadyBut(Remark::UpdateFailed)
        ),
        Action::Pause => !is_paused,
        Action::Resume => is_annotated_paused(subject),
        Action::Edit | Action::Delete => true,
        Action::Rotate
        | Action::Reveal
        | Action::Relist
        | Action::Cascade
        | Action::Retain
        | Action::Abandon => false,
    }
}

fn is_of_binding(action: Action, binding: &ServiceBinding, state: &State) -> bool {
    let subject = Subject::from(binding);
    let has_credentials = binding.status.as_ref().is_some_and(|status| status.external_properties.is_some());
    let is_paused = state.word == Word::Paused;
    match action {
        Action::Rotate => {
            has_credentials && !is_paused && !matches!(state.word, Word::Failed | Word::Rotating)
        }
        Action::Reveal => has_credentials,
        Action::Pause => !is_paused,
        Action::Resume => is_annotated_paused(subject),
        Action::Delete => true,
        Action::Bind
        | Action::Edit
        | Action::Upgrade
        | Action::TryNow
        | Action::Relist
        | Action::Cascade
        | Action::Retain
        | Action::Abandon => false,
    }
}

/// What helps a deletion that does not proceed.
fn ends_deletion(action: Action, subject: Subject<'_>, state: &State, now: Timestamp) -> bool {
    if subject.kind().is_broker() {
        return false;
    }
    let requested = subject.meta().deletion_timestamp.as_ref();
    let hangs = requested.is_some_and(|requested| now.duration_since(requested.0) >= DELETION_HANGS_AFTER);
    let does_not_proceed = hangs || matches!(state.word, Word::DeletionWaiting(_));
    let policy = DeletionPolicy::of(subject);
    match action {
        Action::Resume => is_annotated_paused(subject),
        Action::Cascade => {
            state.word == Word::DeletionWaiting(Wait::Bindings) && policy == DeletionPolicy::Wait
        }
        Action::Retain => {
            subject.kind() == Kind::Instance && does_not_proceed && policy != DeletionPolicy::Retain
        }
        Action::Abandon => {
            let mut finalizers = subject.meta().finalizers.iter().flatten();
            does_not_proceed && finalizers.any(|finalizer| finalizer == FINALIZER)
        }
        _ => false,
    }
}

fn is_annotated_paused(subject: Subject<'_>) -> bool {
    subject.annotation(ANNOTATION_PAUSED) == Some("true")
}

#[cfg(test)]
mod tests;
