//! The objects that have a state, behind one type.

use crate::crd::condition::Condition;
use crate::crd::{ClusterServiceBroker, ServiceBinding, ServiceBroker, ServiceInstance};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The kind of an object that has a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `ServiceInstance`.
    Instance,
    /// `ServiceBinding`.
    Binding,
    /// `ClusterServiceBroker`.
    ClusterBroker,
    /// `ServiceBroker`.
    Broker,
}

impl Kind {
    /// All kinds.
    #[cfg(test)]
    pub const ALL: [Self; 4] = [Self::Instance, Self::Binding, Self::ClusterBroker, Self::Broker];

    /// The plural name of the resource in the API group `servicecatalog.k8s.io`.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Instance => "serviceinstances",
            Self::Binding => "servicebindings",
            Self::ClusterBroker => "clusterservicebrokers",
            Self::Broker => "servicebrokers",
        }
    }

    /// Whether objects of this kind are brokers.
    pub fn is_broker(self) -> bool {
        matches!(self, Self::ClusterBroker | Self::Broker)
    }
}

/// An object that has a state. Functions of this crate take `impl Into<Subject>`, so they can be called with a
/// reference to any of the four types.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A ServiceInstance.
    Instance(&'a ServiceInstance),
    /// A ServiceBinding.
    Binding(&'a ServiceBinding),
    /// A ClusterServiceBroker.
    ClusterBroker(&'a ClusterServiceBroker),
    /// A ServiceBroker.
    Broker(&'a ServiceBroker),
}

impl<'a> Subject<'a> {
    /// The kind of the object.
    pub fn kind(self) -> Kind {
        match self {
            Self::Instance(_) => Kind::Instance,
            Self::Binding(_) => Kind::Binding,
            Self::ClusterBroker(_) => Kind::ClusterBroker,
            Self::Broker(_) => Kind::Broker,
        }
    }

    /// The metadata of the object.
    pub fn meta(self) -> &'a ObjectMeta {
        match self {
            Self::Instance(object) => &object.metadata,
            Self::Binding(object) => &object.metadata,
            Self::ClusterBroker(object) => &object.metadata,
            Self::Broker(object) => &object.metadata,
        }
    }

    /// The name of the object; empty if it has none yet.
    pub fn name(self) -> &'a str {
        self.meta().name.as_deref().unwrap_or_default()
    }

    /// The conditions that the operator has reported.
    pub fn conditions(self) -> &'a [Condition] {
        let conditions = match self {
            Self::Instance(object) => object.status.as_ref().map(|status| &status.conditions),
            Self::Binding(object) => object.status.as_ref().map(|status| &status.conditions),
            Self::ClusterBroker(object) => object.status.as_ref().map(|status| &status.conditions),
            Self::Broker(object) => object.status.as_ref().map(|status| &status.conditions),
        };
        conditions.map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn is_deleting(self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }

    pub(crate) fn annotation(self, key: &str) -> Option<&'a str> {
        self.meta().annotations.as_ref()?.get(key).map(String::as_str)
    }
}

macro_rules! subject {
    ($($variant:ident($object:ty)),*) => {
        $(impl<'a> From<&'a $object> for Subject<'a> {
            fn from(object: &'a $object) -> Self {
                Self::$variant(object)
            }
        })*
    };
}
subject!(
    Instance(ServiceInstance),
    Binding(ServiceBinding),
    ClusterBroker(ClusterServiceBroker),
    Broker(ServiceBroker)
);
