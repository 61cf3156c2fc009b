//! The watches of single Secrets that the operator opens by itself, as over the wire: each is an answer that does not end.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use serde_json::json;

use super::api::{Event, Key, Request, metadata_of, named, parse};

/// Those that are open.
#[derive(Clone, Default)]
pub struct Streams(Arc<Mutex<Vec<Stream>>>);

/// The Secret that is watched, and where lines of the answer are put.
type Stream = (Key, UnboundedSender<Bytes>);

impl Streams {
    /// The answer to a request that opens one; nothing if it is another request.
    pub fn open(&self, request: &Request) -> Option<Body> {
        if !request.query.contains("watch=true") {
            return None;
        }
        let (mut key, _) = parse(&request.path)?;
        key.name = named(&request.query)?;
        let (sender, lines) = unbounded();
        self.0.lock().unwrap().push((key, sender));
        let lines = lines.map(Ok::<_, std::convert::Infallible>);
        Some(Body::from_stream(lines))
    }

    /// Whether one is open for this Secret.
    pub fn is_watched(&self, key: &Key) -> bool {
        self.0.lock().unwrap().iter().any(|(watched, sender)| watched == key && !sender.is_closed())
    }

    /// Those that are open for the Secret tell of what has happened to it.
    pub fn tell(&self, event: &Event) {
        let type_ = if event.gone { "DELETED" } else { "MODIFIED" };
        let line = format!("{}\n", json!({"type": type_, "object": metadata_of(&event.object)}));
        let mut open = self.0.lock().unwrap();
        open.retain(|(_, sender)| !sender.is_closed());
        for (_, sender) in open.iter().filter(|(watched, _)| *watched == event.key) {
            let _ = sender.unbounded_send(line.clone().into());
        }
    }

    /// All of them end.
    pub fn interrupt(&self) {
        self.0.lock().unwrap().clear();
    }
}
