//! `service-catalog run`: starts the operator and the server of its endpoints, stops cleanly.

mod client;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{Api, Client, ResourceExt as _};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::SetOnce;
use tracing::info;
use tracing_subscriber::EnvFilter;

use crate::domain::duration::go_duration;
use crate::http;
use crate::leader::{Candidate, Lost};
use crate::metrics::Metrics;
use crate::osb::install_tls_provider;
use crate::reconcilers::{Operator, Settings};

/// The oldest Kubernetes that can inject into pods without a webhook: `MutatingAdmissionPolicy` v1.
const OLDEST: (u32, u32) = (1, 36);
/// The `ConfigMap` in which service-catalog kept the id of the cluster.
const CLUSTER_INFO: &str = "cluster-info";
/// What is logged unless `RUST_LOG` says otherwise. Interrupted watches are reported by us.
const LOGGED: &str = "info,kube_runtime=error";

/// How the operator runs.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where /livez, /readyz and /metrics are served.
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// How logs are written; RUST_LOG chooses which.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// The namespace that the operator runs in.
    #[arg(long, env = "POD_NAMESPACE", default_value = "service-catalog")]
    namespace: String,
    /// The pod that the operator runs in. A process started again in the same pod works at once; without a name it waits until the lease of the former one has run out.
    #[arg(long, env = "POD_NAME")]
    pod_name: Option<String>,
    /// The id by which brokers know this cluster [default: that of the ConfigMap cluster-info, which service-catalog made, or the UID of the namespace kube-system]
    #[arg(long, env = "CLUSTER_ID")]
    cluster_id: Option<String>,
    /// How often a catalog is fetched if the broker's spec does not say.
    #[arg(long, env = "BROKER_RELIST_INTERVAL", default_value = "24h", value_parser = parse_duration)]
    broker_relist_interval: Duration,
    /// How long a broker may take to answer.
    #[arg(long, env = "OSB_API_REQUEST_TIMEOUT", default_value = "60s", value_parser = parse_duration)]
    osb_api_request_timeout: Duration,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    go_duration(text)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "a duration like 90s, 15m or 24h is wanted".to_owned())
}

/// Why the operator does not start, or ends.
#[derive(Debug, Error)]
pub enum Error {
    /// There is no way to the Kubernetes API.
    #[error("the Kubernetes API cannot be reached: {0}")]
    Config(#[from] kube::config::InferConfigError),
    /// The Kubernetes API does not answer, or refuses.
    #[error("{0}: {1}")]
    Api(&'static str, Box<kube::Error>),
    /// The cluster is too old.
    #[error(
        "this cluster runs Kubernetes {0}; 1.36 is the oldest that has MutatingAdmissionPolicy v1, by which pods get their credentials"
    )]
    TooOld(String),
    /// The port is taken, or the like.
    #[error("{0} cannot be listened on: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The system does not let the operator wait for signals.
    #[error("signals cannot be waited for: {0}")]
    Signals(std::io::Error),
    /// The logs cannot be set up.
    #[error("RUST_LOG: {0}")]
    Logs(#[from] tracing_subscriber::filter::ParseError),
    /// Another replica leads.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Runs the operator until SIGTERM or SIGINT, or until another replica has taken the lead from it.
pub async fn run(options: Options) -> Result<(), Error> {
    logs(options.log_format)?;
    install_tls_provider();
    let metrics = Arc::new(Metrics::default());
    let config = kube::Config::infer().await?;
    let (namespace, pod) = (&options.namespace, options.pod_name.as_deref());
    let (mut candidate, fence) =
        Candidate::new(client::unfenced(config.clone())?, namespace, pod, Arc::clone(&metrics));
    let client = client::fenced(config, fence.clone(), Arc::clone(&metrics))?;
    check_version(&client).await?;
    let settings = Settings {
        namespace: options.namespace.clone(),
        cluster_id: cluster_id(&client, &options).await?,
        relist_interval: options.broker_relist_interval,
        broker_timeout: options.osb_api_request_timeout,
    };
    info!(version = env!("CARGO_PKG_VERSION"), cluster_id = settings.cluster_id, "starting");

    let ready = Arc::new(SetOnce::new());
    let listener =
        TcpListener::bind(options.listen).await.map_err(|error| Error::Listen(options.listen, error))?;
    let endpoints = http::endpoints(Arc::clone(&metrics), Arc::clone(&ready));
    let operator = Operator::new(client, fence, settings, metrics).run(|| {
        let _ = ready.set(());
        info!("ready");
    });
    // Only who knows what there is can take over at once.
    let leading = async {
        ready.wait().await;
        candidate.run().await
    };
    // Whatever is not finished when one of them ends is dropped.
    let end = tokio::select! {
        never = http::serve(listener, endpoints) => match never {},
        () = operator => Ok(()),
        lost = leading => Err(lost.into()),
        told = stop() => told,
    };
    candidate.release().await;
    end
}

/// Returns when the process is told to stop.
async fn stop() -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    info!("stopping");
    Ok(())
}

fn logs(format: LogFormat) -> Result<(), Error> {
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(directives) if !directives.is_empty() => EnvFilter::try_new(directives)?,
        _ => EnvFilter::new(LOGGED),
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

async fn check_version(client: &Client) -> Result<(), Error> {
    let version = client
        .apiserver_version()
        .await
        .map_err(|error| Error::Api("asking the Kubernetes API for its version", Box::new(error)))?;
    let number =
        |text: &str| text.trim_end_matches(|character: char| !character.is_ascii_digit()).parse::<u32>().ok();
    let known = number(&version.major).zip(number(&version.minor));
    if known.is_some_and(|version| version < OLDEST) {
        return Err(Error::TooOld(version.git_version));
    }
    Ok(())
}

/// The id by which brokers know this cluster: changing it would break their records.
async fn cluster_id(client: &Client, options: &Options) -> Result<String, Error> {
    if let Some(id) = &options.cluster_id {
        return Ok(id.clone());
    }
    let failed = |error| Error::Api("finding the id of the cluster", Box::new(error));
    let maps = Api::<ConfigMap>::namespaced(client.clone(), &options.namespace);
    let former = maps.get_opt(CLUSTER_INFO).await.map_err(failed)?;
    if let Some(id) = former.and_then(|map| map.data?.remove("id")) {
        return Ok(id);
    }
    let system = Api::<Namespace>::all(client.clone()).get("kube-system").await.map_err(failed)?;
    Ok(system.uid().unwrap_or_default())
}
