//! The errors of requests, and the specification's answers for them.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use service_catalog::osb::ErrorResponse;

/// The error of a request. Platforms show its text to users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request is invalid.
    #[error("{0}")]
    BadRequest(String),
    /// The request's object does not exist.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// The id exists with other attributes.
    #[error("{0} exists with other attributes")]
    Conflict(&'static str),
    /// The object to delete does not exist.
    #[error("it does not exist (any more)")]
    Gone,
    /// The platform uses another major version of the API, or sends none.
    #[error("this broker supports version 2 of the Open Service Broker API")]
    Version,
    /// The service only works asynchronously.
    #[error("this service requires client support for asynchronous operations")]
    AsyncRequired,
    /// Another operation must end first.
    #[error("another operation on this instance is in progress")]
    Concurrency,
    /// A fault of the catalog.
    #[error("this service is made to fail like this")]
    Scripted(StatusCode),
}

impl Error {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Gone => StatusCode::GONE,
            Self::Version => StatusCode::PRECONDITION_FAILED,
            Self::AsyncRequired | Self::Concurrency => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Scripted(status) => *status,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let code = match self {
            Self::AsyncRequired => Some(ErrorResponse::ASYNC_REQUIRED),
            Self::Concurrency => Some(ErrorResponse::CONCURRENCY_ERROR),
            _ => None,
        };
        let body = ErrorResponse {
            error: code.map(str::to_owned),
            description: Some(self.to_string()),
            ..ErrorResponse::default()
        };
        (self.status(), Json(body)).into_response()
    }
}
