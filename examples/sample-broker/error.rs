//! Everything that can go wrong with a request, and the answer that the specification has for it.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use service_catalog::osb::ErrorResponse;

/// A request that was not fulfilled. The text is shown to users.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// What the request works on does not exist.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// The same id is used for something else.
    #[error("{0} exists with other attributes")]
    Conflict(&'static str),
    /// What was to be deleted does not exist.
    #[error("it does not exist (any more)")]
    Gone,
    /// The platform speaks another major version of the API, or does not say which.
    #[error("this broker speaks version 2 of the Open Service Broker API")]
    Version,
    /// The service works asynchronously only.
    #[error("this service requires client support for asynchronous operations")]
    AsyncRequired,
    /// Another operation must end first.
    #[error("another operation on this instance is in progress")]
    Concurrency,
    /// The service is there to fail.
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
