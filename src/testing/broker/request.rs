//! The requests that a broker receives.

use std::collections::BTreeMap;
use std::fmt;

use axum::body::to_bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

/// The endpoints of the OSB API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `GET /v2/catalog`.
    Catalog,
    /// Provision an instance.
    Provision,
    /// Fetch an instance.
    FetchInstance,
    /// Update an instance.
    Update,
    /// Deprovision an instance.
    Deprovision,
    /// Poll the last operation of an instance.
    PollInstance,
    /// Create a binding.
    Bind,
    /// Fetch a binding.
    FetchBinding,
    /// Delete a binding.
    Unbind,
    /// Poll the last operation of a binding.
    PollBinding,
    /// No endpoint of the API.
    Unknown,
}

impl Endpoint {
    /// Whether a request to this endpoint changes an instance or its bindings.
    pub fn is_mutating(self) -> bool {
        matches!(self, Self::Provision | Self::Update | Self::Deprovision | Self::Bind | Self::Unbind)
    }

    fn of(method: &Method, path: &[&str]) -> Self {
        match (method.as_str(), path) {
            ("GET", ["v2", "catalog"]) => Self::Catalog,
            ("PUT", ["v2", "service_instances", _]) => Self::Provision,
            ("GET", ["v2", "service_instances", _]) => Self::FetchInstance,
            ("PATCH", ["v2", "service_instances", _]) => Self::Update,
            ("DELETE", ["v2", "service_instances", _]) => Self::Deprovision,
            ("GET", ["v2", "service_instances", _, "last_operation"]) => Self::PollInstance,
            ("PUT", ["v2", "service_instances", _, "service_bindings", _]) => Self::Bind,
            ("GET", ["v2", "service_instances", _, "service_bindings", _]) => Self::FetchBinding,
            ("DELETE", ["v2", "service_instances", _, "service_bindings", _]) => Self::Unbind,
            ("GET", ["v2", "service_instances", _, "service_bindings", _, "last_operation"]) => {
                Self::PollBinding
            }
            _ => Self::Unknown,
        }
    }
}

/// A request to a broker.
#[derive(Clone)]
pub struct Request {
    /// The endpoint that the path and method select.
    pub endpoint: Endpoint,
    /// The instance's id; empty if the path has none.
    pub instance: String,
    /// The binding's id; empty if the path has none.
    pub binding: String,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// The body; `null` if there is none.
    pub body: Value,
    headers: HeaderMap,
}

impl fmt::Debug for Request {
    /// Without the headers, which are the same for all requests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, instance, binding, query, body, .. } = self;
        write!(f, "{endpoint:?} {instance} {binding} {query:?} {body}")
    }
}

impl Request {
    /// Reads a request as it arrived over HTTP.
    pub async fn read(request: axum::extract::Request) -> Self {
        let (head, body) = request.into_parts();
        let path: Vec<&str> = head.uri.path().trim_start_matches('/').split('/').collect();
        let id = |at: usize| path.get(at).copied().unwrap_or_default().to_owned();
        let query = head.uri.query().unwrap_or_default();
        // A caller that disconnects before its request is complete counts as a request without a body.
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        Self {
            endpoint: Endpoint::of(&head.method, &path),
            instance: id(2),
            binding: id(4),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
            headers: head.headers,
        }
    }

    /// A header, if it was sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A parameter of the query; empty if it is absent.
    pub fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}
