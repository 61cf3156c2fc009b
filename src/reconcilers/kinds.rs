//! One reconciler a kind.

pub mod alpha;
pub mod binding;
pub mod broker;
pub mod catalog_entry;
pub mod instance;
