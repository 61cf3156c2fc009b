//! `service-catalog check`: is the installation whole? The entry point is [`run`].
//!
//! To the API server a policy, a permission or a definition that is gone was never there. This compares what is in the
//! cluster with what belongs to this version, and names the command that repairs each difference. It changes nothing.
//!
//! | file | question |
//! |---|---|
//! | `finding` | what was found of a part, and how is it printed? |
//! | `deployment` | how is the operator installed? |
//! | `definitions` | are the CRDs those of this version? |
//! | `policies` | are the admission policies there? |
//! | `permissions` | may the operator do what it does? |
//! | `leader` | does a replica lead? |

mod definitions;
mod deployment;
mod finding;
mod leader;
mod permissions;
mod policies;

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::osb::install_tls_provider;
use crate::process::{self, kube_client, kube_version};
use finding::{Finding, Verdict};

pub use permissions::{NEEDED, Permission, Place};

/// The options of `service-catalog check`.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Namespace that the operator runs in.
    #[arg(long, short, env = "POD_NAMESPACE", default_value = "service-catalog")]
    namespace: String,
    /// Deployment of the operator.
    #[arg(long, default_value = "service-catalog")]
    deployment: String,
    /// Kubeconfig file [default: those of KUBECONFIG, or ~/.kube/config; in a pod, its ServiceAccount]
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig [default: the current one]
    #[arg(long)]
    context: Option<String>,
}

/// Why the installation is not whole, or was not checked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig is unusable.
    #[error("cannot use the kubeconfig: {0}")]
    Kubeconfig(#[from] KubeconfigError),
    /// There is neither a kubeconfig nor an in-cluster configuration.
    #[error("cannot configure the Kubernetes client: {0}")]
    Config(#[from] kube::config::InferConfigError),
    /// The process cannot be set up.
    #[error(transparent)]
    Process(#[from] process::Error),
    /// The API server does not answer, or knows no such user.
    #[error("the Kubernetes API server does not answer: {0}")]
    Api(Box<kube::Error>),
    /// Standard output is closed.
    #[error("cannot print what was found: {0}")]
    Output(#[from] std::io::Error),
    /// Something is wrong, and was printed.
    #[error("the installation is not whole: {0} of its parts are not as they should be")]
    NotWhole(usize),
}

/// Prints what is found of each part of the installation, and how to repair what is wrong. An installation that is not whole
/// is an error.
pub async fn run(options: Options) -> Result<(), Error> {
    install_tls_provider();
    let client = kube_client::new(options.config().await?)?;
    let mut report = Report::default();
    report.add([version(&client).await?])?;
    let (installation, found) = deployment::check(&client, &options.namespace, &options.deployment).await;
    report.add([found])?;
    report.add(definitions::check(&client, &installation).await)?;
    report.add(policies::check(&client, &installation).await)?;
    report.add(permissions::check(&client, &installation).await)?;
    report.add([leader::check(&client, &installation).await])?;
    report.end()
}

impl Options {
    async fn config(&self) -> Result<Config, Error> {
        let config = if self.kubeconfig.is_some() || self.context.is_some() {
            let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
            let kubeconfig = match &self.kubeconfig {
                Some(file) => Kubeconfig::read_from(file)?,
                None => Kubeconfig::read()?,
            };
            Config::from_custom_kubeconfig(kubeconfig, &options).await?
        } else {
            Config::infer().await?
        };
        Ok(kube_client::without_excluded_proxy(config))
    }
}

async fn version(client: &Client) -> Result<Finding, Error> {
    let version = client.apiserver_version().await.map_err(|error| Error::Api(Box::new(error)))?;
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

/// Counts what is printed.
#[derive(Default)]
struct Report {
    wrong: usize,
    unknown: usize,
}

impl Report {
    fn add(&mut self, findings: impl IntoIterator<Item = Finding>) -> Result<(), Error> {
        let mut out = std::io::stdout().lock();
        for finding in findings {
            match finding.verdict {
                Verdict::Whole => {}
                Verdict::Wrong { .. } => self.wrong += 1,
                Verdict::Unknown { .. } => self.unknown += 1,
            }
            writeln!(out, "{finding}")?;
        }
        Ok(())
    }

    fn end(&self) -> Result<(), Error> {
        if self.wrong > 0 {
            return Err(Error::NotWhole(self.wrong));
        }
        let mut out = std::io::stdout().lock();
        match self.unknown {
            0 => writeln!(out, "The installation is whole.")?,
            unknown => {
                writeln!(out, "What could be checked is whole; {unknown} parts could not be checked.")?
            }
        }
        Ok(())
    }
}
