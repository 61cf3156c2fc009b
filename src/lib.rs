//! The Kubernetes service catalog: one operator that manages Open Service Broker services through custom resources.
//!
//! The modules, and what each may use (`ARCHITECTURE.md` has the enforced table):
//!
//! * [`crd`] — the custom resources: types only.
//! * [`osb`] — the Open Service Broker protocol: wire types and a client. Knows nothing of Kubernetes.
//! * `domain` — what an object's state means, and the next step for it. Pure: uses only the types of `crd` and `osb`.
//! * `reconcilers` — the I/O around `domain`: watches, broker calls and writes.
//! * `leader` — leader election, and the fence that stops a replica which is not the leader.
//! * `metrics` — the Prometheus metrics.
//! * `http` — the HTTP server and its limits; the probes and `/metrics`.
//! * `fair_limiter` — a semaphore whose permits go to namespaces in turn.
//! * [`raw_json`] — JSON that is only passed on, kept as text.
//! * `process` — what the subcommands share: logs, signals, the client of the API server.
//! * [`run`] — `service-catalog run`: options, start-up and shutdown.
//! * `template` — templates as services: what one offers, and which objects an instance has. Pure.
//! * [`template_broker`] — `service-catalog template-broker`: the broker for templates.
//! * [`console`] — `service-catalog console`: the web console.
//! * [`check`] — `service-catalog check`: is the installation whole?
//!
//! Public is what the command line, brokers written in Rust and the tests of an installation use. The rest is private, so
//! that the compiler reports dead code.

pub mod check;
pub mod console;
pub mod crd;
mod domain;
mod fair_limiter;
mod http;
mod leader;
mod metrics;
pub mod osb;
mod process;
pub mod raw_json;
mod reconcilers;
pub mod run;
mod template;
pub mod template_broker;
#[cfg(test)]
mod testing;

pub use domain::restriction::Restriction;
pub use reconcilers::policies;
