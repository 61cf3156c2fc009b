//! The HTTP server of this binary with its limits, and the operator's endpoints.
//!
//! | file | question |
//! |---|---|
//! | `endpoints` | which endpoints does the operator serve? |
//! | `server` | how is a router served, and within which limits? |
//! | `impatient_stream` | how long may a client take to read a response? |
//! | `connections` | which connection is closed to make room for a new one? |
//!
//! Another subcommand serves a router of its own within the same limits:
//!
//! ```text
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:8081").await?;
//! http::serve(listener, None, router).await
//! ```

mod connections;
mod endpoints;
mod impatient_stream;
mod server;
#[cfg(test)]
mod tests;

pub use endpoints::endpoints;
pub use server::{MAX_CONNECTIONS, serve};
