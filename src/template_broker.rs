//! `service-catalog template-broker`: an Open Service Broker whose services are templates.
//!
//! It is a process of its own, with its own permissions. What an instance consists of is decided in
//! [`template`](crate::template); this is the I/O around it. The entry point is [`run`].
//!
//! | file | what it answers |
//! |---|---|
//! | `server`, `gate`, `error` | what do requests and answers look like, which are let in, and what is refused? |
//! | `broker` | what does each request do? |
//! | `requester`, `acting` | for whom is a request made, and as whom does the broker call the API server? |
//! | `objects` | how are the objects of an instance read, written and deleted? |
//! | `records` | where does the broker keep what it knows of an instance? |
//! | `offers`, `templates` | which templates are offered, and how do changes get into the catalog? |
//! | `clock` | what time is it? |
//! | `certificate`, `registration` | how does the broker identify itself, and how does the operator know it? |

mod acting;
mod broker;
mod certificate;
mod clock;
mod error;
mod gate;
mod objects;
mod offers;
mod records;
mod registration;
mod requester;
mod server;
mod templates;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use rustls::ServerConfig;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};
use url::Url;

use crate::http;
use crate::osb::install_tls_provider;
use crate::process::{self, LogFormat, init_logs, kube_client, until_stopped};
use crate::template::Images;
use broker::{Broker, StandIns};
use certificate::Served;
use offers::Offers;
use registration::{Registration, register};
use templates::Sources;

/// The `ClusterServiceBroker` that the broker registers itself as: the name that OpenShift's has.
const BROKER: &str = "template-service-broker";
/// The Secret with the broker's certificate and the operator's token, in the broker's namespace.
const SECRET: &str = "template-broker-identity";
/// How often the broker reads its identity: it may have to be renewed, or another replica may have replaced it.
const UPKEEP: Duration = Duration::from_mins(1);
/// How long after a failure it tries again.
const RETRY: Duration = Duration::from_secs(5);
/// How often it looks whether the catalog is there, at the start.
const CATALOG_CHECK: Duration = Duration::from_millis(100);

/// The options of `service-catalog template-broker`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Address that serves the Open Service Broker API, /livez and /readyz, over TLS.
    #[arg(long, env = "LISTEN", default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// Format of the logs; RUST_LOG sets their levels, for example debug.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
    /// Namespace that the broker runs in; it contains a Secret for each instance.
    #[arg(long, env = "POD_NAMESPACE", default_value = "service-catalog")]
    namespace: String,
    /// Base URL by which the operator reaches the broker. Its host is that of the broker's certificate.
    #[arg(long, env = "PUBLIC_URL")]
    public_url: Url,
    /// Directory with files of templates to offer.
    #[arg(long, env = "TEMPLATES")]
    templates: Option<PathBuf>,
    /// File with the images for image stream tags in templates: a map from NAMESPACE/NAME:TAG or NAME:TAG to images.
    #[arg(long, env = "IMAGES")]
    images: Option<PathBuf>,
    /// Namespace whose Templates are offered; repeatable, or separated by commas [default: the broker's own]
    #[arg(
        long = "template-namespace",
        env = "TEMPLATE_NAMESPACES",
        value_name = "NAME",
        value_delimiter = ','
    )]
    template_namespaces: Vec<String>,
    /// User name of the `ServiceAccount` as which the broker acts for members of system:masters, whom the API server does
    /// not allow to be impersonated [default: their instances are refused]
    #[arg(long, env = "ADMINISTRATORS")]
    administrators: Option<String>,
    /// User name of the `ServiceAccount` that deletes the objects of users who may not do so any more.
    #[arg(long, env = "CLEANUP")]
    cleanup: String,
}

/// Why the broker does not start.
#[derive(Debug, Error)]
pub enum Error {
    /// The process cannot be set up.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// There is neither a kubeconfig nor an in-cluster configuration.
    #[error("cannot configure the Kubernetes client: {0}")]
    Config(#[from] kube::config::InferConfigError),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] templates::FileError),
    /// There is no certificate.
    #[error("no certificate: {0}")]
    Certificate(#[from] certificate::Error),
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The address is in use, or is not an address of this host.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
}

/// Runs the broker until SIGTERM or SIGINT.
pub async fn run(options: Options) -> Result<(), Error> {
    init_logs(options.log_format)?;
    install_tls_provider();
    let client = kube_client::new(kube_client::without_excluded_proxy(kube::Config::infer().await?))?;
    let built_in = match &options.templates {
        Some(directory) => templates::in_directory(directory, &options.namespace)?,
        None => Vec::new(),
    };
    let images = options.images.as_deref().map_or_else(|| Ok(Images::default()), templates::images)?;
    let upkeep = Upkeep { client: client.clone(), options: options.clone() };
    let served = Arc::new(Served::new(upkeep.identity().await?));
    let tls = ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::clone(&served) as _);
    let offers = Arc::new(Offers::new(images));
    let stand_ins = StandIns {
        administrators: options.administrators.clone().filter(|name| !name.is_empty()),
        cleanup: options.cleanup.clone(),
    };
    let broker = Broker::new(client.clone(), &options.namespace, Arc::clone(&offers), stand_ins);
    let router = server::router(Arc::new(broker), Arc::clone(&served));
    let listener =
        TcpListener::bind(options.listen).await.map_err(|error| Error::Listen(options.listen, error))?;
    info!(version = env!("CARGO_PKG_VERSION"), address = %options.listen, "starting template broker");
    let namespaces = match options.template_namespaces.as_slice() {
        [] => vec![options.namespace.clone()],
        names => names.to_vec(),
    };
    let sources = Sources { built_in, namespaces };
    tokio::select! {
        never = http::serve(listener, Some(TlsAcceptor::from(Arc::new(tls))), router) => match never {},
        never = upkeep.run(&served, &offers) => match never {},
        () = templates::follow(&client, &sources, &offers, BROKER) => Ok(()),
        stopped = until_stopped() => Ok(stopped?),
    }
}

/// Keeps certificate and registration in order.
struct Upkeep {
    client: Client,
    options: Options,
}

impl Upkeep {
    async fn identity(&self) -> Result<certificate::Identity, certificate::Error> {
        let secrets = Api::<Secret>::namespaced(self.client.clone(), &self.options.namespace);
        let hosts: Vec<String> = self.options.public_url.host_str().map(str::to_owned).into_iter().collect();
        certificate::ensure(&secrets, SECRET, &hosts, clock::now()).await
    }

    async fn run(&self, served: &Served, offers: &Offers) -> Infallible {
        // The operator fetches the catalog as soon as the broker is registered.
        while !offers.are_known() {
            sleep(CATALOG_CHECK).await;
        }
        let mut registered: Option<String> = None;
        loop {
            match self.once(served, &mut registered).await {
                Ok(()) => sleep(UPKEEP).await,
                Err(error) => {
                    warn!(%error, "cannot renew the certificate or register the broker; trying again");
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// `registered` is the certificate of the authority with which the broker has registered itself.
    async fn once(&self, served: &Served, registered: &mut Option<String>) -> Result<(), certificate::Error> {
        served.set(self.identity().await?);
        let authority = served.get().authority.clone();
        if registered.as_ref() == Some(&authority) {
            return Ok(());
        }
        let registration = Registration {
            name: BROKER,
            url: self.options.public_url.as_str().trim_end_matches('/'),
            namespace: &self.options.namespace,
            secret: SECRET,
            authority: &authority,
        };
        register(&self.client, &registration).await?;
        *registered = Some(authority);
        Ok(())
    }
}
