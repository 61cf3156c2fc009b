//! What the processes of this binary have in common: logs, signals, the client of the API server.

pub mod kube_client;

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;
use tracing_subscriber::EnvFilter;

/// The default of `RUST_LOG`. kube's warnings about interrupted watches are off, because the processes log them
/// themselves.
const DEFAULT_LOG_FILTER: &str = "info,kube_runtime=error";

/// Why a process cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The certificates for the API server are unusable.
    #[error("cannot set up TLS for the Kubernetes API: {0}")]
    KubernetesTls(Box<kube::Error>),
    /// The signal handlers cannot be installed.
    #[error("cannot install the signal handlers: {0}")]
    Signals(std::io::Error),
    /// `RUST_LOG` is not a log filter.
    #[error("invalid RUST_LOG: {0}")]
    Logs(#[from] tracing_subscriber::filter::ParseError),
}

/// The format of the logs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// One line of text per event.
    Text,
    /// One JSON object per event.
    Json,
}

/// Writes logs to standard error from now on, as `RUST_LOG` says.
pub fn init_logs(format: LogFormat) -> Result<(), Error> {
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) if !directives.is_empty() => EnvFilter::try_new(directives)?,
        _ => EnvFilter::new(DEFAULT_LOG_FILTER),
    };
    let colours = std::io::stderr().is_terminal();
    let logs =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match format {
        LogFormat::Text => logs.with_target(false).init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
    Ok(())
}

/// Returns on SIGTERM or SIGINT.
pub async fn until_stopped() -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("received a stop signal; stopping");
    Ok(())
}
