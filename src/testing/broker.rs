//! The model of a broker: the requests it receives, the services it holds, and the specification's rules for its
//! callers.
//!
//! The integration tests include these files by path, so each uses only its siblings.

pub mod request;
pub mod rules;
pub mod truth;
