//! How does the operator read and write objects of the Kubernetes API?
//!
//! Each write and each read of an object waits for its permit, which namespaces get in turn. Each write remembers the version that it made, so
//! that a reconcile knows whether its cache is stale.

use std::sync::Arc;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource, ResourceExt as _};
use serde_json::{Value, json};
use tracing::warn;

use crate::crd::names::FINALIZER;
use crate::domain::Note;
use crate::reconcilers::by_uid::ByUid;
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::fair_limiter::{FairLimiter, Permit};
use crate::reconcilers::identity;
use crate::reconcilers::kind::Kind;

/// How many requests of the operator the API server works on at once, at most.
const REQUESTS_AT_ONCE: usize = 32;
/// The longest note of an event, in bytes (Kubernetes' limit is 1024).
const LONGEST_NOTE: usize = 1000;
/// A version later than that of every copy of an object.
const GONE: u64 = u64::MAX;
/// The name under which events are written.
const REPORTER: &str = "service-catalog";

/// The Kubernetes API.
pub struct KubeApi {
    /// Sends requests; those that change something wait until this replica leads.
    pub client: Client,
    limiter: Arc<FairLimiter>,
    recorder: Recorder,
    /// The version that was written last of objects whose cached copy may be older.
    last_written: ByUid<u64>,
}

impl KubeApi {
    /// The API behind this client.
    pub fn new(client: Client) -> Self {
        let reporter = Reporter { controller: REPORTER.to_owned(), instance: None };
        let recorder = Recorder::new(client.clone(), reporter);
        Self { client, limiter: FairLimiter::new(REQUESTS_AT_ONCE), recorder, last_written: ByUid::default() }
    }

    /// Waits until a request for an object of this namespace may be sent.
    pub async fn permit(&self, namespace: &str) -> Permit {
        self.limiter.acquire(namespace).await
    }

    /// Whether the cache has not seen yet what was written last.
    pub fn is_stale<K: Kind>(&self, object: &K) -> bool {
        let written = self.last_written.get(identity::uid(object));
        written.is_some_and(|written| version(object) < Some(written))
    }

    /// The same at the beginning of a reconcile: a version that the cache has seen is forgotten. An object that is stale is
    /// requeued when the watch brings what was written.
    pub fn take_stale<K: Kind>(&self, object: &K) -> bool {
        let is_stale = self.is_stale(object);
        if !is_stale {
            self.forget(identity::uid(object));
        }
        is_stale
    }

    /// Forgets which version was written last of the object with this UID: the cache has seen it, or that the object is gone.
    pub fn forget(&self, uid: &str) {
        self.last_written.set(uid, None);
    }

    /// Remembers the version that a write has made.
    fn written<K: Kind>(&self, written: kube::Result<K>, doing: &'static str) -> Result<K, Error> {
        written.map(|written| self.wrote(written)).during(doing)
    }

    fn wrote<K: Kind>(&self, mut object: K) -> K {
        object.meta_mut().managed_fields = None;
        self.last_written.set(identity::uid(&object), version(&object));
        object
    }

    /// Writes a whole status. Fails with a conflict if the object is no longer the version that was read.
    pub async fn write_status<K: Kind>(&self, object: &K) -> Result<K, Error> {
        let _permit = self.permit(identity::namespace(object)).await;
        let api = object.api_of(&self.client);
        let written = api.replace_status(&object.name_any(), &PostParams::default(), object).await;
        self.written(written, "writing the status")
    }

    /// Changes a status, if no other client has written since the object was read.
    pub async fn patch_status<K: Kind>(
        &self,
        object: &K,
        patch: Value,
        doing: &'static str,
    ) -> Result<K, Error> {
        let patch = of_version(object, patch);
        let _permit = self.permit(identity::namespace(object)).await;
        let api = object.api_of(&self.client);
        self.written(api.patch_status(&object.name_any(), &PatchParams::default(), &patch).await, doing)
    }

    /// Creates an object.
    pub async fn create<K: Kind>(&self, object: &K, doing: &'static str) -> Result<K, Error> {
        let _permit = self.permit(identity::namespace(object)).await;
        let created = object.api_of(&self.client).create(&PostParams::default(), object).await;
        self.written(created, doing)
    }

    /// Writes a whole object but its status, if no other client has written since it was read.
    pub async fn replace<K: Kind>(&self, object: &K, doing: &'static str) -> Result<K, Error> {
        let _permit = self.permit(identity::namespace(object)).await;
        let api = object.api_of(&self.client);
        self.written(api.replace(&object.name_any(), &PostParams::default(), object).await, doing)
    }

    /// Changes an object, if no other client has written since it was read.
    pub async fn patch<K: Kind>(&self, object: &K, patch: Value, doing: &'static str) -> Result<K, Error> {
        let patch = of_version(object, patch);
        let _permit = self.permit(identity::namespace(object)).await;
        let api = object.api_of(&self.client);
        self.written(api.patch(&object.name_any(), &PatchParams::default(), &patch).await, doing)
    }

    /// Deletes exactly this object, as it was seen last. If it is gone already, nothing is to be done.
    pub async fn delete<K: Kind>(&self, object: &K) -> Result<(), Error> {
        let _permit = self.permit(identity::namespace(object)).await;
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

    /// Adds the operator's finalizer, which admission does unless the object is older than the policy.
    pub async fn add_finalizer<K: Kind>(&self, object: &K) -> Result<K, Error> {
        let mut finalizers = object.finalizers().to_vec();
        finalizers.push(FINALIZER.to_owned());
        self.patch(object, json!({"metadata": {"finalizers": finalizers}}), "adding the finalizer").await
    }

    /// Removes the operator's finalizer. If that was the last thing that held the object, every copy in the cache is stale from
    /// now on, until the watch brings the deletion.
    pub async fn remove_finalizer<K: Kind>(&self, object: &K) -> Result<(), Error> {
        let finalizers = object.finalizers();
        let others: Vec<&String> = finalizers.iter().filter(|finalizer| *finalizer != FINALIZER).collect();
        let patch = json!({"metadata": {"finalizers": others}});
        let doing = "removing the finalizer";
        if !others.is_empty() || object.meta().deletion_timestamp.is_none() {
            return self.patch(object, patch, doing).await.map(drop);
        }
        let uid = identity::uid(object);
        let _permit = self.permit(identity::namespace(object)).await;
        // Before the watch can bring the deletion, which forgets it.
        let before = self.last_written.replace(uid, GONE);
        let api = object.api_of(&self.client);
        let patch = of_version(object, patch);
        let removed = api.patch(&object.name_any(), &PatchParams::default(), &patch).await.during(doing);
        if removed.is_err() && self.last_written.get(uid).is_some() {
            self.last_written.set(uid, before);
        }
        removed.map(drop)
    }

    /// The object as it is now, not as the cache has it. [`Error::Replaced`] if another object has its name: that one
    /// is reconciled once the caches know it.
    pub async fn read<K: Kind>(&self, object: &K) -> Result<K, Error> {
        let _permit = self.permit(identity::namespace(object)).await;
        let found = object.api_of(&self.client).get(&object.name_any()).await.during("reading the object")?;
        if found.uid() == object.uid() { Ok(found) } else { Err(Error::Replaced) }
    }

    /// Writes an event. That an event is lost is no reason to fail.
    pub async fn record_event<K: Resource<DynamicType = ()>>(&self, object: &K, note: Note) {
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

/// A patch for the version of an object that was read.
fn of_version(object: &impl Resource, mut patch: Value) -> Patch<Value> {
    if let Some(version) = object.resource_version() {
        merge(&mut patch, &json!({"metadata": {"resourceVersion": version}}));
    }
    Patch::Merge(patch)
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
