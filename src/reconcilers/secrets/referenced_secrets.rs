//! The users' Secrets to which objects refer. Each is watched by name, as metadata only, and never cached.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt as _, pin_mut};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, watcher};
use kube::{Api, Client};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::crd::binding::SecretData;
use crate::crd::reference::ParametersFromSource;
use crate::domain::parameters::secrets_of;
use crate::reconcilers::error::{During as _, Error, Explained};
use crate::reconcilers::identity::NamespacedName;

/// Requeues the object that refers to a Secret.
type Requeue = Arc<dyn Fn() + Send + Sync>;

/// The watches of the users' Secrets to which objects refer.
pub struct ReferencedSecrets {
    client: Client,
    watches: Mutex<HashMap<NamespacedName, Watch>>,
}

struct Watch {
    users: Arc<Mutex<HashMap<String, Requeue>>>,
    _task: AbortOnDropHandle<()>,
}

impl fmt::Debug for ReferencedSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReferencedSecrets")
    }
}

impl ReferencedSecrets {
    /// No watches yet.
    pub fn new(client: Client) -> Self {
        Self { client, watches: Mutex::default() }
    }

    /// Watches exactly these Secrets for the object `user`, and requeues it when one of them changes. A Secret to which
    /// objects no longer refer is not watched.
    pub fn refer(
        &self,
        user: &str,
        secrets: &BTreeSet<NamespacedName>,
        requeue: impl Fn() + Send + Sync + 'static,
    ) {
        let requeue: Requeue = Arc::new(requeue);
        let mut watches = lock(&self.watches);
        for name in secrets {
            let watch = watches.entry(name.clone()).or_insert_with(|| self.watch(name));
            lock(&watch.users).insert(user.to_owned(), Arc::clone(&requeue));
        }
        watches.retain(|name, watch| {
            let mut users = lock(&watch.users);
            if !secrets.contains(name) {
                users.remove(user);
            }
            !users.is_empty()
        });
    }

    /// Reads the entries of a Secret; `None` if it does not exist.
    pub async fn entries(&self, namespace: &str, name: &str) -> Result<Option<SecretData>, Error> {
        let api = Api::<Secret>::namespaced(self.client.clone(), namespace);
        let found = api.get_opt(name).await.during("reading a Secret")?;
        Ok(found.map(|secret| secret.data.unwrap_or_default()))
    }

    /// The values to which `spec.parametersFrom` refers, each with the name of its source; or what is missing.
    pub async fn parameters(
        &self,
        namespace: &str,
        sources: &[ParametersFromSource],
    ) -> Result<Explained<Vec<(String, Vec<u8>)>>, Error> {
        let mut values = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            let Some(reference) = &source.secret_key_ref else { continue };
            let field = format!("spec.parametersFrom[{index}].secretKeyRef");
            let (name, key) = (&reference.name, &reference.key);
            let Some(secret) = self.entries(namespace, name).await? else {
                return Ok(Err(format!("{field} references the Secret {name:?}, which does not exist")));
            };
            let Some(ByteString(value)) = secret.get(key).cloned() else {
                return Ok(Err(format!(
                    "{field} references the key {key:?}, which the Secret {name:?} does not have"
                )));
            };
            values.push((format!("key {key:?} of Secret {name:?}"), value));
        }
        Ok(Ok(values))
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

    fn watch(&self, (namespace, name): &NamespacedName) -> Watch {
        let users: Arc<Mutex<HashMap<String, Requeue>>> = Arc::default();
        let api = Api::<PartialObjectMeta<Secret>>::namespaced(self.client.clone(), namespace);
        let config = Config::default().fields(&format!("metadata.name={name}"));
        let notified = Arc::clone(&users);
        let task = tokio::spawn(async move {
            let touched = watcher(api, config).default_backoff().touched_objects();
            pin_mut!(touched);
            while let Some(event) = touched.next().await {
                match event {
                    Ok(_) => lock(&notified).values().for_each(|requeue| requeue()),
                    Err(error) => {
                        warn!(%error, "watch of a referenced Secret interrupted; retrying with back-off");
                    }
                }
            }
        });
        Watch { users, _task: AbortOnDropHandle::new(task) }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The Secrets to which `spec.parametersFrom` refers.
pub fn references(namespace: &str, sources: &[ParametersFromSource]) -> BTreeSet<NamespacedName> {
    let keys = sources.iter().filter_map(|source| source.secret_key_ref.as_ref());
    keys.map(|reference| (namespace.to_owned(), reference.name.clone())).collect()
}
