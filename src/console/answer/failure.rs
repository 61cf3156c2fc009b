//! What can go wrong with a request, and with which status is it answered? `pages/failure` has the words.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kube::core::Status;
use tracing::warn;

use crate::console::access::reading::Refusal;
use crate::console::access::{Stranger, Unavailable};

/// What the console tried at the API server on the user's behalf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempt {
    /// The verb, such as `patch`.
    pub verb: &'static str,
    /// The resource with its group, such as `serviceinstances.servicecatalog.k8s.io`.
    pub resource: String,
    /// The namespace; `None` for a cluster-wide object, or for all namespaces.
    pub namespace: Option<String>,
    /// The object; `None` for a list.
    pub name: Option<String>,
}

/// Why the API server does not accept a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejection {
    /// The reason of the status, such as `AlreadyExists`, `Conflict` or `Invalid`.
    pub reason: String,
    /// What the API server says.
    pub message: String,
    /// What it says about single fields: the path, such as `spec.parameters.size`, and the words. May be empty.
    pub causes: Vec<(String, String)>,
}

impl Rejection {
    fn of(status: &Status) -> Self {
        let causes = status.details.iter().flat_map(|details| &details.causes);
        Self {
            reason: status.reason.clone(),
            message: status.message.clone(),
            causes: causes.map(|cause| (cause.field.clone(), cause.message.clone())).collect(),
        }
    }

    /// What is wrong, each with the path of the field. The path is empty for the object as a whole.
    pub fn into_causes(self) -> Vec<(String, String)> {
        let Self { message, mut causes, .. } = self;
        causes.retain(|(_, message)| !message.is_empty());
        if causes.is_empty() { vec![(String::new(), message)] } else { causes }
    }

    /// Whether another object has the name.
    pub fn is_name_taken(&self) -> bool {
        self.reason == "AlreadyExists"
    }

    /// Whether the object has changed since it was read.
    pub fn is_outdated(&self) -> bool {
        self.reason == "Conflict"
    }
}

/// Why a request has not done what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no such page or object.
    NotFound,
    /// The cluster has no such kind: the service catalog is not installed.
    NotInstalled,
    /// The address has parts that no page of the console would send.
    Malformed,
    /// The method is not allowed here.
    WrongMethod,
    /// The API server does not let the user do this. With its words.
    Refused(Attempt, String),
    /// The API server does not accept this change: it is invalid, in conflict, or against a policy. With its words.
    Rejected(Attempt, Box<Rejection>),
    /// The API server does not know the user any more.
    SignedOut,
    /// There is no user.
    Stranger(Stranger),
    /// The API server has too much to do. With the seconds after which it wants to be asked again.
    Busy(Option<u32>),
    /// The API server cannot be reached, or its answer makes no sense.
    Unreachable,
    /// The request does not come from a page of the console, or from one of another session.
    Forged,
    /// The console has too much to do.
    ConsoleBusy,
    /// The form is too large.
    TooLarge,
    /// The page would be too large.
    PageTooLarge,
    /// The console itself cannot go on.
    Internal,
}

impl Failure {
    /// What an error of the API server means.
    pub fn of(error: &kube::Error, attempt: Attempt) -> Self {
        if let kube::Error::Service(error) = error
            && let Some(refusal) = error.downcast_ref::<Refusal>()
        {
            return match refusal {
                Refusal::TooMuch => Self::PageTooLarge,
                Refusal::Busy => Self::ConsoleBusy,
            };
        }
        let kube::Error::Api(status) = error else {
            // Errors of the transport contain addresses, but neither credentials nor bodies.
            let Attempt { verb, resource, .. } = attempt;
            warn!(verb, resource, %error, "the API server is unreachable");
            return Self::Unreachable;
        };
        let retry_after = status.details.as_ref().map(|details| details.retry_after_seconds);
        match status.code {
            401 => Self::SignedOut,
            403 => Self::Refused(attempt, status.message.clone()),
            404 => Self::NotFound,
            400 | 405 | 409 | 410 | 413 | 415 | 422 => {
                Self::Rejected(attempt, Box::new(Rejection::of(status)))
            }
            429 => Self::Busy(retry_after.filter(|seconds| *seconds > 0)),
            _ => Self::Unreachable,
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound | Self::NotInstalled => StatusCode::NOT_FOUND,
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Refused(..) | Self::Forged => StatusCode::FORBIDDEN,
            Self::Rejected(..) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Stranger(Stranger::Unreachable) | Self::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
            Self::SignedOut | Self::Stranger(_) => StatusCode::UNAUTHORIZED,
            Self::Busy(_) | Self::ConsoleBusy => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Internal | Self::PageTooLarge => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether the same request may succeed later.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Busy(_)
                | Self::ConsoleBusy
                | Self::Unreachable
                | Self::SignedOut
                | Self::Stranger(_)
                | Self::Internal
        )
    }

    /// Whether the user was refused, and may see the rest of a page without what this was about.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(..))
    }

    /// Whether another object has the name.
    pub fn is_name_taken(&self) -> bool {
        matches!(self, Self::Rejected(_, rejection) if rejection.is_name_taken())
    }
}

impl From<Unavailable> for Failure {
    fn from(_: Unavailable) -> Self {
        Self::Internal
    }
}

/// The layer `frame` makes a page of it.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
