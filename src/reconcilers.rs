//! The imperative shell around the pure [`domain`](crate::domain): one reconciler for each kind. It observes, lets
//! `domain` decide, executes the step, and writes the result. It must not decide anything itself. The entry point is
//! [`Operator::run`].
//!
//! | module | question |
//! |---|---|
//! | `kind_table` | which kinds are reconciled? Each is registered here |
//! | `wiring` | how are the components connected, and which change requeues which objects? |
//! | `kinds` | how is an object of each kind reconciled? |
//! | `lifecycle` | which reconcile loop do instances and bindings share? |
//! | `rollouts` | which workloads are restarted, so that their pods get the current credentials? |
//! | `census` | how many objects are in which state, for the metrics? |
//! | `context` | what do all reconcilers share? |
//! | `broker_access` | how is a broker called, and may it be called now? |
//! | `secrets` | which Secrets are read, written and watched, and which object owns them? |
//! | `collisions` | which pods already define what a binding would inject? |
//! | `schemas` | do parameters match the schema of their plan? |
//! | `kube_api`, `caches`, `queue` | how are objects read and written, read from caches, and requeued? |
//! | `request_limit` | how many requests to the Kubernetes API are in flight at once? |
//! | `reach`, `permissions`, `refused` | where does the operator work, and may it do so? |
//! | `policies` | are the admission policies of the chart installed? |
//! | `scope` | how does one implementation serve the cluster-wide and the namespaced kinds? |
//! | `osb_ids` | which object has which id at its broker? |
//! | `kind`, `identity`, `by_uid` | what does every kind have; which object is this; what is remembered for it? |
//! | `instance_locks` | which calls exclude each other? |
//! | `postponed` | when is an object tried again of which the API server has refused a write? |
//! | `waiting` | which objects wait for what to change? |
//! | `index`, `indexes` | which classes and plans does an instance name, and which instances need one? |
//! | `binding_index` | which bindings are in a namespace, and which of an instance? |
//! | `tenant_work` | where does the work run whose cost users and brokers determine? |
//! | `watch`, `clock`, `error` | how is a watch followed, what time is it, why did a reconcile fail? |
//!
//! Dependencies go one way: `wiring` → `kinds` → `lifecycle`, `rollouts` → `context` → `broker_access`, `secrets`,
//! `collisions`, `schemas` → the rest. The parts of the context do not depend on the context.
//!
//! How requests are kept apart:
//!
//! - **Feeds and queues.** One watch for each kind (and namespace, if the operator works only in a few) fills a cache and
//!   requeues the objects that a change concerns (`wiring::feed`, `wiring::triggers`). An object is in one reconcile at
//!   a time, and is queued once, however often it is requeued.
//! - **Threads.** Probes and lease have a thread of their own (`run`). Each watch and each reconcile is a task of its own,
//!   and at most 128 objects of a kind and namespace are reconciled at once.
//! - **Harness.** A reconcile ends after 5 minutes, a panic is contained, and failures back off from 0.5 s to 5 min;
//!   a conflict is not a failure (`wiring::harness`).
//! - **Stale caches.** A reconcile of a copy that is older than the operator's own last write is skipped: the watch
//!   delivers the newer one and requeues the object (`KubeApi::take_stale`). Before it executes an intent that this
//!   reconcile has not written itself, the operator reads the object live: an intent that is only known from the
//!   cache may already have been executed.
//! - **Optimistic concurrency.** Each status write and patch carries the resourceVersion that was observed, so a
//!   decision on a stale object fails.
//! - **A lock for each instance** (`instance_locks`). A broker has one changing request at a time for an instance and
//!   its bindings. A reconcile that has waited for the lock checks its decision again: no instance is deprovisioned
//!   that was just bound.
//! - **A call gate for each broker:** 32 requests at once and a circuit breaker. A broker that hangs delays no other. The
//!   brokers of a namespace together have 128 requests in flight at most, and few large answers are in memory at once
//!   ([`AnswerMemory`](crate::osb::AnswerMemory)).
//! - **Fair limits.** Where a limit is reached (a broker's 32 requests, 32 requests at the Kubernetes API not
//!   counting watches, two schemas or sets of templates on threads of their own), namespaces get permits in turn. What
//!   such work may cost is bounded by `domain`.

mod binding_index;
mod broker_access;
mod by_uid;
mod caches;
mod census;
pub(crate) mod clock;
mod collisions;
pub(crate) mod context;
pub(crate) mod error;
mod identity;
mod index;
mod indexes;
mod instance_locks;
pub(crate) mod kind;
mod kind_table;
pub(crate) mod kinds;
pub(crate) mod kube_api;
mod lifecycle;
mod osb_ids;
pub mod permissions;
pub mod policies;
mod postponed;
pub(crate) mod queue;
pub(crate) mod reach;
mod refused;
pub(crate) mod request_limit;
mod rollouts;
mod schemas;
pub(crate) mod scope;
mod secrets;
mod success_events;
mod tenant_work;
mod waiting;
mod watch;
pub(crate) mod wiring;

use std::sync::Arc;

use kube::Client;
use tokio::task::JoinSet;

use crate::leader::Fence;
use crate::metrics::Metrics;
use context::Context;
use wiring::Wiring;

pub use crate::osb::AllowedAddresses;
pub use broker_access::connections::CallLimits;
pub use context::Settings;
pub use reach::Reach;
pub use request_limit::RequestLimit;

/// The operator, with all its components.
pub struct Operator(Wiring);

impl Operator {
    /// Connects the components; nothing runs yet. Each write with `client` must wait at the fence.
    pub fn new(client: Client, fence: Fence, settings: Settings, metrics: Arc<Metrics>) -> Self {
        Self(Wiring::new(client, fence, settings, metrics))
    }

    /// Runs the watches, and the reconcilers while the fence is open, until the future is dropped. Calls `ready` once
    /// all caches are synced. It returns if a watch or a reconciler has panicked.
    pub async fn run(self, ready: impl FnOnce()) {
        let context = Arc::clone(&self.0.context);
        let tasks = self.0.tasks();
        // Each is a task of its own: while one computes, the others go on. Dropping the set ends them.
        let mut running = JoinSet::new();
        for watch in tasks.watches {
            running.spawn(watch);
        }
        if !is_reached(caches_synced(&context), &mut running).await {
            return;
        }
        running.spawn(tasks.pods);
        if !is_reached(context.collisions.wait_until_ready(), &mut running).await {
            return;
        }
        ready();
        for reconciler in tasks.reconcilers {
            running.spawn(reconciler);
        }
        running.join_next().await;
    }
}

/// Waits for this state; `false` if a task has ended before. Only a panic ends one, and an operator without it is of no use.
async fn is_reached(state: impl Future<Output = ()>, running: &mut JoinSet<()>) -> bool {
    tokio::select! {
        () = state => true,
        _ = running.join_next() => false,
    }
}

/// Returns once each watch has listed its objects. Nothing else may wait for a cache: kube wakes one waiter only.
async fn caches_synced(context: &Context) {
    context.caches.wait_until_ready().await;
    context.binding_secrets.wait_until_ready().await;
    context.referenced_secrets.wait_until_ready().await;
}
