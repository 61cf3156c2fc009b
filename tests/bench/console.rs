//! How long do the pages of the console take that users see first, and how much memory do many sessions need?

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::browser::Browser;
use crate::cluster::Cluster;
use crate::load;
use crate::operator::mebibytes;
use crate::process::{Process, directory, free_address, text, until};

/// How many namespaces have users, and how many sessions those of one have: the console lets one user have 20.
const NAMESPACES: u32 = 5;
const SESSIONS_OF_NAMESPACE: u32 = 10;

/// The measured console.
pub struct Measured {
    /// The time of a page with all instances, in the middle of all sessions.
    pub instances: Duration,
    /// The time of a catalog with [`CLASSES`](Measured::CLASSES) and those of the large one.
    pub catalog: Duration,
    /// The resident memory after that, in MiB.
    pub resident: f64,
}

impl Measured {
    /// The number of sessions.
    pub const SESSIONS: u32 = NAMESPACES * SESSIONS_OF_NAMESPACE;
    /// The classes that are published for the page with the catalog.
    pub const CLASSES: u32 = 160;
}

/// A running console with its sessions.
pub struct Console {
    process: Process,
    browsers: Vec<Browser>,
}

impl Console {
    /// Starts a console as the chart does, and logs all users in.
    pub async fn start(cluster: &Cluster) -> Self {
        let address = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_service-catalog"));
        command
            .args(["console", "--login", "token", "--listen", &address.to_string(), "--kubeconfig"])
            .arg(cluster.kubeconfig("admin"))
            .env("GLIBC_TUNABLES", crate::chart_files::tunables());
        let process = Process::start(&command, directory().join("console.log"));
        until("the console listens", || {
            TcpStream::connect(address).map(drop).map_err(|error| error.to_string())
        });
        let url = format!("http://localhost:{}", address.port());
        let mut browsers = Vec::new();
        for number in 0..NAMESPACES {
            let token = token(cluster, &format!("viewers-{number}"));
            for _ in 0..SESSIONS_OF_NAMESPACE {
                let browser = Browser::new(&url);
                let page = browser.log_in(&token).await;
                assert_eq!(page.status, 303, "{page}");
                browsers.push(browser);
            }
        }
        Self { process, browsers }
    }

    /// The time of the page with all instances.
    pub async fn instances(&self) -> Duration {
        self.time(&format!("/ns/{}/instances", load::NAMESPACE)).await
    }

    /// The time of the page with the catalog.
    pub async fn catalog(&self) -> Duration {
        self.time("/catalog").await
    }

    /// The time of a page as a whole, uncompressed: each session gets it once, and half of them sooner than this.
    async fn time(&self, path: &str) -> Duration {
        let mut times = Vec::new();
        for browser in &self.browsers {
            let began = Instant::now();
            let page = browser.get(path).await;
            times.push(began.elapsed());
            assert_eq!(page.status, 200, "{page}");
        }
        times.sort();
        times[times.len() / 2]
    }

    /// The resident memory, in MiB.
    pub fn resident(&self) -> f64 {
        mebibytes(self.process.id(), "VmRSS:")
    }
}

/// A token of a `ServiceAccount` in a new namespace that may see everything.
fn token(cluster: &Cluster, namespace: &str) -> String {
    let kubectl = |arguments: &[&str]| {
        let output = cluster.kubectl(arguments);
        assert!(output.status.success(), "{}", text(&output));
        text(&output).trim().to_owned()
    };
    kubectl(&["create", "namespace", namespace]);
    let account = format!("--serviceaccount={namespace}:viewer");
    kubectl(&["create", "serviceaccount", "viewer", "--namespace", namespace]);
    kubectl(&["create", "clusterrolebinding", namespace, "--clusterrole=cluster-admin", &account]);
    kubectl(&["create", "token", "viewer", "--namespace", namespace, "--duration=2h"])
}
