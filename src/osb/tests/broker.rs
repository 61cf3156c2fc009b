//! A broker with scripted responses that records the requests.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{self, Body, Bytes},
    extract::Request,
    http::request::Parts,
    response::{IntoResponse, Response},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::osb::{Client, tests::client};

pub(super) struct Broker {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<(Parts, Bytes)>>>,
}

impl Broker {
    /// Starts a broker that sends these responses, one for each request.
    pub(super) async fn answering<A: IntoResponse>(answers: impl IntoIterator<Item = A>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), answers)
    }

    pub(super) fn on<A: IntoResponse>(listener: TcpListener, answers: impl IntoIterator<Item = A>) -> Self {
        let script: VecDeque<Response> = answers.into_iter().map(IntoResponse::into_response).collect();
        let script = Arc::new(Mutex::new(script));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let record = requests.clone();
        let router = Router::new().fallback(async move |request: Request<Body>| {
            let (head, body) = request.into_parts();
            let body = body::to_bytes(body, usize::MAX).await.unwrap();
            record.lock().unwrap().push((head, body));
            script.lock().unwrap().pop_front().unwrap_or_else(|| answer(500, "the script is over"))
        });
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, requests }
    }

    pub(super) fn client(&self) -> Client {
        client(&self.url)
    }

    /// The requests so far.
    pub(super) fn requests(&self) -> Vec<(Parts, Bytes)> {
        self.requests.lock().unwrap().clone()
    }

    /// The method, the path with its query, and the body of the only request so far.
    pub(super) fn only_request(&self) -> (String, String) {
        let requests = self.requests();
        assert_eq!(requests.len(), 1);
        let (head, body) = &requests[0];
        (format!("{} {}", head.method, head.uri), String::from_utf8(body.to_vec()).unwrap())
    }
}

/// A response without further headers.
pub(super) fn answer(status: u16, body: &str) -> Response {
    Response::builder().status(status).body(Body::from(body.to_owned())).unwrap()
}

/// A TCP server that accepts one connection, reads the head of a request and leaves the rest to `handle`.
pub(super) async fn raw<F>(handle: impl FnOnce(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut head).await.unwrap(), 0);
        }
        handle(stream).await;
    });
    url
}

/// A TCP server that writes a text and closes the connection.
pub(super) async fn raw_text(text: &'static str) -> String {
    raw(async |mut stream| stream.write_all(text.as_bytes()).await.unwrap()).await
}
