//! An Open Service Broker for PostgreSQL: small enough to read in one sitting, and meant to be copied.
//!
//! An instance is a database (or a schema in a shared one), a binding is a role that can log in to it. From
//! the request down to the server:
//!
//! * [`api`] is the HTTP layer: routes, headers, status codes,
//! * [`broker`] decides the effect of each request,
//! * [`store`] persists instances and bindings, [`postgres`] creates and removes databases, schemas and roles,
//! * [`catalog`] has the services and plans. Your own broker starts there and in [`postgres`].
//!
//! The broker keeps no state in memory: all of it is in the same PostgreSQL server. So it may be killed at any
//! moment, and several replicas may run.

mod api;
mod broker;
mod catalog;
mod error;
mod naming;
mod postgres;
mod store;
#[cfg(test)]
mod tests;

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::config::Host;

use crate::{
    api::Credentials,
    broker::{Address, Broker},
    postgres::Server,
};

/// An Open Service Broker that hands out PostgreSQL databases and schemas.
#[derive(Parser)]
#[command(name = "postgresql-broker")]
struct Args {
    /// The address to listen on.
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// The server to manage, as a superuser: `postgresql://user:password@host:port/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: tokio_postgres::Config,
    /// The host in the credentials of applications [default: that of the database URL].
    #[arg(long, env = "PUBLIC_HOST")]
    public_host: Option<String>,
    /// The port in the credentials of applications [default: that of the database URL].
    #[arg(long, env = "PUBLIC_PORT")]
    public_port: Option<u16>,
    /// The user that platforms authenticate as.
    #[arg(long, env = "BROKER_USERNAME", default_value = "broker")]
    username: String,
    /// The password of that user.
    #[arg(long, env = "BROKER_PASSWORD", hide_env_values = true, required_unless_present = "password_file")]
    password: Option<String>,
    /// A file with the password of that user; a line break at its end is ignored.
    #[arg(long, env = "BROKER_PASSWORD_FILE", conflicts_with = "password")]
    password_file: Option<PathBuf>,
    /// An artificial delay of asynchronous operations, in seconds.
    #[arg(long, env = "ASYNC_DELAY", default_value_t = 2)]
    async_delay: u64,
}

impl Args {
    fn credentials(&self) -> io::Result<Credentials> {
        let password = match (&self.password_file, &self.password) {
            (Some(file), _) => {
                let text = std::fs::read_to_string(file);
                let text = text.map_err(|error| io::Error::other(format!("{}: {error}", file.display())))?;
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
            (None, password) => password.clone().unwrap_or_default(),
        };
        if password.is_empty() {
            return Err(io::Error::other("the password must not be empty"));
        }
        Ok(Credentials::new(&self.username, &password))
    }

    fn broker(&self) -> Arc<Broker> {
        let database_host = match self.database_url.get_hosts().first() {
            Some(Host::Tcp(host)) => host.as_str(),
            _ => "localhost",
        };
        let database_port = self.database_url.get_ports().first().copied().unwrap_or(5432);
        let public = Address {
            host: self.public_host.as_deref().unwrap_or(database_host).to_owned(),
            port: self.public_port.unwrap_or(database_port),
        };
        Arc::new(Broker::new(
            Server::new(self.database_url.clone()),
            public,
            Duration::from_secs(self.async_delay),
        ))
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,tokio_postgres=warn"));
    let colours = io::stdout().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).init();
    let args = Args::parse();
    let (credentials, broker) = (args.credentials()?, args.broker());

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    };
    let mut stop = Box::pin(stop);

    tokio::select! {
        () = start(&broker) => {}
        () = &mut stop => return Ok(()),
    }
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    // A graceful shutdown finishes requests. Background operations may be interrupted: the next start resumes
    // them.
    axum::serve(listener, api::router(broker, credentials)).with_graceful_shutdown(stop).await
}

/// Prepares the server and resumes interrupted operations, as soon as PostgreSQL answers.
async fn start(broker: &Arc<Broker>) {
    while let Err(error) = broker.start().await {
        tracing::warn!(%error, "PostgreSQL is not ready, retrying");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
