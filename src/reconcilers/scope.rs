//! Our kinds as the API serves them, and the two halves of a catalog: cluster-wide and namespaced.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::object::HasStatus;
use kube::runtime::reflector::Store;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::crd::{
    ClusterServiceBroker, ClusterServiceClass, ClusterServicePlan, ServiceBinding, ServiceBroker,
    ServiceClass, ServiceInstance, ServicePlan, alpha, role,
};
use crate::reconcilers::context::Context;
use crate::reconcilers::queue::Queue;

/// One of our kinds: it reaches its own collection, whatever its scope.
pub trait Kind:
    Resource<DynamicType = ()> + Clone + PartialEq + Debug + DeserializeOwned + Serialize + Send + Sync + 'static
{
    /// The collection that the object is in.
    fn api(client: Client, namespace: Option<&str>) -> Api<Self>;

    /// The collection that this object is in.
    fn api_of(&self, client: &Client) -> Api<Self> {
        Self::api(client.clone(), self.namespace().as_deref())
    }
}

macro_rules! kinds {
    (cluster: $($cluster:ty),*; namespaced: $($namespaced:ty),*) => {
        $(impl Kind for $cluster {
            fn api(client: Client, _: Option<&str>) -> Api<Self> {
                Api::all(client)
            }
        })*
        $(impl Kind for $namespaced {
            fn api(client: Client, namespace: Option<&str>) -> Api<Self> {
                namespace.map_or_else(|| Api::all(client.clone()), |namespace| Api::namespaced(client.clone(), namespace))
            }
        })*
    };
}
kinds!(
    cluster: ClusterServiceBroker, ClusterServiceClass, ClusterServicePlan, alpha::Broker;
    namespaced: ServiceBroker, ServiceClass, ServicePlan, ServiceInstance, ServiceBinding, alpha::Instance, alpha::Binding
);

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
    /// What is known of them.
    fn catalog(context: &Context) -> &Catalog<Self>;
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
    fn catalog(context: &Context) -> &Catalog<Self> {
        &context.cluster
    }
}

impl Scope for Namespaced {
    const NAMESPACED: bool = true;
    type Broker = ServiceBroker;
    type Class = ServiceClass;
    type Plan = ServicePlan;
    fn catalog(context: &Context) -> &Catalog<Self> {
        &context.namespaced
    }
}

/// What the watches know of one half of the catalog.
pub struct Catalog<S: Scope + ?Sized> {
    /// Its brokers.
    pub brokers: Store<S::Broker>,
    /// Its classes.
    pub classes: Store<S::Class>,
    /// Its plans.
    pub plans: Store<S::Plan>,
    /// Wakes the reconciler of its brokers.
    pub queue: Queue<S::Broker>,
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

/// An object as the owner of others: of classes and plans, of a Secret. It blocks nothing: one that does is refused until the API
/// server's admission has discovered our kinds, up to half a minute.
pub fn owner<K: Kind>(object: &K) -> OwnerReference {
    OwnerReference {
        block_owner_deletion: Some(false),
        ..object.controller_owner_ref(&()).unwrap_or_default()
    }
}
