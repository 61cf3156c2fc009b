//! What the processes of this binary have in common: logs, signals, the client of the API server, its oldest version.

pub mod kube_client;
pub mod kube_version;

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Whatever `RUST_LOG` says: when kube cannot parse an answer, it warns with the whole answer, secrets and all.
const LEVEL_WITHOUT_ANSWERS: &str = "kube_client::client=error";

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
    Logs(#[from] ParseError),
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
    let filter = filter(&std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default())?;
    let colours = std::io::stderr().is_terminal();
    let logs =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match format {
        LogFormat::Text => logs.with_target(false).init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
    Ok(())
}

/// The filter that `RUST_LOG` describes; the default, if it is empty.
fn filter(directives: &str) -> Result<EnvFilter, ParseError> {
    let directives = if directives.is_empty() { DEFAULT_LOG_FILTER } else { directives };
    Ok(EnvFilter::try_new(directives)?.add_directive(LEVEL_WITHOUT_ANSWERS.parse()?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_lets_kube_log_answers() {
        for directives in ["", "trace", "kube_client=trace", "kube_client::client=trace,info"] {
            let filter = filter(directives).unwrap().to_string();
            let of_client: Vec<&str> =
                filter.split(',').filter(|directive| directive.starts_with("kube_client::client=")).collect();
            assert_eq!(of_client, [LEVEL_WITHOUT_ANSWERS], "{directives:?}: {filter}");
        }
        assert!(filter("kube_client=[").is_err());
    }
}
