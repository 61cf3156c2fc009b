//! What went wrong in a pass, by what to do about it.

use std::time::Duration;

use kube::core::Status;
use thiserror::Error;

/// A pass that did not come to its end. It is repeated: whatever it had begun is in the object's status.
#[derive(Debug, Error)]
pub enum Error {
    /// The Kubernetes API did not do what it was asked.
    #[error("{doing}: {source}")]
    Api {
        /// What it was asked.
        doing: &'static str,
        /// What it answered.
        source: Box<kube::Error>,
    },
    /// The broker cannot be spoken to: its object, its Secret or its settings are in the way.
    #[error("{0}")]
    Broker(String),
    /// The broker is not called at the moment, or has too much to do; or what was decided on has changed since, or is not
    /// known well enough.
    #[error("the broker is not called at the moment")]
    NotNow,
    /// The object is gone.
    #[error("the object is gone, and another one has its name")]
    Replaced,
    /// A pass took too long.
    #[error("the pass took longer than {} s", .0.as_secs())]
    TooLong(Duration),
    /// A defect: a pass panicked.
    #[error("internal error: {0}")]
    Panic(String),
}

impl Error {
    /// Whether somebody else wrote in between: nothing is wrong, the pass begins anew with what is there now.
    pub fn is_conflict(&self) -> bool {
        self.answer().is_some_and(Status::is_conflict)
    }

    /// Whether there is an object of that name already.
    pub fn is_already_exists(&self) -> bool {
        self.answer().is_some_and(Status::is_already_exists)
    }

    /// Why the API server does not accept what it was sent, if it understood it and could have.
    pub fn refusal(&self) -> Option<&str> {
        let status = self.answer()?;
        (status.is_forbidden() || status.is_invalid()).then_some(&status.message)
    }

    /// Whether the API server understood what it was sent and does not accept it: the same again would be refused again.
    pub fn is_refused(&self) -> bool {
        let passing = [404, 408, 409, 429];
        self.answer()
            .is_some_and(|status| (400..500).contains(&status.code) && !passing.contains(&status.code))
    }

    /// Whether the object is not there (any more).
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Replaced) || self.answer().is_some_and(Status::is_not_found)
    }

    /// What the API server answered.
    fn answer(&self) -> Option<&Status> {
        match self {
            Self::Api { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            Self::Broker(_) | Self::NotNow | Self::Replaced | Self::TooLong(_) | Self::Panic(_) => None,
        }
    }
}

/// A value, or the explanation why there is none: for the condition of the object whose user has to put it right.
pub type Explained<T> = Result<T, String>;

/// Says what the API was asked when it failed.
pub trait During<T> {
    /// `doing`: a verb and its object, like "writing the status".
    fn during(self, doing: &'static str) -> Result<T, Error>;
}

impl<T> During<T> for Result<T, kube::Error> {
    fn during(self, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Api { doing, source: Box::new(source) })
    }
}
