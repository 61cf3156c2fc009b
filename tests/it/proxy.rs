//! A proxy between an operator and the API server: the operator's writes in a namespace go through the namespace's
//! killpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use reqwest::Certificate;

use crate::cluster::Cluster;
use crate::killpoint::Killpoint;
use crate::server::Server;

/// A proxy. It stops when this is dropped.
pub struct Proxy {
    /// Its URL.
    pub url: String,
    killpoints: Traps,
    _server: Server,
}

type Traps = Arc<Mutex<HashMap<String, Killpoint>>>;

impl Proxy {
    /// Starts a proxy in front of the cluster's API server.
    pub fn start(cluster: &Cluster) -> Self {
        service_catalog::osb::install_tls_provider();
        let certificate = Certificate::from_pem(&cluster.certificate()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap();
        let (server, killpoints) = (cluster.server(), Traps::default());
        let known = Arc::clone(&killpoints);
        let router = Router::new().fallback(async move |request: Request| {
            let effect = effect(&request);
            let killpoint =
                effect.as_ref().and_then(|(namespace, _)| known.lock().unwrap().get(namespace).cloned());
            let forwarded = forward(&client, &server, request);
            match killpoint.zip(effect) {
                Some((killpoint, (_, what))) => killpoint.pass(what, forwarded).await,
                None => forwarded.await,
            }
        });
        let server = Server::start(router);
        Self { url: format!("http://{}", server.address), killpoints, _server: server }
    }

    /// Sets the killpoint of a namespace.
    pub fn set_killpoint(&self, namespace: &str, killpoint: Killpoint) {
        self.killpoints.lock().unwrap().insert(namespace.to_owned(), killpoint);
    }
}

/// The namespace that a request writes in, and the write, for example `PUT serviceinstances/status`.
fn effect(request: &Request) -> Option<(String, String)> {
    let is_dry_run = request.uri().query().is_some_and(|query| query.contains("dryRun="));
    if request.method().is_safe() || is_dry_run {
        return None;
    }
    let path = request.uri().path();
    let mut parts = path.split('/').skip_while(|part| *part != "namespaces").skip(1);
    let (namespace, resource) = (parts.next()?, parts.next()?);
    // No object waits for its events, and they may be lost.
    if resource == "events" {
        return None;
    }
    let subresource = parts.nth(1).map(|part| format!("/{part}")).unwrap_or_default();
    Some((namespace.to_owned(), format!("{} {resource}{subresource}", request.method())))
}

async fn forward(client: &reqwest::Client, server: &str, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let request =
        client.request(head.method, format!("{server}{}", head.uri)).headers(head.headers).body(body);
    // Without an answer, close the connection: the panic silently ends the task that serves it.
    let answer = request.send().await.unwrap_or_else(|_| std::panic::resume_unwind(Box::new("closed")));
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != TRANSFER_ENCODING) {
        response = response.header(name, value);
    }
    let parts = futures::stream::try_unfold(answer, async |mut answer| {
        Ok::<_, reqwest::Error>(answer.chunk().await?.map(|chunk| (chunk, answer)))
    });
    response.body(Body::from_stream(parts)).unwrap()
}
