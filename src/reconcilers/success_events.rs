//! Events of success, for `kubectl describe`. No object waits for them: they are written one after another, beside the
//! reconciles, and are lost while too many wait.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, Recorder};
use kube::{Client, Resource};
use tokio::sync::{Mutex, mpsc};
use tracing::debug;

use super::kube_api::{event_of, reporter};
use crate::domain::Note;

/// The most events that wait. Each takes a kilobyte at most.
const MAX_WAITING: usize = 1000;

/// The events that wait to be written.
pub struct SuccessEvents {
    sender: mpsc::Sender<(Event, ObjectReference)>,
    waiting: Mutex<mpsc::Receiver<(Event, ObjectReference)>>,
}

impl Default for SuccessEvents {
    fn default() -> Self {
        let (sender, waiting) = mpsc::channel(MAX_WAITING);
        Self { sender, waiting: Mutex::new(waiting) }
    }
}

impl SuccessEvents {
    /// Has an event about this object written later.
    pub fn record<K: Resource<DynamicType = ()>>(&self, object: &K, note: &Note) {
        self.record_about(object.object_ref(&()), note);
    }

    /// Has an event about what is referred to written later.
    pub fn record_about(&self, object: ObjectReference, note: &Note) {
        // The error means that too many wait.
        let _ = self.sender.try_send((event_of(note), object));
    }

    /// Writes them forever.
    pub async fn write(&self, client: &Client) {
        let mut waiting = self.waiting.lock().await;
        while let Some((event, object)) = waiting.recv().await {
            // A recorder remembers what it has written, and these events do not repeat.
            let recorder = Recorder::new(client.clone(), reporter());
            if let Err(error) = recorder.publish(&event, &object).await {
                // The namespace is being deleted, for example.
                debug!(%error, reason = event.reason, "failed to write an event");
            }
        }
    }
}
