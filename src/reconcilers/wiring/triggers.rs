//! Which change requeues which objects? Each kind of the table requeues the object itself; here are the others.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};

use super::feed::{Change, Feed, Listener};
use super::watched_kinds::WatchedKinds;
use crate::crd::alpha::{Binding, Broker, Instance};
use crate::crd::{ServiceBinding, ServiceInstance};
use crate::domain::broker::needs;
use crate::domain::plan_reference::{ClassTerms, PlanTerms};
use crate::domain::rollout::concerns_pods;
use crate::reconcilers::context::Context;
use crate::reconcilers::identity::namespace;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::kinds::alpha::{self, Alpha};
use crate::reconcilers::queue::Queue;
use crate::reconcilers::scope::{self, Cluster, Namespaced, Scope, class_of, plan_of};

/// Connects the watch of each kind with the queues of other kinds.
pub fn connect(
    kinds: &mut WatchedKinds,
    namespaces: &mut Feed<PartialObjectMeta<Namespace>>,
    rollouts: Queue<ServiceBinding>,
    context: &Arc<Context>,
) {
    kinds.cluster_brokers.feed.tell([alpha_of_child::<Broker>(context)]);
    kinds.cluster_classes.feed.tell([waiting_instances(context), instances_of_class::<Cluster>(context)]);
    kinds.classes.feed.tell([waiting_instances(context), instances_of_class::<Namespaced>(context)]);
    kinds.cluster_plans.feed.tell([
        waiting_instances(context),
        rejected_bindings(context),
        instances_of_plan::<Cluster>(context),
    ]);
    kinds.plans.feed.tell([
        waiting_instances(context),
        rejected_bindings(context),
        instances_of_plan::<Namespaced>(context),
    ]);
    kinds.instances.feed.tell([
        bindings_of_instance(context),
        catalog_of_instance::<Cluster>(context),
        catalog_of_instance::<Namespaced>(context),
        alpha_of_child::<Instance>(context),
    ]);
    kinds.bindings.feed.tell([
        instance_of_binding(context),
        alpha_of_child::<Binding>(context),
        rollouts_of_binding(rollouts),
    ]);
    namespaces.tell([bindings_of_terminating_namespace(context)]);
}

/// The restarts of workloads, if the binding concerns pods, or did.
fn rollouts_of_binding(queue: Queue<ServiceBinding>) -> Listener<ServiceBinding> {
    Box::new(move |change| {
        if concerns_pods(change.object) || change.before.is_some_and(concerns_pods) {
            queue.requeue_object(change.object);
        }
    })
}

/// The alpha object whose child has changed, or another object that is in its child's place.
fn alpha_of_child<A: Alpha>(context: &Arc<Context>) -> Listener<A::Child> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let alpha = alpha::namesake(change.object);
        if A::cache(&context.caches).get(&alpha).is_some() {
            A::queue(&context.queues).requeue(alpha);
        }
    })
}

/// The instances that wait for any class or plan to change.
fn waiting_instances<K>(context: &Arc<Context>) -> Listener<K> {
    let context = Arc::clone(context);
    Box::new(move |_| {
        for instance in context.waiting_for_catalog.all() {
            context.queues.instances.requeue(instance);
        }
    })
}

/// The instances of a class that is no longer what they were decided on.
fn instances_of_class<S: Scope>(context: &Arc<Context>) -> Listener<S::Class> {
    instances_of::<S, _>(context, class_of::<S>, |before, now| ClassTerms::of(before) == ClassTerms::of(now))
}

/// The same for a plan.
fn instances_of_plan<S: Scope>(context: &Arc<Context>) -> Listener<S::Plan> {
    instances_of::<S, _>(context, plan_of::<S>, |before, now| PlanTerms::of(before) == PlanTerms::of(now))
}

/// The instances of a class or plan that has gone or changed, unless they have nothing to do with the change. Those that refer
/// to one that is not there [wait](waiting_instances) for it.
fn instances_of<S: Scope, K: Kind>(
    context: &Arc<Context>,
    of: fn(&ServiceInstance) -> Option<&str>,
    is_same: fn(&K, &K) -> bool,
) -> Listener<K> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let entry = change.object;
        if change.before.is_none_or(|before| !change.is_gone && is_same(before, entry)) {
            return;
        }
        for instance in context.caches.instances.state() {
            if of(&instance) == entry.meta().name.as_deref() && scope::is_for::<S>(entry, instance.as_ref()) {
                context.queues.instances.requeue_object(&instance);
            }
        }
    })
}

/// The bindings whose parameters do not fit the schema of a plan.
fn rejected_bindings<K>(context: &Arc<Context>) -> Listener<K> {
    let context = Arc::clone(context);
    Box::new(move |_| {
        for binding in context.rejected_by_schema.all() {
            context.queues.bindings.requeue(binding);
        }
    })
}

/// The bindings of an instance.
fn bindings_of_instance(context: &Arc<Context>) -> Listener<ServiceInstance> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let instance = change.object;
        for binding in context.caches.bindings.state() {
            let named = binding.spec.instance_ref.name == instance.name_any();
            if named && scope::is_beside(binding.as_ref(), instance) {
                context.queues.bindings.requeue_object(&binding);
            }
        }
    })
}

/// The bindings of a namespace that is being deleted, which may wait for its pods.
fn bindings_of_terminating_namespace(context: &Arc<Context>) -> Listener<PartialObjectMeta<Namespace>> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let namespace = change.object;
        if namespace.metadata.deletion_timestamp.is_none() {
            return;
        }
        for binding in context.caches.bindings.state() {
            if binding.metadata.namespace == namespace.metadata.name {
                context.queues.bindings.requeue_object(&binding);
            }
        }
    })
}

/// The classes, plans and brokers that an instance has left, by an update or by going: they may have waited for that.
fn catalog_of_instance<S: Scope>(context: &Arc<Context>) -> Listener<ServiceInstance> {
    let context = Arc::clone(context);
    Box::new(move |change| {
        let namespace = change.object.namespace().filter(|_| S::NAMESPACED);
        for class in left(change, class_of::<S>) {
            S::Class::queue(&context.queues).requeue_name(class, namespace.as_deref());
        }
        for plan in left(change, plan_of::<S>) {
            S::Plan::queue(&context.queues).requeue_name(plan, namespace.as_deref());
        }
        for broker in S::Broker::cache(&context.caches).state() {
            if broker.meta().deletion_timestamp.is_none()
                || !scope::is_for::<S>(broker.as_ref(), change.object)
            {
                continue;
            }
            let needs = |instance: &ServiceInstance| needs(instance, &broker.name_any());
            let is_needed = !change.is_gone && needs(change.object);
            if change.before.is_some_and(needs) != is_needed {
                S::Broker::queue(&context.queues).requeue_object(&broker);
            }
        }
    })
}

/// What an instance referred to, and does not any more.
fn left<'a>(
    change: &Change<'a, ServiceInstance>,
    of: fn(&ServiceInstance) -> Option<&str>,
) -> impl Iterator<Item = &'a str> {
    let now = if change.is_gone { None } else { of(change.object) };
    let last = [change.before, Some(change.object)].into_iter().flatten();
    last.filter_map(of).filter(move |name| now != Some(*name))
}

/// The instance of a binding, if it waits for the binding to be deleted.
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
