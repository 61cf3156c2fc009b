//! How is a router served, and within which limits?
//!
//! Every pod of the cluster can reach the ports, so clients are not trusted: each server limits the time, the memory
//! and the file descriptors that its connections may cost.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::RequestBodyDeadlineLayer;
use tracing::debug;

use super::connections::Connections;
use super::impatient_stream::ImpatientStream;

/// From the opening of a connection, or from the end of its last response, until a request's header is complete. It is
/// thereby the keep-alive timeout as well. A TLS handshake has the same time before that.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// From the end of a request's header until its body is complete. After that, a handler that reads the body gets an
/// error.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may take to read a response, from the moment at which it first lets the server wait.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest header of a request; a larger one is answered with 431. It is also the size of the read and write
/// buffers.
pub(super) const MAX_HEADER_BYTES: usize = 16 * 1024;
/// The largest body of a request; a larger one is answered with 413.
pub(super) const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;
/// The most connections at once. A further one replaces another: see [`Connections`].
pub const MAX_CONNECTIONS: usize = 128;

/// Serves `router` over HTTP/1.1 until the future is dropped, which closes all connections; over TLS, if there is a `tls`.
/// An error ends only its own connection.
pub async fn serve(mut listener: TcpListener, tls: Option<TlsAcceptor>, router: Router) -> Infallible {
    let mut connections = Connections::new(MAX_CONNECTIONS);
    loop {
        // axum's `accept` never fails: it retries, and waits first if the process has no file descriptors left.
        let (stream, _) = Listener::accept(&mut listener).await;
        connections.make_room().await;
        connections.add(|in_flight| serve_connection(stream, tls.clone(), router.clone(), in_flight));
    }
}

async fn serve_connection(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router, in_flight: Arc<()>) {
    let stream = ImpatientStream::new(stream, WRITE_TIMEOUT);
    let Some(tls) = tls else { return serve_requests(stream, router, in_flight).await };
    match timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => serve_requests(stream, router, in_flight).await,
        Ok(Err(error)) => debug!(%error, "closed connection: the TLS handshake failed"),
        Err(_) => debug!("closed connection: the TLS handshake took too long"),
    }
}

async fn serve_requests(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    in_flight: Arc<()>,
) {
    let service_with_limits = ServiceBuilder::new()
        .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
        .layer(RequestBodyDeadlineLayer::new(BODY_TIMEOUT))
        .service(router);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (in_flight, response) = (Arc::clone(&in_flight), service_with_limits.clone().oneshot(request));
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
