//! The operator behind an HTTP proxy that connects it to the API server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::cluster::NAMESPACE;
use crate::few_namespaces;
use crate::process::{Process, directory, free_address, until};

/// An HTTP proxy. It ends with the tests.
struct Proxy {
    address: SocketAddr,
    targets: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), targets: Arc::default() };
        let targets = Arc::clone(&proxy.targets);
        thread::spawn(move || {
            for client in listener.incoming() {
                let targets = Arc::clone(&targets);
                thread::spawn(move || serve(client.unwrap(), &targets));
            }
        });
        proxy
    }

    fn targets(&self) -> Vec<String> {
        self.targets.lock().unwrap().clone()
    }
}

/// Answers `CONNECT host:port`, then copies in both directions.
fn serve(mut client: TcpStream, targets: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = BufReader::new(client.try_clone().ok()?).lines();
    let target = head.next()?.ok()?.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    while !head.next()?.ok()?.is_empty() {}
    let server = TcpStream::connect(&target).ok()?;
    targets.lock().unwrap().push(target);
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
    let (mut from_client, mut to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
    std::io::copy(&mut &server, &mut client).ok()?;
    Some(())
}

/// Starts a standby whose environment has this proxy, and waits until it has read everything.
fn read_everything(proxy: &Proxy, no_proxy: &str) {
    let cluster = few_namespaces::shared();
    let mut command = Command::new(env!("CARGO_BIN_EXE_service-catalog"));
    let options = if few_namespaces::is_mode() { few_namespaces::options(cluster) } else { Vec::new() };
    command
        .args(["run", "--listen", &free_address().to_string()])
        .args(options)
        .env("KUBECONFIG", cluster.kubeconfig("operator"))
        .env("POD_NAMESPACE", NAMESPACE)
        .env("POD_NAME", "behind-a-proxy")
        // Not by its address: kube would find that in NO_PROXY, although it is the proxy's.
        .env("HTTPS_PROXY", format!("http://localhost:{}", proxy.address.port()))
        .env("NO_PROXY", no_proxy);
    let log = directory().join(format!("operator-behind-{}.log", proxy.address.port()));
    let mut process = Process::start(&command, log);
    until("the operator has read everything", || {
        process.must_live();
        let log = process.log();
        if log.contains("caches synced") { Ok(()) } else { Err(log) }
    });
}

#[test]
fn the_api_server_is_reached_through_a_proxy_unless_it_is_exempt() {
    let server = few_namespaces::shared().server();
    let proxy = Proxy::start();
    read_everything(&proxy, "127.0.0.1");
    assert_eq!(proxy.targets(), Vec::<String>::new());
    read_everything(&proxy, "example.com");
    let targets = proxy.targets();
    assert!(!targets.is_empty());
    assert!(targets.iter().all(|target| server.ends_with(target)), "{server}: {targets:?}");
}
