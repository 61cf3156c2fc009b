//! The indexes of classes, plans and instances: which of them does an instance name, and which instances need one of
//! them?

use std::hash::Hash;
use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::reflector::Store;

use crate::crd::ServiceInstance;
use crate::crd::role::{Class, Plan};
use crate::domain::broker::brokers_of;
use crate::domain::catalog::entry::{class_of, plan_of, plans_at_broker};
use crate::domain::plan_reference::ClassKey;
use crate::reconcilers::identity::reference;
use crate::reconcilers::index::{Index, Name};
use crate::reconcilers::kind::Kind;

/// All indexes.
#[derive(Default)]
pub struct Indexes {
    /// Classes by each way to refer to them.
    pub classes: Index<ClassKey>,
    /// Plans by their class.
    pub plans: Index<Name>,
    /// Instances by what they need.
    pub instances: Index<Need>,
}

/// What an instance needs: the namespace of that, unless it is cluster-wide, and its name or id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// The class to which its spec was resolved.
    Class(Option<String>, String),
    /// The plan to which its spec was resolved.
    Plan(Option<String>, String),
    /// The plan that it has at its broker, or may have soon: its OSB id.
    PlanAtBroker(Option<String>, String),
    /// A broker that has something for it.
    Broker(Option<String>, String),
}

impl Need {
    /// All needs of an instance.
    pub fn of(instance: &ServiceInstance) -> Vec<Self> {
        let mut needs = Vec::new();
        for namespaced in [false, true] {
            let namespace = || instance.namespace().filter(|_| namespaced);
            let class = class_of(instance, namespaced);
            needs.extend(class.map(|class| Self::Class(namespace(), class.to_owned())));
            let plan = plan_of(instance, namespaced);
            needs.extend(plan.map(|plan| Self::Plan(namespace(), plan.to_owned())));
            let at_broker = plans_at_broker(instance, namespaced);
            needs.extend(at_broker.map(|(_, id)| Self::PlanAtBroker(namespace(), id.to_owned())));
            let brokers = brokers_of(instance);
            needs.extend(brokers.map(|broker| Self::Broker(namespace(), broker.to_owned())));
        }
        needs
    }
}

/// The keys of a class.
pub fn keys_of_class<C: Class + Kind>(class: &C) -> Vec<ClassKey> {
    ClassKey::of(class).into()
}

/// The key of a plan: its class.
pub fn class_of_plan<P: Plan + Kind>(plan: &P) -> Vec<Name> {
    vec![(plan.meta().namespace.clone(), plan.class_name().to_owned())]
}

/// The cached objects that have this key.
pub fn cached<K: Kind, Key: Hash + PartialEq>(
    index: &Index<Key>,
    cache: &Store<K>,
    key: &Key,
    keys: fn(&K) -> Vec<Key>,
) -> Vec<Arc<K>> {
    let find = |name: Arc<Name>| {
        let (namespace, name) = name.as_ref();
        cache.get(&reference(name, namespace.as_deref())).filter(|object| keys(object).contains(key))
    };
    index.of(key).into_iter().filter_map(find).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_instance_needs_what_its_spec_was_resolved_to_and_what_it_has_at_brokers() {
        let instance: ServiceInstance = serde_json::from_value(json!({
            "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
            "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"clusterServiceClassRef": {"name": "class"}, "clusterServicePlanRef": {"name": "plan"}},
            "status": {
                "externalProperties": {"clusterServicePlanExternalID": "small", "brokerName": "one"},
                "inProgressProperties": {"clusterServicePlanExternalID": "large", "brokerName": "one"},
                "orphans": [{"id": "o", "brokerName": "other"}],
            },
        }))
        .unwrap();
        let shop = || Some("shop".to_owned());
        let text = str::to_owned;
        let expected = [
            Need::Class(None, text("class")),
            Need::Plan(None, text("plan")),
            Need::PlanAtBroker(None, text("small")),
            Need::PlanAtBroker(None, text("large")),
            // The name of a broker does not tell its scope.
            Need::Broker(None, text("one")),
            Need::Broker(None, text("other")),
            Need::Broker(shop(), text("one")),
            Need::Broker(shop(), text("other")),
        ];
        assert_eq!(Need::of(&instance), expected);
        let mut namespaced = ServiceInstance { status: None, ..instance };
        namespaced.spec.service_class_ref = namespaced.spec.cluster_service_class_ref.take();
        namespaced.spec.service_plan_ref = namespaced.spec.cluster_service_plan_ref.take();
        assert_eq!(
            Need::of(&namespaced),
            [Need::Class(shop(), text("class")), Need::Plan(shop(), text("plan"))]
        );
    }
}
