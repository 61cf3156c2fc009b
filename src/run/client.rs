//! The two clients of the Kubernetes API: one behind the leadership fence, one for leader election.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderValue, USER_AGENT};
use hyper_util::client::proxy::matcher::Matcher;
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ClientBuilder, DynBody};
use kube::{Client, Config};
use tower::BoxError;
use tower::buffer::BufferLayer;
use tower::filter::AsyncFilterLayer;
use tower::retry::RetryLayer;
use tower::util::{BoxService, MapRequestLayer};

use super::Error;
use crate::leader::Fence;
use crate::metrics::Metrics;
use crate::reconcilers::RequestLimit;

/// Read timeout of a request. Watches are renewed more often.
const READ_TIMEOUT: Duration = Duration::from_mins(5);
/// How many requests may queue for the client.
const QUEUE_LENGTH: usize = 1024;

/// The configuration without a proxy that `NO_PROXY` excludes. kube compares that variable with the address of the proxy,
/// not with that of the API server. A proxy that the kubeconfig names stays.
pub fn without_excluded_proxy(mut config: Config) -> Config {
    let is_from_environment = ["HTTPS_PROXY", "https_proxy"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok()?.parse().ok())
        .any(|proxy| Some(proxy) == config.proxy_url);
    if is_from_environment && Matcher::from_env().intercept(&config.cluster_url).is_none() {
        config.proxy_url = None;
    }
    config
}

/// The client of the reconcilers. It counts writes. Each request waits for a permit, and then each write waits until this
/// replica leads. A retry waits again, because leadership may have been lost since the first attempt.
pub fn fenced(mut config: Config, fence: Fence, metrics: Arc<Metrics>) -> Result<Client, Error> {
    config.read_timeout = Some(READ_TIMEOUT);
    let fence = AsyncFilterLayer::new(move |request: http::Request<Body>| fence.clone().admit(request));
    let count = MapRequestLayer::new(move |request: http::Request<Body>| {
        if let Some(method) = method_of_write(&request) {
            metrics.write(method);
        }
        request
    });
    let retry = RetryLayer::new(RetryPolicy::server_retry());
    let buffer = BufferLayer::new(QUEUE_LENGTH);
    let limit = RequestLimit::default();
    let limited = builder(config)?.with_layer(&buffer).with_layer(&fence).with_layer(&limit);
    Ok(limited.with_layer(&retry).with_layer(&count).build())
}

/// How a request is counted as a write: by its method, or as an event. A dry run writes nothing.
fn method_of_write(request: &http::Request<Body>) -> Option<&str> {
    let is_dry_run = request.uri().query().is_some_and(|query| query.contains("dryRun="));
    let is_event = request.uri().path().contains("/events");
    let method = if is_event { "event" } else { request.method().as_str() };
    (!request.method().is_safe() && !is_dry_run).then_some(method)
}

/// The client of the leader election. It does not retry: the election decides when to try again.
pub fn unfenced(config: Config) -> Result<Client, Error> {
    Ok(builder(config)?.build())
}

/// The service that sends a request once.
type Sender = BoxService<http::Request<Body>, http::Response<Box<DynBody>>, BoxError>;

/// Every request has the operator's name as its user agent, and with it every write a field manager: where a request names
/// none, the API server takes the user agent up to the slash. So `managedFields` names the operator in all objects that it
/// writes, also in events and the lease, for example for `managedFieldsManagers` of Argo CD.
fn builder(mut config: Config) -> Result<ClientBuilder<Sender>, Error> {
    config.default_retry = false;
    let agent = HeaderValue::from_static(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
    config.headers.push((USER_AGENT, agent));
    ClientBuilder::try_from(config)
        .map_err(|error| Error::Api("cannot set up TLS for the Kubernetes API", Box::new(error)))
}
