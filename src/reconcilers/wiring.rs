//! Which parts does the operator consist of, and which change requeues which object?

pub mod feed;
pub mod harness;
pub mod triggers;
