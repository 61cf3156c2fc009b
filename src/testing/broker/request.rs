//! What a broker was asked.

use std::collections::BTreeMap;
use std::fmt;

use axum::body::to_bytes;
use http::{HeaderMap, Method};
use serde_json::Value;

/// The endpoints of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// What is there to choose from?
    Catalog,
    /// Make an instance.
    Provision,
    /// Show an instance.
    FetchInstance,
    /// Change an instance.
    Update,
    /// Remove an instance.
    Deprovision,
    /// How far is an instance?
    PollInstance,
    /// Make a binding.
    Bind,
    /// Show a binding.
    FetchBinding,
    /// Remove a binding.
    Unbind,
    /// How far is a binding?
    PollBinding,
    /// There is no such endpoint.
    Unknown,
}

impl Endpoint {
    /// Whether a request to it changes an instance or its bindings.
    pub fn changes_something(self) -> bool {
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

/// A request.
#[derive(Clone)]
pub struct Request {
    /// To what.
    pub endpoint: Endpoint,
    /// The instance's id, if there is one.
    pub instance: String,
    /// The binding's id, if there is one.
    pub binding: String,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// The body; `null` if there is none.
    pub body: Value,
    headers: HeaderMap,
}

impl fmt::Debug for Request {
    /// The headers are the same for all.
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
        // A caller that goes away before its request is complete has asked nothing.
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

    /// A value of the query, or nothing.
    pub fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}
