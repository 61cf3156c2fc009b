//! The broker as platforms see it, on a PostgreSQL server that every test starts for itself.

mod application;
mod asynchronous;
mod conformance;
mod crashes;
mod database;
mod platform;
mod schema;
mod server;
