//! The Secrets that hold credentials of ours. A digest of each is kept, so that a change is noticed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{StreamExt as _, pin_mut};
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use tokio::sync::watch;
use tracing::warn;

use super::{Name, data};
use crate::crd::ServiceBinding;
use crate::crd::names::LABEL_CREDENTIALS;
use crate::domain::controller;
use crate::domain::credentials::digest;
use crate::reconcilers::queue::Queue;

/// The Secrets that hold credentials of ours.
#[derive(Debug)]
pub struct OwnSecrets {
    known: Mutex<HashMap<Name, Own>>,
    /// What a new list has brought so far.
    listed: Mutex<HashSet<Name>>,
    ready: watch::Sender<bool>,
}

#[derive(Clone, Debug)]
struct Own {
    /// The binding's UID.
    binding: String,
    binding_name: String,
    digest: String,
    version: u64,
}

impl Default for OwnSecrets {
    fn default() -> Self {
        Self { known: Mutex::default(), listed: Mutex::default(), ready: watch::Sender::new(false) }
    }
}

impl OwnSecrets {
    /// The digest of the binding's Secret, if there is one that is the binding's.
    pub fn digest(&self, binding: &ServiceBinding) -> Option<String> {
        let name = (binding.namespace().unwrap_or_default(), binding.secret_name().to_owned());
        let own = self.lock().get(&name).cloned()?;
        (Some(own.binding) == binding.uid()).then_some(own.digest)
    }

    /// Returns when all of them are known.
    pub async fn wait_until_ready(&self) {
        // The sender lives as long as we do.
        let _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// Follows them for ever; a change wakes the binding.
    pub async fn follow(self: Arc<Self>, client: Client, bindings: Queue<ServiceBinding>) {
        let config = Config::default().labels(LABEL_CREDENTIALS);
        let events = watcher(Api::<Secret>::all(client), config).default_backoff();
        pin_mut!(events);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.apply(event, &bindings),
                Err(error) => warn!(%error, "the watch of Secrets was interrupted and begins anew"),
            }
        }
    }

    /// Takes one event in.
    pub fn apply(&self, event: Event<Secret>, bindings: &Queue<ServiceBinding>) {
        let listed = || self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => listed().clear(),
            Event::InitApply(secret) => {
                listed().insert(name(&secret));
                self.saw(&secret, bindings);
            }
            Event::InitDone => {
                let listed = listed();
                for (name, gone) in self.lock().extract_if(|name, _| !listed.contains(name)) {
                    bindings.wake_name(&gone.binding_name, Some(&name.0));
                }
                self.ready.send_replace(true);
            }
            Event::Apply(secret) => self.saw(&secret, bindings),
            Event::Delete(secret) => {
                // One that was made anew may be known already.
                let (name, mut known) = (name(&secret), self.lock());
                if known.get(&name).is_some_and(|own| own.version <= version(&secret)) {
                    known.remove(&name);
                    wake(&secret, bindings);
                }
            }
        }
    }

    fn saw(&self, secret: &Secret, bindings: &Queue<ServiceBinding>) {
        let former = self.lock().get(&name(secret)).cloned();
        if self.know(secret) {
            let former = former.map(|own| own.binding_name);
            let owner = controller(&secret.metadata).map(|owner| owner.name.clone());
            for binding in former.iter().chain(&owner) {
                bindings.wake_name(binding, secret.namespace().as_deref());
            }
        }
    }

    /// Takes note of a Secret; false if it is not news.
    pub(super) fn know(&self, secret: &Secret) -> bool {
        let version = version(secret);
        let mut known = self.lock();
        let old = known.get(&name(secret));
        if old.is_some_and(|old| old.version >= version) {
            return false;
        }
        let Some(owner) = controller(&secret.metadata) else {
            return known.remove(&name(secret)).is_some();
        };
        let own = Own {
            binding: owner.uid.clone(),
            binding_name: owner.name.clone(),
            digest: digest(&data(secret)),
            version,
        };
        known.insert(name(secret), own);
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Own>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(secret: &Secret) -> Name {
    (secret.namespace().unwrap_or_default(), secret.name_any())
}

fn version(secret: &Secret) -> u64 {
    secret.resource_version().and_then(|version| version.parse().ok()).unwrap_or_default()
}

fn wake(secret: &Secret, bindings: &Queue<ServiceBinding>) {
    if let Some(owner) = controller(&secret.metadata) {
        bindings.wake_name(&owner.name, secret.namespace().as_deref());
    }
}
