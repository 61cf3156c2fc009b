//! The Secrets of others that objects of ours refer to. Each is watched by its name, and nothing of it is kept.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt as _, pin_mut};
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, watcher};
use kube::{Api, Client};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use super::Name;

/// Wakes the object that refers to a Secret.
type Wake = Arc<dyn Fn() + Send + Sync>;

/// The Secrets of others that objects of ours refer to.
pub struct UsedSecrets {
    client: Client,
    watches: Mutex<HashMap<Name, Watch>>,
}

struct Watch {
    users: Arc<Mutex<HashMap<String, Wake>>>,
    _task: AbortOnDropHandle<()>,
}

impl fmt::Debug for UsedSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UsedSecrets")
    }
}

impl UsedSecrets {
    /// None yet.
    pub fn new(client: Client) -> Self {
        Self { client, watches: Mutex::default() }
    }

    /// The object `user` refers to exactly these Secrets from now on, and is woken when one changes.
    pub fn refer(&self, user: &str, secrets: &BTreeSet<Name>, wake: impl Fn() + Send + Sync + 'static) {
        let wake: Wake = Arc::new(wake);
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        for name in secrets {
            let watch = watches.entry(name.clone()).or_insert_with(|| self.watch(name));
            watch
                .users
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(user.to_owned(), Arc::clone(&wake));
        }
        watches.retain(|name, watch| {
            let mut users = watch.users.lock().unwrap_or_else(PoisonError::into_inner);
            if !secrets.contains(name) {
                users.remove(user);
            }
            !users.is_empty()
        });
    }

    fn watch(&self, (namespace, name): &Name) -> Watch {
        let users: Arc<Mutex<HashMap<String, Wake>>> = Arc::default();
        let told = Arc::clone(&users);
        let api = Api::<PartialObjectMeta<Secret>>::namespaced(self.client.clone(), namespace);
        let config = Config::default().fields(&format!("metadata.name={name}"));
        let task = tokio::spawn(async move {
            let touched = watcher(api, config).default_backoff().touched_objects();
            pin_mut!(touched);
            while let Some(event) = touched.next().await {
                match event {
                    Ok(_) => {
                        told.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(|wake| wake());
                    }
                    Err(error) => warn!(%error, "the watch of a Secret was interrupted and begins anew"),
                }
            }
        });
        Watch { users, _task: AbortOnDropHandle::new(task) }
    }
}
