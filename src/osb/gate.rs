//! What does every broker check of a request, and log? For brokers in Rust; the client needs none of it.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tracing::info;

use super::header::{API_VERSION, REQUEST_IDENTITY};

/// Why a broker does not process a request of this version of the API (“API Version Header”).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// The platform uses another major version.
    #[error("this broker supports version 2 of the Open Service Broker API, the platform sent {0}")]
    Unsupported(String),
    /// The header is missing, or is no version.
    #[error("the header {API_VERSION} must be present, as MAJOR.MINOR")]
    Malformed,
}

impl VersionError {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unsupported(_) => StatusCode::PRECONDITION_FAILED,
            Self::Malformed => StatusCode::BAD_REQUEST,
        }
    }
}

/// Checks that the platform uses version 2 of the API. A broker understands every minor version of it.
pub fn check_version(headers: &HeaderMap) -> Result<(), VersionError> {
    let version = headers.get(API_VERSION).and_then(text);
    let (major, minor) = version.and_then(|version| version.split_once('.')).unwrap_or_default();
    match (major.parse::<u16>(), minor.parse::<u16>()) {
        (Ok(2), Ok(_)) => Ok(()),
        (Ok(_), Ok(_)) => Err(VersionError::Unsupported(format!("{major}.{minor}"))),
        _ => Err(VersionError::Malformed),
    }
}

/// Whether the header `Authorization` has this secret, in the scheme `Basic` or `Bearer` (RFC 9110, “Authorization”).
pub fn is_authorized(headers: &HeaderMap, scheme: &str, secret: &str) -> bool {
    let authorization = headers.get(header::AUTHORIZATION).and_then(text);
    let Some((given_scheme, given)) = authorization.and_then(|value| value.split_once(' ')) else {
        return false;
    };
    given_scheme.eq_ignore_ascii_case(scheme) && equal(secret.as_bytes(), given.trim().as_bytes())
}

/// Compares in constant time, so that the duration does not reveal a matching prefix.
fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// Middleware that logs one line for each request, without queries and bodies, which may hold secrets; and returns the
/// request's identity to the platform (“Request Identity Header”).
pub async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let identity = request.headers().get(REQUEST_IDENTITY).cloned();
    let begin = Instant::now();
    let mut response = next.run(request).await;
    info!(
        %method,
        path,
        status = response.status().as_u16(),
        milliseconds = begin.elapsed().as_millis(),
        identity = identity.as_ref().and_then(text),
        "answered request"
    );
    if let Some(identity) = identity {
        response.headers_mut().insert(REQUEST_IDENTITY, identity);
    }
    response
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(name: HeaderName, value: Option<&str>) -> HeaderMap {
        value.map(|value| (name, value.parse().unwrap())).into_iter().collect()
    }

    #[test]
    fn only_the_secret_is_let_in_in_its_scheme() {
        let cases = [
            (Some("Bearer secret"), true),
            (Some("bearer secret"), true),
            (Some("Bearer secreT"), false),
            (Some("Bearer secre"), false),
            (Some("Basic secret"), false),
            (Some("Bearer"), false),
            (Some("Bearer "), false),
            (None, false),
        ];
        for (value, expected) in cases {
            let headers = headers(header::AUTHORIZATION, value);
            assert_eq!(is_authorized(&headers, "bearer", "secret"), expected, "{value:?}");
        }
    }

    #[test]
    fn every_minor_version_of_2_is_understood() {
        let cases = [
            (Some("2.13"), StatusCode::OK),
            (Some("2.17"), StatusCode::OK),
            (Some("2.99"), StatusCode::OK),
            (Some("1.17"), StatusCode::PRECONDITION_FAILED),
            (Some("3.0"), StatusCode::PRECONDITION_FAILED),
            (Some("two"), StatusCode::BAD_REQUEST),
            (Some("2"), StatusCode::BAD_REQUEST),
            (None, StatusCode::BAD_REQUEST),
        ];
        for (value, expected) in cases {
            let checked = check_version(&headers(API_VERSION, value));
            let status = checked.map_or_else(|error| error.status(), |()| StatusCode::OK);
            assert_eq!(status, expected, "{value:?}");
        }
    }
}
