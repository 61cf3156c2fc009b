//! Sample Open Service Brokers without a backend: for walkthroughs, and for watching how a platform handles failures.
//! `--catalog` selects one of two:
//!
//! * `user-provided`: the users' parameters become the credentials;
//! * `test`: services that fail as their names say.
//!
//! From the request down:
//!
//! * [`api`] is the HTTP layer: routes, headers, status codes,
//! * [`broker`] holds the state and decides the effect of each request, [`instance`] is a part of that state,
//! * [`catalog`] has the services and their faults.
//!
//! All state is in memory, and lost when the process ends. For a broker that is meant to be copied see
//! `postgresql-broker`.

mod api;
mod broker;
mod catalog;
mod error;
mod instance;
#[cfg(test)]
mod tests;

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
    time::Duration,
};

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    broker::{Broker, Pace},
    catalog::Catalog,
};

/// Sample Open Service Brokers that keep all state in memory.
#[derive(Parser)]
#[command(name = "sample-broker")]
struct Args {
    /// The catalog to offer.
    #[arg(long, env = "CATALOG", value_enum)]
    catalog: Catalog,
    /// The address to listen on.
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// The duration of asynchronous operations, in seconds.
    #[arg(long, env = "ASYNC_DELAY", default_value_t = 5)]
    async_delay: u64,
    /// How often the operations of services with `5x` in their names fail before they succeed.
    #[arg(long, env = "FAILURES", default_value_t = 5)]
    failures: u32,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let colours = io::stdout().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).init();
    let args = Args::parse();
    let pace = Pace { delay: Duration::from_secs(args.async_delay), failures: args.failures };
    let broker = Broker::new(args.catalog.services(), pace);

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    };
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    axum::serve(listener, api::router(broker)).with_graceful_shutdown(stop).await
}
