//! The model of a broker: what it is asked, what it holds, and the rules of the specification for its callers.
//!
//! The integration tests include these files by path, so each uses only its siblings.

pub mod request;
pub mod rules;
pub mod truth;
