//! The API: the eight kinds of `servicecatalog.k8s.io/v1beta1`, as Kubernetes' service catalog defined them, and the
//! three of its beginnings, [`alpha`].
//!
//! Types only: what an object holds and how it is written. What an object means is decided in
//! [`domain`](crate::domain). The YAML in `crds/` is printed from these types by `service-catalog crds`.
//! Field names, defaults and what is tolerated are those of service-catalog 0.3, so that its manifests,
//! stored objects and clients work unchanged; what is new is optional.

pub mod alpha;
pub mod binding;
pub mod broker;
pub mod class;
pub mod condition;
pub mod instance;
pub mod names;
pub mod operation;
pub mod plan;
pub mod reference;
pub mod role;
pub mod schema;
#[cfg(test)]
mod tests;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;

pub use binding::{ServiceBinding, ServiceBindingSpec, ServiceBindingStatus};
pub use broker::{BrokerStatus, ClusterServiceBroker, ServiceBroker};
pub use class::{ClusterServiceClass, ServiceClass};
pub use condition::Condition;
pub use instance::{ServiceInstance, ServiceInstanceSpec, ServiceInstanceStatus};
pub use plan::{ClusterServicePlan, ServicePlan};

/// The group of all our kinds.
pub const GROUP: &str = "servicecatalog.k8s.io";
/// The version of all our kinds but those of [`alpha`].
pub const VERSION: &str = "v1beta1";

/// The definitions of all kinds, in the order in which the files in `crds/` are written.
pub fn all() -> Vec<CustomResourceDefinition> {
    let mut all = [
        ClusterServiceBroker::crd(),
        ClusterServiceClass::crd(),
        ClusterServicePlan::crd(),
        ServiceBroker::crd(),
        ServiceClass::crd(),
        ServicePlan::crd(),
        ServiceInstance::crd(),
        ServiceBinding::crd(),
        alpha::Broker::crd(),
        alpha::Instance::crd(),
        alpha::Binding::crd(),
    ];
    for version in all.iter_mut().flat_map(|definition| &mut definition.spec.versions) {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            without_defaults(schema);
        }
    }
    all.into()
}

/// Takes the defaults out that `#[serde(default)]` has put into a schema. They say how what is absent is read; the
/// API server would write them into every stored object, and into the specs of clients that apply their own.
fn without_defaults(schema: &mut JSONSchemaProps) {
    schema.default = None;
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        without_defaults(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        without_defaults(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        without_defaults(values);
    }
}

/// A definition as it is written to `crds/`.
pub fn to_yaml(definition: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(definition)
}

/// The name of its file there.
pub fn file_name(definition: &CustomResourceDefinition) -> String {
    format!("{}.yaml", definition.spec.names.plural)
}
