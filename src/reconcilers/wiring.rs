//! Connects the components of the operator. Nothing runs until the futures of [`Wiring::tasks`] are polled.
//!
//! | file | question |
//! |---|---|
//! | `watched_kinds` | what does each kind of the table (`kind_table`) get? |
//! | `triggers` | which change requeues which objects? |
//! | `feed` | how does a watch fill a cache and notify its listeners? |
//! | `namespaces` | how are namespaces watched, or read where they cannot be watched? |
//! | `harness` | what does every reconciler need, whatever its kind? |

mod feed;
pub(crate) mod harness;
mod namespaces;
mod triggers;
pub(crate) mod watched_kinds;

use std::sync::Arc;

use futures::FutureExt as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::core::PartialObjectMeta;

use crate::crd::ServiceBinding;
use crate::leader::Fence;
use crate::metrics::Metrics;
use crate::reconcilers::census::census;
use crate::reconcilers::context::{Context, Settings};
use crate::reconcilers::kube_api::KubeApi;
use crate::reconcilers::queue::{Queue, Requests};
use crate::reconcilers::rollouts;
use feed::Feed;
use watched_kinds::{Tasks, WatchedKinds};

/// All components of the operator.
pub struct Wiring {
    /// The context that all reconcilers share.
    pub context: Arc<Context>,
    /// The kinds of the table.
    pub kinds: WatchedKinds,
    /// The watch of namespaces.
    pub namespaces: Feed<PartialObjectMeta<Namespace>>,
    /// The requeued bindings, for the rollouts.
    rollouts: Requests<ServiceBinding>,
}

impl Wiring {
    /// Connects the components.
    pub fn new(client: Client, fence: Fence, settings: Settings, metrics: Arc<Metrics>) -> Self {
        let (mut namespaces, namespace_cache) = Feed::new(settings.reach.parts());
        let (mut kinds, caches, queues) = WatchedKinds::new(namespace_cache, &settings.reach);
        let (rollout_queue, rollouts) = Queue::<ServiceBinding>::new();
        let api = KubeApi::new(client);
        let context = Arc::new(Context::new(api, caches, queues, settings, fence, metrics));
        kinds.forget_gone(&context);
        let (served, rollouts_served) = (Arc::downgrade(&context), rollout_queue.clone());
        context.api.refused.on_served(move |namespace| {
            let Some(context) = served.upgrade() else { return };
            context.queues.requeue_namespace(&context.caches, namespace);
            for binding in context.bindings.in_namespace(namespace) {
                rollouts_served.requeue_object(&binding);
            }
        });
        triggers::connect(&mut kinds, &mut namespaces, rollout_queue, &context);
        let counted = Arc::downgrade(&context);
        context.metrics.set_census(move || {
            counted.upgrade().map(|context| census(&context.caches, &context.brokers)).unwrap_or_default()
        });
        Self { context, kinds, namespaces, rollouts }
    }

    /// The tasks of the operator.
    pub fn tasks(self) -> Tasks {
        let Self { context, kinds, namespaces, rollouts } = self;
        let mut tasks = kinds.tasks(&context);
        let api = Arc::clone(&context.api);
        tasks.watches.extend([
            namespaces::follow(namespaces, Arc::clone(&api), context.settings.reach.clone()).boxed(),
            Arc::clone(&context.binding_secrets).follow().boxed(),
            Arc::clone(&context.referenced_secrets).follow().boxed(),
            write_success_events(Arc::clone(&context)).boxed(),
        ]);
        if context.settings.reach.has_cluster_kinds() {
            tasks.watches.push(follow_policies(Arc::clone(&context)).boxed());
        }
        tasks.reconcilers.push(rollouts::run(rollouts, context).boxed());
        tasks
    }
}

async fn follow_policies(context: Arc<Context>) {
    let Context { policies, api, fence, metrics, success_events, .. } = context.as_ref();
    policies.follow(&api.client, fence, metrics, success_events).await;
}

async fn write_success_events(context: Arc<Context>) {
    context.success_events.write(&context.api.client).await;
}
