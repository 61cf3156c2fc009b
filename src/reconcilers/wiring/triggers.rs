//! What the operator consists of, and whom a change concerns; nothing runs yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::channel::mpsc::UnboundedReceiver;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::events::{Recorder, Reporter};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, Resource as _, ResourceExt as _};

use crate::crd::role::{Class as _, Plan as _};
use crate::crd::{self, ServiceBinding, ServiceInstance};
use crate::leader::Fence;
use crate::metrics::Metrics;
use crate::reconcilers::broker_access::connections::Brokers;
use crate::reconcilers::collisions::Collisions;
use crate::reconcilers::context::{Context, Locks, Memory, Settings};
use crate::reconcilers::fair_limiter::Turns;
use crate::reconcilers::kinds::alpha::{self, Alpha, Alphas};
use crate::reconcilers::kinds::catalog_entry::{class_of, plan_of};
use crate::reconcilers::queue::Queue;
use crate::reconcilers::rollouts;
use crate::reconcilers::schemas;
use crate::reconcilers::scope::{self, Catalog, Cluster, Kind, Namespaced, Scope};
use crate::reconcilers::secrets::{OwnSecrets, UsedSecrets};
use crate::reconcilers::wiring::feed::{Feed, Listener};

/// The name under which events are written.
const REPORTER: &str = "service-catalog";
/// How many requests of ours the API server has to work on at once, at most.
const API_REQUESTS: usize = 32;

/// Everything that the operator consists of.
pub struct Parts {
    /// What all reconcilers share.
    pub context: Arc<Context>,
    /// The cluster-wide half of the catalog.
    pub cluster: Half<Cluster>,
    /// The namespaced half.
    pub namespaced: Half<Namespaced>,
    /// Instances.
    pub instances: Watched<ServiceInstance>,
    /// Bindings.
    pub bindings: Watched<ServiceBinding>,
    /// What stands for some of these in the alpha API.
    pub alphas: AlphaKinds,
    /// What the restarts of workloads read.
    pub rollouts: UnboundedReceiver<ObjectRef<ServiceBinding>>,
    /// What is known of namespaces.
    pub namespaces: Feed<PartialObjectMeta<Namespace>>,
}

/// The alpha kinds.
pub struct AlphaKinds {
    /// Those that stand for cluster-wide brokers.
    pub brokers: Watched<crd::alpha::Broker>,
    /// Those that stand for instances.
    pub instances: Watched<crd::alpha::Instance>,
    /// Those that stand for bindings.
    pub bindings: Watched<crd::alpha::Binding>,
}

impl AlphaKinds {
    fn new() -> (Self, Alphas) {
        let (brokers, broker_store) = Watched::new();
        let (instances, instance_store) = Watched::new();
        let (bindings, binding_store) = Watched::new();
        let known = Alphas { brokers: broker_store, instances: instance_store, bindings: binding_store };
        (Self { brokers, instances, bindings }, known)
    }
}

/// One half of the catalog.
pub struct Half<S: Scope> {
    /// Its brokers.
    pub brokers: Watched<S::Broker>,
    /// Its classes.
    pub classes: Watched<S::Class>,
    /// Its plans.
    pub plans: Watched<S::Plan>,
}

/// A kind that is watched and reconciled.
pub struct Watched<K: Kind> {
    /// What is known of it.
    pub feed: Feed<K>,
    /// Wakes its reconciler.
    pub queue: Queue<K>,
    /// What its reconciler reads.
    pub requests: UnboundedReceiver<ObjectRef<K>>,
}

impl<K: Kind> Watched<K> {
    /// A change of an object wakes the reconciler of the object.
    fn new() -> (Self, Store<K>) {
        let (mut feed, store) = Feed::new();
        let (queue, requests) = Queue::new();
        let itself = queue.clone();
        let itself: Listener<K> = Box::new(move |object| itself.wake_object(object));
        feed.tell([itself]);
        (Self { feed, queue, requests }, store)
    }
}

impl<S: Scope> Half<S> {
    fn new() -> (Self, Catalog<S>) {
        let (brokers, broker_store) = Watched::new();
        let (classes, class_store) = Watched::new();
        let (plans, plan_store) = Watched::new();
        let queue = brokers.queue.clone();
        let catalog = Catalog { brokers: broker_store, classes: class_store, plans: plan_store, queue };
        (Self { brokers, classes, plans }, catalog)
    }

    /// A class or plan that can be left now, or no longer, or that has another version, concerns its instances.
    fn tell_of_terms(&mut self, context: &Arc<Context>, instances: &Queue<ServiceInstance>) {
        let catalog = S::catalog(context);
        let of_class = |class: &S::Class| class.common().plan_updatable;
        let of_plan = |plan: &S::Plan| (plan.common().plan_updatable, plan.common().maintenance_info.clone());
        let class = terms::<S, _, _>(context, instances, catalog.classes.clone(), class_of::<S>, of_class);
        let plan = terms::<S, _, _>(context, instances, catalog.plans.clone(), plan_of::<S>, of_plan);
        self.classes.feed.tell([class]);
        self.plans.feed.tell([plan]);
    }
}

impl Parts {
    /// Puts everything in its place.
    pub fn new(client: Client, fence: Fence, settings: Settings, metrics: Arc<Metrics>) -> Self {
        let (cluster, cluster_catalog) = Half::new();
        let (namespaced, namespaced_catalog) = Half::new();
        let (instances, instance_store) = Watched::new();
        let (bindings, binding_store) = Watched::new();
        let (alphas, known_alphas) = AlphaKinds::new();
        let (namespaces, namespace_store) = Feed::new();
        let (rollout_queue, rollouts) = Queue::new();
        let reporter = Reporter { controller: REPORTER.to_owned(), instance: None };
        let context = Arc::new(Context {
            fence,
            settings,
            cluster: cluster_catalog,
            namespaced: namespaced_catalog,
            instances: instance_store,
            bindings: binding_store,
            alphas: known_alphas,
            namespaces: namespace_store,
            instance_queue: instances.queue.clone(),
            binding_queue: bindings.queue.clone(),
            brokers: Brokers::default(),
            own_secrets: Arc::new(OwnSecrets::default()),
            used_secrets: UsedSecrets::new(client.clone()),
            collisions: Collisions::default(),
            metrics,
            recorder: Recorder::new(client.clone(), reporter),
            polls: Memory::default(),
            unresolved: Memory::default(),
            unfit: Memory::default(),
            usages: Memory::default(),
            written: Memory::default(),
            locks: Locks::default(),
            requests: Turns::new(API_REQUESTS),
            checks: Turns::new(schemas::CHECKS),
            client,
        });
        let mut parts =
            Self { context, cluster, namespaced, instances, bindings, alphas, rollouts, namespaces };
        parts.connect();
        parts.bindings.feed.tell([rollouts::listener(rollout_queue)]);
        let going = bindings_of_going_namespace(&parts.context, &parts.bindings.queue);
        parts.namespaces.tell([going]);
        parts
    }

    /// Whom a change concerns besides the object itself.
    fn connect(&mut self) {
        let (context, instances, bindings) = (&self.context, &self.instances.queue, &self.bindings.queue);
        self.cluster.classes.feed.tell([unresolved(context, instances)]);
        self.cluster.plans.feed.tell([unresolved(context, instances), unfit(context, bindings)]);
        self.namespaced.classes.feed.tell([unresolved(context, instances)]);
        self.namespaced.plans.feed.tell([unresolved(context, instances), unfit(context, bindings)]);
        self.cluster.tell_of_terms(context, instances);
        self.namespaced.tell_of_terms(context, instances);
        self.bindings.feed.tell([instance_of_binding(context, instances)]);
        let listeners = [
            bindings_of_instance(context, bindings),
            catalog_of_instance(context, &self.cluster),
            catalog_of_instance(context, &self.namespaced),
        ];
        self.instances.feed.tell(listeners);
        let alphas = &self.alphas;
        self.cluster.brokers.feed.tell([alpha_of_child(context, &alphas.brokers.queue)]);
        self.instances.feed.tell([alpha_of_child(context, &alphas.instances.queue)]);
        self.bindings.feed.tell([alpha_of_child(context, &alphas.bindings.queue)]);
    }
}

/// What has the name of an alpha object concerns it: it is its child, or in its child's place.
fn alpha_of_child<A: Alpha>(context: &Arc<Context>, alphas: &Queue<A>) -> Listener<A::Child> {
    let (context, alphas) = (Arc::clone(context), alphas.clone());
    Box::new(move |child| {
        let alpha = alpha::namesake(child);
        if A::all(&context).get(&alpha).is_some() {
            alphas.wake(alpha);
        }
    })
}

/// A class or plan concerns the instances that wait for one.
fn unresolved<K>(context: &Arc<Context>, instances: &Queue<ServiceInstance>) -> Listener<K> {
    let (context, instances) = (Arc::clone(context), instances.clone());
    Box::new(move |_| context.unresolved.all().into_iter().for_each(|instance| instances.wake(instance)))
}

/// Wakes the instances of a class or plan when its terms are no longer what they were before.
fn terms<S: Scope, K: Kind, T: PartialEq + Send + 'static>(
    context: &Arc<Context>,
    instances: &Queue<ServiceInstance>,
    entries: Store<K>,
    of: fn(&ServiceInstance) -> Option<&str>,
    terms: fn(&K) -> T,
) -> Listener<K> {
    let (context, instances) = (Arc::clone(context), instances.clone());
    let known = Mutex::new(HashMap::new());
    Box::new(move |entry| {
        let reference = ObjectRef::from_obj(entry);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.get(&reference).is_none() {
            known.remove(&reference);
            return;
        }
        let before = known.insert(reference.clone(), terms(entry));
        if before.is_none() || before.as_ref() == known.get(&reference) {
            return;
        }
        for instance in context.instances.state() {
            if of(&instance) == entry.meta().name.as_deref() && scope::is_for::<S>(entry, instance.as_ref()) {
                instances.wake_object(&instance);
            }
        }
    })
}

/// A plan concerns the bindings whose parameters do not fit its schema.
fn unfit<K>(context: &Arc<Context>, bindings: &Queue<ServiceBinding>) -> Listener<K> {
    let (context, bindings) = (Arc::clone(context), bindings.clone());
    Box::new(move |_| context.unfit.all().into_iter().for_each(|binding| bindings.wake(binding)))
}

/// An instance concerns its bindings.
fn bindings_of_instance(
    context: &Arc<Context>,
    bindings: &Queue<ServiceBinding>,
) -> Listener<ServiceInstance> {
    let (context, bindings) = (Arc::clone(context), bindings.clone());
    Box::new(move |instance| {
        for binding in context.bindings.state() {
            let named = binding.spec.instance_ref.name == instance.name_any();
            if named && scope::is_beside(binding.as_ref(), instance) {
                bindings.wake_object(&binding);
            }
        }
    })
}

/// A namespace that goes concerns its bindings, which may wait for its pods.
fn bindings_of_going_namespace(
    context: &Arc<Context>,
    bindings: &Queue<ServiceBinding>,
) -> Listener<PartialObjectMeta<Namespace>> {
    let (context, bindings) = (Arc::clone(context), bindings.clone());
    Box::new(move |namespace| {
        if namespace.metadata.deletion_timestamp.is_none() {
            return;
        }
        for binding in context.bindings.state() {
            if binding.metadata.namespace == namespace.metadata.name {
                bindings.wake_object(&binding);
            }
        }
    })
}

/// An instance that goes concerns the class, plan and brokers that may have waited for it.
fn catalog_of_instance<S: Scope>(context: &Arc<Context>, half: &Half<S>) -> Listener<ServiceInstance> {
    let context = Arc::clone(context);
    let (brokers, classes, plans) =
        (half.brokers.queue.clone(), half.classes.queue.clone(), half.plans.queue.clone());
    Box::new(move |instance| {
        let gone = context.instances.get(&ObjectRef::from_obj(instance)).is_none();
        if !gone && instance.metadata.deletion_timestamp.is_none() {
            return;
        }
        let namespace = instance.namespace().filter(|_| S::NAMESPACED);
        if let Some(class) = class_of::<S>(instance) {
            classes.wake_name(class, namespace.as_deref());
        }
        if let Some(plan) = plan_of::<S>(instance) {
            plans.wake_name(plan, namespace.as_deref());
        }
        for broker in S::catalog(&context).brokers.state() {
            if broker.meta().deletion_timestamp.is_some() && scope::is_for::<S>(broker.as_ref(), instance) {
                brokers.wake_object(&broker);
            }
        }
    })
}

/// A binding concerns its instance, if that waits for it to go.
fn instance_of_binding(
    context: &Arc<Context>,
    instances: &Queue<ServiceInstance>,
) -> Listener<ServiceBinding> {
    let (context, instances) = (Arc::clone(context), instances.clone());
    Box::new(move |binding| {
        let namespace = binding.namespace().unwrap_or_default();
        let reference = ObjectRef::new(&binding.spec.instance_ref.name).within(&namespace);
        let instance = context.instances.get(&reference);
        if instance.is_some_and(|instance| instance.metadata.deletion_timestamp.is_some()) {
            instances.wake(reference);
        }
    })
}
