//! How fast the operator is, and how near to what the Kubernetes API allows: `make bench`, or `make bench N=2000`.
//!
//! A control plane of its own, a broker that answers at once, and the operator as it is released. N instances are
//! created, then a binding for each, then all are deleted. Before and after that, a bare client makes the same writes
//! without an operator: its better time is the floor. What is printed is measured in one run; what else this machine
//! does at that time is measured with it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how the bench fails"
)]

mod broker;
mod catalog;
#[path = "../it/cluster.rs"]
mod cluster;
mod floor;
mod load;
mod operator;
#[path = "../it/process.rs"]
mod process;
mod report;

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use kube::Client;

use broker::Broker;
use load::{NAMESPACE, Phase, Watch, each};
use operator::Operator;
use report::{LARGE, Measured, Report, Span};

/// How many instances there are unless the command line says.
const OBJECTS: u32 = 500;
/// How long an operator that has just started is left alone.
const IDLE: Duration = Duration::from_secs(1);

/// Ctrl-C ends the bench; what it has started ends with it.
#[tokio::main]
async fn main() {
    // Cargo adds `--bench`.
    let objects = std::env::args().skip(1).find(|argument| argument != "--bench");
    let objects =
        objects.map_or(OBJECTS, |number| number.parse().expect("the argument is the number of instances"));
    let machine = machine();
    progress("starting a control plane");
    let cluster = cluster::cluster();
    let kubectl = cluster.kubectl(&["create", "namespace", NAMESPACE]);
    assert!(kubectl.status.success(), "{}", process::text(&kubectl));
    let (user, account) =
        (cluster.client().await, cluster.client_as("operator", kube::config::AuthInfo::default()).await);
    let (broker, watch) = (Broker::start().await, Watch::start(&user));

    progress("learning what the operator writes");
    let script = floor::rehearse(&user, &account, &watch, &broker).await;
    progress("measuring the floor");
    let before = script.play("before", objects, &user, &account, &watch).await;
    progress("measuring the operator");
    let operator = Operator::start(&cluster.kubeconfig("operator")).await;
    tokio::time::sleep(IDLE).await;
    let mut phases = Vec::new();
    for phase in Phase::ALL {
        phases.push(measure(phase, objects, &user, &broker, &operator, &watch).await);
    }
    progress("publishing a large catalog");
    let publish = spent(&operator, catalog::publish(&user, "large", &broker.url(LARGE.0, LARGE.1))).await;
    let relist = spent(&operator, catalog::relist(&user, "large")).await;
    drop(operator);
    progress("measuring the floor once more");
    let after = script.play("after", objects, &user, &account, &watch).await;
    progress("");

    let floor = std::array::from_fn(|phase| before[phase].min(after[phase]));
    print!("{}", Report { objects, phases, floor, publish, relist, machine });
}

async fn measure(
    phase: Phase,
    objects: u32,
    user: &Client,
    broker: &Broker,
    operator: &Operator,
    watch: &Watch,
) -> Measured {
    let calls = broker.calls();
    let span = spent(operator, async {
        let began = Instant::now();
        let all = each(objects, async |number| {
            phase.request(&format!("ours-{number}")).send(user).await;
        });
        tokio::join!(all, watch.until(phase, objects));
        began.elapsed()
    });
    Measured { phase, span: span.await, calls: broker.calls() - calls }
}

/// What the operator spends on it.
async fn spent(operator: &Operator, work: impl Future<Output = Duration>) -> Span {
    let before = operator.usage().await;
    let time = work.await;
    Span { time, before, after: operator.usage().await }
}

fn machine() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{processors} processors, load {load} before")
}

fn progress(text: &str) {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    } else if !text.is_empty() {
        eprintln!("{text}");
    }
}
