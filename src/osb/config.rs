//! Where is the broker, and how does the client connect and authenticate? (“Authentication”, “URL Properties”)

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use reqwest::{
    header::{HeaderValue, InvalidHeaderValue},
    redirect, retry,
};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::address::Resolver;
use super::{AllowedAddresses, AnswerMemory, ChosenBy, NameLookups, Redactor, trust};

/// The default of [`Config::timeout`] (“Orphan Mitigation”: typically 60 seconds).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// The default of [`Config::max_catalog_plans`].
pub const DEFAULT_MAX_CATALOG_PLANS: usize = 5000;

/// The longest value of the header with the credentials, in bytes. Common servers accept no longer line, and the
/// credentials of every broker are kept in memory.
const MAX_AUTHORIZATION_BYTES: usize = 8 * 1024;

/// The size limit of a tenant's CA bundle, in bytes. Some forty certificates fit.
const MAX_CA_BUNDLE_BYTES: usize = 64 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Shorter than the keep-alive timeout of common servers. If the broker closed an idle connection while a request is
/// sent, the client would not know whether the broker received the request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The configuration of a client.
///
/// The environment variables `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured. A proxy may be at
/// any address.
#[derive(Clone)]
pub struct Config {
    /// The base URL, to which the client appends `/v2/…`. It may have a path (“URL Properties”). Credentials in it are
    /// used if `authentication` is [`Authentication::None`].
    pub url: String,
    /// Who has chosen the URL.
    pub chosen_by: ChosenBy,
    /// Where brokers of tenants may be.
    pub allowed_addresses: Arc<AllowedAddresses>,
    /// The credentials for the broker.
    pub authentication: Authentication,
    /// The certificates (PEM) to trust: those of CAs, or that of the broker itself. `None`: those of the system.
    pub ca_bundle: Option<Vec<u8>>,
    /// Whether the client accepts any TLS certificate.
    pub insecure_skip_tls_verify: bool,
    /// The time limit of a request, up to the end of the response body.
    pub timeout: Duration,
    /// The most plans of a catalog, and as many offerings. It also limits the size of the document, to 2 KiB for each
    /// plan.
    pub max_catalog_plans: usize,
    /// The memory for large answers.
    pub memory: AnswerMemory,
    /// Looks up the name of the broker's host.
    pub lookups: NameLookups,
    /// Called after each call, for metrics.
    pub observer: Option<Observer>,
}

/// The credentials for a broker (“Authentication”).
#[derive(Clone, Debug, Default)]
pub enum Authentication {
    /// No `Authorization` header.
    #[default]
    None,
    /// HTTP basic authentication.
    Basic {
        /// The user name. Must not contain a colon.
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

/// A callback that is called after each call.
pub type Observer = Arc<dyn Fn(&Observation) + Send + Sync>;

/// A finished call, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// `GetCatalog`, `ProvisionInstance`, `GetInstance`, `UpdateInstance`, `DeprovisionInstance`,
    /// `PollLastOperation`, `Bind`, `GetBinding`, `Unbind` or `PollBindingLastOperation`.
    pub method: &'static str,
    /// The class of the response's status, `1xx` to `5xx`, or `client-error` without a response.
    pub status: &'static str,
    /// The time from the request to the end of the response.
    pub duration: Duration,
}

/// Why a client cannot be created. The messages are for the user who registered the broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The URL is invalid.
    #[error("the broker's URL is invalid: {0}")]
    Url(String),
    /// The URL has an address at which no broker may be.
    #[error("the broker's URL is not allowed: {0}")]
    Address(String),
    /// The credentials cannot be sent in a header.
    #[error("the credentials for the broker are invalid: {0}")]
    Credentials(&'static str),
    /// The CA certificates cannot be read.
    #[error("the broker's CA bundle is invalid: {0}")]
    CaBundle(String),
    /// The system has no CA certificates, or TLS cannot be initialised.
    #[error("cannot initialise TLS: {0}")]
    Tls(String),
}

/// Installs *ring* as the TLS provider of the process. Without a provider the first connection panics. Idempotent.
pub fn install_tls_provider() {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Config {
    /// The parsed base URL.
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

    /// Resolves the host of the base URL to addresses that are allowed.
    pub(super) fn resolver(&self, base: &Url) -> Result<Resolver, ConfigError> {
        Resolver::new(base, &self.allowed_addresses, self.chosen_by, &self.lookups)
            .map_err(|refused| ConfigError::Address(refused.to_string()))
    }

    /// The value of the `Authorization` header.
    pub(super) fn authorization(&self) -> Result<Option<HeaderValue>, ConfigError> {
        let value = match &self.authentication {
            Authentication::None => return Ok(None),
            Authentication::Basic { username, .. } if username.contains(':') => {
                return Err(ConfigError::Credentials("the user name must not contain a colon"));
            }
            Authentication::Basic { username, password } => {
                format!("Basic {}", encoded(username, password.expose_secret()).expose_secret())
            }
            Authentication::Bearer { token } => format!("Bearer {}", token.expose_secret()),
        };
        if value.len() > MAX_AUTHORIZATION_BYTES {
            return Err(ConfigError::Credentials("the header with them would be longer than 8 KiB"));
        }
        let mut value = HeaderValue::try_from(value).map_err(|_: InvalidHeaderValue| {
            ConfigError::Credentials(
                "the token contains a character that a header cannot carry, such as a line break",
            )
        })?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// Knows the credentials, in the forms in which a broker may repeat them.
    pub(super) fn redactor(&self, base: &Url) -> Redactor {
        let mut secrets: Vec<SecretString> = match &self.authentication {
            Authentication::None => Vec::new(),
            Authentication::Basic { username, password } => {
                vec![password.clone(), encoded(username, password.expose_secret())]
            }
            Authentication::Bearer { token } => vec![token.clone()],
        };
        if let Some(password) = base.password() {
            let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            let (username, password) = (decode(base.username()), decode(password));
            secrets.push(encoded(&username, &password));
            secrets.push(password.into());
        }
        Redactor::new(secrets.iter().map(|secret| secret.expose_secret().as_bytes()))
    }

    /// The HTTP client. It neither follows redirects nor retries: `transport` decides on redirects, and a request that
    /// changes something must not be sent twice unnoticed.
    pub(super) fn http(&self, base: &Url, resolver: Resolver) -> Result<reqwest::Client, ConfigError> {
        install_tls_provider();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .dns_resolver(Arc::new(resolver))
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout / 2))
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tls_danger_accept_invalid_certs(self.insecure_skip_tls_verify);
        builder = match self.tls()? {
            Some(tls) if !self.insecure_skip_tls_verify => builder.tls_backend_preconfigured(tls),
            // An `http://` URL needs no certificates.
            _ if base.scheme() == "http" => builder.tls_certs_only([]),
            _ => builder,
        };
        builder.build().map_err(|error| match self.ca_bundle {
            Some(_) => ConfigError::CaBundle(super::error::reason(error)),
            None => ConfigError::Tls(super::error::reason(error)),
        })
    }

    /// The settings that trust the CA bundle; `None` without one.
    fn tls(&self) -> Result<Option<ClientConfig>, ConfigError> {
        let Some(bundle) = &self.ca_bundle else { return Ok(None) };
        if self.chosen_by == ChosenBy::Tenant && bundle.len() > MAX_CA_BUNDLE_BYTES {
            return Err(ConfigError::CaBundle("it is larger than 64 KiB".to_owned()));
        }
        trust::only(bundle).map(Some).map_err(ConfigError::CaBundle)
    }
}

/// User name and password as HTTP basic authentication has them.
fn encoded(username: &str, password: &str) -> SecretString {
    STANDARD.encode(format!("{username}:{password}")).into()
}

#[cfg(test)]
mod tests;
