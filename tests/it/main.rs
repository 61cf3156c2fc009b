//! Tests on a real Kubernetes control plane: etcd, API server and controller manager, with the chart installed.
//!
//! [`cluster`] starts it once for all tests, in about eight seconds. The tests run in parallel, each in its own
//! namespace. Each ends with a search for leaked secrets ([`leaks`]). Code that needs no API server is tested beside
//! that code. Logs are in `target/it/<process id>`.

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
mod backup;
mod bindings;
mod brokers;
mod budget;
mod chart;
mod chart_files;
mod check;
mod cluster;
mod console;
mod corrupt_answers;
mod crash;
mod docs;
mod echoes;
mod etcd;
mod examples;
mod external_ids;
mod few_namespaces;
mod foreign_objects;
mod free_port;
mod generated;
mod hostile_broker;
mod hostile_memory;
mod hostile_tenant;
mod http_proxy;
mod injection;
mod instances;
mod isolation;
mod killpoint;
mod leader;
mod leaks;
mod missing_policies;
mod namespace;
mod namespace_deletion;
mod operator;
mod outages;
mod permissions;
mod process;
mod proxy;
mod refused_writes;
mod restarts;
mod scenario;
mod scripted;
mod server;
mod svcat;
mod takeover;
mod template_broker;
mod walkthrough;
mod watch_namespaces;
mod wire;
