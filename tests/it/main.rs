//! Tests on a real Kubernetes control plane: etcd, API server and controller manager, with the chart installed.
//!
//! [`cluster`] starts it once for all tests, in about eight seconds; they run in parallel, each in a namespace of its own.
//! Each ends with a search for secrets ([`leaks`]).
//! What needs no API server is tested beside the code. Logs are in `target/it/<process id>`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a test fails"
)]
#![expect(clippy::needless_pass_by_value, reason = "JSON is written where it is passed")]

mod admission;
mod alpha;
mod beside;
mod bindings;
mod brokers;
mod budget;
mod chart;
mod cluster;
mod crash;
mod docs;
mod examples;
mod free_port;
mod generated;
mod injection;
mod instances;
mod isolation;
mod leader;
mod leaks;
mod life;
mod namespace;
mod operator;
mod outages;
mod process;
mod proxy;
mod restarts;
mod scripted;
mod spoilt;
mod svcat;
mod takeover;
mod trap;
mod walkthrough;
mod wire;
