//! Where is a broker and how is it spoken to? (“Authentication”, “URL Properties”)

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{
    Certificate,
    header::{HeaderValue, InvalidHeaderValue},
    redirect, retry,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// How long a request may take (“Orphan Mitigation”: typically 60 seconds).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Shorter than the keep-alive of common servers: a connection that the broker closes just when a request is
/// sent leaves it unknown what became of the request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// What a client needs to know of a broker.
///
/// The environment variables `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured.
#[derive(Clone)]
pub struct Config {
    /// The URL in front of `/v2`, which may have a path (“URL Properties”). Credentials in it are used if
    /// `authentication` has none.
    pub url: String,
    /// The credentials.
    pub authentication: Authentication,
    /// The certificates, in PEM, that are trusted instead of the system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// Whether any certificate is accepted.
    pub insecure_skip_tls_verify: bool,
    /// How long a request may take, to the end of its answer.
    pub timeout: Duration,
    /// Who is told of each call.
    pub observer: Option<Observer>,
}

/// The credentials for a broker (“Authentication”).
#[derive(Clone, Debug, Default)]
pub enum Authentication {
    /// None are sent.
    #[default]
    None,
    /// HTTP basic authentication.
    Basic {
        /// The name, without colons.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// An opaque bearer token.
    Bearer {
        /// The token.
        token: SecretString,
    },
}

/// Is told of each call when it has ended.
pub type Observer = Arc<dyn Fn(&Observation) + Send + Sync>;

/// A call that has ended, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// `GetCatalog`, `ProvisionInstance`, `GetInstance`, `UpdateInstance`, `DeprovisionInstance`,
    /// `PollLastOperation`, `Bind`, `GetBinding`, `Unbind` or `PollBindingLastOperation`.
    pub method: &'static str,
    /// The class of the broker's answer, `1xx` to `5xx`, or `client-error` if there was none.
    pub status: &'static str,
    /// How long it took.
    pub duration: Duration,
}

/// Why a client cannot be made, as a sentence for whoever registered the broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The URL cannot be used.
    #[error("the URL of the broker is not usable: {0}")]
    Url(String),
    /// The credentials cannot be sent.
    #[error("the credentials for the broker are not usable: {0}")]
    Credentials(&'static str),
    /// The certificates cannot be trusted.
    #[error("the CA bundle of the broker is not usable: {0}")]
    CaBundle(String),
    /// There are no certificates to trust, or TLS does not work at all.
    #[error("TLS is not usable: {0}")]
    Tls(String),
}

/// Makes *ring* the process's TLS implementation, once: without a choice the first connection panics.
pub fn install_tls_provider() {
    // Fails if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Config {
    /// The URL in front of `/v2`.
    pub(super) fn base(&self) -> Result<Url, ConfigError> {
        let url = Url::parse(self.url.trim()).map_err(|error| ConfigError::Url(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ConfigError::Url("it must begin with http:// or https://".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(ConfigError::Url("it must have neither a query nor a fragment".to_owned()));
        }
        Ok(url)
    }

    /// The value of `Authorization`.
    pub(super) fn authorization(&self) -> Result<Option<HeaderValue>, ConfigError> {
        let value = match &self.authentication {
            Authentication::None => return Ok(None),
            Authentication::Basic { username, .. } if username.contains(':') => {
                return Err(ConfigError::Credentials("the user name must not contain a colon"));
            }
            Authentication::Basic { username, password } => {
                format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose_secret())))
            }
            Authentication::Bearer { token } => format!("Bearer {}", token.expose_secret()),
        };
        let mut value = HeaderValue::try_from(value).map_err(|_: InvalidHeaderValue| {
            ConfigError::Credentials("the token has characters, such as a line break, that cannot be sent")
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// The HTTP client, which neither follows redirects nor sends anything twice.
    pub(super) fn http(&self, base: &Url) -> Result<reqwest::Client, ConfigError> {
        install_tls_provider();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout / 2))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tls_danger_accept_invalid_certs(self.insecure_skip_tls_verify);
        if let Some(certificates) = self.certificates(base)? {
            builder = builder.tls_certs_only(certificates);
        }
        builder.build().map_err(|error| match self.ca_bundle {
            Some(_) => ConfigError::CaBundle(super::error::reason(error)),
            None => ConfigError::Tls(super::error::reason(error)),
        })
    }

    /// The certificates to trust, unless they are the system's. A plain URL needs none.
    fn certificates(&self, base: &Url) -> Result<Option<Vec<Certificate>>, ConfigError> {
        let Some(bundle) = &self.ca_bundle else {
            return Ok((base.scheme() == "http").then(Vec::new));
        };
        let certificates = Certificate::from_pem_bundle(bundle)
            .map_err(|error| ConfigError::CaBundle(super::error::reason(error)))?;
        if certificates.is_empty() {
            return Err(ConfigError::CaBundle("it has no certificate in PEM format".to_owned()));
        }
        Ok(Some(certificates))
    }
}

#[cfg(test)]
mod tests;
