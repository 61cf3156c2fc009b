//! The two halves of a catalog, cluster-wide and namespaced: how does one body serve both?

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource;
use kube::core::object::HasStatus;

use crate::crd::{
    ClusterServiceBroker, ClusterServiceClass, ClusterServicePlan, ServiceBroker, ServiceClass,
    ServiceInstance, ServicePlan, role,
};
use crate::domain::catalog::entry;
use crate::reconcilers::kind::Kind;

/// One half of the catalog.
pub trait Scope: Send + Sync + 'static {
    /// Whether its kinds are in namespaces.
    const NAMESPACED: bool;
    /// Its brokers.
    type Broker: role::Broker + Kind;
    /// Its classes.
    type Class: role::Class + Kind + HasStatus;
    /// Its plans.
    type Plan: role::Plan + Kind + HasStatus;
}

/// The cluster-wide kinds.
#[derive(Debug)]
pub enum Cluster {}

/// The kinds of a namespace.
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

/// Whether both are in one namespace, or cluster-wide.
pub fn is_beside(one: &impl Resource, other: &impl Resource) -> bool {
    one.meta().namespace == other.meta().namespace
}

/// Whether an object of one half of the catalog is there for another object: cluster-wide ones are for all, namespaced
/// ones for their own namespace.
pub fn is_for<S: Scope>(entry: &impl Resource, object: &impl Resource) -> bool {
    !S::NAMESPACED || is_beside(entry, object)
}

/// The name of the class of this scope to which an instance's spec was resolved.
pub fn class_of<S: Scope>(instance: &ServiceInstance) -> Option<&str> {
    entry::class_of(instance, S::NAMESPACED)
}

/// The name of the plan of this scope to which an instance's spec was resolved.
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
