//! Reads the Secrets with the credentials for brokers.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt as _};
use secrecy::SecretString;

use crate::crd::reference::ObjectReference;
use crate::crd::role::AuthSecret;
use crate::fair_limiter::FairLimiter;
use crate::osb::Authentication;
use crate::reconcilers::error::{During as _, Error};

/// How many Secrets with credentials for brokers are read at once, at most. Each may take a few MiB while it is
/// decoded.
const MAX_READS: usize = 4;

/// How many of them are for brokers of the same owner, at most.
const MAX_READS_OF_OWNER: usize = 1;

/// Reads credentials, a few at a time.
pub struct CredentialReader {
    client: Client,
    reads: Arc<FairLimiter>,
}

impl CredentialReader {
    /// A reader that has read nothing yet.
    pub fn new(client: Client) -> Self {
        Self { client, reads: FairLimiter::with_share(MAX_READS, MAX_READS_OF_OWNER) }
    }

    /// The credentials, and the resourceVersion of their Secret. `owner` is charged for the read.
    pub async fn read(&self, auth: &AuthSecret, owner: &str) -> Result<(Authentication, String), Error> {
        match auth {
            AuthSecret::None => Ok((Authentication::None, String::new())),
            AuthSecret::Basic(reference) => {
                // Until the credentials are copied: the Secret may have more.
                let _permit = self.reads.acquire(owner).await;
                let secret = self.secret(reference).await?;
                let username = entry(&secret, reference, "username")?;
                let password = SecretString::from(entry(&secret, reference, "password")?);
                Ok((Authentication::Basic { username, password }, version(&secret)))
            }
            AuthSecret::Bearer(reference) => {
                let _permit = self.reads.acquire(owner).await;
                let secret = self.secret(reference).await?;
                let token = SecretString::from(entry(&secret, reference, "token")?);
                Ok((Authentication::Bearer { token }, version(&secret)))
            }
        }
    }

    async fn secret(&self, reference: &ObjectReference) -> Result<Secret, Error> {
        let api = Api::<Secret>::namespaced(self.client.clone(), &reference.namespace);
        let found =
            api.get_opt(&reference.name).await.during("reading the Secret with the broker's credentials")?;
        found.ok_or_else(|| {
            Error::Missing(format!("Secret {}/{} does not exist", reference.namespace, reference.name))
        })
    }
}

fn entry(secret: &Secret, reference: &ObjectReference, key: &str) -> Result<String, Error> {
    let ObjectReference { namespace, name } = reference;
    let bytes = secret.data.as_ref().and_then(|data| data.get(key));
    let bytes = bytes
        .ok_or_else(|| Error::Credentials(format!("the Secret {namespace}/{name} has no key {key:?}")))?;
    String::from_utf8(bytes.0.clone()).map_err(|_| {
        Error::Credentials(format!("the key {key:?} of the Secret {namespace}/{name} is not valid UTF-8"))
    })
}

fn version(secret: &Secret) -> String {
    secret.resource_version().unwrap_or_default()
}
