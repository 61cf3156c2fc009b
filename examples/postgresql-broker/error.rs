//! Everything that can go wrong with a request, and the answer that the specification has for it.

use std::error::Error as _;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use service_catalog::osb::ErrorResponse;

/// A request that was not fulfilled. The text is shown to users.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// User and password are missing or wrong.
    #[error("the user or the password is wrong")]
    Unauthorized,
    /// What the request works on does not exist.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// The same id is used for something else.
    #[error("{0} exists with other attributes")]
    Conflict(&'static str),
    /// What was to be deleted does not exist.
    #[error("it does not exist (any more)")]
    Gone,
    /// The platform speaks another major version of the API.
    #[error("this broker speaks version 2 of the Open Service Broker API, the platform asked for {0}")]
    Version(String),
    /// The plan works asynchronously only.
    #[error("this plan requires client support for asynchronous service operations")]
    AsyncRequired,
    /// Another operation must end first.
    #[error("another operation on this instance is in progress")]
    Concurrency,
    /// The platform's copy of the catalog is out of date.
    #[error("the maintenance information of the plan has changed")]
    MaintenanceInfoConflict,
    /// The request is well-formed and still cannot be fulfilled.
    #[error("{0}")]
    Unprocessable(String),
    /// PostgreSQL did not do what it was told.
    #[error("PostgreSQL: {}", message(.0))]
    Database(#[from] tokio_postgres::Error),
    /// The broker is wrong.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Gone => StatusCode::GONE,
            Self::Version(_) => StatusCode::PRECONDITION_FAILED,
            Self::AsyncRequired
            | Self::Concurrency
            | Self::MaintenanceInfoConflict
            | Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Database(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The word that platforms look for. The specification defines no others.
    fn code(&self) -> Option<&'static str> {
        match self {
            Self::AsyncRequired => Some(ErrorResponse::ASYNC_REQUIRED),
            Self::Concurrency => Some(ErrorResponse::CONCURRENCY_ERROR),
            Self::MaintenanceInfoConflict => Some(ErrorResponse::MAINTENANCE_INFO_CONFLICT),
            _ => None,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = %self, "a request failed");
        }
        let body = ErrorResponse {
            error: self.code().map(str::to_owned),
            description: Some(self.to_string()),
            ..ErrorResponse::default()
        };
        (status, Json(body)).into_response()
    }
}

/// What the server said or, if it did not, what is wrong with the connection.
fn message(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(error), _) => error.message().to_owned(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
