//! What the client does for a tenant who has chosen the address of the broker.

use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::{
    broker::{Broker, answer, raw_text},
    *,
};

fn of_tenant(url: &str, allowed: &str) -> Result<Client, ConfigError> {
    let allowed_addresses = Arc::new(allowed.parse().unwrap());
    Client::new(&Config { chosen_by: ChosenBy::Tenant, allowed_addresses, ..config(url) })
}

const LOOPBACK: &str = "0.0.0.0/0,::/0,127.0.0.0/8";

fn catalog() -> axum::response::Response {
    answer(200, r#"{"services": []}"#)
}

/// Fails without the check of the URL, and without the resolver.
#[tokio::test]
async fn a_tenant_reaches_only_allowed_addresses() {
    let broker = Broker::answering((0..9).map(|_| catalog())).await;
    let port = broker.url.rsplit(':').next().unwrap();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let error = of_tenant(&format!("http://{host}:{port}"), "0.0.0.0/0,::/0").err().unwrap();
        assert!(matches!(error, ConfigError::Address(_)), "{host}: {error}");
    }
    let url = format!("http://localhost:{port}");
    let error = of_tenant(&url, "0.0.0.0/0,::/0").unwrap().catalog().await.unwrap_err();
    let reason = "its host has a loopback address that the setting brokerAddresses does not allow";
    assert_eq!(error, Error::Unreachable { reason: reason.to_owned() });
    assert!(broker.requests().is_empty());

    of_tenant(&url, LOOPBACK).unwrap().catalog().await.unwrap();
    of_tenant(&broker.url, LOOPBACK).unwrap().catalog().await.unwrap();
    client(&url).catalog().await.unwrap();
    assert_eq!(broker.requests().len(), 3);
}

/// The messages for a port at which nothing listens and for other failures to connect are one.
#[tokio::test]
async fn a_tenant_is_told_what_can_be_corrected() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let without_tls = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
    });
    for url in [format!("http://{closed}"), format!("https://{without_tls}")] {
        let error = of_tenant(&url, LOOPBACK).unwrap().catalog().await.unwrap_err();
        let reason =
            "no connection could be established: check its address and port, and whether it speaks TLS";
        assert_eq!(error, Error::Unreachable { reason: reason.to_owned() }, "{url}");
    }
    let error = of_tenant("http://broker.invalid", LOOPBACK).unwrap().catalog().await.unwrap_err();
    assert!(error.to_string().contains("its host name cannot be resolved: "), "{error}");
    for text in ["SSH-2.0-OpenSSH\r\n", ""] {
        let error = of_tenant(&raw_text(text).await, LOOPBACK).unwrap().catalog().await.unwrap_err();
        assert_eq!(error, Error::NoAnswer { reason: "the connection broke off".to_owned() });
    }
}

#[tokio::test]
async fn a_tenant_is_not_told_where_another_host_redirects_to() {
    for (location, told) in [
        ("http://10.0.0.1/internal", None),
        ("https://127.0.0.1/v2/catalog", Some("https://127.0.0.1/v2/catalog")),
    ] {
        let mut response = answer(302, "");
        response.headers_mut().insert("location", location.parse().unwrap());
        let broker = Broker::answering([response]).await;
        let error = of_tenant(&broker.url, LOOPBACK).unwrap().catalog().await.unwrap_err();
        assert_eq!(error, Error::Redirected { status: 302, location: told.map(str::to_owned) });
    }
}
