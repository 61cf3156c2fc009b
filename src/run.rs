//! `service-catalog run`: starts the operator and its HTTP endpoints, and releases the lease when it stops. The entry
//! point is [`run`].

mod client;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgAction, Args};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{Api, Client, ResourceExt as _};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::SetOnce;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::domain::duration::go_duration;
use crate::http;
use crate::leader::{Candidate, LeadershipLost};
use crate::metrics::Metrics;
use crate::osb::{DEFAULT_MAX_CATALOG_PLANS, install_tls_provider};
use crate::process::{self, LogFormat, init_logs, kube_client, kube_version, until_stopped};
use crate::reconcilers::{AllowedAddresses, CallLimits, Operator, Reach, Settings, permissions};

/// The `ConfigMap` in which the archived service-catalog stored the cluster ID.
const CLUSTER_INFO: &str = "cluster-info";
/// The options of `service-catalog run`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Address that serves /livez, /readyz and /metrics.
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Format of the logs; RUST_LOG sets their levels, for example debug.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Namespace that the operator runs in; it contains the lease for leader election.
    #[arg(long, env = "POD_NAMESPACE", default_value = "service-catalog")]
    namespace: String,
    /// Pod that the operator runs in. A process that restarts in the same pod takes over the lease at once; without a
    /// pod name it waits until the old lease expires.
    #[arg(long, env = "POD_NAME")]
    pod_name: Option<String>,
    /// ID of this cluster, sent to brokers in each request [default: the ID in the ConfigMap cluster-info of the
    /// archived service-catalog, or else the UID of the namespace kube-system]
    #[arg(long, env = "CLUSTER_ID")]
    cluster_id: Option<String>,
    /// Interval between fetches of a broker's catalog, for brokers without spec.relistDuration.
    #[arg(long, env = "BROKER_RELIST_INTERVAL", default_value = "24h", value_parser = parse_duration)]
    broker_relist_interval: Duration,
    /// Timeout of a request to a broker.
    #[arg(long, env = "OSB_API_REQUEST_TIMEOUT", default_value = "60s", value_parser = parse_duration)]
    osb_api_request_timeout: Duration,
    /// The most plans of a broker's catalog. It limits the size of the catalog, too: to 2 KiB for each plan.
    #[arg(long, env = "MAX_CATALOG_PLANS", default_value_t = DEFAULT_MAX_CATALOG_PLANS)]
    max_catalog_plans: usize,
    /// Addresses at which namespaced brokers may be: networks, addresses and host names, such as
    /// 10.0.0.0/8,*.brokers.example.com. Loopback, link-local and other special addresses need an entry of their own.
    #[arg(long, env = "BROKER_ADDRESSES", default_value = "0.0.0.0/0,::/0")]
    broker_addresses: AllowedAddresses,
    /// Namespace to work in; repeatable, or separated by commas. The operator then needs no permission outside of these
    /// namespaces, and works without the cluster-wide kinds [default: the whole cluster]
    #[arg(long = "watch-namespace", env = "WATCH_NAMESPACES", value_name = "NAME", value_delimiter = ',')]
    watch_namespaces: Vec<String>,
    /// Whether the operator restarts workloads whose pods lack the current credentials.
    #[arg(long, env = "RESTART_WORKLOADS", default_value_t = true, action = ArgAction::Set)]
    restart_workloads: bool,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    go_duration(text)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "expected a duration such as 90s, 15m or 24h".to_owned())
}

/// Why the operator does not start, or why it exits.
#[derive(Debug, Error)]
pub enum Error {
    /// There is neither a kubeconfig nor an in-cluster configuration.
    #[error("cannot configure the Kubernetes client: {0}")]
    Config(#[from] kube::config::InferConfigError),
    /// The Kubernetes API does not answer, or rejects the request.
    #[error("{0}: {1}")]
    Api(&'static str, Box<kube::Error>),
    /// The cluster is too old.
    #[error(
        "unsupported Kubernetes version {0}: the operator injects credentials with MutatingAdmissionPolicy v1, which needs \
         Kubernetes 1.36 or later"
    )]
    TooOld(String),
    /// The address is in use, or is not an address of this host.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The process cannot be set up.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// Outside of its namespaces the operator cannot read the UID of kube-system.
    #[error(
        "no cluster ID: with --watch-namespace, set --cluster-id, because the operator may not read namespace kube-system"
    )]
    NoClusterId,
    /// It could not work at all.
    #[error(
        "no permissions in the namespaces of --watch-namespace ({0}): install the Roles of the chart there"
    )]
    NotPermitted(String),
    /// Another replica is the leader now.
    #[error(transparent)]
    LeadershipLost(#[from] LeadershipLost),
}

/// Runs the operator until SIGTERM or SIGINT, or until it loses leadership to another replica.
///
/// Probes and lease run on the thread of the caller, which should have a runtime of its own. Watches and reconciles run on
/// `workers`: however long they compute, they delay neither.
pub async fn run(options: Options, workers: &Handle) -> Result<(), Error> {
    init_logs(options.log_format)?;
    install_tls_provider();
    let metrics = Arc::new(Metrics::default());
    let config = kube_client::without_excluded_proxy(kube::Config::infer().await?);
    let (namespace, pod) = (&options.namespace, options.pod_name.as_deref());
    let (mut candidate, fence) =
        Candidate::new(kube_client::new(config.clone())?, namespace, pod, Arc::clone(&metrics));
    let client = {
        let _on_workers = workers.enter();
        client::fenced(config, fence.clone(), Arc::clone(&metrics))?
    };
    check_version(&client).await?;
    let wanted = options.reach();
    let (reach, missing) = permitted(&client, &wanted).await?;
    let settings = Settings {
        namespace: options.namespace.clone(),
        cluster_id: cluster_id(&client, &options).await?,
        relist_interval: options.broker_relist_interval,
        call_limits: CallLimits {
            timeout: options.osb_api_request_timeout,
            max_catalog_plans: options.max_catalog_plans,
            allowed_addresses: Arc::new(options.broker_addresses.clone()),
        },
        reach,
        restarts_workloads: options.restart_workloads,
    };
    info!(
        version = env!("CARGO_PKG_VERSION"),
        cluster_id = settings.cluster_id,
        reach = ?settings.reach,
        "starting operator"
    );

    let ready = Arc::new(SetOnce::new());
    let listener =
        TcpListener::bind(options.listen).await.map_err(|error| Error::Listen(options.listen, error))?;
    let endpoints = http::endpoints(Arc::clone(&metrics), Arc::clone(&ready));
    let granted = until_granted(client.clone(), wanted, missing);
    let is_ready = Arc::clone(&ready);
    let operator = Operator::new(client, fence, settings, metrics).run(move || {
        let _ = is_ready.set(());
        info!("caches synced");
    });
    let operator = AbortOnDropHandle::new(workers.spawn(operator));
    // A standby becomes a candidate once its caches are synced: a new leader can then reconcile at once.
    let leading = async {
        ready.wait().await;
        candidate.run().await
    };
    // The first future to end drops the others, and with them their calls in flight. The intent in each status tells
    // the next leader about those calls.
    let end = tokio::select! {
        never = http::serve(listener, None, endpoints) => match never {},
        _ = operator => Ok(()),
        lost = leading => Err(lost.into()),
        signalled = until_stopped() => signalled.map_err(Error::from),
        () = granted => Ok(()),
    };
    candidate.release().await;
    end
}

impl Options {
    fn reach(&self) -> Reach {
        Reach::of(self.watch_namespaces.iter().filter(|name| !name.is_empty()).cloned())
    }
}

/// The reach without the namespaces in which the operator lacks permissions, and these.
async fn permitted(client: &Client, wanted: &Reach) -> Result<(Reach, BTreeSet<String>), Error> {
    let Reach::Namespaces(names) = wanted else { return Ok((Reach::Cluster, BTreeSet::new())) };
    let missing = permissions::missing(client, wanted).await;
    for namespace in &missing {
        warn!(
            namespace,
            "no permissions in the namespace; its objects are not reconciled. Install the chart's Role"
        );
    }
    if missing == *names {
        return Err(Error::NotPermitted(names.iter().cloned().collect::<Vec<_>>().join(", ")));
    }
    Ok((Reach::Namespaces(names - &missing), missing))
}

/// Returns once the operator has its permissions in one of the namespaces that lacked them.
async fn until_granted(client: Client, wanted: Reach, missing: BTreeSet<String>) {
    let namespace = permissions::until_granted(&client, &wanted, &missing).await;
    info!(namespace, "permissions were granted; exiting so that the container restarts and works there, too");
}

async fn check_version(client: &Client) -> Result<(), Error> {
    let version = client.apiserver_version().await.map_err(|error| {
        Error::Api("cannot read the version of the Kubernetes API server", Box::new(error))
    })?;
    if !kube_version::is_supported(&version) {
        return Err(Error::TooOld(version.git_version));
    }
    Ok(())
}

/// The ID by which brokers know this cluster. It must not change: brokers store it with each instance.
async fn cluster_id(client: &Client, options: &Options) -> Result<String, Error> {
    if let Some(id) = &options.cluster_id {
        return Ok(id.clone());
    }
    let failed = |error| Error::Api("cannot read the cluster ID", Box::new(error));
    let maps = Api::<ConfigMap>::namespaced(client.clone(), &options.namespace);
    let archived = maps.get_opt(CLUSTER_INFO).await.map_err(failed)?;
    if let Some(id) = archived.and_then(|map| map.data?.remove("id")) {
        return Ok(id);
    }
    if options.reach() != Reach::Cluster {
        return Err(Error::NoClusterId);
    }
    let system = Api::<Namespace>::all(client.clone()).get("kube-system").await.map_err(failed)?;
    Ok(system.uid().unwrap_or_default())
}
