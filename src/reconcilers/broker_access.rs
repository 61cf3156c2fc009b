//! How is a broker called, and may it be called now? The entry point is `Connections::find`, then `Connection::call`.
//!
//! | file | question |
//! |---|---|
//! | `connections` | with which address and TLS settings is a broker called? |
//! | `versions` | in which version of the API? |
//! | `authentication` | with which credentials, and how many are read at once? |
//! | `call_gate` | may it be called now, and which call gets the next permit? |
//! | `origin` | for which cluster, namespace and instance is it called (OSB `context`)? |
//! | `reply` | which outcome does its reply to any call mean? |
//!
//! One broker cannot hurt another: each has its own connection, its own limit of requests in flight, shared fairly
//! among namespaces, and its own circuit breakers (`domain::circuit_breaker`): where several namespaces use it, one for
//! each, so that what fails for one tenant suspends the calls of no other. What objects do during an outage is
//! decided in `domain::outage`.

mod authentication;
pub mod call_gate;
pub mod connections;
pub mod origin;
pub mod reply;
mod versions;
