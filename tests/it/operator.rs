//! The operator under test: the real binary with the chart's RBAC.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::chart_files::tunables;
use crate::cluster::{Cluster, NAMESPACE};
use crate::few_namespaces;
use crate::leaks;
use crate::namespace::{PATIENCE, eventually};
use crate::process::{Process, directory, free_address, until};
use crate::scripted::env;

/// Where the brokers of the tests are.
const BROKER_ADDRESSES: &str = "127.0.0.0/8";

/// A running operator. Dropping it kills the process (`kill -9`).
pub struct Operator {
    /// The address of its probes and metrics.
    pub address: SocketAddr,
    process: Process,
}

/// The operator that the tests share.
pub fn operator() -> &'static Operator {
    static OPERATOR: LazyLock<Operator> = LazyLock::new(|| {
        let cluster = few_namespaces::shared();
        let options = if few_namespaces::is_mode() { few_namespaces::options(cluster) } else { Vec::new() };
        Operator::start(cluster, &options.iter().map(String::as_str).collect::<Vec<_>>())
    });
    &OPERATOR
}

impl Operator {
    /// Starts the operator of a cluster with additional options, and waits until it is ready. It always has the same
    /// pod name, so it takes over a killed operator's lease without waiting for its end.
    pub fn start(cluster: &Cluster, options: &[&str]) -> Self {
        Self::start_in(cluster, "operator", options)
    }

    /// Starts an operator with this pod name.
    pub fn start_in(cluster: &Cluster, pod: &str, options: &[&str]) -> Self {
        Self::start_as(cluster, ("operator", pod), options)
    }

    /// Starts an operator with the kubeconfig of this name.
    pub fn start_as(cluster: &Cluster, (kubeconfig, pod): (&str, &str), options: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let address = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_service-catalog"));
        command
            .args(["run", "--listen", &address.to_string(), "--log-format", "text"])
            .args(options)
            .env("KUBECONFIG", cluster.kubeconfig(kubeconfig))
            .env("POD_NAMESPACE", NAMESPACE)
            .env("POD_NAME", pod)
            .env("BROKER_ADDRESSES", BROKER_ADDRESSES)
            .env("GLIBC_TUNABLES", tunables())
            .env(
                "RUST_LOG",
                std::env::var("RUST_LOG").unwrap_or_else(|_| "info,service_catalog=debug".to_owned()),
            );
        let log = directory().join(format!("operator-{}.log", COUNT.fetch_add(1, Ordering::Relaxed)));
        let mut process = Process::start(&command, log.clone());
        leaks::watch(log);
        leaks::watch(cluster.audit_log());
        until("the operator is ready", || {
            process.must_live();
            let answer = get(address, "/readyz").map_err(|error| error.to_string())?;
            if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(answer) }
        });
        Self { address, process }
    }

    /// Sends a signal: `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits until it has exited by itself; returns whether it succeeded, and its log.
    pub async fn end(mut self) -> (bool, String) {
        let status = eventually("the operator exits", PATIENCE, async || {
            self.process.ended().ok_or_else(|| self.process.log())
        })
        .await;
        (status.success(), self.process.log())
    }

    /// Whether it has exited by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.ended().is_some()
    }

    /// Waits until it leads.
    pub async fn until_it_leads(&self) {
        eventually("the operator leads", PATIENCE, async || {
            if self.leads() { Ok(()) } else { Err(self.process.log()) }
        })
        .await;
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.count("servicecatalog_leader", "") == 1
    }

    /// The sum of a counter over all series whose labels contain this.
    pub fn count(&self, counter: &str, labels: &str) -> u64 {
        let metrics = self.metrics();
        let series = metrics.lines().filter(|line| line.starts_with(counter) && line.contains(labels));
        series.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// The answer to the liveness probe; an error if there is none within 5 seconds.
    pub fn livez(&self) -> std::io::Result<String> {
        get(self.address, "/livez")
    }

    /// Its resident memory, in bytes, without the pages of files: the kernel can drop them. Most are the code, which is
    /// much larger without optimisation than in the image.
    pub fn memory(&self) -> usize {
        self.bytes("RssAnon:")
    }

    /// The peak of [`Self::memory`] since it was started, or since the last [`Self::forget_peak`]. What is loaded of the code
    /// after the peak is not counted.
    pub fn peak_memory(&self) -> usize {
        self.bytes("VmHWM:") - self.bytes("RssFile:")
    }

    /// Sets the peak to the current value.
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5").unwrap();
    }

    fn bytes(&self, field: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// How many files and connections it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// Its metrics, as text.
    pub fn metrics(&self) -> String {
        get(self.address, "/metrics").unwrap()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        if let Ok(metrics) = get(self.address, "/metrics")
            && !std::thread::panicking()
        {
            leaks::assert_clean("the metrics", &metrics);
        }
    }
}

/// The names that service-catalog's dashboards use.
#[tokio::test]
async fn it_serves_metrics_under_the_names_of_service_catalog() {
    let env = env().await;
    env.ready_instance(serde_json::json!({})).await;
    let metrics = operator().metrics();
    let namespace = format!("namespace=\"{}\"", env.name);
    let has = |name: &str, labels: &[&str], value: &str| {
        let of = format!("{name}{{");
        let mut series = metrics.lines().filter(|line| line.starts_with(&of) && line.ends_with(value));
        let found = series.any(|line| labels.iter().all(|label| line.contains(label)));
        assert!(found, "{name} {labels:?}: {metrics}");
    };
    has("servicecatalog_broker_service_class_count", &["broker=\"broker\"", &namespace], " 3");
    has("servicecatalog_broker_service_plan_count", &["broker=\"broker\"", &namespace], " 8");
    for method in ["GetCatalog", "ProvisionInstance"] {
        let labels = ["broker=\"broker\"", &format!("method=\"{method}\""), "status=\"2xx\""];
        has("servicecatalog_osb_request_count", &labels, "");
    }
    leaks::assert_clean("the metrics", &metrics);
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
