//! The errors of requests, and the specification's answers for them.

use std::error::Error as _;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use service_catalog::osb::{ErrorResponse, gate::VersionError};

/// The error of a request. Platforms show its text to users.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is invalid.
    #[error("{0}")]
    BadRequest(String),
    /// The credentials are missing or wrong.
    #[error("wrong username or password")]
    Unauthorized,
    /// The request's object does not exist.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// The id exists with other attributes.
    #[error("{0} exists with other attributes")]
    Conflict(&'static str),
    /// The object to delete does not exist.
    #[error("it does not exist (any more)")]
    Gone,
    /// The platform does not use version 2 of the API.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The plan only works asynchronously.
    #[error("this plan requires client support for asynchronous service operations")]
    AsyncRequired,
    /// Another operation must end first.
    #[error("another operation on this instance is in progress")]
    Concurrency,
    /// The platform's copy of the catalog is out of date.
    #[error("the maintenance information of the plan has changed")]
    MaintenanceInfoConflict,
    /// The request is valid, but the broker cannot fulfil it.
    #[error("{0}")]
    Unprocessable(String),
    /// PostgreSQL failed.
    #[error("PostgreSQL: {}", message(.0))]
    Database(#[from] tokio_postgres::Error),
    /// A defect of the broker.
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
            Self::Version(error) => error.status(),
            Self::AsyncRequired
            | Self::Concurrency
            | Self::MaintenanceInfoConflict
            | Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Database(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The error code for platforms. The specification defines no others.
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
            tracing::error!(error = %self, "request failed");
        }
        let body = ErrorResponse {
            error: self.code().map(str::to_owned),
            description: Some(self.to_string()),
            ..ErrorResponse::default()
        };
        (status, Json(body)).into_response()
    }
}

/// The server's message or, without one, the error of the connection.
fn message(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(error), _) => error.message().to_owned(),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}
