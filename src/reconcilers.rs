//! The shell: one reconciler a kind, over the pure [`domain`](crate::domain). It reads, calls, and writes what the
//! core decided.
//!
//! | room or file | what it answers |
//! |---|---|
//! | `wiring` | which parts does the operator consist of, and which change requeues which object? |
//! | `kinds` | what is done for an object of each kind? |
//! | `lifecycle` | which loop do instances and bindings share? |
//! | `broker_access` | how is a broker reached, and may it be called now? |
//! | `secrets` | which Secrets are read, written and watched? |
//! | `rollouts` | which workloads are restarted, so that their pods have what bindings give? |
//! | `collisions` | which pods have something else in the place of what a binding gives them? |
//! | `schemas` | do parameters fit the schema of their plan? |
//! | `census` | what is there to be counted? |
//! | `context` | what do all of them share? |
//! | `scope` | how does one body serve the cluster-wide and the namespaced kinds? |
//! | `queue`, `fair_limiter`, `clock`, `error` | when is an object reconciled, whose turn is it, what time is it, what went wrong? |

mod broker_access;
mod census;
pub(crate) mod clock;
mod collisions;
pub(crate) mod context;
mod error;
mod fair_limiter;
pub(crate) mod kinds;
mod lifecycle;
mod queue;
mod rollouts;
mod schemas;
mod scope;
mod secrets;
pub(crate) mod wiring;

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube::runtime::watcher::Config;
use kube::{Api, Client};

use crate::leader::Fence;
use crate::metrics::Metrics;
use collisions::Collisions;
use context::Context;
use kinds::alpha::{self, Alpha};
use kinds::{binding, broker, catalog_entry as entry, instance};
use scope::{Catalog, Kind as _, Scope};
use wiring::harness;
use wiring::triggers::{Half, Parts, Watched};

pub use context::Settings;
pub use error::Error;

/// The pods that have not ended, as field selectors name them.
const RUNNING_PODS: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// The operator's tasks.
pub struct Operator {
    context: Arc<Context>,
    watches: Vec<BoxFuture<'static, ()>>,
    reconcilers: Vec<BoxFuture<'static, ()>>,
}

impl Operator {
    /// Puts everything in its place; nothing runs yet. `client` must pass the fence whenever it changes something.
    pub fn new(client: Client, fence: Fence, settings: Settings, metrics: Arc<Metrics>) -> Self {
        let Parts { context, cluster, namespaced, instances, bindings, alphas, rollouts, namespaces } =
            Parts::new(client, fence, settings, metrics);
        let counted = Arc::downgrade(&context);
        context
            .metrics
            .count_by(move || counted.upgrade().map(|context| census::census(&context)).unwrap_or_default());
        let mut operator =
            Self { context: Arc::clone(&context), watches: Vec::new(), reconcilers: Vec::new() };
        operator.catalog(cluster);
        operator.catalog(namespaced);
        operator.alpha(alphas.brokers);
        operator.alpha(alphas.instances);
        operator.alpha(alphas.bindings);

        let client = &context.client;
        operator.watches.extend([
            instances.feed.follow(Api::all(client.clone()), config()).boxed(),
            bindings.feed.follow(Api::all(client.clone()), config()).boxed(),
            namespaces.follow(Api::all(client.clone()), config()).boxed(),
            Arc::clone(&context.own_secrets).follow(client.clone(), bindings.queue).boxed(),
            Collisions::follow(Arc::clone(&context)).boxed(),
        ]);
        let (store, requests) = (context.bindings.clone(), bindings.requests);
        let passes = harness::run(store, requests, Arc::clone(&context), binding::reconcile);
        operator.reconcilers.push(passes.boxed());
        let (store, requests) = (context.instances.clone(), instances.requests);
        let passes = harness::run(store, requests, Arc::clone(&context), instance::reconcile);
        operator.reconcilers.extend([passes.boxed(), rollouts::run(rollouts, context).boxed()]);
        operator
    }

    /// Watches and reconcilers of one half of the catalog.
    fn catalog<S: Scope>(&mut self, half: Half<S>) {
        let client = &self.context.client;
        let Half { brokers, classes, plans } = half;
        self.watches.extend([
            brokers.feed.follow(S::Broker::api(client.clone(), None), config()).boxed(),
            classes.feed.follow(S::Class::api(client.clone(), None), config()).boxed(),
            plans.feed.follow(S::Plan::api(client.clone(), None), config()).boxed(),
        ]);
        let (context, catalog) = (&self.context, S::catalog(&self.context));
        let pass = broker::reconcile::<S>;
        let entries = (entry::reconcile_class::<S>, entry::reconcile_plan::<S>);
        self.reconcilers.extend([
            harness::run(catalog.brokers.clone(), brokers.requests, Arc::clone(context), pass).boxed(),
            harness::run(catalog.classes.clone(), classes.requests, Arc::clone(context), entries.0).boxed(),
            harness::run(catalog.plans.clone(), plans.requests, Arc::clone(context), entries.1).boxed(),
        ]);
    }

    /// Watch and reconciler of an alpha kind.
    fn alpha<A: Alpha>(&mut self, Watched { feed, requests, .. }: Watched<A>) {
        let context = Arc::clone(&self.context);
        self.watches.push(feed.follow(A::api(context.client.clone(), None), config()).boxed());
        let store = A::all(&context).clone();
        self.reconcilers.push(harness::run(store, requests, context, alpha::reconcile::<A>).boxed());
    }

    /// Watches, and works as long as the fence is open; until this is dropped. `ready` is called when everything is known
    /// that is decided upon.
    pub async fn run(self, ready: impl FnOnce()) {
        let Self { context, watches, reconcilers } = self;
        let watching = futures::future::join_all(watches);
        let working = async {
            known(&context).await;
            ready();
            futures::future::join_all(reconcilers).await;
        };
        tokio::select! {
            _ = watching => {}
            () = working => {}
        }
    }
}

/// Returns when all watches have seen what there is.
async fn known(context: &Context) {
    async fn of<S: Scope>(catalog: &Catalog<S>) {
        // A store is never dropped before it is ready.
        let _ = catalog.brokers.wait_until_ready().await;
        let _ = catalog.classes.wait_until_ready().await;
        let _ = catalog.plans.wait_until_ready().await;
    }
    of(&context.cluster).await;
    of(&context.namespaced).await;
    let _ = context.instances.wait_until_ready().await;
    let _ = context.bindings.wait_until_ready().await;
    let _ = context.alphas.brokers.wait_until_ready().await;
    let _ = context.alphas.instances.wait_until_ready().await;
    let _ = context.alphas.bindings.wait_until_ready().await;
    let _ = context.namespaces.wait_until_ready().await;
    context.own_secrets.wait_until_ready().await;
    context.collisions.wait_until_ready().await;
}

fn config() -> Config {
    Config::default()
}
