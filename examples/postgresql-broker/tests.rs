//! The broker as platforms see it, on a PostgreSQL server that every test starts for itself.

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
