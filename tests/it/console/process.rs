//! The process of the console, and users who log in.

use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::browser::Browser;
use crate::cluster::cluster;
use crate::leaks;
use crate::process::{Process, directory, free_address, text, until};

/// A running console. Dropping it kills the process.
pub struct Console {
    /// Its URL.
    pub url: String,
    _process: Process,
}

impl Console {
    /// Starts a console in which users log in with tokens. Its kubeconfig is that of an administrator, whose identity it
    /// must not use.
    pub fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let address = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_service-catalog"));
        command
            .args(["console", "--login", "token", "--listen", &address.to_string(), "--kubeconfig"])
            .arg(cluster().kubeconfig("admin"))
            .env("RUST_LOG", "info,service_catalog=trace");
        let log = directory().join(format!("console-{}.log", COUNT.fetch_add(1, Ordering::Relaxed)));
        let process = Process::start(&command, log.clone());
        leaks::watch(log);
        until("the console listens", || {
            TcpStream::connect(address).map(drop).map_err(|error| error.to_string())
        });
        Self { url: format!("http://localhost:{}", address.port()), _process: process }
    }
}

/// A browser in which a `ServiceAccount` of the namespace is logged in. It has the cluster role of its name; the account
/// `none` has no rights.
pub async fn log_in(console: &Console, namespace: &str, role: &str) -> Browser {
    let kubectl = |arguments: &[&str]| {
        let output = cluster().kubectl(&[arguments, &["--namespace", namespace]].concat());
        assert!(output.status.success(), "{}", text(&output));
        text(&output).trim().to_owned()
    };
    kubectl(&["create", "serviceaccount", role]);
    if role != "none" {
        let account = format!("--serviceaccount={namespace}:{role}");
        kubectl(&["create", "rolebinding", role, &format!("--clusterrole={role}"), &account]);
    }
    let token = kubectl(&["create", "token", role]);
    let browser = Browser::new(&console.url);
    let answer = browser.log_in(&token).await;
    assert_eq!(answer.status, 303, "{answer}");
    browser
}
