//! Sample Open Service Brokers that need nothing and hand out nothing: for walkthroughs, and for watching how a platform
//! copes with failure. `--catalog` chooses one of two:
//!
//! * `user-provided`: what users put in as parameters comes out as credentials;
//! * `test`: services that fail in the ways that their names say.
//!
//! From the request down:
//!
//! * [`api`] speaks HTTP: routes, headers, status codes,
//! * [`broker`] decides what a request means for what is already there, [`instance`] is what that is,
//! * [`catalog`] is what is on offer, and how it fails.
//!
//! Everything is in memory and gone with the process. For a broker that is meant to be copied see `postgresql-broker`.

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

/// Sample Open Service Brokers, which keep everything in memory.
#[derive(Parser)]
#[command(name = "sample-broker")]
struct Args {
    /// What to offer.
    #[arg(long, env = "CATALOG", value_enum)]
    catalog: Catalog,
    /// Where to listen.
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Seconds that asynchronous operations take.
    #[arg(long, env = "ASYNC_DELAY", default_value_t = 5)]
    async_delay: u64,
    /// How often that fails which is called `5x`, before it succeeds.
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
