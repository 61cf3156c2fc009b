//! The way to the API server: with the identity of the kubeconfig, or with the token of a user.

use std::sync::Arc;
use std::time::Duration;

use super::reading::{self, Reading, Summarised};
use crate::process::{self, kube_client};
use axum::http::{HeaderValue, Method, Request, Uri, header};
use kube::client::Body;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;
use tower::{BoxError, service_fn};

use crate::console::options::Options;

/// How long the API server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection may be silent. A watch is when nothing changes.
const READ_TIMEOUT: Duration = Duration::from_mins(6);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the API server cannot be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig is unusable.
    #[error("cannot use the kubeconfig: {0}")]
    Kubeconfig(#[from] KubeconfigError),
    /// The address from the environment is unusable.
    #[error("there is neither --kubeconfig nor KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT")]
    Address,
    /// TLS cannot be set up.
    #[error(transparent)]
    Process(#[from] process::Error),
}

/// Connections to the API server that carry no identity. The only way to use them is [`Self::as_bearer`].
pub struct Transport {
    anonymous: Client,
}

impl Transport {
    /// The transport to the API server of this configuration, without the identity that the configuration may have.
    pub fn new(mut config: Config) -> Result<Self, Error> {
        config.auth_info = AuthInfo::default();
        Ok(Self { anonymous: client(config)? })
    }

    /// A transport whose requests go to this client.
    #[cfg(test)]
    pub fn from_client(anonymous: Client) -> Self {
        Self { anonymous }
    }

    /// Calls the API server with this bearer token. `None` if no header can carry the token, or if it is
    /// empty: that request would be an anonymous one.
    pub fn as_bearer(&self, token: &SecretString) -> Option<UserClient> {
        let is_token = |byte: u8| byte.is_ascii_graphic();
        if token.expose_secret().is_empty() || !token.expose_secret().bytes().all(is_token) {
            return None;
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).ok()?;
        bearer.set_sensitive(true);
        Some(UserClient { client: self.anonymous.clone(), bearer: Some(bearer) })
    }
}

/// Calls the API server as a user, within the limits of a request.
#[derive(Clone)]
pub struct UserClient {
    client: Client,
    /// `None` if the client has an identity of its own.
    bearer: Option<HeaderValue>,
}

impl UserClient {
    /// A client whose reads count as what is read for this request. Events of watches do not, which are dropped one by one.
    pub fn within(&self, reading: &Arc<Reading>) -> Client {
        let (user, reading) = (self.clone(), Arc::clone(reading));
        let send = service_fn(move |mut request: Request<Body>| {
            let (Self { client, bearer }, reading) = (user.clone(), Arc::clone(&reading));
            if let Some(bearer) = bearer {
                request.headers_mut().insert(header::AUTHORIZATION, bearer);
            }
            async move {
                let is_read = request.method() == Method::GET;
                let is_watch = request.uri().query().is_some_and(|query| query.contains("watch="));
                let summarised = request.extensions().get::<Summarised>().copied();
                let is_review = request.uri().path().contains("/selfsubject");
                let answer = timeout(ANSWER_TIMEOUT, async {
                    let answer = client.send(request).await?;
                    let whole = match () {
                        () if is_watch => return Ok(reading::events(answer)),
                        () if is_read => reading.read(answer, summarised).await,
                        () if is_review => reading::whole(answer, reading::MAX_BYTES_OF_REVIEW).await,
                        () => reading::whole(answer, reading::MAX_BYTES_OF_WRITE).await,
                    };
                    whole.map(|answer| answer.map(axum::body::Body::new))
                });
                answer.await.map_err(BoxError::from)?
            }
        });
        Client::new(send, "default")
    }
}

/// The kubeconfig of a person: its client and what it is called.
pub struct Personal {
    /// Calls the API server as the user of the kubeconfig.
    pub client: UserClient,
    /// The namespace of the context.
    pub namespace: String,
    /// The name of the cluster in the kubeconfig.
    pub cluster_name: String,
    /// The name of the user in the kubeconfig. It need not be the user name.
    pub user_name: String,
}

/// Reads the kubeconfig of a person. Credential plugins are run when a token is needed.
pub async fn personal(options: &Options) -> Result<Personal, Error> {
    let kubeconfig = kube_client::kubeconfig(options.kubeconfig.as_deref())?;
    let current = options.context.as_ref().or(kubeconfig.current_context.as_ref());
    let named = kubeconfig.contexts.iter().find(|context| Some(&context.name) == current);
    let context = named.and_then(|named| named.context.clone());
    let (cluster_name, user_name) =
        context.map(|context| (context.cluster, context.user.unwrap_or_default())).unwrap_or_default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &context_of(options)).await?;
    let namespace = config.default_namespace.clone();
    let client = UserClient { client: client(config)?, bearer: None };
    Ok(Personal { client, namespace, cluster_name, user_name })
}

/// The API server of a shared console: that of `--kubeconfig`, or the one of the cluster that the console runs in.
pub async fn shared(options: &Options) -> Result<(Transport, String), Error> {
    let config = match &options.kubeconfig {
        Some(path) => {
            Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &context_of(options)).await?
        }
        None => in_cluster(options)?,
    };
    let address = config.cluster_url.host().unwrap_or_default().to_owned();
    let name = options.cluster_name.clone().unwrap_or(address);
    Ok((Transport::new(config)?, name))
}

/// kube's own configuration for pods demands a token, and the console must not have one.
fn in_cluster(options: &Options) -> Result<Config, Error> {
    let variable = |name| std::env::var(name).map_err(|_| Error::Address);
    let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let uri: Uri = format!("https://{host}:{port}").parse().map_err(|_| Error::Address)?;
    let mut config = Config::new(uri);
    config.root_cert_file = Some(options.certificate_authority.clone());
    Ok(config)
}

fn context_of(options: &Options) -> KubeConfigOptions {
    KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() }
}

fn client(mut config: Config) -> Result<Client, Error> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    Ok(kube_client::new(kube_client::without_excluded_proxy(config))?)
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::console::access::reading::{Readings, Refusal};

    /// Seen to fail when reads and writes have the same limit: the Secret of a binding that was created would be deleted.
    #[tokio::test(start_paused = true)]
    async fn the_answer_to_a_write_arrives_although_much_is_being_read() {
        let large = service_fn(async |_: Request<Body>| {
            Ok::<_, std::io::Error>(Response::new(Body::from(vec![b' '; 1024 * 1024])))
        });
        let user =
            Transport::from_client(Client::new(large, "default")).as_bearer(&"token".to_owned().into());
        let (user, readings) = (user.unwrap(), Readings::default());
        let request = |method: Method| Request::builder().method(method).uri("/").body(Vec::new()).unwrap();
        let first = readings.begin("jane");
        assert!(user.within(&first).request_text(request(Method::GET)).await.is_ok());
        let second = user.within(&readings.begin("joe"));
        let refused = second.request_text(request(Method::GET)).await.unwrap_err();
        let kube::Error::Service(refused) = refused else { panic!("{refused}") };
        assert_eq!(refused.downcast_ref(), Some(&Refusal::Busy));
        for write in [Method::POST, Method::PATCH, Method::DELETE] {
            assert!(second.request_text(request(write)).await.is_ok());
        }
    }
}
