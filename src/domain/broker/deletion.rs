//! What blocks the deletion of a broker, and what is deleted with it?

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt as _;

use super::relist::{self, Relist};
use super::{Observed, Step, report};
use crate::crd::ServiceInstance;
use crate::crd::broker::BrokerStatus;
use crate::crd::condition::Status;
use crate::crd::role;
use crate::domain::catalog::{Existing, Object, is_managed};
use crate::domain::plan_reference::PlanReference;
use crate::domain::reason;

/// How many instances the message names. The others are only counted.
const NAMED_INSTANCES: usize = 5;

/// The instances that the broker has or may have, as `namespace/name`, sorted.
pub(super) fn blocking_instances(observed: &Observed<'_>) -> Vec<String> {
    let namespace = observed.meta.namespace.as_deref();
    let broker = observed.meta.name.as_deref().unwrap_or_default();
    let instances = observed.instances.iter().map(Arc::as_ref);
    let mut blocking: Vec<String> = instances
        .filter(|instance| PlanReference::of(&instance.spec).namespaced == namespace.is_some())
        .filter(|instance| namespace.is_none() || instance.metadata.namespace.as_deref() == namespace)
        .filter(|instance| needs(instance, broker))
        .map(|instance| format!("{}/{}", instance.namespace().unwrap_or_default(), instance.name_any()))
        .collect();
    blocking.sort();
    blocking
}

/// Whether the broker of this name has, may have or is about to create something for the instance: the instance itself
/// or an orphan.
pub fn needs(instance: &ServiceInstance, broker: &str) -> bool {
    brokers_of(instance).any(|name| name == broker)
}

/// The names of the brokers that an instance [needs].
pub fn brokers_of(instance: &ServiceInstance) -> impl Iterator<Item = &str> {
    let status = instance.status.as_ref();
    let properties = status
        .and_then(|status| status.external_properties.as_ref().or(status.in_progress_properties.as_ref()));
    let own = properties.map(|properties| properties.broker_name.as_str());
    let orphans = status.map(|status| status.orphans.as_slice()).unwrap_or_default();
    own.into_iter().chain(orphans.iter().map(|orphan| orphan.broker_name.as_str()))
}

/// Reports which instances block the deletion. The deletion of the last one requeues the broker.
pub(super) fn report_blocked(observed: &Observed<'_>, instances: &[String]) -> Step {
    let status = blocked(observed, instances, None);
    if observed.status == Some(&status) {
        let probe = observed.connection.as_ref().and_then(|connection| relist::probe(observed, connection));
        return Step::Wait(match probe {
            Some(Relist::At(time)) => Some(time),
            _ => None,
        });
    }
    Step::Write { status: Box::new(status), note: None }
}

/// The status that names the blocking instances. `unusable`: why the operator cannot use the broker's current address
/// and credentials. The operator then uses those of the existing connection, which a restart loses.
pub(super) fn blocked(observed: &Observed<'_>, instances: &[String], unusable: Option<&str>) -> BrokerStatus {
    let named: Vec<&str> = instances.iter().take(NAMED_INSTANCES).map(String::as_str).collect();
    let more = match instances.len().saturating_sub(NAMED_INSTANCES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let credentials = unusable.map(|why| {
        format!(
            ". The operator cannot use the broker's current credentials: {}. It uses the previous ones until it \
             restarts",
            why.trim_end_matches('.')
        )
    });
    let (count, they_are) = match instances.len() {
        1 => ("1 instance".to_owned(), "it is"),
        count => (format!("{count} instances"), "they are"),
    };
    let message = format!(
        "Deletion is blocked by {count}: {}{more}. Deletion continues when {they_are} gone{}",
        named.join(", "),
        credentials.unwrap_or_default(),
    );
    let mut status = observed.status();
    report(&mut status, Status::False, reason::DELETION_BLOCKED_BY_INSTANCES, &message, &observed.now);
    status
}

/// The classes and plans that are deleted with the broker that `owner` refers to, in the order of their names: those
/// that the operator published from its catalog. Those that users created stay.
pub fn dependents<C, P>(existing: &Existing<C, P>, owner: &OwnerReference) -> (Vec<Arc<C>>, Vec<Arc<P>>)
where
    C: role::Class + Object,
    P: role::Plan + Object,
{
    let is_class = |class: &&Arc<C>| {
        class.broker_name() == existing.broker
            && is_managed(class.as_ref(), &class.common().external_id, owner)
    };
    let is_plan = |plan: &&Arc<P>| {
        plan.broker_name() == existing.broker && is_managed(plan.as_ref(), &plan.common().external_id, owner)
    };
    let mut classes: Vec<Arc<C>> = existing.classes.iter().filter(is_class).cloned().collect();
    let mut plans: Vec<Arc<P>> = existing.plans.iter().filter(is_plan).cloned().collect();
    classes.sort_by_key(|class| class.name_any());
    plans.sort_by_key(|plan| plan.name_any());
    (classes, plans)
}
