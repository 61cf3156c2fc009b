//! What all reconcilers share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::PartialObjectMeta;
use kube::runtime::events::{Event, EventType, Recorder};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::crd::names::FINALIZER;
use crate::crd::{ServiceBinding, ServiceInstance};
use crate::domain::Note;
use crate::domain::request::Origin;
use crate::domain::rollout::Usage;
use crate::leader::Fence;
use crate::metrics::Metrics;
use crate::reconcilers::broker_access::connections::Brokers;
use crate::reconcilers::collisions::Collisions;
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::fair_limiter::{Turn, Turns};
use crate::reconcilers::kinds::alpha::Alphas;
use crate::reconcilers::queue::Queue;
use crate::reconcilers::scope::{Catalog, Cluster, Kind, Namespaced};
use crate::reconcilers::secrets::{OwnSecrets, UsedSecrets};

/// The longest note of an event, in bytes (Kubernetes' limit is 1024).
const LONGEST_NOTE: usize = 1000;

/// What the command line sets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespace that the operator runs in.
    pub namespace: String,
    /// The id by which brokers know this cluster.
    pub cluster_id: String,
    /// How often catalogs are fetched if the broker does not say.
    pub relist_interval: Duration,
    /// How long a broker may take to answer.
    pub broker_timeout: Duration,
}

/// What all reconcilers share.
pub struct Context {
    /// The Kubernetes API.
    pub client: Client,
    /// What every call to a broker passes; `client` passes it by itself.
    pub fence: Fence,
    /// What the command line sets.
    pub settings: Settings,
    /// The cluster-wide catalog.
    pub cluster: Catalog<Cluster>,
    /// The catalogs of namespaces.
    pub namespaced: Catalog<Namespaced>,
    /// All instances.
    pub instances: Store<ServiceInstance>,
    /// All bindings.
    pub bindings: Store<ServiceBinding>,
    /// What stands for some of these in the alpha API.
    pub alphas: Alphas,
    /// The names and UIDs of namespaces.
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
    /// Wakes the reconciler of instances.
    pub instance_queue: Queue<ServiceInstance>,
    /// Wakes the reconciler of bindings.
    pub binding_queue: Queue<ServiceBinding>,
    /// Connections to brokers.
    pub brokers: Brokers,
    /// The Secrets that hold credentials of ours.
    pub own_secrets: Arc<OwnSecrets>,
    /// The Secrets of others that objects of ours refer to.
    pub used_secrets: UsedSecrets,
    /// What pods have in the place of what bindings give.
    pub collisions: Collisions,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// Where events are written.
    pub recorder: Recorder,
    /// When brokers may be asked again how far they are, by the object's UID.
    pub polls: Memory<Time>,
    /// Instances that wait for a class or plan to appear, or to be otherwise than it is.
    pub unresolved: Memory<ObjectRef<ServiceInstance>>,
    /// Bindings whose parameters do not fit the schema that the plan has for them.
    pub unfit: Memory<ObjectRef<ServiceBinding>>,
    /// What pods have of bindings.
    pub usages: Memory<Usage>,
    /// The version that we wrote last of objects whose cached copy may be older, by UID.
    pub written: Memory<u64>,
    /// Locks of instances.
    pub locks: Locks,
    /// Limits the requests to the Kubernetes API.
    pub requests: Arc<Turns>,
    /// Limits what is compared with schemas at once.
    pub checks: Arc<Turns>,
}

impl Context {
    /// Waits until it is this object's turn to ask the Kubernetes API for something.
    pub async fn turn(&self, object: &impl Resource) -> Turn {
        self.requests.take(object.meta().namespace.as_deref().unwrap_or_default()).await
    }

    /// Forgets what is known of an object that is let go.
    pub fn forget<K: Kind>(&self, object: &K) {
        let uid = object.uid().unwrap_or_default();
        self.polls.set(&uid, None);
        self.unresolved.set(&uid, None);
        self.unfit.set(&uid, None);
        self.usages.set(&uid, None);
        self.written.set(&uid, None);
    }

    /// Whether the cache has not seen yet what was written last. It will, and then the object is looked at again.
    pub fn is_behind<K: Kind>(&self, object: &K) -> bool {
        let behind = self.lags(object);
        if !behind {
            self.written.set(&object.uid().unwrap_or_default(), None);
        }
        behind
    }

    /// The same, of an object that has its pass elsewhere.
    pub fn lags<K: Kind>(&self, object: &K) -> bool {
        let written = self.written.get(&object.uid().unwrap_or_default());
        written.is_some_and(|written| version(object) < Some(written))
    }

    fn wrote<K: Kind>(&self, mut object: K) -> K {
        object.meta_mut().managed_fields = None;
        self.written.set(&object.uid().unwrap_or_default(), version(&object));
        object
    }

    /// Where a request to a broker comes from.
    pub async fn origin(&self, namespace: &str, instance_name: String) -> Result<Origin, Error> {
        let uid = match self.namespaces.get(&ObjectRef::new(namespace)) {
            Some(known) => known.uid(),
            // It is as new as the instance: the watch has not seen it yet.
            None => Api::<Namespace>::all(self.client.clone())
                .get(namespace)
                .await
                .during("reading the namespace")?
                .uid(),
        };
        Ok(Origin {
            cluster_id: self.settings.cluster_id.clone(),
            namespace: namespace.to_owned(),
            namespace_uid: uid.unwrap_or_default(),
            instance_name,
        })
    }

    /// Writes a whole status, if nobody else has written since `object` was read.
    pub async fn write_status<K: Kind>(&self, object: &K) -> Result<K, Error> {
        let _turn = self.turn(object).await;
        let api = object.api_of(&self.client);
        api.replace_status(&object.name_any(), &PostParams::default(), object)
            .await
            .map(|written| self.wrote(written))
            .during("writing the status")
    }

    /// Creates an object.
    pub async fn create<K: Kind>(&self, object: &K, doing: &'static str) -> Result<K, Error> {
        let _turn = self.turn(object).await;
        let created = object.api_of(&self.client).create(&PostParams::default(), object).await;
        created.map(|created| self.wrote(created)).during(doing)
    }

    /// Writes a whole object but its status, if nobody else has written since it was read.
    pub async fn replace<K: Kind>(&self, object: &K, doing: &'static str) -> Result<K, Error> {
        let _turn = self.turn(object).await;
        let api = object.api_of(&self.client);
        let replaced = api.replace(&object.name_any(), &PostParams::default(), object).await;
        replaced.map(|replaced| self.wrote(replaced)).during(doing)
    }

    /// Changes an object, if nobody else has written since it was read.
    pub async fn patch<K: Kind>(
        &self,
        object: &K,
        mut patch: Value,
        doing: &'static str,
    ) -> Result<K, Error> {
        if let Some(version) = object.resource_version() {
            merge(&mut patch, &json!({"metadata": {"resourceVersion": version}}));
        }
        let _turn = self.turn(object).await;
        let api = object.api_of(&self.client);
        api.patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(patch))
            .await
            .map(|written| self.wrote(written))
            .during(doing)
    }

    /// Removes our finalizer.
    pub async fn release<K: Kind>(&self, object: &K) -> Result<(), Error> {
        let others: Vec<&String> =
            object.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).collect();
        let patch = json!({"metadata": {"finalizers": others}});
        self.patch(object, patch, "removing the finalizer").await?;
        self.forget(object);
        info!("the object is let go");
        Ok(())
    }

    /// Deletes exactly this object, as it was seen last. That it is gone already is as good.
    pub async fn delete<K: Kind>(&self, object: &K) -> Result<(), Error> {
        let _turn = self.turn(object).await;
        let deleted = object.api_of(&self.client).delete(&object.name_any(), &as_seen(object)).await;
        match deleted.during("deleting the object") {
            Ok(answer) => {
                // What a finalizer holds has a new version.
                if let Some(held) = answer.left().filter(|held| !held.finalizers().is_empty()) {
                    self.wrote(held);
                }
                Ok(())
            }
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Adds our finalizer, which admission does unless the object is older than the policy.
    pub async fn hold<K: Kind>(&self, object: &K) -> Result<K, Error> {
        let mut finalizers = object.finalizers().to_vec();
        finalizers.push(FINALIZER.to_owned());
        self.patch(object, json!({"metadata": {"finalizers": finalizers}}), "adding the finalizer").await
    }

    /// The object as it is now, not as the cache has it. Another one of the same name is not it: that has its own
    /// pass, once the caches know it.
    pub async fn read<K: Kind>(&self, object: &K) -> Result<K, Error> {
        let _turn = self.turn(object).await;
        let found = object.api_of(&self.client).get(&object.name_any()).await.during("reading the object")?;
        if found.uid() == object.uid() { Ok(found) } else { Err(Error::Replaced) }
    }

    /// Tells the user with an event. That an event is lost is no reason to fail.
    pub async fn tell<K: Resource<DynamicType = ()>>(&self, object: &K, note: Note) {
        let type_ = if note.warning { EventType::Warning } else { EventType::Normal };
        let event = Event {
            type_,
            reason: note.reason.clone(),
            note: Some(truncate(&note.message, LONGEST_NOTE)),
            action: note.reason.clone(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &object.object_ref(&())).await {
            warn!(%error, reason = note.reason, "an event was lost");
        }
    }
}

/// For the deletion of exactly this object, as it was seen last.
pub fn as_seen(object: &impl Resource) -> DeleteParams {
    let seen = Preconditions { uid: object.uid(), resource_version: object.resource_version() };
    DeleteParams { preconditions: Some(seen), ..DeleteParams::default() }
}

/// The version of an object; later ones are greater.
fn version<K: Kind>(object: &K) -> Option<u64> {
    object.resource_version()?.parse().ok()
}

fn merge(patch: &mut Value, more: &Value) {
    match (patch, more) {
        (Value::Object(patch), Value::Object(more)) => {
            for (key, value) in more {
                merge(patch.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (patch, more) => *patch = more.clone(),
    }
}

/// The beginning of a text that is too long, by bytes.
pub(crate) fn truncate(text: &str, longest: usize) -> String {
    let end = (0..=longest.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let (head, tail) = text.split_at(end);
    if tail.is_empty() { head.to_owned() } else { format!("{head}…") }
}

/// Something that is known of an object for as long as the operator runs; losing it costs no more than time.
#[derive(Debug)]
pub struct Memory<T>(Mutex<HashMap<String, T>>);

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Memory<T> {
    /// What is known of the object with this UID.
    pub fn get(&self, uid: &str) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// Remembers or forgets.
    pub fn set(&self, uid: &str, value: Option<T>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match value {
            Some(value) => {
                known.insert(uid.to_owned(), value);
            }
            None => {
                known.remove(uid);
            }
        }
    }

    /// All that is known.
    pub fn all(&self) -> Vec<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// One lock for each instance: a broker gets one request at a time that changes the instance or its bindings.
#[derive(Debug, Default)]
pub struct Locks(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Locks {
    /// Waits until nobody else changes the instance.
    pub async fn lock(&self, namespace: &str, instance: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let slot = locks.entry(format!("{namespace}/{instance}")).or_default();
            slot.upgrade().unwrap_or_else(|| {
                let lock = Arc::default();
                *slot = Arc::downgrade(&lock);
                lock
            })
        };
        lock.lock_owned().await
    }
}
