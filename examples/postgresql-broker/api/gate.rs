//! The middleware of every request: the log, and the checks of user, password and API version.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use service_catalog::osb::header::{API_VERSION, REQUEST_IDENTITY};

use crate::error::Error;

/// The user and password of the platforms. It has no `Debug`, so that it is never logged.
pub struct Credentials(String);

impl Credentials {
    pub fn new(username: &str, password: &str) -> Self {
        Self(BASE64_STANDARD.encode(format!("{username}:{password}")))
    }

    fn are_in(&self, headers: &HeaderMap) -> bool {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, value)) = authorization.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        scheme.eq_ignore_ascii_case("basic") && equal(self.0.as_bytes(), value.trim().as_bytes())
    }
}

/// Compares in constant time, so that the duration does not reveal a matching prefix.
fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

/// Rejects requests without the right credentials or with an unsupported API version.
pub async fn admit(State(credentials): State<Arc<Credentials>>, request: Request, next: Next) -> Response {
    if !credentials.are_in(request.headers()) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"service broker\"")];
        return (challenge, Error::Unauthorized).into_response();
    }
    match check_version(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn check_version(headers: &HeaderMap) -> Result<(), Error> {
    let version = headers.get(API_VERSION).and_then(|value| value.to_str().ok());
    let (major, minor) = version.and_then(|version| version.split_once('.')).unwrap_or_default();
    match (major.parse::<u16>(), minor.parse::<u16>()) {
        (Ok(2), Ok(_)) => Ok(()),
        (Ok(_), Ok(_)) => Err(Error::Version(format!("{major}.{minor}"))),
        _ => Err(Error::BadRequest(format!("the header {API_VERSION} must be present, as MAJOR.MINOR"))),
    }
}

/// Finishes a request even if the platform disconnects: a half-executed request is worse than a lost answer.
pub async fn finish(request: Request, next: Next) -> Result<Response, Error> {
    tokio::spawn(next.run(request)).await.map_err(|error| Error::Internal(error.to_string()))
}

/// Logs one line for each request, without queries and bodies, which may hold secrets; and returns the request's
/// identity to the platform.
pub async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let identity = request.headers().get(REQUEST_IDENTITY).cloned();
    let begin = Instant::now();
    let mut response = next.run(request).await;
    tracing::info!(
        %method,
        path,
        status = response.status().as_u16(),
        milliseconds = begin.elapsed().as_millis(),
        identity = identity.as_ref().and_then(text),
        "answered"
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
    use axum::http::{HeaderMap, StatusCode, header};

    use axum::response::IntoResponse;

    use super::{API_VERSION, Credentials, check_version};

    #[test]
    fn only_the_right_user_and_password_are_let_in() {
        let credentials = Credentials::new("user", "pass:word");
        let cases = [
            (Some("Basic dXNlcjpwYXNzOndvcmQ="), true),
            (Some("basic dXNlcjpwYXNzOndvcmQ="), true),
            (Some("Basic dXNlcjpwYXNzOndvcmX="), false),
            (Some("Basic dXNlcjpwYXNzOndvcm"), false),
            (Some("Bearer dXNlcjpwYXNzOndvcmQ="), false),
            (Some("Basic"), false),
            (None, false),
        ];
        for (value, expected) in cases {
            let headers: HeaderMap =
                value.map(|v| (header::AUTHORIZATION, v.parse().unwrap())).into_iter().collect();
            assert_eq!(credentials.are_in(&headers), expected, "{value:?}");
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
            let headers: HeaderMap = value.map(|v| (API_VERSION, v.parse().unwrap())).into_iter().collect();
            let status = check_version(&headers)
                .map_or_else(|error| error.into_response().status(), |()| StatusCode::OK);
            assert_eq!(status, expected, "{value:?}");
        }
    }
}
