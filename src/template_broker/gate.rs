//! Which requests are let in? Those with the broker's bearer token and a supported version of the API.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret as _;
use tokio::sync::Semaphore;

use super::certificate::Served;
use super::error::Error;
use crate::osb::gate::{check_version, is_authorized};

/// Rejects requests without the token, or with an unsupported version of the API.
pub async fn admit(State(identity): State<Arc<Served>>, request: Request, next: Next) -> Response {
    if !is_authorized(request.headers(), "bearer", identity.get().token.expose_secret()) {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"template broker\"")];
        return (challenge, Error::Unauthorized).into_response();
    }
    match check_version(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => Error::from(error).into_response(),
    }
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
