//! What went wrong, and what does it mean? (“Service Broker Errors”, “Orphan Mitigation”)

use std::{error::Error as _, time::Duration};

use rustls::CertificateError;
use serde_json::{Map, Value};

use super::address::{ChosenBy, Refused, Unresolved};
use super::json;
use super::redaction::Redactor;
use super::screen::Screen;
use super::text::{beginning, excerpt, without_tags};
use super::trust::is_of_unknown_ca;

mod response;

pub use response::ErrorResponse;

// The lengths, in characters, to which texts from a broker are cut: they end up in conditions and events.
const MAX_CODE_CHARS: usize = 100;
pub(super) const MAX_DESCRIPTION_CHARS: usize = 500;
const MAX_BODY_CHARS: usize = 200;
/// The same for the reason why there is no response. It may repeat names from a certificate.
const MAX_REASON_CHARS: usize = 500;

/// Why a call failed.
///
/// `Display` is a message for users. To keep secrets out of it, it repeats nothing of the request but an unusable id,
/// and of the response only what the specification intends for users, without the client's credentials. Other secrets
/// are the caller's to [redact](Self::redacted): parameters, and the credentials of bindings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An ID cannot be part of a URL, so nothing was sent (“Characters in IDs”).
    #[error("the ID {id:?} cannot be part of a URL")]
    InvalidId {
        /// The id.
        id: String,
    },
    /// The connection failed, so nothing was sent.
    #[error("the broker cannot be reached: {reason}")]
    Unreachable {
        /// The error of the network or of TLS.
        reason: String,
    },
    /// The request was sent, at least in part, but no response came (“Orphan Mitigation”: timeout).
    #[error("the broker did not answer: {reason}")]
    NoAnswer {
        /// Why there is no response.
        reason: String,
    },
    /// The status is not a success for this request (“Service Broker Errors”).
    #[error("the broker answered with status {status}{}", details(code.as_deref(), description.as_deref()))]
    Status {
        /// The status.
        status: u16,
        /// The member `error` of the body.
        code: Option<String>,
        /// The member `description` of the body, or an excerpt of a body that is not as specified.
        description: Option<String>,
        /// Whether the instance can still be used after a failed update or deprovisioning.
        instance_usable: Option<bool>,
        /// Whether the failed update may be sent again.
        update_repeatable: Option<bool>,
        /// The delay that the broker requests with `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The status is a success, but the response violates the specification (“Orphan Mitigation”: malformed).
    #[error("the broker answered with status {status}, but the response is malformed: {reason}")]
    Malformed {
        /// The status.
        status: u16,
        /// What is wrong with the response.
        reason: String,
    },
    /// The broker redirected the request to where the client does not follow.
    #[error("the broker answered with status {status}: the redirect{} is not followed", to(location.as_deref()))]
    Redirected {
        /// The status.
        status: u16,
        /// The origin and path of the target, without credentials and query.
        location: Option<String>,
    },
}

impl Error {
    /// The status of the response, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. }
            | Self::Malformed { status, .. }
            | Self::Redirected { status, .. } => Some(*status),
            Self::InvalidId { .. } | Self::Unreachable { .. } | Self::NoAnswer { .. } => None,
        }
    }

    /// Status 410: is the instance or binding gone? (“Deprovisioning”, “Unbinding”, polling)
    pub fn is_gone(&self) -> bool {
        self.status() == Some(410)
    }

    /// Status 404: does the instance or binding not exist, or not yet? (“Fetching a Service Instance”, “Fetching a
    /// Service Binding”)
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Status 409: is the id in use with other attributes? (“Provisioning”, “Binding”)
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// Status 401 or 403: does the broker reject the credentials? (“Authentication”)
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }

    /// Status 412: does the broker not support this version of the API? (“API Version Header”)
    pub fn is_unsupported_version(&self) -> bool {
        self.status() == Some(412)
    }

    /// Is another operation in progress? (“Service Broker Errors”, `ConcurrencyError`)
    pub fn is_concurrency_error(&self) -> bool {
        self.has_code(ErrorResponse::CONCURRENCY_ERROR)
    }

    /// Does the broker support only asynchronous operation? (“Service Broker Errors”, `AsyncRequired`)
    pub fn is_async_required(&self) -> bool {
        self.has_code(ErrorResponse::ASYNC_REQUIRED)
    }

    /// Does the broker require an application to bind? (“Service Broker Errors”, `RequiresApp`)
    pub fn requires_app(&self) -> bool {
        self.has_code(ErrorResponse::REQUIRES_APP)
    }

    /// Was the request based on an outdated catalog? (“Service Broker Errors”, `MaintenanceInfoConflict`)
    pub fn is_maintenance_info_conflict(&self) -> bool {
        self.has_code(ErrorResponse::MAINTENANCE_INFO_CONFLICT)
    }

    /// May the broker have executed the request? (“Orphan Mitigation”)
    ///
    /// True for a malformed 200 as well, although the specification requires no orphan mitigation after it.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::InvalidId { .. } | Self::Unreachable { .. } | Self::Redirected { .. } => false,
            Self::NoAnswer { .. } | Self::Malformed { .. } => true,
            Self::Status { status, .. } => !(400..500).contains(status),
        }
    }

    /// The delay that the broker requests with `Retry-After`, between one second and one hour.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the instance can still be used, if the broker says so (“Service Broker Errors”).
    pub fn instance_usable(&self) -> Option<bool> {
        match self {
            Self::Status { instance_usable, .. } => *instance_usable,
            _ => None,
        }
    }

    /// Whether the update may be sent again, if the broker says so (“Service Broker Errors”).
    pub fn update_repeatable(&self) -> Option<bool> {
        match self {
            Self::Status { update_repeatable, .. } => *update_repeatable,
            _ => None,
        }
    }

    /// The broker's message for the user (“Service Broker Errors”).
    pub fn description(&self) -> Option<&str> {
        match self {
            Self::Status { description, .. } => description.as_deref(),
            _ => None,
        }
    }

    fn has_code(&self, wanted: &str) -> bool {
        matches!(self, Self::Status { status: 422, code: Some(code), .. } if code == wanted)
    }

    /// The same without the secrets of the redactor.
    #[must_use]
    pub fn redacted(mut self, redactor: &Redactor) -> Self {
        let redact = |text: &mut Option<String>| *text = text.take().map(|text| redactor.redact(&text));
        match &mut self {
            Self::Status { code, description, .. } => {
                if !code.as_deref().is_some_and(ErrorResponse::is_specified) {
                    redact(code);
                }
                redact(description);
            }
            Self::Redirected { location, .. } => redact(location),
            Self::InvalidId { .. }
            | Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::Malformed { .. } => {}
        }
        self
    }

    /// Whether the message repeats a text of the broker.
    pub fn repeats_broker(&self) -> bool {
        match self {
            Self::Status { code, description, .. } => code.is_some() || description.is_some(),
            Self::Redirected { location, .. } => location.is_some(),
            Self::InvalidId { .. }
            | Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::Malformed { .. } => false,
        }
    }

    /// The error for a response that is not a success. The body may be as specified, or anything else.
    pub(super) fn refusal(refusal: &Refusal<'_>, screen: &Screen) -> Self {
        let Refusal { status, retry_after, body, .. } = *refusal;
        // An unexpected success may carry credentials, so nothing of its body is repeated.
        let body = if (200..300).contains(&status) { &[] } else { body };
        let members: Map<String, Value> = json::object(body).unwrap_or_default();
        let cut =
            |text: Option<&str>, max| text.map(|text| screen.line(text, max)).filter(|text| !text.is_empty());
        // Brokers that use the library `brokerapi` misspell the member when they do not support the API version.
        let misspelt = cut(members.get("Description").and_then(Value::as_str), MAX_DESCRIPTION_CHARS);
        let response: ErrorResponse = serde_json::from_value(Value::Object(members)).unwrap_or_default();
        let code = cut(response.error.as_deref(), MAX_CODE_CHARS);
        let mut description = cut(response.description.as_deref(), MAX_DESCRIPTION_CHARS).or(misspelt);
        if code.is_none() && description.is_none() {
            description = match screen.chosen_by {
                ChosenBy::Administrator => summary(body, screen),
                ChosenBy::Tenant => withheld(body, cut(refusal.content_type, MAX_BODY_CHARS)),
            };
        }
        Self::Status {
            status,
            code,
            description,
            instance_usable: response.instance_usable,
            update_repeatable: response.update_repeatable,
            retry_after,
        }
    }
}

/// A response that is not a success.
pub(super) struct Refusal<'a> {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    /// The media type of the body.
    pub(super) content_type: Option<&'a str>,
    pub(super) body: &'a [u8],
}

/// What a tenant is told in the place of a body that is not as specified. It may be from anything that listens at the
/// address that the tenant has chosen.
fn withheld(body: &[u8], content_type: Option<String>) -> Option<String> {
    let content_type = content_type.map(|content_type| format!(" (content type {content_type})"));
    let text = "the body is not an error as Open Service Broker API specifies it, and is not shown";
    (!matches!(body.trim_ascii(), b"" | b"{}")).then(|| text.to_owned() + &content_type.unwrap_or_default())
}

/// An excerpt of a body that is not as specified.
fn summary(body: &[u8], screen: &Screen) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let text = match beginning(&text) {
        // Before the tags are removed: a secret may contain `<`.
        page if page.trim_start().starts_with('<') => screen.redactor.redact(&page),
        text => text.into_owned(),
    };
    let summary = screen.line(&without_tags(&text), MAX_BODY_CHARS);
    (!matches!(summary.as_str(), "" | "{}")).then_some(summary)
}

fn details(code: Option<&str>, description: Option<&str>) -> String {
    let code = code.map(|code| format!(" {code}")).unwrap_or_default();
    let description = description.map(|description| format!(": {description}")).unwrap_or_default();
    code + &description
}

fn to(location: Option<&str>) -> String {
    location.map(|location| format!(" to {location}")).unwrap_or_default()
}

/// The error for a request without a response. If the connection failed, nothing was sent.
pub(super) fn without_response(error: reqwest::Error) -> Error {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    let is_unknown_issuer = causes.any(|cause| {
        let cause = unwrapped(cause).downcast_ref();
        matches!(cause, Some(rustls::Error::InvalidCertificate(error)) if is_of_unknown_ca(error))
    });
    if is_unknown_issuer {
        Error::Unreachable { reason: UNKNOWN_ISSUER.to_owned() }
    } else if error.is_connect() || error.is_builder() {
        Error::Unreachable { reason: reason(error) }
    } else {
        Error::NoAnswer { reason: reason(error) }
    }
}

/// The same for a broker whose address a tenant has chosen. Only what the tenant can correct is told: otherwise the
/// messages would tell which hosts and ports of the operator's network exist. That something accepts a connection
/// cannot be hidden.
pub(super) fn without_response_for_tenant(error: &reqwest::Error) -> Error {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    let told = causes.find_map(correctable);
    if error.is_connect() || error.is_builder() {
        let general =
            "no connection could be established: check its address and port, and whether it speaks TLS";
        Error::Unreachable { reason: told.unwrap_or_else(|| general.to_owned()) }
    } else {
        Error::NoAnswer { reason: told.unwrap_or_else(|| "the connection broke off".to_owned()) }
    }
}

/// The message of a cause that a tenant can correct: the address, the name or the certificate.
fn correctable(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    let cause = unwrapped(cause);
    if let Some(rustls::Error::InvalidCertificate(error)) = cause.downcast_ref() {
        return Some(of_certificate(error).to_owned());
    }
    (cause.is::<Refused>() || cause.is::<Unresolved>()).then(|| excerpt(&cause.to_string(), MAX_REASON_CHARS))
}

/// The error inside of I/O errors, which do not name it as their source.
fn unwrapped<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    inner.map_or(error, |inner| unwrapped(inner))
}

/// What to do about a certificate of an unknown CA.
const UNKNOWN_ISSUER: &str =
    "its certificate is not of a CA that is trusted: set caBundle to the certificate of its CA";

/// What a tenant is told of a certificate: what is wrong with it, and nothing that is in it. It may be that of an
/// internal service, with the names of others.
fn of_certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is not valid for the host in the URL"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet"
        }
        _ if is_of_unknown_ca(error) => UNKNOWN_ISSUER,
        _ => "its certificate is invalid",
    }
}

/// The causes of an error of the HTTP client, without the URL (it may hold credentials) and the client's own layers.
pub(super) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let causes = std::iter::successors(error.source(), |&cause| cause.source())
        .map(ToString::to_string)
        .filter(|cause| !cause.starts_with("client error ("));
    let mut reasons: Vec<String> = Vec::new();
    for cause in causes {
        if !reasons.last().is_some_and(|last| last.ends_with(&cause)) {
            reasons.push(cause);
        }
    }
    let reason = if reasons.is_empty() { error.to_string() } else { reasons.join(": ") };
    excerpt(&reason, MAX_REASON_CHARS)
}

#[cfg(test)]
mod tests;
