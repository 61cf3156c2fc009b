//! Which requests are let in? Those with the broker's bearer token and a supported version of the API.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tracing::info;

use super::certificate::Served;
use super::error::Error;
use crate::osb::header::{API_VERSION, REQUEST_IDENTITY};

/// Rejects requests without the token, or with an unsupported version of the API.
pub async fn admit(State(identity): State<Arc<Served>>, request: Request, next: Next) -> Response {
    if !has_token(request.headers(), &identity.get().token) {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"template broker\"")];
        return (challenge, Error::Unauthorized).into_response();
    }
    match check_version(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn has_token(headers: &HeaderMap, token: &SecretString) -> bool {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, value)) = authorization.and_then(|value| value.split_once(' ')) else {
        return false;
    };
    scheme.eq_ignore_ascii_case("bearer") && equal(token.expose_secret().as_bytes(), value.trim().as_bytes())
}

/// Compares in constant time, so that the duration does not reveal a matching prefix.
fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
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

/// Logs one line for each request, without queries and bodies, which may hold secrets; and returns the request's
/// identity to the platform.
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

/// Finishes a request even if the platform disconnects: the less often an operation stops halfway, the better. A few
/// requests are processed at once; others wait.
pub async fn finish(
    State(permits): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let permit = permits.acquire_owned().await.map_err(|error| Error::Internal(error.to_string()))?;
    let finished = tokio::spawn(async move {
        let response = next.run(request).await;
        drop(permit);
        response
    });
    finished.await.map_err(|error| Error::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: Option<&str>) -> HeaderMap {
        value.map(|value| (name, value.parse().unwrap())).into_iter().collect()
    }

    #[test]
    fn only_the_token_is_let_in() {
        let token = SecretString::from("secret");
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
            assert_eq!(has_token(&headers(header::AUTHORIZATION, value), &token), expected, "{value:?}");
        }
    }

    #[test]
    fn every_minor_version_of_2_is_understood() {
        let cases = [
            (Some("2.13"), true),
            (Some("2.99"), true),
            (Some("1.17"), false),
            (Some("3.0"), false),
            (Some("two"), false),
            (Some("2"), false),
            (None, false),
        ];
        for (value, expected) in cases {
            assert_eq!(check_version(&headers(API_VERSION, value)).is_ok(), expected, "{value:?}");
        }
    }
}
