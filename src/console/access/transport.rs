//! The way to the API server: with the identity of the kubeconfig, or with the token of a user.

use std::time::Duration;

use crate::process::{self, kube_client};
use axum::http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use kube::client::Body;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::core::Status;
use kube::{Client, Config};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;
use tower::{BoxError, service_fn};

use crate::console::options::Options;

/// How long the API server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest answer that is read, in bytes. Only events of watches have no end.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
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

    /// A client that calls the API server with this bearer token. `None` if no header can carry the token, or if it is
    /// empty: that request would be an anonymous one.
    pub fn as_bearer(&self, token: &SecretString) -> Option<Client> {
        let is_token = |byte: u8| byte.is_ascii_graphic();
        if token.expose_secret().is_empty() || !token.expose_secret().bytes().all(is_token) {
            return None;
        }
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).ok()?;
        bearer.set_sensitive(true);
        let anonymous = self.anonymous.clone();
        let send = service_fn(move |mut request: Request<Body>| {
            request.headers_mut().insert(header::AUTHORIZATION, bearer.clone());
            let anonymous = anonymous.clone();
            async move { anonymous.send(request).await }
        });
        Some(Client::new(send, "default"))
    }
}

/// The kubeconfig of a person: its client and what it is called.
pub struct Personal {
    /// Calls the API server as the user of the kubeconfig.
    pub client: Client,
    /// The namespace of the context.
    pub namespace: String,
    /// The name of the cluster in the kubeconfig.
    pub cluster_name: String,
    /// The name of the user in the kubeconfig. It need not be the user name.
    pub user_name: String,
}

/// Reads the kubeconfig of a person. Credential plugins are run when a token is needed.
pub async fn personal(options: &Options) -> Result<Personal, Error> {
    let kubeconfig = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path)?,
        None => Kubeconfig::read()?,
    };
    let current = options.context.as_ref().or(kubeconfig.current_context.as_ref());
    let named = kubeconfig.contexts.iter().find(|context| Some(&context.name) == current);
    let context = named.and_then(|named| named.context.clone());
    let (cluster_name, user_name) =
        context.map(|context| (context.cluster, context.user.unwrap_or_default())).unwrap_or_default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &context_of(options)).await?;
    let namespace = config.default_namespace.clone();
    Ok(Personal { client: client(config)?, namespace, cluster_name, user_name })
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

/// The answer as a whole. One that is too long is replaced by a refusal, so that the user reads why.
async fn limited(answer: Response<Body>) -> Result<Response<Body>, BoxError> {
    let (mut head, body) = answer.into_parts();
    match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
        Ok(whole) => Ok(Response::from_parts(head, Body::from(whole.to_bytes()))),
        Err(error) if error.is::<LengthLimitError>() => {
            let message = format!(
                "the answer has more than {} MiB, which the console does not read; kubectl does",
                MAX_ANSWER_BYTES / (1024 * 1024)
            );
            let status = Status::failure(&message, "RequestEntityTooLarge").with_code(413);
            head.status = StatusCode::PAYLOAD_TOO_LARGE;
            Ok(Response::from_parts(head, Body::from(serde_json::to_vec(&status)?)))
        }
        Err(error) => Err(error),
    }
}

fn client(mut config: Config) -> Result<Client, Error> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    let patient = kube_client::new(kube_client::without_excluded_proxy(config))?;
    let send = service_fn(move |request: Request<Body>| {
        let patient = patient.clone();
        async move {
            let is_watch = request.uri().query().is_some_and(|query| query.contains("watch="));
            let answer = timeout(ANSWER_TIMEOUT, async {
                let answer = patient.send(request).await.map_err(BoxError::from)?;
                if is_watch { Ok(answer) } else { limited(answer).await }
            });
            answer.await.map_err(BoxError::from)?
        }
    });
    Ok(Client::new(send, "default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_is_too_long_is_a_refusal_that_says_so() {
        let answer = |bytes: usize| Response::new(Body::from(vec![b' '; bytes]));
        let whole = limited(answer(MAX_ANSWER_BYTES)).await.unwrap();
        assert_eq!(whole.status(), StatusCode::OK);
        assert_eq!(whole.into_body().collect_bytes().await.unwrap().len(), MAX_ANSWER_BYTES);
        let refused = limited(answer(MAX_ANSWER_BYTES + 1)).await.unwrap();
        assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let status: Status =
            serde_json::from_slice(&refused.into_body().collect_bytes().await.unwrap()).unwrap();
        assert_eq!(status.code, 413);
        assert!(status.message.contains("16 MiB"), "{}", status.message);
    }
}
