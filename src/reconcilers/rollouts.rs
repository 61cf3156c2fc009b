//! Rolls out the credentials of bindings: restarts the workloads whose pods lack the current ones. `domain::rollout`
//! decides; the entry point is [`run`].
//!
//! A namespace is watched while one of its bindings is open. Its watcher plans restarts, and hands the usage of each
//! binding to the reconciler of bindings.
//!
//! | file | question |
//! |---|---|
//! | `namespace_watcher` | what happens in a namespace, and when? |
//! | `pods` | which pods of the namespace concern bindings? |
//! | `workloads` | which workload recreates a pod, and how is it restarted? |
//!
//! - **Watches.** The pods of a namespace are watched, metadata only, while one of its bindings is open (`is_open`):
//!   `RolledOut` is not `True` for its spec and revision, it has a predecessor, or it is being deleted; and while a policy
//!   that injects is missing, or newer than `RolledOut`. The write
//!   that changes the revision withdraws `RolledOut=True`. Only pods that a binding selects, or that carry a stamp,
//!   are kept. Workloads are not watched: they are read when a pod of theirs is stale.
//! - **Usage.** The result reaches the reconciler of bindings as `Observed::usage`, with the version of the binding
//!   that it is about; for another version it does not count. It decides when a predecessor is removed, as pods no
//!   longer have its credentials, and when a deletion proceeds.

mod namespace_watcher;
mod pods;
mod workloads;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use futures::{Stream, StreamExt as _, pin_mut};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::crd::ServiceBinding;
use crate::domain::rollout::{self, Usage, is_open};
use crate::fair_limiter::FairLimiter;
use crate::reconcilers::context::Context;
use crate::reconcilers::identity::{namespace, uid};
use crate::reconcilers::queue::{self, Requests};
use namespace_watcher::NamespaceWatcher;

/// How many workloads roll out at once, at most, in all namespaces.
const MAX_ROLLOUTS: usize = 10;
/// How many of them are in one namespace, at most.
const MAX_ROLLOUTS_IN_NAMESPACE: usize = 4;

/// The system namespaces. The policy `injection` excludes their pods, and those of the operator's namespace.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// How far the current version of a binding is rolled out; `None` if that is not known yet. In a namespace that is
/// being deleted, a deletion waits for no pod.
pub fn usage(context: &Context, binding: &ServiceBinding) -> Option<Usage> {
    let namespace = namespace(binding);
    if is_excluded(context, namespace) {
        return Some(Usage::excluded(binding));
    }
    if binding.metadata.deletion_timestamp.is_some() && context.caches.is_terminating(namespace) {
        return Some(Usage::default());
    }
    let known = context.usages.get(uid(binding));
    known.filter(|usage| usage.of == rollout::version(binding))
}

fn is_excluded(context: &Context, namespace: &str) -> bool {
    SYSTEM_NAMESPACES.contains(&namespace) || namespace == context.settings.namespace
}

/// Rolls out credentials, from the moment at which this replica becomes the leader.
pub async fn run(requeued: Requests<ServiceBinding>, context: Arc<Context>) {
    let (bindings, refused) = (context.caches.bindings.clone(), Arc::clone(&context.api.refused));
    let requeued = queue::requests(requeued, bindings, context.fence.clone(), refused);
    run_watchers(requeued, context).await;
}

/// Runs one watcher for each namespace whose pods have to be compared with bindings. Each is a task of its own: while one compares many pods with
/// many bindings, the others go on. Returns when there is nothing left to wait for, or when a watcher has panicked.
async fn run_watchers(
    requeued: impl Stream<Item = Result<ObjectRef<ServiceBinding>, Infallible>>,
    context: Arc<Context>,
) {
    let rollout_limit = FairLimiter::with_share(MAX_ROLLOUTS, MAX_ROLLOUTS_IN_NAMESPACE);
    let mut watchers: HashMap<String, Arc<Notify>> = HashMap::new();
    let mut tasks: JoinSet<String> = JoinSet::new();
    let mut policies = context.policies.changes();
    let mut is_leading = false;
    pin_mut!(requeued);
    loop {
        let namespaces = tokio::select! {
            Some(Ok(binding)) = requeued.next() => {
                let is_open = context.caches.bindings.get(&binding).is_some_and(|binding| is_open(&binding));
                let namespace = binding.namespace.unwrap_or_default();
                vec![namespace].into_iter().filter(|namespace| is_open || watchers.contains_key(namespace)).collect()
            }
            Some(ended) = tasks.join_next() => {
                let Ok(namespace) = ended else { return };
                watchers.remove(&namespace);
                vec![namespace]
            }
            () = context.fence.wait_open(), if !is_leading => {
                is_leading = true;
                context.bindings.injecting_namespaces()
            }
            Ok(()) = policies.changed(), if is_leading => context.bindings.injecting_namespaces(),
            else => return,
        };
        for namespace in namespaces {
            if let Some(changed) = watchers.get(&namespace) {
                changed.notify_one();
            } else if namespace_watcher::is_needed(&context, &namespace) {
                let changed = Arc::new(Notify::new());
                watchers.insert(namespace.clone(), Arc::clone(&changed));
                let (context, rollout_limit) = (Arc::clone(&context), Arc::clone(&rollout_limit));
                tasks.spawn(async move {
                    let watcher = NamespaceWatcher::new(&context, namespace.clone(), rollout_limit);
                    watcher.run(&changed).await;
                    namespace
                });
            }
        }
    }
}
