//! How the Kubernetes API is reached.

use std::sync::Arc;
use std::time::Duration;

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

/// How long an unanswered request keeps a pass waiting; watches are renewed more often.
const TIMEOUT: Duration = Duration::from_mins(5);
/// How many requests may wait for a connection.
const WAITING: usize = 1024;

/// The client of those who work: it counts what it changes, and changes nothing unless this replica leads. A repetition
/// passes the fence as well.
pub fn fenced(mut config: Config, fence: Fence, metrics: Arc<Metrics>) -> Result<Client, Error> {
    config.read_timeout = Some(TIMEOUT);
    let fence = AsyncFilterLayer::new(move |request: http::Request<Body>| fence.clone().admit(request));
    let count = MapRequestLayer::new(move |request: http::Request<Body>| {
        if !request.method().is_safe() {
            metrics.write(request.method().as_str());
        }
        request
    });
    let repeat = RetryLayer::new(RetryPolicy::server_retry());
    let buffer = BufferLayer::new(WAITING);
    Ok(builder(config)?.with_layer(&buffer).with_layer(&fence).with_layer(&repeat).with_layer(&count).build())
}

/// The client of who seeks and keeps the lease: it repeats nothing by itself.
pub fn unfenced(config: Config) -> Result<Client, Error> {
    Ok(builder(config)?.build())
}

/// What sends a request once.
type Sender = BoxService<http::Request<Body>, http::Response<Box<DynBody>>, BoxError>;

fn builder(mut config: Config) -> Result<ClientBuilder<Sender>, Error> {
    config.default_retry = false;
    ClientBuilder::try_from(config).map_err(|error| Error::Api("TLS to the Kubernetes API", Box::new(error)))
}
