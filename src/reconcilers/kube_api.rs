//! How does the operator read and write objects of the Kubernetes API?
//!
//! - **Rate.** The client limits the requests in flight (`request_limit`).
//! - **Optimistic concurrency.** Each status write, replace and patch carries the resourceVersion that was observed. It
//!   fails with a conflict if another client, or another replica, has written since.
//! - **Stale caches.** Each write remembers the resourceVersion that it made. A reconcile of a cached object with a
//!   lower resourceVersion is skipped ([`KubeApi::take_stale`]): it would decide on a state from before the operator's
//!   own write. The watch delivers the newer object and requeues it.

use std::sync::Arc;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource, ResourceExt as _};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::crd::names::FINALIZER;
use crate::crd::readable::Readable;
use crate::domain::Note;
use crate::domain::bounds::MAX_FINALIZERS;
use crate::reconcilers::by_uid::ByUid;
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::identity;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::refused::Refused;

/// The longest note of an event, in bytes (Kubernetes' limit is 1024).
const MAX_NOTE_BYTES: usize = 1000;
/// A resourceVersion higher than that of any copy of an object: every cached copy is stale.
const GONE: u64 = u64::MAX;

/// The Kubernetes API, with the operator's memory of what it has written.
pub struct KubeApi {
    /// The client. Its requests wait for their permits, and its writes at the leadership fence.
    pub client: Client,
    /// The namespaces in which the API server refuses lists.
    pub refused: Arc<Refused>,
    recorder: Recorder,
    /// The last written resourceVersion of each object whose cached copy may be stale.
    last_written: ByUid<u64>,
}

impl KubeApi {
    /// The API that this client reaches.
    pub fn new(client: Client) -> Self {
        let recorder = Recorder::new(client.clone(), reporter());
        Self { client, refused: Arc::default(), recorder, last_written: ByUid::default() }
    }

    /// Whether this cached object is stale: the operator has written a newer version that the watch has not delivered
    /// yet.
    pub fn is_stale<K: Kind>(&self, object: &K) -> bool {
        let last_written = self.last_written.get(identity::uid(object));
        last_written.is_some_and(|last_written| version(object) < Some(last_written))
    }

    /// As [`Self::is_stale`], at the start of a reconcile. Forgets the written version once the cache has caught up. A
    /// stale object need not be requeued: the watch does so when it delivers the newer version.
    pub fn take_stale<K: Kind>(&self, object: &K) -> bool {
        let is_stale = self.is_stale(object);
        if !is_stale {
            self.forget(identity::uid(object));
        }
        is_stale
    }

    /// Forgets the last written version of the object with this UID: the cache has caught up with it, or the object is
    /// gone.
    pub fn forget(&self, uid: &str) {
        self.last_written.set(uid, None);
    }

    /// Remembers the version that a write has made, if it succeeded.
    fn remember_written<K: Kind>(
        &self,
        written: kube::Result<Readable<K>>,
        doing: &'static str,
    ) -> Result<K, Error> {
        written.map(|Readable(object)| self.remember(object)).during(doing)
    }

    fn remember<K: Kind>(&self, object: K) -> K {
        self.last_written.set(identity::uid(&object), version(&object));
        object
    }

    /// Replaces the status. Fails with a conflict if another client has written the object since it was read.
    pub async fn write_status<K: Kind>(&self, object: &K) -> Result<K, Error> {
        let api = object.api_of(&self.client);
        let written =
            api.replace_status(&object.name_any(), &PostParams::default(), &Readable(object.clone())).await;
        self.remember_written(written, "writing the status")
    }

    /// Patches the status. Fails with a conflict if another client has written the object since it was read.
    pub async fn patch_status<K: Kind>(
        &self,
        object: &K,
        patch: Value,
        doing: &'static str,
    ) -> Result<K, Error> {
        let patch = conditional(object, patch);
        let api = object.api_of(&self.client);
        self.remember_written(
            api.patch_status(&object.name_any(), &PatchParams::default(), &patch).await,
            doing,
        )
    }

    /// Creates an object.
    pub async fn create<K: Kind>(&self, object: &K, doing: &'static str) -> Result<K, Error> {
        let created =
            object.api_of(&self.client).create(&PostParams::default(), &Readable(object.clone())).await;
        self.remember_written(created, doing)
    }

    /// Replaces an object except its status. Fails with a conflict if another client has written it since it was read.
    pub async fn replace<K: Kind>(&self, object: &K, doing: &'static str) -> Result<K, Error> {
        let api = object.api_of(&self.client);
        let replaced =
            api.replace(&object.name_any(), &PostParams::default(), &Readable(object.clone())).await;
        self.remember_written(replaced, doing)
    }

    /// Patches an object. Fails with a conflict if another client has written it since it was read.
    pub async fn patch<K: Kind>(&self, object: &K, patch: Value, doing: &'static str) -> Result<K, Error> {
        self.remember_written(self.send_patch(object, patch).await, doing)
    }

    /// Changes what differs between an object and its wanted form, and nothing else: other fields stay as clients wrote
    /// them. Fails with a conflict if another client has written the object since it was read.
    pub async fn change<K: Kind>(&self, object: &K, wanted: &K, doing: &'static str) -> Result<K, Error> {
        let patch = difference(object, wanted).map_err(kube::Error::SerdeError).during(doing)?;
        let api = object.api_of(&self.client);
        let changed = api.patch(&object.name_any(), &PatchParams::default(), &patch).await;
        self.remember_written(changed, doing)
    }

    /// Deletes this version of the object. Succeeds if the object is already gone.
    pub async fn delete<K: Kind>(&self, object: &K) -> Result<(), Error> {
        let deleted = object.api_of(&self.client).delete(&object.name_any(), &exactly(object)).await;
        match deleted.during("deleting the object") {
            Ok(answer) => {
                // An object with finalizers stays, with a deletionTimestamp and a new resourceVersion.
                if let Some(Readable(remaining)) =
                    answer.left().filter(|object| !object.finalizers().is_empty())
                {
                    self.remember(remaining);
                }
                Ok(())
            }
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Adds the operator's finalizer, to an object that was created before the admission policy that does so.
    pub async fn add_finalizer<K: Kind>(&self, object: &K) -> Result<K, Error> {
        let mut finalizers = self.all_finalizers(object).await?;
        finalizers.push(FINALIZER.to_owned());
        self.patch(object, json!({"metadata": {"finalizers": finalizers}}), "adding the finalizer").await
    }

    /// Removes the operator's finalizer. If that ends the object, every cached copy counts as stale until the watch
    /// delivers the deletion; otherwise a reconcile would work on an object that is gone.
    pub async fn remove_finalizer<K: Kind>(&self, object: &K) -> Result<(), Error> {
        let finalizers = self.all_finalizers(object).await?;
        let others: Vec<&String> = finalizers.iter().filter(|finalizer| *finalizer != FINALIZER).collect();
        let patch = json!({"metadata": {"finalizers": others}});
        let doing = "removing the finalizer";
        if others.is_empty() && object.meta().deletion_timestamp.is_some() {
            let mut mark = MarkedAsGone::new(&self.last_written, identity::uid(object));
            self.send_patch(object, patch).await.during(doing)?;
            mark.is_confirmed = true;
        } else {
            self.patch(object, patch, doing).await?;
        }
        info!("removed finalizer");
        Ok(())
    }

    /// The finalizers of an object, of which the cache has only some if there are many.
    async fn all_finalizers<K: Kind>(&self, object: &K) -> Result<Vec<String>, Error> {
        let known = object.finalizers();
        if known.len() <= MAX_FINALIZERS {
            return Ok(known.to_vec());
        }
        Ok(self.read(object).await?.finalizers().to_vec())
    }

    /// Sends a patch that is conditional on the resourceVersion.
    async fn send_patch<K: Kind>(&self, object: &K, patch: Value) -> kube::Result<Readable<K>> {
        let api = object.api_of(&self.client);
        api.patch(&object.name_any(), &PatchParams::default(), &conditional(object, patch)).await
    }

    /// Reads the object live, bypassing the cache. [`Error::Replaced`] if another object has its name now: that one is
    /// reconciled once the cache has it.
    pub async fn read<K: Kind>(&self, object: &K) -> Result<K, Error> {
        let read = object.api_of(&self.client).get(&object.name_any()).await;
        let Readable(found) = read.during("reading the object")?;
        if found.uid() == object.uid() { Ok(found) } else { Err(Error::Replaced) }
    }

    /// Writes an event, best-effort: a lost event is logged and does not fail the reconcile.
    pub async fn record_event<K: Resource<DynamicType = ()>>(&self, object: &K, note: Note) {
        if let Err(error) = self.recorder.publish(&event_of(&note), &object.object_ref(&())).await {
            warn!(%error, reason = note.reason, "failed to write an event");
        }
    }
}

/// The reporting component of events.
pub fn reporter() -> Reporter {
    Reporter { controller: "service-catalog".to_owned(), instance: None }
}

/// The event of a note, without the object that it is about.
pub fn event_of(note: &Note) -> Event {
    Event {
        type_: if note.warning { EventType::Warning } else { EventType::Normal },
        reason: note.reason.clone(),
        note: Some(truncate(&note.message, MAX_NOTE_BYTES)),
        action: note.reason.clone(),
        secondary: None,
    }
}

/// Marks an object as gone while its last finalizer is being removed. It is marked before the request, because the watch
/// may deliver the deletion, which forgets the mark, before the response arrives. If the request fails or is cancelled,
/// the mark is taken back: otherwise no reconcile would look at the object again.
struct MarkedAsGone<'a> {
    last_written: &'a ByUid<u64>,
    uid: &'a str,
    before: Option<u64>,
    is_confirmed: bool,
}

impl<'a> MarkedAsGone<'a> {
    fn new(last_written: &'a ByUid<u64>, uid: &'a str) -> Self {
        Self { last_written, uid, before: last_written.replace(uid, GONE), is_confirmed: false }
    }
}

impl Drop for MarkedAsGone<'_> {
    fn drop(&mut self) {
        if !self.is_confirmed && self.last_written.get(self.uid) == Some(GONE) {
            self.last_written.set(self.uid, self.before);
        }
    }
}

/// Parameters that delete only this version of the object: with its UID and resourceVersion as preconditions.
pub fn exactly(object: &impl Resource) -> DeleteParams {
    let preconditions = Preconditions { uid: object.uid(), resource_version: object.resource_version() };
    DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() }
}

/// The resourceVersion of an object as a number: later ones are greater (KEP-5504).
fn version<K: Kind>(object: &K) -> Option<u64> {
    object.resource_version()?.parse().ok()
}

/// A merge patch that fails with a conflict unless the object still has the resourceVersion that was read.
fn conditional(object: &impl Resource, mut patch: Value) -> Patch<Value> {
    if let Some(version) = object.resource_version() {
        merge(&mut patch, &json!({"metadata": {"resourceVersion": version}}));
    }
    Patch::Merge(patch)
}

/// The JSON patch of the fields of metadata and spec that differ, with the resourceVersion that was read. A merge patch
/// could not set a parameter to null.
fn difference<K: Kind>(object: &K, wanted: &K) -> Result<Patch<Value>, serde_json::Error> {
    let (before, after) = (serde_json::to_value(object)?, serde_json::to_value(wanted)?);
    let mut operations = Vec::new();
    for section in ["metadata", "spec"] {
        let fields =
            |object: &Value| object.get(section).and_then(Value::as_object).cloned().unwrap_or_default();
        let (before, after) = (fields(&before), fields(&after));
        for (field, value) in &after {
            if before.get(field) != Some(value) {
                operations.push(json!({"op": "add", "path": format!("/{section}/{field}"), "value": value}));
            }
        }
        for field in before.keys().filter(|field| !after.contains_key(*field)) {
            operations.push(json!({"op": "remove", "path": format!("/{section}/{field}")}));
        }
    }
    if let Some(version) = object.resource_version() {
        operations.push(json!({"op": "add", "path": "/metadata/resourceVersion", "value": version}));
    }
    serde_json::from_value(Value::Array(operations)).map(Patch::Json)
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

/// Shortens a text to a number of bytes, and marks that with an ellipsis.
pub(crate) fn truncate(text: &str, max_bytes: usize) -> String {
    let end =
        (0..=max_bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let (head, tail) = text.split_at(end);
    if tail.is_empty() { head.to_owned() } else { format!("{head}…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen to fail without the guard: a cancelled request leaves the object marked, and nothing reconciles it again.
    #[test]
    fn an_object_is_marked_as_gone_only_if_its_finalizer_was_removed() {
        let last_written = ByUid::default();
        for before in [None, Some(7)] {
            last_written.set("uid", before);
            drop(MarkedAsGone::new(&last_written, "uid"));
            assert_eq!(last_written.get("uid"), before, "the request failed or was cancelled");

            MarkedAsGone::new(&last_written, "uid").is_confirmed = true;
            assert_eq!(last_written.get("uid"), Some(GONE));

            let mark = MarkedAsGone::new(&last_written, "uid");
            last_written.set("uid", None);
            drop(mark);
            assert_eq!(last_written.get("uid"), None, "the watch has delivered the deletion");
        }
    }
}
