//! Finds the class and the plan of an instance among the cached ones. [`resolve`] decides which.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::runtime::reflector::ObjectRef;
use kube::{Resource as _, ResourceExt as _};

use crate::crd::ServiceInstance;
use crate::domain::plan_reference::{PlanReference, Target, Unresolved, class_keys, out_of_reach, resolve};
use crate::reconcilers::broker_access::connections::BrokerName;
use crate::reconcilers::context::Context;
use crate::reconcilers::identity::{namespace, reference, uid};
use crate::reconcilers::indexes::{cached, class_of_plan, keys_of_class};
use crate::reconcilers::kind::Kind as _;
use crate::reconcilers::scope::{Cluster, Namespaced, Scope};

/// The class and the plan that the spec refers to.
pub(super) fn find(context: &Context, instance: &ServiceInstance) -> Result<Target, Unresolved> {
    let reference = PlanReference::of(&instance.spec);
    if !context.settings.reach.has_cluster_kinds()
        && let Some(unresolved) = out_of_reach(reference)
    {
        return Err(unresolved);
    }
    if reference.namespaced {
        find_in::<Namespaced>(context, instance)
    } else {
        find_in::<Cluster>(context, instance)
    }
}

fn find_in<S: Scope>(context: &Context, instance: &ServiceInstance) -> Result<Target, Unresolved> {
    let (indexes, of_classes, of_plans) =
        (&context.indexes, S::Class::cache(&context.caches), S::Plan::cache(&context.caches));
    // In a lasting order, whatever the order in which they are found.
    let classes: BTreeMap<String, Arc<S::Class>> = class_keys(instance)
        .iter()
        .flat_map(|key| cached(&indexes.classes, of_classes, key, keys_of_class))
        .map(|class| (class.name_any(), class))
        .collect();
    let plans_of = |class: &Arc<S::Class>| {
        let class = (class.meta().namespace.clone(), class.name_any());
        cached(&indexes.plans, of_plans, &class, class_of_plan)
    };
    let plans: Vec<Arc<S::Plan>> = classes.values().flat_map(plans_of).collect();
    let target = resolve(instance, classes.values().map(Arc::as_ref), plans.iter().map(Arc::as_ref));
    target.map(|target| Target { broker_deleted: !keep_broker::<S>(context, instance, &target), ..target })
}

/// Keeps the target's broker until the cache shows whether the instance needs it. False if the broker is being deleted.
fn keep_broker<S: Scope>(context: &Context, instance: &ServiceInstance, target: &Target) -> bool {
    let broker = BrokerName::seen_from(namespace(instance), S::NAMESPACED, &target.broker);
    let reference = reference(&broker.name, broker.namespace.as_deref());
    let is_deleted = || {
        let known = S::Broker::cache(&context.caches).get(&reference);
        known.is_some_and(|known| known.meta().deletion_timestamp.is_some())
    };
    if !is_deleted() {
        context.brokers_in_use.set(uid(instance), Some(broker));
    }
    // Looked at once more: the broker may have been finalised in between.
    !is_deleted()
}

/// Lets changes of the class that the instance names, and of its plans, requeue the instance.
pub(super) fn wait_for_catalog(context: &Context, instance: &ServiceInstance) {
    context.waiting_for_catalog.wait(uid(instance), class_keys(instance), ObjectRef::from_obj(instance));
}
