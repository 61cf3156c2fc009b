//! The pure core: what an object means, and the one next step. No I/O, no clock, no randomness; time and
//! everything that was read come in as data.
//!
//! An instance and a binding live through two functions each: `decide` looks at all that is known and answers
//! with one step; `settle` turns what came of a call to the broker into the new status. What a call will do is
//! written to the status before it is made, so every moment at which the operator can die is a state that
//! `decide` knows how to go on from.
//!
//! | file | what it answers |
//! |---|---|
//! | `instance`, `binding` | what is the next step, and what came of the last one? |
//! | `progress` | what do the two have in common: intent, polling, retries, orphans, conditions? |
//! | `orphan` | what came of the removal of something left behind? |
//! | `verdict` | what does the broker's failure mean for what was asked? |
//! | `schedule` | when is it tried again? |
//! | `breaker` | may a broker be called now? |
//! | `hold` | what does an object do meanwhile? |
//! | `plan_reference` | which class and plan does an instance name? |
//! | `request` | what is the broker asked? |
//! | `parameters` | what are the parameters, and which of them may be shown? |
//! | `schema` | do they fit the schema of the plan? |
//! | `credentials` | what goes into the Secret? |
//! | `rollout` | do the pods of a binding have what it gives now, and what is done about those that do not? |
//! | `catalog`, `restriction` | which classes and plans should there be? |
//! | `broker` | what is the next step for a broker and its catalog, and what came of the last one? |
//! | `duration` | how does a user write a duration? |
//! | `alpha` | which object is made of one of the alpha API, and what is the next step? |
//! | `reason` | what is the word for it? |

pub mod alpha;
pub mod binding;
pub mod breaker;
pub mod broker;
pub mod catalog;
pub mod credentials;
pub mod duration;
#[cfg(test)]
mod fixtures;
mod hold;
pub mod instance;
pub mod orphan;
pub mod parameters;
pub mod plan_reference;
pub mod progress;
pub mod reason;
pub mod request;
pub mod restriction;
pub mod rollout;
pub mod schedule;
pub mod schema;
pub mod verdict;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};

use self::plan_reference::References;
use crate::crd::condition::{self, Condition};
use crate::crd::names::{ANNOTATION_DELETION_POLICY, ANNOTATION_PAUSED, FINALIZER};
use crate::osb;

/// The one next thing to do for an object; `S` is its status, `C` a call to its broker.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<S, C> {
    /// Nothing, before this moment or before something changes.
    Wait(Option<Time>),
    /// Nothing, before its broker may be called again.
    Hold,
    /// Write to an instance's spec which class and plan were found.
    Resolve(References),
    /// Put this label on the object, then decide again.
    Label(&'static str),
    /// Write this status, then decide again.
    Write(Box<S>),
    /// Ask the broker. That it is asked is in the status already.
    Call(C),
    /// Delete the object itself, as its instance is being deleted and says so.
    Delete,
    /// Remove the finalizer: nothing is left at the broker, or it is to be left there.
    Release,
}

/// The status is written if it changed; otherwise the step is taken.
fn write_or<S: PartialEq, C>(before: &S, after: S, step: Step<S, C>) -> Step<S, C> {
    if *before == after { step } else { Step::Write(Box::new(after)) }
}

/// What came of a call to the broker, whichever it was.
#[derive(Debug)]
pub enum Outcome {
    /// It is done.
    Done {
        /// A page on which the instance can be managed, if the broker named one.
        dashboard_url: Option<String>,
    },
    /// The broker has begun, and has to be asked how far it is.
    InProgress {
        /// What the broker calls it.
        operation: Option<String>,
        /// As for `Done`.
        dashboard_url: Option<String>,
    },
    /// How far the broker is.
    Polled(osb::LastOperation),
    /// It failed, or nobody knows.
    Failed(osb::Error),
    /// The broker was not asked, as something of ours stands in the way.
    NotAsked(String),
    /// The credentials are in the Secret, whose entries have this digest.
    Stored {
        /// See [`credentials::digest`].
        digest: String,
        /// How long they are valid.
        validity: binding::Validity,
    },
    /// The operator's own part failed after the broker had done its own: what exists there is of no use.
    Unusable(String),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done { .. } => f.write_str("done"),
            Self::InProgress { .. } => f.write_str("in progress"),
            Self::Polled(last) => write!(f, "{:?}", last.state),
            Self::Stored { .. } => f.write_str("the credentials are in the Secret"),
            Self::Failed(error) => write!(f, "{error}"),
            Self::NotAsked(why) | Self::Unusable(why) => f.write_str(why),
        }
    }
}

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
    fn new(warning: bool, reason: &str, message: &str) -> Self {
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

/// What is so after a call.
#[derive(Debug)]
pub struct Settled<S> {
    /// The new status.
    pub status: S,
    /// The object can be let go.
    pub release: bool,
    /// What to tell.
    pub note: Option<Note>,
    /// When the broker may be asked again how far it is.
    pub next_poll: Option<Time>,
}

/// Whether our finalizer holds the object.
pub fn has_finalizer(meta: &ObjectMeta) -> bool {
    meta.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// What controls an object, as its metadata says.
pub fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

fn is_paused(meta: &ObjectMeta) -> bool {
    annotation(meta, ANNOTATION_PAUSED) == Some("true")
}

fn is_retained(meta: &ObjectMeta) -> bool {
    annotation(meta, ANNOTATION_DELETION_POLICY) == Some("Retain")
}

/// Whether the deletion of an instance deletes its bindings.
fn is_cascading(meta: &ObjectMeta) -> bool {
    annotation(meta, ANNOTATION_DELETION_POLICY) == Some("Cascade")
}

fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(key).map(String::as_str)
}

/// The id of the n-th attempt for an object: known without being written, different for each attempt.
fn attempt_id(meta: &ObjectMeta, attempt: i64) -> String {
    let object = meta.uid.as_deref().and_then(|uid| uuid::Uuid::parse_str(uid).ok()).unwrap_or_default();
    uuid::Uuid::new_v5(&object, attempt.to_string().as_bytes()).to_string()
}
