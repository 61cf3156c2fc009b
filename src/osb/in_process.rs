//! Brokers in the same process, for simulations: requests reach them as they would go over the wire.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use url::Url;

use super::Error;

/// A broker: it gets a request with all headers, and answers it, or makes the network fail.
pub(crate) type Broker =
    Arc<dyn Fn(http::Request<Bytes>) -> BoxFuture<'static, Result<Response, Error>> + Send + Sync>;

/// What such a broker answers.
pub(crate) struct Response {
    /// Status, headers and body.
    pub(crate) head_and_body: http::Response<Bytes>,
    /// Why the body is not complete.
    pub(crate) defect: Option<String>,
}

thread_local! {
    static BROKERS: RefCell<HashMap<String, Broker>> = RefCell::default();
}

/// From now on, clients that this thread makes for the URL reach this broker.
pub(crate) fn register(url: &str, broker: Broker) {
    let url = Url::parse(url).unwrap();
    BROKERS.with_borrow_mut(|brokers| brokers.insert(url.into(), broker));
}

/// The broker that was registered for a URL.
pub(super) fn find(base: &Url) -> Option<Broker> {
    BROKERS.with_borrow(|brokers| brokers.get(base.as_str()).cloned())
}
