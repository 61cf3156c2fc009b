//! The command line: `service-catalog run` is the operator, `service-catalog template-broker` the broker for templates,
//! `service-catalog console` the web console; `service-catalog check` says whether the installation is whole, and
//! `service-catalog crds` prints the CRDs.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use service_catalog::{check, console, crd, run, template_broker};
use tokio::runtime::{Builder, Runtime};

/// The Kubernetes service catalog: Open Service Broker services through custom resources.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator against the cluster of KUBECONFIG or, in a pod, the pod's own cluster.
    Run(Box<run::Options>),
    /// Run the template broker, which offers templates as services, against the same cluster.
    TemplateBroker(Box<template_broker::Options>),
    /// Run the web console: for you, with your kubeconfig, or for several users who log in.
    Console(Box<console::Options>),
    /// Check whether the installation is whole, as an administrator of the cluster: CRDs, policies, permissions, a leader.
    /// Says how to repair what is not, and exits with 1 if something is not, or could not be checked.
    Check(Box<check::Options>),
    /// Print the custom resource definitions (CRDs) as YAML, or write them to a directory, one file per kind.
    Crds {
        /// Directory to write the files to; it must exist.
        #[arg(long)]
        directory: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(options) => run_operator(*options),
        Command::TemplateBroker(options) => run_template_broker(*options),
        Command::Console(options) => run_console(*options),
        Command::Check(options) => check_installation(*options),
        Command::Crds { directory } => write_crds(directory.as_deref()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "service-catalog: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_operator(options: run::Options) -> Result<(), Box<dyn Error>> {
    let workers = Runtime::new()?;
    let this_thread = Builder::new_current_thread().enable_all().build()?;
    let end = this_thread.block_on(run::run(options, workers.handle()));
    // Without waiting for work on blocking threads: the intent in each status tells the next leader about it.
    workers.shutdown_background();
    Ok(end?)
}

fn run_template_broker(options: template_broker::Options) -> Result<(), Box<dyn Error>> {
    Ok(Builder::new_current_thread().enable_all().build()?.block_on(template_broker::run(options))?)
}

fn run_console(options: console::Options) -> Result<(), Box<dyn Error>> {
    // A page that takes long leaves a thread for probes and other users.
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(runtime.block_on(console::run(options))?)
}

fn check_installation(options: check::Options) -> Result<(), Box<dyn Error>> {
    Ok(Builder::new_current_thread().enable_all().build()?.block_on(check::run(options))?)
}

fn write_crds(directory: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for definition in crd::all() {
        let text = crd::to_yaml(&definition)?;
        match directory {
            Some(directory) => std::fs::write(directory.join(crd::file_name(&definition)), text)?,
            None => writeln!(out, "---\n{text}")?,
        }
    }
    Ok(())
}
