//! How does a process connect to the API server?

use std::path::Path;

use http::header::{HeaderValue, USER_AGENT};
use hyper_util::client::proxy::matcher::Matcher;
use kube::client::{Body, ClientBuilder, DynBody};
use kube::config::{Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use tower::BoxError;
use tower::util::BoxService;

use super::Error;

/// The configuration without a proxy that `NO_PROXY` excludes. kube compares that variable with the address of the proxy,
/// not with that of the API server. A proxy that the kubeconfig names stays.
pub fn without_excluded_proxy(mut config: Config) -> Config {
    let is_from_environment = ["HTTPS_PROXY", "https_proxy"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok()?.parse().ok())
        .any(|proxy| Some(proxy) == config.proxy_url);
    if is_from_environment && Matcher::from_env().intercept(&config.cluster_url).is_none() {
        config.proxy_url = None;
    }
    config
}

/// The kubeconfig in this file, or those that `kubectl` would read.
pub fn kubeconfig(file: Option<&Path>) -> Result<Kubeconfig, KubeconfigError> {
    file.map_or_else(Kubeconfig::read, Kubeconfig::read_from)
}

/// A client that does not retry: the caller decides when to try again.
pub fn new(config: Config) -> Result<Client, Error> {
    Ok(builder(config)?.build())
}

/// The service that sends a request once.
pub type Sender = BoxService<http::Request<Body>, http::Response<Box<DynBody>>, BoxError>;

/// Every request has the program's name as its user agent, and with it every write a field manager: where a request names
/// none, the API server takes the user agent up to the slash. So `managedFields` names the program in all objects that it
/// writes, also in events and the lease, for example for `managedFieldsManagers` of Argo CD.
pub fn builder(mut config: Config) -> Result<ClientBuilder<Sender>, Error> {
    config.default_retry = false;
    let agent = HeaderValue::from_static(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));
    config.headers.push((USER_AGENT, agent));
    ClientBuilder::try_from(config).map_err(|error| Error::KubernetesTls(Box::new(error)))
}
