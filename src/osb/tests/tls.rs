//! Which certificates the client trusts.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
};

use rustls::{
    ServerConfig, ServerConnection, Stream,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::*;

// A CA and a certificate of it for 127.0.0.1, both valid for a century and used nowhere else.
const CA: &[u8] = include_bytes!("tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/server.pem");
const KEY: &[u8] = include_bytes!("tls/server.key");
// Two certificates for 127.0.0.1 that are their own CA, as `openssl req -x509` makes them, and their key.
const SELF_SIGNED: &[u8] = include_bytes!("tls/self-signed.pem");
const SELF_SIGNED_EXPIRED: &[u8] = include_bytes!("tls/expired.pem");
const SELF_SIGNED_KEY: &[u8] = include_bytes!("tls/self-signed.key");

/// A broker behind TLS with an empty catalog.
fn broker() -> String {
    broker_with(CERTIFICATE, KEY)
}

fn broker_with(certificate: &[u8], key: &[u8]) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_slice(certificate).unwrap();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], PrivateKeyDer::from_pem_slice(key).unwrap())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut connection = ServerConnection::new(Arc::new(server)).unwrap();
        let mut stream = Stream::new(&mut connection, &mut tcp);
        if stream.read(&mut [0; 4096]).is_ok() {
            let answer =
                b"HTTP/1.1 200 OK\r\ncontent-length: 16\r\nconnection: close\r\n\r\n{\"services\": []}";
            stream.write_all(answer).unwrap();
        }
    });
    url
}

/// Why a tenant's client does not reach the broker under this host name.
async fn refusal(host: &str, ca_bundle: Option<&[u8]>) -> String {
    let ca_bundle = ca_bundle.map(<[u8]>::to_vec);
    let allowed_addresses = Arc::new("127.0.0.0/8,::1".parse().unwrap());
    let url = broker().replace("127.0.0.1", host);
    let config = Config { chosen_by: ChosenBy::Tenant, allowed_addresses, ca_bundle, ..config(&url) };
    Client::new(&config).unwrap().catalog().await.unwrap_err().to_string()
}

/// A tenant learns what is wrong, but not which names the certificate has. Fails with the messages of the TLS library.
#[tokio::test]
async fn a_tenant_is_not_told_what_is_in_a_certificate() {
    for (host, ca_bundle, why) in [
        ("localhost", Some(CA), "its certificate is not valid for the host in the URL"),
        (
            "127.0.0.1",
            None,
            "its certificate is not of a CA that is trusted: set caBundle to the certificate of its CA",
        ),
    ] {
        assert_eq!(refusal(host, ca_bundle).await, format!("the broker cannot be reached: {why}"));
    }
}

async fn catalog(ca_bundle: Option<&[u8]>, insecure_skip_tls_verify: bool) -> Result<Catalog, Error> {
    let ca_bundle = ca_bundle.map(<[u8]>::to_vec);
    let config = Config { ca_bundle, insecure_skip_tls_verify, ..config(&broker()) };
    Client::new(&config).unwrap().catalog().await
}

#[tokio::test]
async fn a_certificate_of_the_configured_ca_is_trusted() {
    catalog(Some(CA), false).await.unwrap();
    let bundle = [CERTIFICATE, b"\nand a comment\n", CA].concat();
    catalog(Some(&bundle), false).await.unwrap();
}

/// As the archived service-catalog did. Seen to fail with webpki alone.
#[tokio::test]
async fn a_certificate_that_is_its_own_ca_is_trusted_if_it_is_in_the_bundle() {
    let catalog = async |certificate, bundle: &[u8], host: &str| {
        let url = broker_with(certificate, SELF_SIGNED_KEY).replace("127.0.0.1", host);
        let config = Config { ca_bundle: Some(bundle.to_vec()), ..config(&url) };
        Client::new(&config).unwrap().catalog().await.map_err(|error| error.to_string())
    };
    catalog(SELF_SIGNED, SELF_SIGNED, "127.0.0.1").await.unwrap();
    catalog(SELF_SIGNED, &[CA, SELF_SIGNED].concat(), "127.0.0.1").await.unwrap();
    for (certificate, bundle, host, why) in [
        (SELF_SIGNED, SELF_SIGNED, "localhost", "certificate not valid for name"),
        (SELF_SIGNED, CA, "127.0.0.1", "its certificate is not of a CA that is trusted"),
        (SELF_SIGNED_EXPIRED, SELF_SIGNED_EXPIRED, "127.0.0.1", "certificate expired"),
        // The same name and key, but another certificate.
        (SELF_SIGNED_EXPIRED, SELF_SIGNED, "127.0.0.1", "certificate expired"),
    ] {
        let error = catalog(certificate, bundle, host).await.unwrap_err();
        assert!(error.contains(why), "{why}: {error}");
    }
}

#[tokio::test]
async fn any_certificate_is_trusted_if_configured() {
    catalog(None, true).await.unwrap();
    catalog(Some(CA), true).await.unwrap();
}

/// What the chart's `trustedCA` relies on. The TLS library reads the variables, so the test runs once more in a process that
/// has them, with a directory as the kubelet mounts it: the files are links.
#[tokio::test]
async fn a_ca_in_ssl_cert_dir_is_trusted_as_well() {
    const TEST: &str = "osb::tests::tls::a_ca_in_ssl_cert_dir_is_trusted_as_well";
    const HAS_VARIABLES: &str = "SSL_CERT_DIR_IS_SET";
    if std::env::var_os(HAS_VARIABLES).is_some() {
        catalog(None, false).await.unwrap();
        return;
    }
    let mount = std::env::temp_dir().join(format!("trusted-ca-{}", std::process::id()));
    std::fs::create_dir_all(mount.join("..data")).unwrap();
    std::fs::write(mount.join("..data/config-map.crt"), CA).unwrap();
    std::os::unix::fs::symlink("..data/config-map.crt", mount.join("config-map.crt")).unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST])
        .env(HAS_VARIABLES, "yes")
        .env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
        .env("SSL_CERT_DIR", &mount)
        .output();
    std::fs::remove_dir_all(&mount).unwrap();
    let said = String::from_utf8_lossy(&output.unwrap().stdout).into_owned();
    assert!(said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn an_unknown_certificate_is_not_trusted_and_nothing_is_sent() {
    let error = catalog(None, false).await.unwrap_err();
    assert!(!error.may_have_happened());
    let text = error.to_string();
    assert!(text.contains("certificate"), "{text}");
}
