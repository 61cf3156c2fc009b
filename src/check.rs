//! `service-catalog check`: is the installation whole? The entry point is [`run`].
//!
//! The API server does not report that a policy, a permission or a CRD was deleted. This compares what is in the cluster
//! with what belongs to this version, and says how to repair each difference. It changes nothing.
//!
//! | file | question |
//! |---|---|
//! | `finding` | what was found of a part, and how is it printed? |
//! | `commands` | how does the reader repair something, in the cluster that was checked? |
//! | `deployment` | how is the operator installed? |
//! | `definitions` | are the CRDs those of this version? |
//! | `policies` | are the admission policies there? |
//! | `permissions` | may the operator do what it does? |
//! | `leader` | does a replica lead? |

mod commands;
mod definitions;
mod deployment;
mod finding;
mod leader;
mod permissions;
mod policies;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use kube::config::{KubeConfigOptions, KubeconfigError};
use kube::{Client, Config};

use crate::osb::install_tls_provider;
use crate::process::{self, kube_client, kube_version};
use commands::Commands;
use finding::{Finding, State, cause};

pub use permissions::{NEEDED, Permission, Place};

/// How long the API server may take to accept a connection, or to answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The options of `service-catalog check`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Namespace that the operator runs in.
    #[arg(long, short, env = "POD_NAMESPACE", default_value = "service-catalog")]
    namespace: String,
    /// Deployment of the operator.
    #[arg(long, default_value = "service-catalog")]
    deployment: String,
    /// Kubeconfig file [default: those of KUBECONFIG, or ~/.kube/config].
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: the current one].
    #[arg(long)]
    context: Option<String>,
}

/// Why the installation is not whole, or was not checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig is unusable.
    #[error("cannot use the kubeconfig: {0}")]
    Kubeconfig(#[from] KubeconfigError),
    /// There is no configuration.
    #[error("cannot configure the Kubernetes client: {0}")]
    Config(#[from] kube::config::InferConfigError),
    /// The process cannot be set up.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// The API server does not answer, or refuses the user. What it says.
    #[error("cannot read the version of the Kubernetes API server: {0}")]
    Api(String),
    /// Standard output is closed.
    #[error("cannot print what was found: {0}")]
    Output(#[from] std::io::Error),
    /// The findings were printed.
    #[error("not whole, or not checked: {wrong} WRONG, {unknown} unknown")]
    NotWhole {
        /// How many findings are wrong.
        wrong: usize,
        /// How many parts could not be checked.
        unknown: usize,
    },
}

/// Prints what is found of each part of the installation, and how to repair what is wrong. It is an error if something is,
/// or could not be checked.
pub async fn run(options: Options) -> Result<(), Error> {
    install_tls_provider();
    let client = kube_client::new(options.config().await?)?;
    let mut report = Report::default();
    report.add([version(&client).await?])?;
    let operator = (options.namespace.as_str(), options.deployment.as_str());
    let (found, installation) = deployment::check(&client, operator, options.commands()).await;
    report.add([found])?;
    if let Some(installation) = &installation {
        report.add(definitions::check(&client, installation).await)?;
        report.add(policies::check(&client, installation).await)?;
        report.add(permissions::check(&client, installation).await)?;
        report.add([leader::check(&client, installation).await])?;
    } else {
        report.add([Finding::unknown("all else", "it depends on the operator's Deployment")])?;
    }
    report.end()
}

impl Options {
    fn commands(&self) -> Commands {
        Commands { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() }
    }

    async fn config(&self) -> Result<Config, Error> {
        let config = if self.kubeconfig.is_some() || self.context.is_some() {
            let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
            let kubeconfig = kube_client::kubeconfig(self.kubeconfig.as_deref())?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await?
        } else {
            Config::infer().await?
        };
        let mut config = kube_client::without_excluded_proxy(config);
        config.connect_timeout = Some(TIMEOUT);
        config.read_timeout = Some(TIMEOUT);
        Ok(config)
    }
}

async fn version(client: &Client) -> Result<Finding, Error> {
    let version = client.apiserver_version().await.map_err(|error| Error::Api(cause(&error)))?;
    let part = format!("Kubernetes {}", version.git_version);
    Ok(if kube_version::is_supported(&version) {
        Finding::whole(part)
    } else {
        let (major, minor) = kube_version::OLDEST;
        Finding::wrong(
            part,
            "is too old",
            format!("upgrade the cluster to Kubernetes {major}.{minor} or later"),
        )
    })
}

/// Prints findings, and counts them.
#[derive(Default)]
struct Report {
    wrong: usize,
    unknown: usize,
}

impl Report {
    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) -> Result<(), Error> {
        let mut out = std::io::stdout().lock();
        for finding in findings {
            match finding.state {
                State::Whole => {}
                State::Wrong { .. } => self.wrong += 1,
                State::Unknown { .. } => self.unknown += 1,
            }
            writeln!(out, "{finding}")?;
        }
        Ok(())
    }

    fn end(&self) -> Result<(), Error> {
        let Self { wrong, unknown } = *self;
        if wrong + unknown > 0 {
            return Err(Error::NotWhole { wrong, unknown });
        }
        Ok(writeln!(std::io::stdout(), "Nothing of what was checked is wrong.")?)
    }
}
