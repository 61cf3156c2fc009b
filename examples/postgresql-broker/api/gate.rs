//! The middleware of every request: the checks of user, password and API version.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use service_catalog::osb::gate::{check_version, is_authorized};

use crate::error::Error;

/// The user and password of the platforms. It has no `Debug`, so that it is never logged.
pub struct Credentials(String);

impl Credentials {
    pub fn new(username: &str, password: &str) -> Self {
        Self(BASE64_STANDARD.encode(format!("{username}:{password}")))
    }

    fn are_in(&self, headers: &HeaderMap) -> bool {
        is_authorized(headers, "basic", &self.0)
    }
}

/// Rejects requests without the right credentials or with an unsupported API version.
pub async fn admit(State(credentials): State<Arc<Credentials>>, request: Request, next: Next) -> Response {
    if !credentials.are_in(request.headers()) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"service broker\"")];
        return (challenge, Error::Unauthorized).into_response();
    }
    match check_version(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => Error::from(error).into_response(),
    }
}

/// Finishes a request even if the platform disconnects: a half-executed request is worse than a lost answer.
pub async fn finish(request: Request, next: Next) -> Result<Response, Error> {
    tokio::spawn(next.run(request)).await.map_err(|error| Error::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, header};

    use super::Credentials;

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
}
