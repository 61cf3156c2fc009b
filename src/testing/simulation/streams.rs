//! The operator's watches of single Secrets, as over the wire: each is a response that does not end.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use serde_json::json;

use super::api::{Event, Key, Request, metadata_of, named, parse};

/// The open watches.
#[derive(Clone, Default)]
pub struct Streams(Arc<Mutex<Vec<Stream>>>);

/// The watched Secret, and the sender of the response's lines.
type Stream = (Key, UnboundedSender<Bytes>);

impl Streams {
    /// The response to a request that opens a watch; `None` for other requests.
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

    /// Whether a watch of this Secret is open.
    pub fn is_watched(&self, key: &Key) -> bool {
        self.0.lock().unwrap().iter().any(|(watched, sender)| watched == key && !sender.is_closed())
    }

    /// Sends an event to the watches of its Secret.
    pub fn send(&self, event: &Event) {
        let type_ = if event.gone { "DELETED" } else { "MODIFIED" };
        let line = format!("{}\n", json!({"type": type_, "object": metadata_of(&event.object)}));
        let mut open = self.0.lock().unwrap();
        open.retain(|(_, sender)| !sender.is_closed());
        for (_, sender) in open.iter().filter(|(watched, _)| *watched == event.key) {
            let _ = sender.unbounded_send(line.clone().into());
        }
    }

    /// Ends all watches.
    pub fn interrupt(&self) {
        self.0.lock().unwrap().clear();
    }
}
