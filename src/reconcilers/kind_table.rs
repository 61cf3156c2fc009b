//! The table of kinds: where a kind is registered.
//!
//! A line gives a kind its watch, its cache in `Caches`, its queue in `Queues`, its reconciler, and a share in the
//! readiness of the operator. `wiring::triggers` says which other objects a change of it requeues.

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
