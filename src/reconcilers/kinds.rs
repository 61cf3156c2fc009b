//! The reconcilers: one for each kind, each with a function `reconcile` as its entry point.

pub mod alpha;
pub mod binding;
pub mod broker;
pub mod catalog_entry;
pub mod instance;
mod parameters;
