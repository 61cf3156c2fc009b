//! The shell: one reconciler a kind, over the pure [`domain`](crate::domain). It reads, calls, and writes what the
//! core decided.
//!
//! | file | what it answers |
//! |---|---|
//! | `broker`, `entry`, `instance`, `binding` | what is a pass over an object of that kind? |
//! | `feed`, `queue` | who looks at an object, and when? |
//! | `harness` | what does every reconciler need besides its kind? |
//! | `brokers` | how is a broker reached? |
//! | `secrets` | which Secrets are read, written and watched? |
//! | `context` | what do all of them share? |
//! | `scope` | how does one body serve the cluster-wide and the namespaced kinds? |

mod binding;
mod broker;
mod brokers;
mod clock;
mod context;
mod entry;
mod error;
mod feed;
mod harness;
mod instance;
mod queue;
mod scope;
mod secrets;

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Config;
use kube::{Api, Client, Resource as _, ResourceExt as _};
use tokio_util::sync::CancellationToken;

use crate::crd::{ServiceBinding, ServiceInstance};
use crate::metrics::Metrics;
use brokers::Brokers;
use context::{Context, Locks, Memory};
use feed::{Feed, Listener};
use queue::Queue;
use scope::{Catalog, Cluster, Kind, Namespaced, Scope};
use secrets::{OwnSecrets, UsedSecrets};

pub use context::Settings;
pub use error::Error;

/// The name under which events are written.
const REPORTER: &str = "service-catalog";

/// The operator's tasks.
pub struct Operator {
    context: Arc<Context>,
    watches: Vec<BoxFuture<'static, ()>>,
    reconcilers: Vec<BoxFuture<'static, ()>>,
}

/// What wakes the reconcilers of one half of the catalog.
struct Queues<S: Scope> {
    brokers: Queue<S::Broker>,
    classes: Queue<S::Class>,
    plans: Queue<S::Plan>,
}

impl<S: Scope> Clone for Queues<S> {
    fn clone(&self) -> Self {
        Self { brokers: self.brokers.clone(), classes: self.classes.clone(), plans: self.plans.clone() }
    }
}

impl Operator {
    /// Puts everything in its place; nothing runs yet.
    pub fn new(client: Client, settings: Settings, metrics: Arc<Metrics>) -> Self {
        let (cluster, cluster_feeds) = half::<Cluster>();
        let (namespaced, namespaced_feeds) = half::<Namespaced>();
        let (instance_feed, instances) = Feed::<ServiceInstance>::new();
        let (binding_feed, bindings) = Feed::<ServiceBinding>::new();
        let (namespace_feed, namespaces) = Feed::<PartialObjectMeta<Namespace>>::new();
        let reporter = Reporter { controller: REPORTER.to_owned(), instance: None };
        let context = Arc::new(Context {
            settings,
            cluster,
            namespaced,
            instances: instances.clone(),
            bindings: bindings.clone(),
            namespaces,
            brokers: Brokers::default(),
            own_secrets: Arc::new(OwnSecrets::default()),
            used_secrets: UsedSecrets::new(client.clone()),
            metrics,
            recorder: Recorder::new(client.clone(), reporter),
            polls: Memory::default(),
            unresolved: Memory::default(),
            written: Memory::default(),
            locks: Locks::default(),
            requests: Context::request_limit(),
            client: client.clone(),
        });

        let (instance_queue, instance_requests) = Queue::new();
        let (binding_queue, binding_requests) = Queue::new();
        let mut operator =
            Self { context: Arc::clone(&context), watches: Vec::new(), reconcilers: Vec::new() };
        let cluster = operator.catalog::<Cluster>(cluster_feeds, &instance_queue);
        let namespaced = operator.catalog::<Namespaced>(namespaced_feeds, &instance_queue);

        let listeners = on_instance(&context, &instance_queue, &binding_queue, &cluster, &namespaced);
        operator.watches.push(instance_feed.follow(Api::all(client.clone()), config(), listeners).boxed());
        let listeners = on_binding(&context, &binding_queue, &instance_queue);
        operator.watches.push(binding_feed.follow(Api::all(client.clone()), config(), listeners).boxed());
        operator.watches.push(namespace_feed.follow(Api::all(client.clone()), config(), Vec::new()).boxed());
        operator.watches.push(Arc::clone(&context.own_secrets).follow(client, binding_queue.clone()).boxed());

        let pass = move |object, context| instance::reconcile(object, context, instance_queue.clone());
        operator
            .reconcilers
            .push(harness::run(instances, instance_requests, Arc::clone(&context), pass).boxed());
        let pass = move |object, context| binding::reconcile(object, context, binding_queue.clone());
        operator.reconcilers.push(harness::run(bindings, binding_requests, context, pass).boxed());
        operator
    }

    /// Watches and reconcilers of one half of the catalog.
    fn catalog<S: Scope>(&mut self, feeds: Feeds<S>, instances: &Queue<ServiceInstance>) -> Queues<S> {
        let client = self.context.client.clone();
        let (brokers, broker_requests) = Queue::new();
        let (classes, class_requests) = Queue::new();
        let (plans, plan_requests) = Queue::new();
        let queues = Queues::<S> { brokers, classes, plans };

        let queue = queues.brokers.clone();
        let itself: Listener<S::Broker> = Box::new(move |broker| queue.wake_object(broker));
        self.watches
            .push(feeds.brokers.follow(S::Broker::api(client.clone(), None), config(), vec![itself]).boxed());
        let queue = queues.classes.clone();
        let itself: Listener<S::Class> = Box::new(move |class| queue.wake_object(class));
        let listeners = vec![itself, self.unresolved(instances)];
        self.watches
            .push(feeds.classes.follow(S::Class::api(client.clone(), None), config(), listeners).boxed());
        let queue = queues.plans.clone();
        let itself: Listener<S::Plan> = Box::new(move |plan| queue.wake_object(plan));
        let listeners = vec![itself, self.unresolved(instances)];
        self.watches.push(feeds.plans.follow(S::Plan::api(client, None), config(), listeners).boxed());

        let catalog = S::catalog(&self.context);
        let queue = queues.brokers.clone();
        let pass = move |object, context| broker::reconcile::<S>(object, context, queue.clone());
        let context = &self.context;
        self.reconcilers.extend([
            harness::run(catalog.brokers.clone(), broker_requests, Arc::clone(context), pass).boxed(),
            harness::run(
                catalog.classes.clone(),
                class_requests,
                Arc::clone(context),
                entry::reconcile_class::<S>,
            )
            .boxed(),
            harness::run(
                catalog.plans.clone(),
                plan_requests,
                Arc::clone(context),
                entry::reconcile_plan::<S>,
            )
            .boxed(),
        ]);
        queues
    }

    /// Wakes the instances that wait for a class or plan.
    fn unresolved<K>(&self, instances: &Queue<ServiceInstance>) -> Listener<K> {
        let (context, instances) = (Arc::clone(&self.context), instances.clone());
        Box::new(move |_| context.unresolved.all().into_iter().for_each(|instance| instances.wake(instance)))
    }

    /// Runs until told to stop. `ready` is called when everything is known that is decided upon.
    pub async fn run(self, stop: CancellationToken, ready: impl FnOnce()) {
        let Self { context, watches, reconcilers } = self;
        let watching = futures::future::join_all(watches);
        let working = async {
            known(&context).await;
            ready();
            futures::future::join_all(reconcilers).await;
        };
        tokio::select! {
            () = stop.cancelled() => {}
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
    let _ = context.namespaces.wait_until_ready().await;
    context.own_secrets.wait_until_ready().await;
}

fn config() -> Config {
    Config::default()
}

/// The writing ends of one half of the catalog.
struct Feeds<S: Scope> {
    brokers: Feed<S::Broker>,
    classes: Feed<S::Class>,
    plans: Feed<S::Plan>,
}

fn half<S: Scope>() -> (Catalog<S>, Feeds<S>) {
    let (broker_feed, brokers) = Feed::new();
    let (class_feed, classes) = Feed::new();
    let (plan_feed, plans) = Feed::new();
    (
        Catalog { brokers, classes, plans },
        Feeds { brokers: broker_feed, classes: class_feed, plans: plan_feed },
    )
}

/// An instance concerns itself, its bindings, and, when it goes, its class, plan and broker.
fn on_instance(
    context: &Arc<Context>,
    instances: &Queue<ServiceInstance>,
    bindings: &Queue<ServiceBinding>,
    cluster: &Queues<Cluster>,
    namespaced: &Queues<Namespaced>,
) -> Vec<Listener<ServiceInstance>> {
    let (context, instances, bindings) = (Arc::clone(context), instances.clone(), bindings.clone());
    let (cluster, namespaced) = (cluster.clone(), namespaced.clone());
    let itself: Listener<ServiceInstance> = Box::new(move |instance| instances.wake_object(instance));
    let others: Listener<ServiceInstance> = Box::new(move |instance| {
        for binding in context.bindings.state() {
            let named = binding.spec.instance_ref.name == instance.name_any();
            if named && scope::is_beside(binding.as_ref(), instance) {
                bindings.wake_object(&binding);
            }
        }
        let gone = context.instances.get(&ObjectRef::from_obj(instance)).is_none();
        if gone || instance.metadata.deletion_timestamp.is_some() {
            wake_catalog(&context, &cluster, instance);
            wake_catalog(&context, &namespaced, instance);
        }
    });
    vec![itself, others]
}

/// Wakes the class, plan and brokers that may have waited for an instance to go.
fn wake_catalog<S: Scope>(context: &Context, queues: &Queues<S>, instance: &ServiceInstance) {
    let namespace = instance.namespace().filter(|_| S::NAMESPACED);
    if let Some(class) = entry::class_of::<S>(instance) {
        queues.classes.wake_name(class, namespace.as_deref());
    }
    if let Some(plan) = entry::plan_of::<S>(instance) {
        queues.plans.wake_name(plan, namespace.as_deref());
    }
    for broker in S::catalog(context).brokers.state() {
        if broker.meta().deletion_timestamp.is_some() {
            queues.brokers.wake_object(&broker);
        }
    }
}

/// A binding concerns itself, and its instance if that waits for it to go.
fn on_binding(
    context: &Arc<Context>,
    bindings: &Queue<ServiceBinding>,
    instances: &Queue<ServiceInstance>,
) -> Vec<Listener<ServiceBinding>> {
    let (context, bindings, instances) = (Arc::clone(context), bindings.clone(), instances.clone());
    let itself: Listener<ServiceBinding> = Box::new(move |binding| bindings.wake_object(binding));
    let instance: Listener<ServiceBinding> = Box::new(move |binding| {
        let namespace = binding.namespace().unwrap_or_default();
        let reference = ObjectRef::new(&binding.spec.instance_ref.name).within(&namespace);
        if context
            .instances
            .get(&reference)
            .is_some_and(|instance| instance.metadata.deletion_timestamp.is_some())
        {
            instances.wake(reference);
        }
    });
    vec![itself, instance]
}
