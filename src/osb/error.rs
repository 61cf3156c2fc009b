//! What went wrong, and what does it mean? (“Service Broker Errors”, “Orphan Mitigation”)

use std::{error::Error as _, time::Duration};

use serde_json::{Map, Value};

use super::text::{excerpt, without_tags};

mod response;

pub use response::ErrorResponse;

const LONGEST_CODE: usize = 100;
const LONGEST_DESCRIPTION: usize = 500;
const LONGEST_BODY: usize = 200;

/// Why a call did not succeed.
///
/// Shown as a sentence for users. It contains nothing of the request but an unusable id, and of the answer
/// what the specification says is for users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An id cannot be put into a URL, so nothing was sent (“Characters in IDs”).
    #[error("the id {id:?} cannot be part of a URL")]
    InvalidId {
        /// The id.
        id: String,
    },
    /// No connection could be made, so nothing was sent.
    #[error("the broker cannot be reached: {reason}")]
    Unreachable {
        /// What the network or TLS says.
        reason: String,
    },
    /// The request was sent, at least in part, and not answered (“Orphan Mitigation”: timeout).
    #[error("the broker did not answer: {reason}")]
    NoAnswer {
        /// What happened instead.
        reason: String,
    },
    /// The broker answered with a status that is no success here (“Service Broker Errors”).
    #[error("the broker answered status {status}{}", told(code.as_deref(), description.as_deref()))]
    Status {
        /// The status.
        status: u16,
        /// The `error` of the body.
        code: Option<String>,
        /// The `description` of the body, or what can be read of another body.
        description: Option<String>,
        /// Whether the instance can still be used after a failed update or deprovisioning.
        instance_usable: Option<bool>,
        /// Whether it makes sense to send the failed update again.
        update_repeatable: Option<bool>,
        /// How long the broker asks to wait.
        retry_after: Option<Duration>,
    },
    /// The broker announced success, but not as the specification demands (“Orphan Mitigation”: malformed).
    #[error("the broker answered status {status}, but its answer cannot be used: {reason}")]
    Malformed {
        /// The status.
        status: u16,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The broker answered with a redirect that is not followed.
    #[error("the broker answered status {status}, a redirect that is not followed{}", to(location.as_deref()))]
    Redirected {
        /// The status.
        status: u16,
        /// The origin and the path to which it leads.
        location: Option<String>,
    },
}

impl Error {
    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. }
            | Self::Malformed { status, .. }
            | Self::Redirected { status, .. } => Some(*status),
            Self::InvalidId { .. } | Self::Unreachable { .. } | Self::NoAnswer { .. } => None,
        }
    }

    /// Does the broker say that it does not have it any more? (“Deprovisioning”, “Unbinding”, polling)
    pub fn is_gone(&self) -> bool {
        self.status() == Some(410)
    }

    /// Does the broker not know it, or not yet? (“Fetching a Service Instance”, “Fetching a Service Binding”)
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Is the id in use for something else? (“Provisioning”, “Binding”)
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// Are the credentials refused? (“Authentication”)
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// Does the broker not speak this version of the API? (“API Version Header”)
    pub fn is_unsupported_version(&self) -> bool {
        self.status() == Some(412)
    }

    /// Is another operation in progress? (“Service Broker Errors”, `ConcurrencyError`)
    pub fn is_concurrency_error(&self) -> bool {
        self.has_code(ErrorResponse::CONCURRENCY_ERROR)
    }

    /// Does the broker work asynchronously only? (“Service Broker Errors”, `AsyncRequired`)
    pub fn is_async_required(&self) -> bool {
        self.has_code(ErrorResponse::ASYNC_REQUIRED)
    }

    /// Can only an application be bound? (“Service Broker Errors”, `RequiresApp`)
    pub fn requires_app(&self) -> bool {
        self.has_code(ErrorResponse::REQUIRES_APP)
    }

    /// Is the catalog that the request was based on outdated? (“Service Broker Errors”, `MaintenanceInfoConflict`)
    pub fn is_maintenance_info_conflict(&self) -> bool {
        self.has_code(ErrorResponse::MAINTENANCE_INFO_CONFLICT)
    }

    /// Is it possible that the broker did what it was asked to? (“Orphan Mitigation”)
    ///
    /// A malformed 200 counts, though the specification wants no orphan mitigation after it.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::InvalidId { .. } | Self::Unreachable { .. } | Self::Redirected { .. } => false,
            Self::NoAnswer { .. } | Self::Malformed { .. } => true,
            Self::Status { status, .. } => !(400..500).contains(status),
        }
    }

    /// How long does the broker ask to wait? Between a second and an hour.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Does the broker say whether the instance can still be used? (“Service Broker Errors”)
    pub fn instance_usable(&self) -> Option<bool> {
        match self {
            Self::Status { instance_usable, .. } => *instance_usable,
            _ => None,
        }
    }

    /// Does the broker say whether the update makes sense once more? (“Service Broker Errors”)
    pub fn update_repeatable(&self) -> Option<bool> {
        match self {
            Self::Status { update_repeatable, .. } => *update_repeatable,
            _ => None,
        }
    }

    /// What does the broker tell the user? (“Service Broker Errors”)
    pub fn description(&self) -> Option<&str> {
        match self {
            Self::Status { description, .. } => description.as_deref(),
            _ => None,
        }
    }

    fn has_code(&self, wanted: &str) -> bool {
        matches!(self, Self::Status { status: 422, code: Some(code), .. } if code == wanted)
    }

    /// The error that an answer means. Its body may be as specified, or anything else.
    pub(super) fn refusal(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        // A success that is not known here may carry credentials: nothing of it is repeated.
        let body = if (200..300).contains(&status) { &[] } else { body };
        let members: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        let words =
            |text: Option<&str>, max| text.map(|text| excerpt(text, max)).filter(|text| !text.is_empty());
        // So brokers spell it that use the library `brokerapi`, when they do not know the version of the API.
        let misspelt = words(members.get("Description").and_then(Value::as_str), LONGEST_DESCRIPTION);
        let told: ErrorResponse = serde_json::from_value(Value::Object(members)).unwrap_or_default();
        let code = words(told.error.as_deref(), LONGEST_CODE);
        let mut description = words(told.description.as_deref(), LONGEST_DESCRIPTION).or(misspelt);
        if code.is_none() && description.is_none() {
            description = summary(body);
        }
        Self::Status {
            status,
            code,
            description,
            instance_usable: told.instance_usable,
            update_repeatable: told.update_repeatable,
            retry_after,
        }
    }
}

/// What can be read of a body that is not as specified.
fn summary(body: &[u8]) -> Option<String> {
    let summary = excerpt(&without_tags(&String::from_utf8_lossy(body)), LONGEST_BODY);
    (!matches!(summary.as_str(), "" | "{}")).then_some(summary)
}

fn told(code: Option<&str>, description: Option<&str>) -> String {
    let code = code.map(|code| format!(" {code}")).unwrap_or_default();
    let description = description.map(|description| format!(": {description}")).unwrap_or_default();
    code + &description
}

fn to(location: Option<&str>) -> String {
    location.map(|location| format!(", to {location}")).unwrap_or_default()
}

/// The error that the lack of an answer means: was a connection made at all?
pub(super) fn not_answered(error: reqwest::Error) -> Error {
    if error.is_connect() || error.is_builder() {
        Error::Unreachable { reason: reason(error) }
    } else {
        Error::NoAnswer { reason: reason(error) }
    }
}

/// What lies behind an error of the HTTP client, without the URL and the layers of the client.
pub(super) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let causes = std::iter::successors(error.source(), |&cause| cause.source())
        .map(ToString::to_string)
        .filter(|cause| !cause.starts_with("client error ("));
    let mut told: Vec<String> = Vec::new();
    for cause in causes {
        if !told.last().is_some_and(|last| last.ends_with(&cause)) {
            told.push(cause);
        }
    }
    if told.is_empty() { error.to_string() } else { told.join(": ") }
}

#[cfg(test)]
mod tests;
