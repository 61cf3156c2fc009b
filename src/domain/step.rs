//! What `decide` answers, what comes of it, and what `settle` makes of that.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::note::Note;
use super::plan_reference::References;
use super::schema::Purpose;
use super::validity::Validity;
use crate::osb;

/// The one next thing to do for an object; `S` is its status, `C` a call to its broker.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<S, C> {
    /// Nothing, before this moment or before something changes.
    Wait(Option<Time>),
    /// Nothing, before its broker may be called again.
    AwaitBroker,
    /// Write to an instance's spec which class and plan were found.
    Resolve(References),
    /// Compare the parameters with the plan's schema for this purpose, then decide again: they are about to be sent.
    Validate(Purpose),
    /// Put this label on the object, then decide again.
    Label(&'static str),
    /// Write this status, then decide again.
    Write(Box<S>),
    /// Ask the broker. That it is asked is in the status already.
    Call(C),
    /// Delete the object itself, as its instance is being deleted and says so.
    Delete,
    /// Remove the finalizer: nothing is left at the broker, or it is to be left there.
    RemoveFinalizer,
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
        /// See [`digest`](super::credentials::digest).
        digest: String,
        /// How long they are valid.
        validity: Validity,
    },
    /// The operator's own part failed after the broker had done its own: what exists there is of no use.
    Unusable(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
