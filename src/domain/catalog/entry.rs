//! What is the next step for a class or a plan, whether the operator or a user created it?

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::crd::ServiceInstance;
use crate::crd::role::Plan;

/// A class or a plan.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its metadata.
    pub meta: &'a ObjectMeta,
    /// Whether the broker has removed it from its catalog.
    pub is_removed: bool,
    /// The labels by which clients find it.
    pub search_labels: BTreeMap<String, String>,
}

/// The one next thing to do for a class or a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Do nothing until something changes.
    Wait,
    /// Put these labels on the object.
    Label(BTreeMap<String, String>),
    /// Delete the object: the broker no longer offers it, and no instance uses it.
    Delete,
}

/// The one next step. `is_used` says whether the spec of an instance was resolved to the entry, or an instance
/// [has](has_plan) the plan. It is called only for a removed entry.
pub fn decide(entry: Entry<'_>, is_used: impl FnOnce() -> bool) -> Step {
    if entry.is_removed && !is_used() {
        return Step::Delete;
    }
    let labels = entry.meta.labels.as_ref();
    let has = |(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value);
    if entry.meta.deletion_timestamp.is_some() || entry.search_labels.iter().all(has) {
        Step::Wait
    } else {
        Step::Label(entry.search_labels)
    }
}

/// The plans that an instance has at its broker, or may have soon, as pairs of the broker's name and the OSB id: the
/// `namespaced` ones, or the cluster-wide ones. The spec may refer to another plan by now. The name of the broker is
/// empty in a status of service-catalog.
pub fn plans_at_broker(instance: &ServiceInstance, namespaced: bool) -> impl Iterator<Item = (&str, &str)> {
    let status = instance.status.as_ref();
    let external = status.and_then(|status| status.external_properties.as_ref());
    let in_progress = status.and_then(|status| status.in_progress_properties.as_ref());
    [external, in_progress]
        .into_iter()
        .flatten()
        .filter(move |properties| properties.service_plan_external_id.is_empty() != namespaced)
        .map(|properties| (properties.broker_name.as_str(), properties.plan_id()))
        .filter(|(_, id)| !id.is_empty())
}

/// Whether an instance has this plan at its broker, or may have it soon.
pub fn has_plan(instance: &ServiceInstance, plan: &impl Plan, namespaced: bool) -> bool {
    plans_at_broker(instance, namespaced).any(|(broker, id)| {
        id == plan.common().external_id && (broker.is_empty() || broker == plan.broker_name())
    })
}

/// The name of the class to which an instance's spec was resolved: a `namespaced` one, or a cluster-wide one.
pub fn class_of(instance: &ServiceInstance, namespaced: bool) -> Option<&str> {
    let spec = &instance.spec;
    let reference = if namespaced { &spec.service_class_ref } else { &spec.cluster_service_class_ref };
    reference.as_ref().map(|reference| reference.name.as_str())
}

/// The same for the plan.
pub fn plan_of(instance: &ServiceInstance, namespaced: bool) -> Option<&str> {
    let spec = &instance.spec;
    let reference = if namespaced { &spec.service_plan_ref } else { &spec.cluster_service_plan_ref };
    reference.as_ref().map(|reference| reference.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::instance::InstanceProperties;
    use crate::crd::reference::LocalObjectReference;
    use crate::crd::{ServiceInstanceSpec, ServiceInstanceStatus};
    use crate::domain::fixtures::at;

    fn labels(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_entry_in_use_stays_and_a_removed_one_goes_with_its_last_instance() {
        let (search, others) = (labels(&[("id", "1")]), labels(&[("team", "a")]));
        let mut both = search.clone();
        both.extend(others.clone());
        let label = || Step::Label(search.clone());
        for (what, labels, is_removed, is_used, is_deleted, expected) in [
            ("offered and used", &both, false, true, false, Step::Wait),
            ("offered and unused", &both, false, false, false, Step::Wait),
            ("removed and used", &both, true, true, false, Step::Wait),
            ("removed and unused", &both, true, false, false, Step::Delete),
            ("removed and unused, without its labels", &others, true, false, false, Step::Delete),
            ("removed and used, without its labels", &others, true, true, false, label()),
            ("without its labels", &others, false, false, false, label()),
            ("without its labels, and being deleted", &others, false, false, true, Step::Wait),
            ("with another label of that key", &labels(&[("id", "2")]), false, true, false, label()),
        ] {
            let meta = ObjectMeta {
                labels: Some(labels.clone()),
                deletion_timestamp: is_deleted.then(|| at(0)),
                ..ObjectMeta::default()
            };
            let entry = Entry { meta: &meta, is_removed, search_labels: search.clone() };
            assert_eq!(decide(entry, || is_used), expected, "{what}");
        }
    }

    #[test]
    fn the_instances_of_an_offered_entry_are_not_searched() {
        let entry = Entry { meta: &ObjectMeta::default(), is_removed: false, search_labels: BTreeMap::new() };
        assert_eq!(decide(entry, || panic!("it was searched")), Step::Wait);
    }

    #[test]
    fn an_instance_has_the_plans_that_its_broker_was_asked_for() {
        let properties = |broker: &str, cluster: &str, namespaced: &str| {
            Some(InstanceProperties {
                broker_name: broker.to_owned(),
                cluster_service_plan_external_id: cluster.to_owned(),
                service_plan_external_id: namespaced.to_owned(),
                ..InstanceProperties::default()
            })
        };
        let mut instance = ServiceInstance::new("db", ServiceInstanceSpec::default());
        assert_eq!(plans_at_broker(&instance, false).count(), 0);
        instance.status = Some(ServiceInstanceStatus {
            external_properties: properties("one", "small", ""),
            in_progress_properties: properties("two", "large", ""),
            ..ServiceInstanceStatus::default()
        });
        assert_eq!(
            plans_at_broker(&instance, false).collect::<Vec<_>>(),
            [("one", "small"), ("two", "large")]
        );
        assert_eq!(plans_at_broker(&instance, true).count(), 0);
        instance.status.as_mut().unwrap().external_properties = properties("one", "", "own");
        assert_eq!(plans_at_broker(&instance, true).collect::<Vec<_>>(), [("one", "own")]);
    }

    #[test]
    fn an_instance_names_the_entries_to_which_its_spec_was_resolved() {
        let mut instance = ServiceInstance::new("db", ServiceInstanceSpec::default());
        instance.metadata.namespace = Some("shop".to_owned());
        let reference = |name: &str| Some(LocalObjectReference { name: name.to_owned() });
        instance.spec.cluster_service_class_ref = reference("class");
        instance.spec.cluster_service_plan_ref = reference("plan");
        instance.spec.service_class_ref = reference("own-class");
        instance.spec.service_plan_ref = reference("own-plan");
        assert_eq!([class_of(&instance, false), plan_of(&instance, false)], [Some("class"), Some("plan")]);
        assert_eq!(
            [class_of(&instance, true), plan_of(&instance, true)],
            [Some("own-class"), Some("own-plan")]
        );
    }
}
