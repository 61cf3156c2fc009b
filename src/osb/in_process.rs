//! Brokers in the same process, for the simulation. They get each request as it would be sent over the wire.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use url::Url;

use super::Error;

/// A broker. It gets a request with all headers, and returns a response or a network error.
pub(crate) type Broker =
    Arc<dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, Result<Response, Error>> + Send + Sync>;

/// The response of an in-process broker.
pub(crate) struct Response {
    /// Status, headers and body.
    pub(crate) head_and_body: http::Response<Bytes>,
    /// Why the body is incomplete; `None` if it is complete.
    pub(crate) defect: Option<String>,
}

thread_local! {
    static BROKERS: RefCell<HashMap<String, Broker>> = RefCell::default();
}

/// Registers a broker. Clients that this thread creates for the URL from now on reach it.
pub(crate) fn register(url: &str, broker: Broker) {
    let url = Url::parse(url).unwrap();
    BROKERS.with_borrow_mut(|brokers| brokers.insert(url.into(), broker));
}

/// The broker that this thread registered for a URL.
pub(super) fn find(base: &Url) -> Option<Broker> {
    BROKERS.with_borrow(|brokers| brokers.get(base.as_str()).cloned())
}
