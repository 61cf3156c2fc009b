//! The table of kinds: each kind that the operator reconciles is registered here.
//!
//! A line gives a kind its watch, its cache in `Caches`, its queue in `Queues` and its reconciler, and makes readiness
//! wait for its cache. `wiring::triggers` says which other objects a change requeues.

/// Passes the table to a macro: for each kind the name of its fields, its type, `cluster` or `namespaced`, and its
/// reconciler, which only `wiring` resolves.
macro_rules! kind_table {
    ($expand:ident) => {
        $expand! {
            cluster_brokers: crate::crd::ClusterServiceBroker, cluster, broker::reconcile::<Cluster>;
            cluster_classes: crate::crd::ClusterServiceClass, cluster, catalog_entry::reconcile_class::<Cluster>;
            cluster_plans: crate::crd::ClusterServicePlan, cluster, catalog_entry::reconcile_plan::<Cluster>;
            brokers: crate::crd::ServiceBroker, namespaced, broker::reconcile::<Namespaced>;
            classes: crate::crd::ServiceClass, namespaced, catalog_entry::reconcile_class::<Namespaced>;
            plans: crate::crd::ServicePlan, namespaced, catalog_entry::reconcile_plan::<Namespaced>;
            instances: crate::crd::ServiceInstance, namespaced, instance::reconcile;
            bindings: crate::crd::ServiceBinding, namespaced, binding::reconcile;
            alpha_brokers: crate::crd::alpha::Broker, cluster, alpha::reconcile::<crate::crd::alpha::Broker>;
            alpha_instances: crate::crd::alpha::Instance, namespaced, alpha::reconcile::<crate::crd::alpha::Instance>;
            alpha_bindings: crate::crd::alpha::Binding, namespaced, alpha::reconcile::<crate::crd::alpha::Binding>;
        }
    };
}
pub(super) use kind_table;
