//! The release build of the operator, and its resource usage.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::cluster::NAMESPACE;
use crate::process::{directory, free_address};

/// A running operator. It is killed when this is dropped, and when the bench ends.
pub struct Operator {
    address: SocketAddr,
    child: Child,
}

/// The resource usage of the operator so far.
#[derive(Clone, Copy)]
pub struct Usage {
    /// CPU time in seconds.
    pub cpu: f64,
    /// Current resident memory in MiB.
    pub resident: f64,
    /// Peak of the resident memory in MiB.
    pub peak: f64,
    /// Writes to the API server.
    pub writes: u32,
}

impl Operator {
    /// Starts an operator and waits until it is ready.
    pub async fn start(kubeconfig: &Path) -> Self {
        let address = free_address();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(directory().join("operator.log"))
            .unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_service-catalog"), "run"])
            .args(["--listen", &address.to_string()])
            .env("KUBECONFIG", kubeconfig)
            .env("POD_NAMESPACE", NAMESPACE)
            .env("POD_NAME", "operator")
            .env("BROKER_ADDRESSES", "127.0.0.0/8")
            .env("GLIBC_TUNABLES", crate::chart_files::tunables())
            .stdout(Stdio::null())
            .stderr(log);
        let operator = Self { address, child: command.spawn().unwrap() };
        for _ in 0..200 {
            if operator.get("readyz").await.is_ok() {
                return operator;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the operator is not ready within 10 s; see {}", directory().display());
    }

    /// Its resource usage so far.
    pub async fn usage(&self) -> Usage {
        let metrics = self.get("metrics").await.unwrap();
        let written = metrics.lines().filter(|line| {
            line.starts_with("servicecatalog_api_write_count_total") && !line.contains("method=\"event\"")
        });
        let stat = self.proc("stat");
        let (_, times) = stat.rsplit_once(')').unwrap();
        // User and system time in ticks of 10 ms.
        let ticks = times.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap());
        Usage {
            cpu: ticks.sum::<f64>() / 100.0,
            resident: mebibytes(self.child.id(), "VmRSS:"),
            peak: mebibytes(self.child.id(), "VmHWM:"),
            writes: written.map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).sum(),
        }
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// The answer to a request to its HTTP server.
    pub async fn get(&self, path: &str) -> reqwest::Result<String> {
        reqwest::get(format!("http://{}/{path}", self.address)).await?.error_for_status()?.text().await
    }
}

/// A size from the status of a process, in MiB.
pub fn mebibytes(process: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1024.0
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
