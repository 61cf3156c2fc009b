//! How fast is the operator, and how close to the limits of the Kubernetes API? `make bench`, or `make bench N=2000`;
//! `make bench SCALE=10000` measures how its work grows with the number of objects instead (`scale.rs`).
//!
//! The bench has its own control plane, a broker that answers at once, and the release build of the operator. It
//! creates N instances, then a binding for each, then deletes all. Meanwhile and afterwards it times pages of the console.
//! Then it times instances beside a broker that hangs. Before and after that, a bare client makes the same writes without
//! an operator: the better of its times is the floor. At the end it times instances beside a hostile tenant, and pods with
//! and without bindings.
//! All numbers are from one run, so other load on the machine affects them. They are printed as soon as they are known.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how the bench fails"
)]

mod admission;
mod broker;
#[expect(dead_code, reason = "the bench only looks at pages")]
#[path = "../it/console/browser.rs"]
mod browser;
mod catalog;
#[path = "../it/chart_files.rs"]
mod chart_files;
#[expect(dead_code, reason = "the bench does not crash it")]
#[path = "../it/cluster.rs"]
mod cluster;
mod console;
mod floor;
#[path = "../it/free_port.rs"]
mod free_port;
mod hostile;
#[expect(dead_code, reason = "the bench does not look at what is told")]
#[path = "../it/hostile_broker.rs"]
mod hostile_broker;
mod load;
mod neighbour;
mod operator;
#[expect(dead_code, reason = "the bench stops nothing")]
#[path = "../it/process.rs"]
mod process;
mod report;
mod scale;

use std::fmt::Display;
use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use kube::Client;
use kube::config::AuthInfo;

use broker::Broker;
use cluster::Cluster;
use console::Console;
use load::{NAMESPACE, Phase, REQUESTS, Watch, each};
use operator::Operator;
use report::{LARGE, Measured, Report, Span};

/// The default number of instances.
const OBJECTS: u32 = 500;
/// How long a new operator may become idle before it is measured.
const IDLE: Duration = Duration::from_secs(1);

/// The environment of all measurements.
struct BenchEnv {
    /// The client of the users.
    user: Client,
    /// A client with the operator's rights.
    operator: Client,
    broker: Broker,
    watch: Watch,
}

/// Ctrl-C ends the bench and everything that it has started.
#[tokio::main]
async fn main() {
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench").peekable();
    let of_scale = arguments.next_if(|argument| argument == "--scale").is_some();
    let objects = arguments.next();
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
    let env = BenchEnv { watch: Watch::start(&user), broker: Broker::start().await, user, operator };
    if of_scale {
        print!("{}\n{machine}\n", scale::scale(&env, cluster, objects).await);
    } else {
        show(&report(&env, cluster, objects, machine).await);
        progress("timing instances beside a hostile tenant");
        show(&hostile::measure(&env, cluster).await);
        progress("timing pods");
        show(&admission::measure(&env.user).await);
    }
}

/// Measures an operator with `objects` instances and bindings.
async fn report(env: &BenchEnv, cluster: &Cluster, objects: u32, machine: String) -> Report {
    progress("recording the operator's writes");
    let recording = floor::record_writes(env).await;
    progress("measuring the floor");
    let before = recording.replay(env, "before", objects).await;
    progress("measuring the operator");
    let operator = Operator::start(&cluster.kubeconfig("operator")).await;
    tokio::time::sleep(IDLE).await;
    let mut phases = Vec::new();
    for phase in [Phase::Provision, Phase::Bind] {
        phases.push(measure(env, &operator, phase, "ours", objects).await);
    }
    let console = Console::start(cluster).await;
    let instances = console.instances().await;
    for phase in [Phase::Unbind, Phase::Deprovision] {
        phases.push(measure(env, &operator, phase, "ours", objects).await);
    }
    progress("publishing a large catalog");
    let url = env.broker.url(LARGE.0, LARGE.1);
    let publish = spent(&operator, catalog::publish(&env.user, "large", &url)).await;
    let relist = spent(&operator, catalog::relist(&env.user, "large")).await;
    progress("timing the console");
    let console = view(env, instances, console).await;
    progress("timing instances beside a broker that hangs");
    let neighbour = neighbour::measure(env).await;
    drop(operator);
    progress("measuring the floor once more");
    let after = recording.replay(env, "after", objects).await;

    let floor = before.into_iter().zip(after).map(|(before, after)| before.min(after)).collect();
    Report { objects, phases, floor, publish, relist, console, neighbour, machine }
}

/// Measures the catalog page of a console that has shown all instances.
async fn view(env: &BenchEnv, instances: Duration, console: Console) -> console::Measured {
    catalog::publish(&env.user, "wide", &env.broker.url(console::Measured::CLASSES, 1)).await;
    let catalog = console.catalog().await;
    console::Measured { instances, catalog, resident: console.resident() }
}

/// Measures a phase of objects whose names begin with `name`.
async fn measure(env: &BenchEnv, operator: &Operator, phase: Phase, name: &str, objects: u32) -> Measured {
    let calls = env.broker.calls();
    let span = spent(operator, async {
        let began = Instant::now();
        let all = each(objects, REQUESTS, async |number| {
            phase.request(&format!("{name}-{number}")).send(&env.user).await;
        });
        tokio::join!(all, env.watch.until(phase, objects));
        began.elapsed()
    });
    Measured { phase, span: span.await, calls: env.broker.calls() - calls }
}

/// Measures the operator's usage during some work.
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

fn show(measured: &impl Display) {
    progress("");
    print!("{measured}");
}

fn progress(text: &str) {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K{text}");
    } else if !text.is_empty() {
        eprintln!("{text}");
    }
}
