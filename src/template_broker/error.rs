//! What does the broker answer to a request that it does not fulfil? (OSB, “Service Broker Errors”)
//!
//! **Never 401 or 403 for what a user may not do.** The operator takes several of these for wrong credentials, and
//! suspends the broker for everybody. What the API server refuses a user is a 400.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tracing::{error, warn};

use super::acting::Refused;
use crate::osb::ErrorResponse;
use crate::osb::gate::VersionError;
use crate::template::Problems;

/// Why a request is not fulfilled. Users see the text.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is invalid, or the API server refuses the user what it asks for.
    #[error("{0}")]
    BadRequest(String),
    /// The platform's credentials are missing or wrong.
    #[error("the bearer token is missing or wrong")]
    Unauthorized,
    /// The object of the request does not exist.
    #[error("{0} does not exist")]
    NotFound(&'static str),
    /// The ID exists with other attributes.
    #[error("{0}")]
    Conflict(String),
    /// What is to be deleted does not exist.
    #[error("it does not exist (any more)")]
    Gone,
    /// The platform does not use version 2 of the API.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The request works only asynchronously.
    #[error("this service requires client support for asynchronous service operations")]
    AsyncRequired,
    /// Another operation has to end first.
    #[error("another operation on this instance is in progress")]
    Concurrency,
    /// The object in the cluster has changed since the platform sent the request.
    #[error("the object has changed meanwhile: {0}")]
    Outdated(&'static str),
    /// The platform's copy of the catalog is out of date.
    #[error("the template has another version now")]
    MaintenanceInfoConflict,
    /// The API server does not answer, or fails.
    #[error("the Kubernetes API server does not answer the template broker, or fails")]
    ApiServer(String),
    /// The broker has just been started, and does not know the templates yet.
    #[error("the template broker does not know the templates yet")]
    NotReady,
    /// A defect, or a record that another program has changed.
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
            Self::AsyncRequired | Self::Concurrency | Self::Outdated(_) | Self::MaintenanceInfoConflict => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::ApiServer(_) | Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The error code for platforms. The specification defines no others.
    fn code(&self) -> Option<&'static str> {
        match self {
            Self::AsyncRequired => Some(ErrorResponse::ASYNC_REQUIRED),
            Self::Concurrency | Self::Outdated(_) => Some(ErrorResponse::CONCURRENCY_ERROR),
            Self::MaintenanceInfoConflict => Some(ErrorResponse::MAINTENANCE_INFO_CONFLICT),
            _ => None,
        }
    }
}

impl From<kube::Error> for Error {
    /// A request that the broker made for itself.
    fn from(error: kube::Error) -> Self {
        Self::ApiServer(error.to_string())
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self::BadRequest(problems.to_string())
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::BadRequest(refused.to_string())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        match &self {
            Self::Internal(_) => error!(error = %self, "request failed"),
            Self::ApiServer(error) => warn!(error, "request failed: the API server is not available"),
            _ => {}
        }
        let body = ErrorResponse {
            error: self.code().map(str::to_owned),
            description: Some(self.to_string()),
            ..ErrorResponse::default()
        };
        (status, Json(body)).into_response()
    }
}
