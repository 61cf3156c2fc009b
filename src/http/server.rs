//! How is a router served, within which limits?
//!
//! The ports can be reached from the whole cluster, so clients are strangers: what a connection may cost in time, memory
//! and file descriptors is limited, for all servers alike.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::RequestBodyDeadlineLayer;
use tracing::debug;

use super::connections::Connections;

/// From the opening of a connection, or from the end of its last response, until a request's header is complete. So it also
/// limits how long a connection is kept alive while idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// From a request's header until its body is complete. A handler that waits for the body gets an error.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The size of a request's header, of which more is answered with 431. Reads and writes are buffered up to it.
pub(super) const MAX_HEADER_BYTES: usize = 16 * 1024;
/// The size of a request's body, of which more is answered with 413.
pub(super) const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
/// Connections at once. One that is too many takes the place of another: see [`Connections`].
pub(super) const MAX_CONNECTIONS: usize = 128;

/// Serves `router` over HTTP/1.1 until it is dropped, which closes all connections. An error of one connection ends that
/// connection only.
pub async fn serve(mut listener: TcpListener, router: Router) -> Infallible {
    let mut connections = Connections::new(MAX_CONNECTIONS);
    loop {
        // axum's `accept` goes on after errors, with a pause if there are no file descriptors.
        let (stream, _) = Listener::accept(&mut listener).await;
        connections.make_room().await;
        connections.add(|in_flight| serve_connection(stream, router.clone(), in_flight));
    }
}

async fn serve_connection(stream: TcpStream, router: Router, in_flight: Arc<()>) {
    let limited = ServiceBuilder::new()
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(RequestBodyDeadlineLayer::new(BODY_TIMEOUT))
        .service(router);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (in_flight, response) = (Arc::clone(&in_flight), limited.clone().oneshot(request));
        async move {
            let response = response.await;
            drop(in_flight);
            response
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        debug!(%error, "closed HTTP connection");
    }
}
