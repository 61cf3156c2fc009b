//! Which workloads are restarted, so that their pods have what bindings give? What is decided is in `domain::rollout`.
//!
//! A namespace is tended as long as it has to be known of its pods what they have of some binding. Then its pods are
//! watched, and what was found out is handed to the reconciler of bindings.
//!
//! | file | what it answers |
//! |---|---|
//! | `namespace_watcher` | what is done in a namespace, and when? |
//! | `pods` | which pods are there that concern bindings? |
//! | `workloads` | who makes them anew, and how is that restarted? |

mod namespace_watcher;
mod pods;
mod workloads;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use futures::channel::mpsc::UnboundedReceiver;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, Stream, StreamExt as _, pin_mut};
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{Notify, Semaphore};

use crate::crd::ServiceBinding;
use crate::domain::rollout::{self, Usage, is_open};
use crate::reconcilers::context::Context;
use crate::reconcilers::identity::{namespace, uid};
use crate::reconcilers::queue;
use namespace_watcher::NamespaceWatcher;

/// How many workloads are being restarted at once, at most.
const TURNS: usize = 10;

/// The namespaces of the system. Into their pods nothing goes, as the policy `injection` has it, nor into the operator's.
const OF_THE_SYSTEM: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// What is known of the pods of a binding as it is now. If the namespace goes, nobody is waited for.
pub fn usage(context: &Context, binding: &ServiceBinding) -> Option<Usage> {
    let namespace = namespace(binding);
    if is_left_out(context, namespace) {
        return Some(Usage::excluded(binding));
    }
    if binding.metadata.deletion_timestamp.is_some() && context.caches.is_terminating(namespace) {
        return Some(Usage::default());
    }
    let known = context.usages.get(uid(binding));
    known.filter(|usage| usage.of == rollout::version(binding))
}

fn is_left_out(context: &Context, namespace: &str) -> bool {
    OF_THE_SYSTEM.contains(&namespace) || namespace == context.settings.namespace
}

/// Tends namespaces, from when this replica leads.
pub async fn run(woken: UnboundedReceiver<ObjectRef<ServiceBinding>>, context: Arc<Context>) {
    let woken = queue::requests(woken, context.caches.bindings.clone(), context.fence.clone());
    tend(woken, &context).await;
}

async fn tend(woken: impl Stream<Item = Result<ObjectRef<ServiceBinding>, Infallible>>, context: &Context) {
    let turns = Arc::new(Semaphore::new(TURNS));
    let mut tended: HashMap<String, Arc<Notify>> = HashMap::new();
    let mut tasks: FuturesUnordered<BoxFuture<'_, String>> = FuturesUnordered::new();
    pin_mut!(woken);
    loop {
        let (namespace, is_needed) = tokio::select! {
            Some(Ok(binding)) = woken.next() => {
                let is_needed = context.caches.bindings.get(&binding).is_some_and(|binding| is_open(&binding));
                (binding.namespace.unwrap_or_default(), is_needed)
            }
            Some(namespace) = tasks.next(), if !tasks.is_empty() => {
                tended.remove(&namespace);
                let is_needed = namespace_watcher::is_needed(context, &namespace);
                (namespace, is_needed)
            }
            else => return,
        };
        if let Some(task) = tended.get(&namespace) {
            task.notify_one();
        } else if is_needed {
            let woken = Arc::new(Notify::new());
            tended.insert(namespace.clone(), Arc::clone(&woken));
            let task = NamespaceWatcher::new(context, namespace.clone(), Arc::clone(&turns));
            let task = async move {
                task.run(&woken).await;
                namespace
            };
            tasks.push(task.boxed());
        }
    }
}
