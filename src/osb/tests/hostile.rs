//! Brokers that hang, close the connection early or never stop sending.

use std::time::Duration;

use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::{
    broker::{Broker, answer, raw, raw_text},
    *,
};

const ENDLESS: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn impatient(url: &str) -> Client {
    Client::new(&Config { timeout: Duration::from_millis(300), ..config(url) }).unwrap()
}

async fn provision(client: &Client) -> Result<Reply<ProvisionResponse>, Error> {
    client.provision("i", &ProvisionRequest::default(), None).await
}

fn malformed(result: Result<impl std::fmt::Debug, Error>) -> (u16, String) {
    match result.unwrap_err() {
        Error::Malformed { status, reason } => (status, reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn refused_connections_are_surely_without_effect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://jane:secret@{}", listener.local_addr().unwrap());
    drop(listener);
    let error = provision(&client(&url)).await.unwrap_err();
    assert!(!error.may_have_happened());
    let text = error.to_string();
    assert!(text.starts_with("the broker cannot be reached: tcp connect error: "), "{text}");
    assert!(text.contains("refused"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn unknown_hosts_are_surely_without_effect() {
    let error = provision(&client("http://broker.invalid")).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_surely_without_effect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let config = Config { insecure_skip_tls_verify: true, ..config(&url) };
    let error = provision(&Client::new(&config).unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_off_leaves_it_open() {
    for text in ["", "HTTP/1.1 201 Cre", "nonsense\r\n\r\n"] {
        let error = provision(&client(&raw_text(text).await)).await.unwrap_err();
        assert!(matches!(error, Error::NoAnswer { .. }), "{text:?}: {error:?}");
        assert!(error.may_have_happened());
    }
}

#[tokio::test]
async fn a_broker_that_hangs_is_left_at_the_timeout() {
    let url = raw(async |stream| {
        std::future::pending::<()>().await;
        drop(stream);
    });
    let error = provision(&impatient(&url.await)).await.unwrap_err();
    assert_eq!(error, Error::NoAnswer { reason: "timed out after 300ms".to_owned() });
}

#[tokio::test]
async fn a_body_that_ends_early_is_malformed() {
    let url = raw_text("HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{}").await;
    let (status, reason) = malformed(provision(&client(&url)).await);
    assert_eq!(status, 201);
    assert!(reason.starts_with("it ended early: "), "{reason}");
}

#[tokio::test]
async fn a_body_that_does_not_end_is_malformed() {
    let url = raw(async |mut stream| {
        stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 100\r\n\r\n{").await.unwrap();
        std::future::pending::<()>().await;
    });
    let (status, reason) = malformed(provision(&impatient(&url.await)).await);
    assert_eq!((status, reason.as_str()), (202, "it did not end in time"));
}

#[tokio::test]
async fn the_status_of_a_refusal_counts_even_if_the_body_is_cut_off() {
    let refused = raw_text("HTTP/1.1 400 Bad Request\r\ncontent-length: 100\r\n\r\nno such plan").await;
    let error = provision(&client(&refused)).await.unwrap_err();
    assert_eq!(error.to_string(), "the broker answered with status 400: no such plan");

    // Nothing is lost by another DELETE, and something by taking half a page of a proxy for a confirmation.
    let deleted = raw_text("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n").await;
    let error = client(&deleted).deprovision("i", &plan_query(), None).await.unwrap_err();
    assert!(matches!(error, Error::Malformed { status: 200, .. }), "{error}");
}

/// A broker whose response never ends, and a channel for the number of MiB that it could write.
async fn endless() -> (String, tokio::sync::oneshot::Receiver<usize>) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let url = raw(async |mut stream| {
        stream.write_all(ENDLESS).await.unwrap();
        let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
        let mut written = 0;
        while stream.write_all(&chunk).await.is_ok() {
            written += 1;
        }
        sender.send(written).unwrap();
    });
    (url.await, receiver)
}

#[tokio::test]
async fn answers_without_end_are_given_up_at_the_limit() {
    let (url, written) = endless().await;
    let (status, reason) = malformed(client(&url).catalog().await);
    assert_eq!((status, reason.as_str()), (200, "it is longer than the limit of 1024 KiB"));
    assert!((1..24).contains(&written.await.unwrap()));

    let (url, written) = endless().await;
    let (status, reason) = malformed(provision(&client(&url)).await);
    assert_eq!((status, reason.as_str()), (200, "it is longer than the limit of 64 KiB"));
    assert!(written.await.unwrap() < 24);
}

#[tokio::test]
async fn answers_up_to_the_limit_are_read() {
    let (limit, of_credentials) = (64 << 10, 1536 << 10);
    for (limit, credentials) in [(limit, false), (of_credentials, true)] {
        for (length, fits) in [(limit, true), (limit + 1, false)] {
            let body = "{}".to_owned() + &" ".repeat(length - 2);
            let broker = Broker::answering([answer(201, &body)]).await;
            let client = broker.client();
            let is_ok = if credentials {
                client.bind("i", "b", &BindRequest::default(), false, None).await.is_ok()
            } else {
                provision(&client).await.is_ok()
            };
            assert_eq!(is_ok, fits, "{length}");
        }
    }
}
