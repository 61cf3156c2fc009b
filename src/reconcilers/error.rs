//! Why does a reconcile fail, and what does the harness do about it?

use std::time::Duration;

use kube::core::Status;
use thiserror::Error;

/// Why a reconcile ended early. It is retried: each effect that it began is recorded as an intent in the object's
/// status.
#[derive(Debug, Error)]
pub enum Error {
    /// A request to the Kubernetes API failed.
    #[error("{doing}: {source}")]
    Api {
        /// The request, as a verb and its object.
        doing: &'static str,
        /// The failure.
        source: Box<kube::Error>,
    },
    /// There is no usable connection to the broker, because its settings are wrong.
    #[error("{0}")]
    Broker(String),
    /// There is none because the Secret with its credentials cannot be used.
    #[error("{0}")]
    Credentials(String),
    /// There is none because its object, or the Secret with its credentials, does not exist.
    #[error("{0}")]
    Missing(String),
    /// The call is not made now: the circuit is open, no permit was free in time, the decision is outdated, or the
    /// cache is stale. This is no failure; the object is requeued.
    #[error("the call is postponed")]
    NotNow,
    /// The API server has refused a write of this object a short while ago. This is no failure.
    #[error("the reconcile is postponed for {} s", .0.as_secs())]
    Postponed(Duration),
    /// The object was deleted, and another one has its name.
    #[error("the object was replaced by another one of the same name")]
    Replaced,
    /// The reconcile timed out.
    #[error("the reconcile did not finish within {} s", .0.as_secs())]
    TooLong(Duration),
    /// A bug: the reconcile panicked.
    #[error("internal error: {0}")]
    Panic(String),
}

impl Error {
    /// Whether another client wrote first (optimistic concurrency). Nothing is wrong: the reconcile is retried with the
    /// new version.
    pub fn is_conflict(&self) -> bool {
        self.api_status().is_some_and(Status::is_conflict)
    }

    /// Whether an object of that name already exists.
    pub fn is_already_exists(&self) -> bool {
        self.api_status().is_some_and(Status::is_already_exists)
    }

    /// The message of the API server, if it refused the request for good, as forbidden, invalid or too large: an
    /// unchanged retry would be refused again. The author of the object has to see that.
    pub fn refusal(&self) -> Option<&str> {
        let status = self.api_status()?;
        let transient = [401, 404, 408, 409, 429];
        let is_refused = (400..500).contains(&status.code) && !transient.contains(&status.code);
        // etcd's limit is smaller than the API server's, which passes on its words as an internal error.
        let is_too_large = status.message.contains("request is too large");
        (is_refused || is_too_large).then_some(&status.message)
    }

    /// The request that the API server refused, and its words.
    pub fn refused(&self) -> String {
        match (self, self.api_status()) {
            (Self::Api { doing, .. }, Some(status)) => format!("{doing}: {}", status.message),
            _ => self.to_string(),
        }
    }

    /// Whether the API server refused the request for good.
    pub fn is_refused(&self) -> bool {
        self.refusal().is_some()
    }

    /// Whether the API server may soon answer otherwise: it, etcd or an admission webhook failed, or it has too many
    /// requests.
    pub fn is_transient(&self) -> bool {
        self.api_status().is_some_and(|status| status.code == 429 || status.code >= 500)
    }

    /// Whether the object does not exist, or no longer does.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Replaced) || self.api_status().is_some_and(Status::is_not_found)
    }

    /// Whether the API server understood the request, but could not carry it out: as it answers if the test in a JSON
    /// patch fails.
    pub fn is_unprocessable(&self) -> bool {
        self.api_status().is_some_and(|status| status.code == 422)
    }

    /// The status that the API server answered with.
    fn api_status(&self) -> Option<&Status> {
        match self {
            Self::Api { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            Self::Broker(_)
            | Self::Credentials(_)
            | Self::Missing(_)
            | Self::NotNow
            | Self::Postponed(_)
            | Self::Replaced
            | Self::TooLong(_)
            | Self::Panic(_) => None,
        }
    }
}

/// A value, or why there is none. The explanation goes into a condition of the object, for its author to correct.
pub type Explained<T> = Result<T, String>;

/// Adds to a failure of the Kubernetes API which request it was.
pub trait During<T> {
    /// `doing` is a verb and its object, such as "writing the status".
    fn during(self, doing: &'static str) -> Result<T, Error>;
}

impl<T> During<T> for Result<T, kube::Error> {
    fn during(self, doing: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Api { doing, source: Box::new(source) })
    }
}
