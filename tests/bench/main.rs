//! How fast the operator is, and how near to what the Kubernetes API allows: `make bench`, or `make bench N=2000`.
//!
//! A control plane of its own, a broker that answers at once, and the operator as it is released. N instances are
//! created, then a binding for each, then all are deleted. Then some are timed beside a broker that hangs, and pods with and without bindings. Before and after that, a bare client makes the same writes
//! without an operator: its better time is the floor. What is printed is measured in one run; what else this machine
//! does at that time is measured with it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how the bench fails"
)]

mod admission;
mod broker;
mod catalog;
#[expect(dead_code, reason = "the bench does not crash it")]
#[path = "../it/cluster.rs"]
mod cluster;
mod floor;
#[path = "../it/free_port.rs"]
mod free_port;
mod load;
mod neighbour;
mod operator;
#[expect(dead_code, reason = "the bench stops nothing")]
#[path = "../it/process.rs"]
mod process;
mod report;

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use kube::Client;
use kube::config::AuthInfo;

use broker::Broker;
use load::{NAMESPACE, Phase, REQUESTS, Watch, each};
use operator::Operator;
use report::{LARGE, Measured, Report, Span};

/// How many instances there are unless the command line says.
const OBJECTS: u32 = 500;
/// How long an operator that has just started is left alone.
const IDLE: Duration = Duration::from_secs(1);

/// What stays the same during the bench.
struct Stage {
    /// The client of the users.
    user: Client,
    /// A client with the operator's rights.
    operator: Client,
    broker: Broker,
    watch: Watch,
}

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
    for namespace in [NAMESPACE, neighbour::NAMESPACE] {
        let made = cluster.kubectl(&["create", "namespace", namespace]);
        assert!(made.status.success(), "{}", process::text(&made));
    }
    let user = cluster.client().await;
    let operator = cluster.client_as("operator", AuthInfo::default()).await;
    let stage = Stage { watch: Watch::start(&user), broker: Broker::start().await, user, operator };

    progress("learning what the operator writes");
    let script = floor::rehearse(&stage).await;
    progress("measuring the floor");
    let before = script.play(&stage, "before", objects).await;
    progress("measuring the operator");
    let operator = Operator::start(&cluster.kubeconfig("operator")).await;
    tokio::time::sleep(IDLE).await;
    let mut phases = Vec::new();
    for phase in Phase::ALL {
        phases.push(measure(&stage, &operator, phase, objects).await);
    }
    progress("publishing a large catalog");
    let url = stage.broker.url(LARGE.0, LARGE.1);
    let publish = spent(&operator, catalog::publish(&stage.user, "large", &url)).await;
    let relist = spent(&operator, catalog::relist(&stage.user, "large")).await;
    progress("timing instances beside a broker that hangs");
    let neighbour = neighbour::measure(&stage).await;
    drop(operator);
    progress("measuring the floor once more");
    let after = script.play(&stage, "after", objects).await;
    progress("timing pods");
    let admission = admission::measure(&stage.user).await;
    progress("");

    let floor = before.into_iter().zip(after).map(|(before, after)| before.min(after)).collect();
    print!("{}", Report { objects, phases, floor, publish, relist, neighbour, admission, machine });
}

async fn measure(stage: &Stage, operator: &Operator, phase: Phase, objects: u32) -> Measured {
    let calls = stage.broker.calls();
    let span = spent(operator, async {
        let began = Instant::now();
        let all = each(objects, REQUESTS, async |number| {
            phase.request(&format!("ours-{number}")).send(&stage.user).await;
        });
        tokio::join!(all, stage.watch.until(phase, objects));
        began.elapsed()
    });
    Measured { phase, span: span.await, calls: stage.broker.calls() - calls }
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
