//! The Kubernetes service catalog: Open Service Broker brokers as custom resources, in one binary.
//!
//! The rooms, and what may go from one to another:
//!
//! * [`crd`] — what the objects look like. Types only.
//! * [`osb`] — how platforms and brokers speak: the types of both sides, and a client. Knows nothing of Kubernetes.
//! * `domain` — what an object means and what is next. Pure: uses `crd` and `osb`'s types, nothing else.
//! * `reconcilers` — reads, calls and writes what `domain` decides.
//! * `leader` — which replica works, and what keeps the others from it.
//! * `metrics` — what is measured.
//! * `http` — the HTTP server with its limits; probes and metrics.
//! * [`run`] — the process: settings, start and stop.
//!
//! What the command line, brokers in Rust and tests of an installation use is public; the rest is private, so that the compiler
//! reports what is not used any more.

pub mod crd;
mod domain;
mod http;
mod leader;
mod metrics;
pub mod osb;
mod reconcilers;
pub mod run;
#[cfg(test)]
mod testing;

pub use domain::restriction::Restriction;
