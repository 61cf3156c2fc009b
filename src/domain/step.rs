//! The vocabulary of the core: [`Step`] is what `decide` returns, [`Outcome`] is how a call ended, [`Settled`] is what
//! `settle` returns.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::note::Note;
use super::plan_reference::References;
use super::schema::Purpose;
use super::validity::Validity;
use crate::osb::{self, Redactor, Screened};

/// The next step for an object; `S` is its status, `C` a call to its broker.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<S, C> {
    /// Do nothing until this time, or until something changes.
    Wait(Option<Time>),
    /// Do nothing until the circuit of its broker closes or lets a probe through.
    AwaitBroker,
    /// Write the resolved class and plan to the instance's spec.
    Resolve(References),
    /// Validate the parameters against the plan's schema for this purpose, then decide again. Comes before the intent.
    Validate(Purpose),
    /// Add this label to the object (true) or remove it (false), then decide again.
    Label(&'static str, bool),
    /// Write this status, then decide again.
    Write(Box<S>),
    /// Call the broker. The status already holds the intent.
    Call(C),
    /// Delete the object itself: its instance is being deleted with the deletion policy `Cascade`.
    Delete,
    /// Remove the finalizer: nothing is left at the broker, or the user wants it to stay there.
    RemoveFinalizer,
}

/// How a call to the broker ended, whichever call it was.
#[derive(Debug)]
pub enum Outcome {
    /// The broker has done it.
    Done {
        /// Web page to manage the instance, if the broker has one.
        dashboard_url: Option<Screened>,
    },
    /// The broker has accepted an asynchronous operation, which has to be polled.
    InProgress {
        /// The broker's name for the operation, sent back with each poll.
        operation: Option<Screened>,
        /// As for `Done`.
        dashboard_url: Option<Screened>,
    },
    /// The broker's answer to a poll.
    Polled(osb::LastOperation),
    /// The call failed; the error tells whether the broker may have acted nevertheless.
    Failed(osb::Error),
    /// The call was not made: a Kubernetes object that it needs is missing or unusable.
    NotCalled(String),
    /// The call was not made, and never can be: what it needs went with the namespace, which is being deleted.
    OutOfReach(String),
    /// The credentials are in the Secret.
    Stored {
        /// [`digest`](super::credentials::digest) of the Secret's data.
        digest: String,
        /// The names of the entries that it covers.
        keys: Vec<String>,
        /// How long the credentials are valid.
        validity: Validity,
    },
    /// The broker succeeded, but returned no credentials, and the Secret has or had some. It was not touched.
    NoCredentials,
    /// The broker succeeded, but the operator cannot use the result: the credentials do not fit into the Secret, for
    /// example.
    Unusable(String),
}

impl Outcome {
    /// Whether it has a text of the broker, which may repeat secrets of the object.
    pub fn repeats_broker(&self) -> bool {
        match self {
            Self::Done { dashboard_url } => dashboard_url.is_some(),
            Self::InProgress { operation, dashboard_url } => operation.is_some() || dashboard_url.is_some(),
            Self::Polled(last) => last.description.is_some(),
            Self::Failed(error) => error.repeats_broker(),
            Self::NotCalled(_)
            | Self::OutOfReach(_)
            | Self::Stored { .. }
            | Self::NoCredentials
            | Self::Unusable(_) => false,
        }
    }

    /// The same without the secrets of the redactor.
    #[must_use]
    pub fn redacted(self, redactor: &Redactor) -> Self {
        let screen = |text: Option<Screened>| text.map(|text| text.without_secrets(redactor));
        match self {
            Self::Done { dashboard_url } => Self::Done { dashboard_url: screen(dashboard_url) },
            Self::InProgress { operation, dashboard_url } => {
                Self::InProgress { operation: screen(operation), dashboard_url: screen(dashboard_url) }
            }
            Self::Polled(mut last) => {
                last.description = last.description.map(|text| redactor.redact(&text));
                Self::Polled(last)
            }
            Self::Failed(error) => Self::Failed(error.redacted(redactor)),
            other @ (Self::NotCalled(_)
            | Self::OutOfReach(_)
            | Self::Stored { .. }
            | Self::NoCredentials
            | Self::Unusable(_)) => other,
        }
    }
}

/// A text of the broker that is stored as it is, and what to add to the message if it is not stored.
pub(super) fn stored(member: &str, text: Option<Screened>) -> (Option<String>, String) {
    match text {
        None => (None, String::new()),
        Some(Screened::Stored(text)) => (Some(text), String::new()),
        Some(Screened::Withheld(why)) => (None, format!("; the broker's {member} is not stored: {why}")),
    }
}

/// The message for [`Outcome::NotCalled`].
pub(super) fn not_called(broker: &str, why: &str) -> String {
    format!("The broker {broker} was not called: {why}")
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { .. } => f.write_str("done"),
            Self::InProgress { .. } => f.write_str("in progress"),
            Self::Polled(last) => write!(f, "{:?}", last.state),
            Self::Stored { .. } => f.write_str("the credentials are in the Secret"),
            Self::NoCredentials => f.write_str("the broker returned no credentials"),
            Self::Failed(error) => write!(f, "{error}"),
            Self::NotCalled(why) | Self::OutOfReach(why) | Self::Unusable(why) => f.write_str(why),
        }
    }
}

/// The result of `settle`.
#[derive(Debug)]
pub struct Settled<S> {
    /// The status to write.
    pub status: S,
    /// Whether the finalizer can be removed.
    pub remove_finalizer: bool,
    /// The event to send, if any.
    pub note: Option<Note>,
    /// The earliest time of the next poll.
    pub next_poll: Option<Time>,
}
