use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, SetOnce, oneshot};
use tokio::time::{sleep, timeout};

use tower::ServiceExt as _;

use super::endpoints::MAX_TEXTS;
use super::server::{MAX_BODY_BYTES, MAX_CONNECTIONS, MAX_HEADER_BYTES};
use super::{endpoints, serve};
use crate::metrics::{Census, Metrics};

/// The limit of every wait in these tests. With paused time it elapses at once if no task can make progress.
const DEADLINE: Duration = Duration::from_mins(2);

async fn start(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, None, router));
    address
}

/// Starts the operator's endpoints, which are not ready yet.
async fn start_operator() -> (SocketAddr, Arc<SetOnce<()>>) {
    let ready = Arc::new(SetOnce::new());
    (start(endpoints(Arc::new(Metrics::default()), Arc::clone(&ready))).await, ready)
}

/// What the server sends until it closes or resets the connection.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut response = Vec::new();
    let _ =
        timeout(DEADLINE, stream.read_to_end(&mut response)).await.expect("the server keeps the connection");
    String::from_utf8(response).unwrap()
}

/// Sends `request` over a new connection; the status and the body of the response.
async fn send(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close the connection before it has read a request that it rejects.
    let _ = stream.write_all(request.as_bytes()).await;
    parse(&read_to_end(&mut stream).await)
}

fn parse(response: &str) -> (u16, String) {
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((response, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_else(|| panic!("no status: {response:?}")), body.to_owned())
}

async fn get_path(address: SocketAddr, path: &str) -> (u16, String) {
    send(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
}

/// Opens connections that send nothing.
async fn connect_silent(address: SocketAddr, number: usize) -> Vec<TcpStream> {
    let mut streams = Vec::new();
    for _ in 0..number {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    streams
}

#[tokio::test]
async fn probes_and_metrics_are_answered() {
    let (address, ready) = start_operator().await;
    assert_eq!(get_path(address, "/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(get_path(address, "/readyz").await, (503, "caches are not synced yet\n".to_owned()));
    ready.set(()).unwrap();
    assert_eq!(get_path(address, "/readyz").await, (200, "ok\n".to_owned()));
    let (status, text) = get_path(address, "/metrics").await;
    assert_eq!(status, 200);
    assert!(text.starts_with("# HELP ") && text.ends_with("# EOF\n"), "{text}");
    assert_eq!(get_path(address, "/").await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_its_header_byte_by_byte_is_cut_off() {
    let (address, _) = start_operator().await;
    let (mut reading, mut writing) = TcpStream::connect(address).await.unwrap().into_split();
    let slow = tokio::spawn(async move {
        writing.write_all(b"GET /livez HTTP/1.1\r\nHost: ").await.unwrap();
        while writing.write_all(b"x").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let mut response = Vec::new();
    let _ =
        timeout(DEADLINE, reading.read_to_end(&mut response)).await.expect("the server keeps the connection");
    assert_eq!(response, b"");
    timeout(DEADLINE, slow).await.expect("the server reads on").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_further_request_is_closed() {
    let (address, _) = start_operator().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(parse(&read_to_end(&mut stream).await), (200, "ok\n".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let address = start(Router::new().route("/", post(async |body: Bytes| body))).await;
    let request = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhalf";
    assert_eq!(send(address, request).await.0, 400);
}

#[tokio::test]
async fn silent_connections_keep_no_probe_from_being_answered() {
    let (address, _) = start_operator().await;
    let mut silent = connect_silent(address, 2 * MAX_CONNECTIONS).await;
    assert_eq!(get_path(address, "/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(read_to_end(&mut silent[0]).await, "", "the oldest connection makes room");
    let newest = silent.last_mut().unwrap();
    newest.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(parse(&read_to_end(newest).await), (200, "ok\n".to_owned()), "the newest connection is kept");
}

#[tokio::test]
async fn silent_connections_end_no_request_in_flight() {
    let (arrived, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (on_arrival, until_finished) = (Arc::clone(&arrived), Arc::clone(&finish));
    let slow = async move || {
        on_arrival.notify_one();
        until_finished.notified().await;
        "done"
    };
    let address = start(Router::new().route("/slow", get(slow)).route("/", get(async || "here"))).await;
    let request = tokio::spawn(async move { get_path(address, "/slow").await });
    timeout(DEADLINE, arrived.notified()).await.expect("the request does not arrive");
    let mut silent = connect_silent(address, 2 * MAX_CONNECTIONS).await;
    assert_eq!(get_path(address, "/").await.0, 200);
    assert_eq!(read_to_end(&mut silent[0]).await, "");
    finish.notify_one();
    assert_eq!(request.await.unwrap(), (200, "done".to_owned()));
}

#[tokio::test]
async fn a_probe_is_answered_while_every_connection_has_a_request_in_flight() {
    let router = Router::new().route("/slow", get(std::future::pending::<()>));
    let address = start(router.route("/livez", get(async || "ok\n"))).await;
    let mut slow = connect_silent(address, MAX_CONNECTIONS).await;
    for stream in &mut slow {
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    }
    assert_eq!(get_path(address, "/livez").await, (200, "ok\n".to_owned()));
}

/// Seen to hang with a scrape on the only worker of the runtime.
#[tokio::test]
async fn probes_are_answered_during_a_scrape() {
    let (metrics, ready) = (Arc::new(Metrics::default()), Arc::new(SetOnce::new()));
    let (began, is_probed) = (Arc::new(Notify::new()), Arc::new(std::sync::Barrier::new(2)));
    let (on_begin, until_probed) = (Arc::clone(&began), Arc::clone(&is_probed));
    metrics.set_census(move || {
        on_begin.notify_one();
        until_probed.wait();
        Census::default()
    });
    let address = start(endpoints(metrics, ready)).await;
    let scrape = tokio::spawn(async move { get_path(address, "/metrics").await });
    timeout(DEADLINE, began.notified()).await.expect("the scrape does not begin");
    assert_eq!(get_path(address, "/livez").await, (200, "ok\n".to_owned()));
    tokio::task::spawn_blocking(move || is_probed.wait()).await.unwrap();
    assert_eq!(scrape.await.unwrap().0, 200);
}

/// A body that says when it is not in memory any more.
struct Announced(Vec<u8>, Option<oneshot::Sender<()>>);

impl AsRef<[u8]> for Announced {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let _ = self.1.take().unwrap().send(());
    }
}

/// The body is larger than what the system buffers. Fails without the limit, and with one that begins anew whenever
/// the client has read something.
#[tokio::test(start_paused = true)]
async fn a_response_that_is_not_read_in_time_is_dropped() {
    for reads in [false, true] {
        let (sender, is_dropped) = oneshot::channel();
        let body = Bytes::from_owner(Announced(vec![b'x'; 32 << 20], Some(sender)));
        let body = Arc::new(std::sync::Mutex::new(Some(body)));
        let once = async move || body.lock().unwrap().take().unwrap();
        let address = start(Router::new().route("/", get(once))).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let slow = tokio::spawn(async move {
            let mut some = vec![0; 128 << 10];
            while reads && stream.read_exact(&mut some).await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
            std::future::pending::<()>().await;
            drop(stream);
        });
        timeout(DEADLINE, is_dropped).await.expect("the server keeps the response").unwrap();
        slow.abort();
    }
}

/// Fails without a limit: each scrape has a text of its own.
#[tokio::test]
async fn slow_scrapes_share_few_texts() {
    let (metrics, counted) = (Arc::new(Metrics::default()), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&counted);
    metrics.set_census(move || {
        count.fetch_add(1, Ordering::Relaxed);
        Census::default()
    });
    let router = endpoints(metrics, Arc::new(SetOnce::new()));
    let scrape = async || {
        let request = http::Request::get("/metrics").body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
        response
    };
    for _ in 0..2 * MAX_TEXTS {
        drop(scrape().await);
    }
    assert_eq!(counted.load(Ordering::Relaxed), 2 * MAX_TEXTS, "texts that were read are not shared");
    let mut unread = Vec::new();
    for _ in 0..2 * MAX_TEXTS {
        unread.push(scrape().await);
    }
    assert_eq!(counted.load(Ordering::Relaxed), 3 * MAX_TEXTS);
    drop(unread);
    scrape().await;
    assert_eq!(counted.load(Ordering::Relaxed), 3 * MAX_TEXTS + 1);
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    let (address, _) = start_operator().await;
    let request = |bytes: usize| {
        let filler = "x".repeat(bytes);
        format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Filler: {filler}\r\n\r\n")
    };
    assert_eq!(send(address, &request(MAX_HEADER_BYTES / 2)).await.0, 200);
    assert_eq!(send(address, &request(MAX_HEADER_BYTES)).await.0, 431);
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused() {
    let router = Router::new().route("/", post(async |body: Bytes| body.len().to_string()));
    let address = start(router).await;
    let request = |headers: &str, body: &str| {
        format!("POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n\r\n{body}")
    };
    let fits = "x".repeat(MAX_BODY_BYTES);
    let sized = |body: &str| request(&format!("Content-Length: {}", body.len()), body);
    assert_eq!(send(address, &sized(&fits)).await, (200, MAX_BODY_BYTES.to_string()));
    // The server rejects a Content-Length without waiting for the body.
    let declared = request(&format!("Content-Length: {}", MAX_BODY_BYTES + 1), "");
    assert_eq!(send(address, &declared).await.0, 413);
    let chunked = |end: &str| {
        request("Transfer-Encoding: chunked", &format!("{MAX_BODY_BYTES:x}\r\n{fits}\r\n{end}0\r\n\r\n"))
    };
    assert_eq!(send(address, &chunked("")).await.0, 200);
    assert_eq!(send(address, &chunked("1\r\nx\r\n")).await.0, 413);
}
