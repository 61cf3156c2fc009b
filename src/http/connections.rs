//! Which connection is closed to make room for a new one?
//!
//! A full connection table must not block probes: the kubelet would restart the process because unknown clients keep
//! connections open. Therefore a new connection never waits. At the limit the server closes the oldest connection
//! without a request in flight, which is idle, has not sent its whole header, or has not read its whole response. An
//! idle client reconnects. If every connection has a request in flight, the server closes the oldest one.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tokio::task::{AbortHandle, JoinSet};

/// The open connections, up to a limit. Dropping it closes them all.
pub struct Connections {
    limit: usize,
    tasks: JoinSet<()>,
    /// Oldest first.
    open: VecDeque<Connection>,
}

struct Connection {
    task: AbortHandle,
    in_flight: Weak<()>,
}

impl Connection {
    /// The connection holds one reference to `in_flight`, and each of its requests one more.
    fn has_request_in_flight(&self) -> bool {
        self.in_flight.strong_count() > 1
    }
}

impl Connections {
    /// An empty table for `limit` connections.
    pub fn new(limit: usize) -> Self {
        Self { limit, tasks: JoinSet::new(), open: VecDeque::new() }
    }

    /// Closes connections until there is room for a new one.
    pub async fn make_room(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|connection| !connection.task.is_finished());
        while self.open.len() >= self.limit {
            let idle = self.open.iter().position(|connection| !connection.has_request_in_flight());
            if let Some(connection) = self.open.remove(idle.unwrap_or_default()) {
                connection.task.abort();
            }
        }
        // An aborted task closes its socket only when the runtime drops it, so wait for that.
        while self.tasks.len() >= self.limit && self.tasks.join_next().await.is_some() {}
    }

    /// Spawns a connection. `serve` clones the `Arc` it gets for as long as a request is in flight.
    pub fn add<F>(&mut self, serve: impl FnOnce(Arc<()>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let in_flight = Arc::new(());
        let weak = Arc::downgrade(&in_flight);
        let task = self.tasks.spawn(serve(in_flight));
        self.open.push_back(Connection { task, in_flight: weak });
    }
}
