//! The broker from a platform's view. Each test starts its own PostgreSQL server.

mod application;
mod asynchronous;
mod conformance;
mod crashes;
mod database;
#[path = "../../tests/it/free_port.rs"]
mod free_port;
mod platform;
mod schema;
mod server;
