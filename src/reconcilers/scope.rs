//! The two scopes of the catalog, cluster-wide and namespaced. Code that is generic over [`Scope`] serves both.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource;
use kube::core::object::HasStatus;

use crate::crd::{
    ClusterServiceBroker, ClusterServiceClass, ClusterServicePlan, ServiceBroker, ServiceClass,
    ServiceInstance, ServicePlan, role,
};
use crate::domain::catalog::entry;
use crate::reconcilers::kind::Kind;

/// One scope of the catalog.
pub trait Scope: Send + Sync + 'static {
    /// Whether its kinds are namespaced.
    const NAMESPACED: bool;
    /// The kind of its brokers.
    type Broker: role::Broker + Kind;
    /// The kind of its classes.
    type Class: role::Class + Kind + HasStatus;
    /// The kind of its plans.
    type Plan: role::Plan + Kind + HasStatus;
}

/// The cluster-wide kinds.
#[derive(Debug)]
pub enum Cluster {}

/// The namespaced kinds.
#[derive(Debug)]
pub enum Namespaced {}

impl Scope for Cluster {
    const NAMESPACED: bool = false;
    type Broker = ClusterServiceBroker;
    type Class = ClusterServiceClass;
    type Plan = ClusterServicePlan;
}

impl Scope for Namespaced {
    const NAMESPACED: bool = true;
    type Broker = ServiceBroker;
    type Class = ServiceClass;
    type Plan = ServicePlan;
}

/// Whether both objects are in the same namespace, or both are cluster-wide.
pub fn is_in_same_namespace(one: &impl Resource, other: &impl Resource) -> bool {
    one.meta().namespace == other.meta().namespace
}

/// Whether a catalog entry of this scope can be used by another object: cluster-wide entries by all, namespaced ones
/// within their namespace.
pub fn is_for<S: Scope>(entry: &impl Resource, object: &impl Resource) -> bool {
    !S::NAMESPACED || is_in_same_namespace(entry, object)
}

/// The name of the class to which an instance's spec was resolved, if it is of this scope.
pub fn class_of<S: Scope>(instance: &ServiceInstance) -> Option<&str> {
    entry::class_of(instance, S::NAMESPACED)
}

/// The name of the plan to which an instance's spec was resolved, if it is of this scope.
pub fn plan_of<S: Scope>(instance: &ServiceInstance) -> Option<&str> {
    entry::plan_of(instance, S::NAMESPACED)
}

/// Controller reference with `blockOwnerDeletion: false`: with `true`, admission rejects it until it has discovered our
/// CRDs (up to 30 s).
pub fn owner<K: Kind>(object: &K) -> OwnerReference {
    OwnerReference {
        block_owner_deletion: Some(false),
        ..object.controller_owner_ref(&()).unwrap_or_default()
    }
}
