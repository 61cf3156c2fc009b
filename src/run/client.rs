//! The client of the reconcilers, behind the leadership fence.

use std::sync::Arc;
use std::time::Duration;

use kube::client::Body;
use kube::client::retry::RetryPolicy;
use kube::{Client, Config};
use tower::buffer::BufferLayer;
use tower::filter::AsyncFilterLayer;
use tower::retry::RetryLayer;
use tower::util::MapRequestLayer;

use crate::leader::Fence;
use crate::metrics::Metrics;
use crate::process::{self, kube_client};
use crate::reconcilers::RequestLimit;

/// Read timeout of a request. Watches are renewed more often.
const READ_TIMEOUT: Duration = Duration::from_mins(5);
/// How many requests may queue for the client.
const QUEUE_LENGTH: usize = 1024;

/// The client of the reconcilers. It counts writes. Each request waits for a permit, and then each write waits until this
/// replica leads. A retry waits again, because leadership may have been lost since the first attempt.
pub fn fenced(mut config: Config, fence: Fence, metrics: Arc<Metrics>) -> Result<Client, process::Error> {
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
    let limited = kube_client::builder(config)?.with_layer(&buffer).with_layer(&fence).with_layer(&limit);
    Ok(limited.with_layer(&retry).with_layer(&count).build())
}

/// How a request is counted as a write: by its method, or as an event. A dry run writes nothing.
fn method_of_write(request: &http::Request<Body>) -> Option<&str> {
    let is_dry_run = request.uri().query().is_some_and(|query| query.contains("dryRun="));
    let is_event = request.uri().path().contains("/events");
    let method = if is_event { "event" } else { request.method().as_str() };
    (!request.method().is_safe() && !is_dry_run).then_some(method)
}
