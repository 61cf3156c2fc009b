//! The users' Secrets to which objects refer: read when they are needed, never cached.
//!
//! **One watch for all,** of metadata only, whatever objects refer to. A watch for each name would cost a connection
//! each, and users choose the names. The watch lists nothing: it begins at the current resourceVersion and only
//! requeues the objects that refer to a changed Secret, so other Secrets of the cluster cost no memory. If it loses its
//! place (`410 Gone`), it requeues every object that refers to a Secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt as _, pin_mut};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, ResourceExt as _};
use tracing::warn;

use super::references::{References, Requeue, User};
use crate::crd::binding::SecretData;
use crate::crd::reference::ParametersFromSource;
use crate::domain::parameters::{MAX_BYTES, ParametersError, secrets_of};
use crate::fair_limiter::FairLimiter;
use crate::reconcilers::error::{During as _, Error, Explained};
use crate::reconcilers::identity::NamespacedName;
use crate::reconcilers::kube_api::KubeApi;
use crate::reconcilers::reach::{Part, Unlisted};

/// How many Secrets are read at once, at most. Each may take a few MiB while it is decoded.
const MAX_READS: usize = 4;
/// The name of the watch, where it is refused.
const WATCH: &str = "referenced Secrets";
/// The delay before the watch is opened again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The size limit of all Secrets that `addKeysFrom` names, in bytes: twice what fits into the binding's Secret.
const MAX_SOURCE_BYTES: usize = 2 * 1024 * 1024;

/// The users' Secrets to which objects refer.
pub struct ReferencedSecrets {
    api: Arc<KubeApi>,
    reads: Arc<FairLimiter>,
    references: Mutex<References>,
    parts: Vec<Part>,
    /// The watches that have no place yet.
    unplaced: Unlisted,
}

impl fmt::Debug for ReferencedSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReferencedSecrets")
    }
}

impl ReferencedSecrets {
    /// No references yet.
    pub fn new(api: Arc<KubeApi>, parts: Vec<Part>) -> Self {
        let unplaced = Unlisted::new(parts.clone());
        Self { api, reads: FairLimiter::new(MAX_READS), references: Mutex::default(), parts, unplaced }
    }

    /// Requeues the object when one of exactly these Secrets changes. The error says which limit is reached; the object
    /// is requeued when it is not reached any more.
    pub fn refer(
        &self,
        user: User<'_>,
        secrets: &BTreeSet<NamespacedName>,
        requeue: impl Fn() + Send + Sync + 'static,
    ) -> Explained<()> {
        let requeue: Requeue = Arc::new(requeue);
        self.lock().set(user, secrets, &requeue)
    }

    /// Forgets the object with this UID, because it is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().forget(uid);
    }

    /// Reads the entries of a Secret; `None` if it does not exist.
    async fn entries(&self, namespace: &str, name: &str) -> Result<Option<SecretData>, Error> {
        let _permit = self.reads.acquire(namespace).await;
        let api = Api::<Secret>::namespaced(self.api.client.clone(), namespace);
        let found = api.get_opt(name).await.during("reading a Secret")?;
        Ok(found.map(|secret| secret.data.unwrap_or_default()))
    }

    /// The entries of the Secrets with these names, as far as they exist; or why they are too large.
    pub async fn sources(
        &self,
        namespace: &str,
        names: BTreeSet<&str>,
    ) -> Result<Explained<BTreeMap<String, SecretData>>, Error> {
        let (mut found, mut size) = (BTreeMap::new(), 0);
        for name in names {
            let Some(entries) = self.entries(namespace, name).await? else { continue };
            size += entries.iter().map(|(key, value)| key.len() + value.0.len()).sum::<usize>();
            if size > MAX_SOURCE_BYTES {
                return Ok(Err(format!(
                    "spec.secretTransforms: the Secrets that addKeysFrom names take more than {MAX_SOURCE_BYTES} bytes. \
                     Name fewer or smaller Secrets"
                )));
            }
            found.insert(name.to_owned(), entries);
        }
        Ok(Ok(found))
    }

    /// The values to which `spec.parametersFrom` refers, each with the name of its source; or what is missing. A Secret
    /// with several of them is read once.
    pub async fn parameters(
        &self,
        namespace: &str,
        sources: &[ParametersFromSource],
    ) -> Result<Explained<Vec<(String, Vec<u8>)>>, Error> {
        let references = || {
            let keys = sources.iter().enumerate().map(|(index, source)| (index, &source.secret_key_ref));
            keys.filter_map(|(index, reference)| Some((index, reference.as_ref()?)))
        };
        let names: BTreeSet<&str> = references().map(|(_, reference)| reference.name.as_str()).collect();
        let (mut values, mut size) = (BTreeMap::new(), 0);
        for name in names {
            let mut secret = self.entries(namespace, name).await?;
            for (index, reference) in references().filter(|(_, reference)| reference.name == name) {
                let field = format!("spec.parametersFrom[{index}].secretKeyRef");
                let Some(entries) = &mut secret else {
                    return Ok(Err(format!("{field} references the Secret {name:?}, which does not exist")));
                };
                let key = &reference.key;
                let Some(ByteString(value)) = entries.get(key) else {
                    return Ok(Err(format!(
                        "{field} references the key {key:?}, which the Secret {name:?} does not have"
                    )));
                };
                size += value.len();
                if size > MAX_BYTES {
                    return Ok(Err(ParametersError::TooLong(size).to_string()));
                }
                values.insert(index, (format!("key {key:?} of Secret {name:?}"), value.clone()));
            }
        }
        Ok(Ok(values.into_values().collect()))
    }

    /// The secret values to which `spec.parametersFrom` refers; `None` if they cannot be read.
    pub async fn values(&self, namespace: &str, sources: &[ParametersFromSource]) -> Option<Vec<Vec<u8>>> {
        match self.parameters(namespace, sources).await {
            Ok(Ok(from)) => Some(secrets_of(&from)),
            Ok(Err(_)) => None,
            Err(error) => {
                warn!(%error, "cannot read the Secrets in spec.parametersFrom; the broker's text is not shown");
                None
            }
        }
    }

    /// Returns once the watches have their places: what changes after that is noticed.
    pub async fn wait_until_ready(&self) {
        self.unplaced.wait_until_empty().await;
    }

    /// Watches the metadata of Secrets forever.
    pub async fn follow(self: Arc<Self>) {
        join_all(self.parts.iter().map(|part| self.follow_part(part.as_deref()))).await;
    }

    async fn follow_part(&self, part: Option<&str>) {
        let api: Api<Secret> = match part {
            Some(namespace) => Api::namespaced(self.api.client.clone(), namespace),
            None => Api::all(self.api.client.clone()),
        };
        let mut version = None;
        loop {
            if let Err(error) = self.follow_once(part, &api, &mut version).await {
                warn!(%error, "watch of referenced Secrets interrupted; retrying");
                if let Some(namespace) = part
                    && version.is_none()
                    && matches!(&error, kube::Error::Api(status) if status.is_forbidden())
                {
                    self.api.refused.refuse(namespace, WATCH);
                    self.unplaced.remove(part);
                }
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    /// Watches from this resourceVersion on, and keeps it current. Without one, it begins now.
    async fn follow_once(
        &self,
        part: Option<&str>,
        api: &Api<Secret>,
        version: &mut Option<String>,
    ) -> kube::Result<()> {
        let start = if let Some(version) = version {
            version.clone()
        } else {
            // One object is enough: the resourceVersion is that of the whole list.
            let list = api.list_metadata(&ListParams::default().limit(1)).await?;
            let current = list.metadata.resource_version.unwrap_or_default();
            *version = Some(current.clone());
            self.requeue_all();
            self.unplaced.remove(part);
            if let Some(namespace) = part {
                self.api.refused.grant(namespace, WATCH);
            }
            current
        };
        let events = api.watch_metadata(&WatchParams::default(), &start).await;
        let events = events.inspect_err(|error| lose_place(version, error))?;
        pin_mut!(events);
        while let Some(event) = events.next().await {
            match event.inspect_err(|error| lose_place(version, error))? {
                WatchEvent::Added(secret) | WatchEvent::Modified(secret) | WatchEvent::Deleted(secret) => {
                    *version = secret.resource_version();
                    self.requeue(secret.namespace().unwrap_or_default(), secret.name_any());
                }
                WatchEvent::Bookmark(bookmark) => *version = Some(bookmark.metadata.resource_version),
                WatchEvent::Error(status) => {
                    let error = kube::Error::Api(status);
                    lose_place(version, &error);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Requeues the objects that refer to a Secret.
    pub fn requeue(&self, namespace: String, name: String) {
        self.lock().requeue(&(namespace, name));
    }

    /// Requeues all objects that refer to Secrets.
    pub fn requeue_all(&self) {
        self.lock().requeue_all();
    }

    fn lock(&self) -> MutexGuard<'_, References> {
        self.references.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the resourceVersion if the API server does not know it any more.
fn lose_place(version: &mut Option<String>, error: &kube::Error) {
    if matches!(error, kube::Error::Api(status) if status.code == 410) {
        *version = None;
    }
}

/// The Secrets to which `spec.parametersFrom` refers.
pub fn references(namespace: &str, sources: &[ParametersFromSource]) -> BTreeSet<NamespacedName> {
    let keys = sources.iter().filter_map(|source| source.secret_key_ref.as_ref());
    keys.map(|reference| (namespace.to_owned(), reference.name.clone())).collect()
}
