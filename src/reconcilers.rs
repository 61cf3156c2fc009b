//! The shell: one reconciler a kind, over the pure [`domain`](crate::domain). It reads, calls, and writes what the
//! core decided.
//!
//! | room or file | what it answers |
//! |---|---|
//! | `kind_table` | which kinds are there? A kind is registered here |
//! | `wiring` | which parts does the operator consist of, and which change requeues which objects? |
//! | `kinds` | what is done for an object of each kind? |
//! | `lifecycle` | which loop do instances and bindings share? |
//! | `rollouts` | which workloads are restarted, so that their pods have what bindings give? |
//! | `census` | what is there to be counted? |
//! | `context` | what do all reconcilers share? |
//! | `broker_access` | how is a broker reached, and may it be called now? |
//! | `secrets` | which Secrets are read, written and watched, and whose are they? |
//! | `collisions` | which pods have something else in the place of what a binding gives them? |
//! | `schemas` | do parameters fit the schema of their plan? |
//! | `kube_api`, `caches`, `queue` | how are objects written, read from caches, requeued? |
//! | `scope` | how does one body serve the cluster-wide and the namespaced kinds? |
//! | `kind`, `identity`, `by_uid` | what has each kind; which object is it; what is remembered of it? |
//! | `fair_limiter`, `instance_locks` | which request is next; which calls exclude each other? |
//! | `watch`, `clock`, `error` | how is a watch followed, what time is it, what went wrong? |
//!
//! Uses go one way: `wiring` → `kinds` → `lifecycle`, `rollouts` → `context` → `broker_access`, `secrets`, `collisions`,
//! `schemas` → the rest. So the parts of the context do not know it.

mod broker_access;
mod by_uid;
mod caches;
mod census;
pub(crate) mod clock;
mod collisions;
pub(crate) mod context;
pub(crate) mod error;
mod fair_limiter;
mod identity;
mod instance_locks;
pub(crate) mod kind;
mod kind_table;
pub(crate) mod kinds;
pub(crate) mod kube_api;
mod lifecycle;
mod queue;
mod rollouts;
mod schemas;
pub(crate) mod scope;
mod secrets;
mod watch;
pub(crate) mod wiring;

use std::sync::Arc;

use kube::Client;

use crate::leader::Fence;
use crate::metrics::Metrics;
use context::Context;
use wiring::Wiring;

pub use context::Settings;

/// The operator's tasks.
pub struct Operator(Wiring);

impl Operator {
    /// Puts everything in its place; nothing runs yet. `client` must wait for the fence whenever it changes something.
    pub fn new(client: Client, fence: Fence, settings: Settings, metrics: Arc<Metrics>) -> Self {
        Self(Wiring::new(client, fence, settings, metrics))
    }

    /// Watches, and works while the fence is open; until this is dropped. `ready` is called when all caches are synced.
    pub async fn run(self, ready: impl FnOnce()) {
        let context = Arc::clone(&self.0.context);
        let tasks = self.0.tasks();
        let watching = futures::future::join_all(tasks.watches);
        let working = async {
            caches_synced(&context).await;
            ready();
            futures::future::join_all(tasks.reconcilers).await;
        };
        tokio::select! {
            _ = watching => {}
            () = working => {}
        }
    }
}

/// Returns when each watch has listed once.
async fn caches_synced(context: &Context) {
    context.caches.wait_until_ready().await;
    context.binding_secrets.wait_until_ready().await;
    context.collisions.wait_until_ready().await;
}
