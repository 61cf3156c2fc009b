//! HTTP served by this binary: the one server with its limits, and the operator's endpoints.
//!
//! | file | what it answers |
//! |---|---|
//! | `endpoints` | which endpoints does the operator have? |
//! | `server` | how is a router served, within which limits? |
//! | `connections` | which connection makes room for a new one? |
//!
//! Another process of the binary brings a router of its own and serves it with the same limits:
//!
//! ```text
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:8081").await?;
//! http::serve(listener, router).await
//! ```

mod connections;
mod endpoints;
mod server;
#[cfg(test)]
mod tests;

pub use endpoints::endpoints;
pub use server::serve;
