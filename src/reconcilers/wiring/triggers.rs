//! Which change requeues which objects? Every change requeues the changed object itself; this file adds the others.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};

use super::feed::{Change, Feed, Listener};
use super::watched_kinds::WatchedKinds;
use crate::crd::alpha::{Binding, Broker, Instance};
use crate::crd::role::{Class, Plan as _};
use crate::crd::{ServiceBinding, ServiceInstance};
use crate::domain::broker::brokers_of;
use crate::domain::catalog;
use crate::domain::catalog::entry::plans_at_broker;
use crate::domain::osb_id::HasOsbIds;
use crate::domain::plan_reference::{ClassKey, ClassTerms, PlanTerms};
use crate::domain::rollout::concerns_pods;
use crate::reconcilers::broker_access::connections::BrokerName;
use crate::reconcilers::context::Context;
use crate::reconcilers::identity::{namespace, reference};
use crate::reconcilers::index::Index;
use crate::reconcilers::indexes::{Indexes, Need, class_of_plan, keys_of_class};
use crate::reconcilers::kind::Kind;
use crate::reconcilers::kinds::alpha::{self, Alpha};
use crate::reconcilers::kinds::binding::marking::NewMarks;
use crate::reconcilers::osb_ids::OsbIds;
use crate::reconcilers::queue::Queue;
use crate::reconcilers::scope::{Cluster, Namespaced, Scope, class_of, plan_of};

/// Connects the watch of each kind to the queues of other kinds.
pub fn connect(
    kinds: &mut WatchedKinds,
    namespaces: &mut Feed<PartialObjectMeta<Namespace>>,
    rollouts: Queue<ServiceBinding>,
    context: &Arc<Context>,
) {
    kinds.cluster_brokers.feed.add_listeners([alpha_of_child::<Broker>(context), forget_broker(context)]);
    kinds.brokers.feed.add_listeners([forget_broker(context)]);
    connect_catalog::<Cluster>(&mut kinds.cluster_classes.feed, &mut kinds.cluster_plans.feed, context);
    connect_catalog::<Namespaced>(&mut kinds.classes.feed, &mut kinds.plans.feed, context);
    keep_index(&mut kinds.instances.feed, context, |indexes| &indexes.instances, Need::of);
    kinds.instances.feed.add_listeners([
        ids(context, |context| &context.instance_ids),
        bindings_of_instance(context),
        catalog_of_instance::<Cluster>(context),
        catalog_of_instance::<Namespaced>(context),
        alpha_of_child::<Instance>(context),
    ]);
    let index_of = Arc::clone(context);
    kinds.bindings.feed.add_herald(Box::new(move |binding| index_of.bindings.add(binding)));
    kinds.bindings.feed.add_listeners([
        // First, because the others use the index.
        index(context),
        ids(context, |context| &context.binding_ids),
        instance_of_binding(context),
        alpha_of_child::<Binding>(context),
        rollouts_of_binding(rollouts),
        collisions_of_binding(context),
    ]);
    namespaces.add_listeners([
        bindings_of_terminating_namespace(context),
        forget_namespace(context),
        complete_mark(context),
    ]);
}

/// Ends the connection and the metrics of a broker that is gone, also if a user has removed its finalizer.
fn forget_broker<K: Kind>(context: &Arc<Context>) -> Listener<K> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        if change.is_gone {
            context.brokers.forget_gone(&BrokerName::of(change.object));
        }
    })
}

/// Ends what brokers know of a namespace that is gone.
fn forget_namespace(context: &Arc<Context>) -> Listener<PartialObjectMeta<Namespace>> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        if change.is_gone {
            context.brokers.forget_namespace(&change.object.name_any());
        }
    })
}

/// Completes the mark of a namespace whose bindings inject, some time after it is new.
fn complete_mark(context: &Arc<Context>) -> Listener<PartialObjectMeta<Namespace>> {
    let (context, marks) = (Arc::clone(context), NewMarks::default());
    Box::new(move |change| marks.observe(&context, change.before, change.object, change.is_gone))
}

/// Connects the watches of the classes and plans of one scope.
fn connect_catalog<S: Scope>(
    classes: &mut Feed<S::Class>,
    plans: &mut Feed<S::Plan>,
    context: &Arc<Context>,
) {
    keep_index(classes, context, |indexes| &indexes.classes, keys_of_class);
    keep_index(plans, context, |indexes| &indexes.plans, class_of_plan);
    classes.add_listeners([
        catalog_events(context),
        waiting_for_class::<S>(context),
        instances_of_class::<S>(context),
    ]);
    plans.add_listeners([
        catalog_events(context),
        waiting_for_plan::<S>(context),
        rejected_bindings::<S>(context),
        instances_of_plan::<S>(context),
        moved_plan::<S>(context),
    ]);
}

/// Keeps an index.
fn keep_index<K: Kind, Key: Hash + 'static>(
    feed: &mut Feed<K>,
    context: &Arc<Context>,
    index: fn(&Indexes) -> &Index<Key>,
    keys: fn(&K) -> Vec<Key>,
) {
    let name = |object: &K| (object.meta().namespace.clone(), object.name_any());
    let of = Arc::clone(context);
    feed.add_herald(Box::new(move |object| index(&of.indexes).add(name(object), keys(object))));
    let of = Arc::clone(context);
    feed.add_listeners([Box::new(move |change: &Change<'_, K>| {
        let former = change.before.into_iter().chain(change.is_gone.then_some(change.object));
        let present = Some(change.object).filter(|_| !change.is_gone);
        let [former, present] = [former.flat_map(keys).collect(), present.map(keys).unwrap_or_default()];
        index(&of.indexes).remove(&name(change.object), former, present);
    }) as Listener<K>]);
}

/// The objects that wait for an id that the changed object no longer has.
fn ids<K: Kind + HasOsbIds>(context: &Arc<Context>, of: fn(&Context) -> &OsbIds<K>) -> Listener<K> {
    let context = Arc::clone(context);
    Box::new(move |change| of(&context).observe(change.before, change.object, change.is_gone))
}

/// Keeps the index of bindings. The bindings of the namespace that could not inject into pods and now may, or the other
/// way round.
fn index(context: &Arc<Context>) -> Listener<ServiceBinding> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        for other in context.bindings.observe(change.before, change.object, change.is_gone) {
            context.queues.bindings.requeue(other);
        }
    })
}

/// The rollouts of the namespace, if the binding concerns pods, or did before.
fn rollouts_of_binding(queue: Queue<ServiceBinding>) -> Listener<ServiceBinding> {
    Box::new(move |change| {
        if concerns_pods(change.object) || change.before.is_some_and(concerns_pods) {
            queue.requeue_object(change.object);
        }
    })
}

/// Tells which bindings there are to those who keep what pods say about them.
fn collisions_of_binding(context: &Arc<Context>) -> Listener<ServiceBinding> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let is_another = |before: &&ServiceBinding| before.metadata.uid != change.object.metadata.uid;
        if let Some(before) = change.before.filter(is_another) {
            context.collisions.observe(before, true);
        }
        context.collisions.observe(change.object, change.is_gone);
    })
}

/// The alpha object whose child, or another object of its child's name, has changed.
fn alpha_of_child<A: Alpha>(context: &Arc<Context>) -> Listener<A::Child> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let alpha = alpha::namesake(change.object);
        if A::cache(&context.caches).get(&alpha).is_some() {
            A::queue(&context.queues).requeue(alpha);
        }
    })
}

/// Wakes the tasks that wait for the cache to show a class or a plan.
fn catalog_events<K>(context: &Arc<Context>) -> Listener<K> {
    let context = Arc::clone(context);
    Box::new(move |_| context.catalog_events.notify_waiters())
}

/// The instances that wait for a class to change.
fn waiting_for_class<S: Scope>(context: &Arc<Context>) -> Listener<S::Class> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        change.versions().for_each(|class| requeue_waiting(&context, class));
    })
}

/// The instances that wait for a plan of a class to change. While the cache lacks the class, they wait for that one.
fn waiting_for_plan<S: Scope>(context: &Arc<Context>) -> Listener<S::Plan> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        for plan in change.versions() {
            let class = reference(plan.class_name(), plan.meta().namespace.as_deref());
            if let Some(class) = S::Class::cache(&context.caches).get(&class) {
                requeue_waiting(&context, class.as_ref());
            }
        }
    })
}

fn requeue_waiting<C: Class + Kind>(context: &Context, class: &C) {
    for instance in context.waiting_for_catalog.of(&ClassKey::of(class)) {
        context.queues.instances.requeue(instance);
    }
}

/// The instances of a class whose terms have changed.
fn instances_of_class<S: Scope>(context: &Arc<Context>) -> Listener<S::Class> {
    instances_of(context, Need::Class, |before: &S::Class, now| ClassTerms::of(before) == ClassTerms::of(now))
}

/// The instances of a plan whose terms have changed.
fn instances_of_plan<S: Scope>(context: &Arc<Context>) -> Listener<S::Plan> {
    instances_of(context, Need::Plan, |before: &S::Plan, now| PlanTerms::of(before) == PlanTerms::of(now))
}

/// The instances of a class or plan that is gone, or whose change `is_same` does not ignore. A new class or plan needs
/// no requeue here: instances that refer to a missing one are [waiting](waiting_for_class).
fn instances_of<K: Kind>(
    context: &Arc<Context>,
    need: fn(Option<String>, String) -> Need,
    is_same: fn(&K, &K) -> bool,
) -> Listener<K> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let entry = change.object;
        if change.before.is_none_or(|before| !change.is_gone && is_same(before, entry)) {
            return;
        }
        for instance in context.instances_with(&need(entry.meta().namespace.clone(), entry.name_any())) {
            context.queues.instances.requeue_object(&instance);
        }
    })
}

/// The broker of a plan that is gone, if the broker offers entries that could not be published: it may have moved the plan
/// to another class, where it can be published now.
fn moved_plan<S: Scope>(context: &Arc<Context>) -> Listener<S::Plan> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let (plan, namespace) = (change.object, change.object.meta().namespace.clone());
        let broker = BrokerName { namespace, name: plan.broker_name().to_owned() };
        if change.is_gone && context.brokers.publish_rejected(&broker) {
            S::Broker::queue(&context.queues).requeue_name(&broker.name, broker.namespace.as_deref());
        }
    })
}

/// The bindings whose parameters do not match the schema of a plan.
fn rejected_bindings<S: Scope>(context: &Arc<Context>) -> Listener<S::Plan> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let key = |plan: &S::Plan| (plan.meta().namespace.clone(), plan.common().external_id.clone());
        let keys: Vec<_> = change.versions().map(key).collect();
        for binding in context.rejected_by_schema.of(&keys) {
            context.queues.bindings.requeue(binding);
        }
    })
}

/// The bindings of an instance.
fn bindings_of_instance(context: &Arc<Context>) -> Listener<ServiceInstance> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let instance = change.object;
        for binding in context.bindings.of_instance(namespace(instance), &instance.name_any()) {
            context.queues.bindings.requeue_object(&binding);
        }
    })
}

/// The bindings of a namespace that is being deleted: they no longer wait for its pods.
fn bindings_of_terminating_namespace(context: &Arc<Context>) -> Listener<PartialObjectMeta<Namespace>> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let namespace = change.object;
        if namespace.metadata.deletion_timestamp.is_none() {
            return;
        }
        for binding in context.bindings.in_namespace(&namespace.name_any()) {
            context.queues.bindings.requeue_object(&binding);
        }
    })
}

/// The classes, plans and brokers to which an instance refers no longer, because it was updated or is gone. Their
/// deletion may have waited for that.
fn catalog_of_instance<S: Scope>(context: &Arc<Context>) -> Listener<ServiceInstance> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let namespace = change.object.namespace().filter(|_| S::NAMESPACED);
        for class in dropped(change, class_of::<S>) {
            S::Class::queue(&context.queues).requeue_name(class, namespace.as_deref());
        }
        for plan in dropped(change, plan_of::<S>) {
            S::Plan::queue(&context.queues).requeue_name(plan, namespace.as_deref());
        }
        for (broker, plan_id) in dropped(change, |instance| plans_at_broker(instance, S::NAMESPACED)) {
            for plan in catalog::names(plan_id, broker) {
                S::Plan::queue(&context.queues).requeue_name(&plan, namespace.as_deref());
            }
        }
        let now: BTreeSet<&str> =
            if change.is_gone { BTreeSet::new() } else { brokers_of(change.object).collect() };
        let former = change.before.into_iter().chain(change.is_gone.then_some(change.object));
        let former: BTreeSet<&str> = former.flat_map(brokers_of).collect();
        for broker in former.symmetric_difference(&now) {
            let broker = reference::<S::Broker>(broker, namespace.as_deref());
            let known = S::Broker::cache(&context.caches).get(&broker);
            if known.is_some_and(|known| known.meta().deletion_timestamp.is_some()) {
                S::Broker::queue(&context.queues).requeue(broker);
            }
        }
    })
}

/// What an instance referred to or had before, and no longer does.
fn dropped<'a, I: IntoIterator<Item: PartialEq>>(
    change: &Change<'a, ServiceInstance>,
    of: impl Fn(&'a ServiceInstance) -> I,
) -> impl Iterator<Item = I::Item> {
    let now: Vec<I::Item> = if change.is_gone { Vec::new() } else { of(change.object).into_iter().collect() };
    let last = [change.before, Some(change.object)].into_iter().flatten();
    last.flat_map(of).filter(move |item| !now.contains(item))
}

/// The instance of a binding, if it is being deleted: it may wait for the binding.
fn instance_of_binding(context: &Arc<Context>) -> Listener<ServiceBinding> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let binding = change.object;
        let reference = ObjectRef::new(&binding.spec.instance_ref.name).within(namespace(binding));
        let instance = context.caches.instances.get(&reference);
        if instance.is_some_and(|instance| instance.metadata.deletion_timestamp.is_some()) {
            context.queues.instances.requeue(reference);
        }
    })
}
