//! Which connection makes room for a new one?
//!
//! A full table must not keep probes from being answered: the kubelet would restart the process because strangers hold
//! connections open. So no connection waits for a place. The oldest one without a request in flight is closed: it is silent,
//! slow with its header or with reading the response, or idle. A client that is closed while idle connects again. Only if
//! every connection has a request in flight, the oldest of these is closed.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tokio::task::{AbortHandle, JoinSet};

/// The open connections, at most as many as it was made for. Dropping it closes them.
pub struct Connections {
    limit: usize,
    tasks: JoinSet<()>,
    /// The oldest first.
    open: VecDeque<Connection>,
}

struct Connection {
    task: AbortHandle,
    in_flight: Weak<()>,
}

impl Connection {
    /// The connection itself holds `in_flight` once, and each of its requests once more.
    fn has_request_in_flight(&self) -> bool {
        self.in_flight.strong_count() > 1
    }
}

impl Connections {
    /// No connections yet.
    pub fn new(limit: usize) -> Self {
        Self { limit, tasks: JoinSet::new(), open: VecDeque::new() }
    }

    /// Closes a connection if the limit is reached.
    pub async fn make_room(&mut self) {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|connection| !connection.task.is_finished());
        while self.open.len() >= self.limit {
            let idle = self.open.iter().position(|connection| !connection.has_request_in_flight());
            if let Some(connection) = self.open.remove(idle.unwrap_or_default()) {
                connection.task.abort();
            }
        }
        // An aborted task frees its socket when it is dropped, which may be later.
        while self.tasks.len() >= self.limit && self.tasks.join_next().await.is_some() {}
    }

    /// Runs a connection to its end. `serve` clones what it is given for as long as a request is in flight.
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
