//! The API: the eight kinds of `servicecatalog.k8s.io/v1beta1`, as kubernetes-sigs/service-catalog defined them, and
//! the three kinds of its first version, [`alpha`]. [`template`] has the kind that the template broker reads.
//!
//! This module owns types only: fields, schemas and CEL rules. What an object means is decided in
//! [`domain`](crate::domain). The entry point is [`all`], from which `service-catalog crds` prints the YAML in `crds/`.
//! `kubectl explain` shows the doc comments of the fields.
//!
//! Field names, defaults and tolerated input are those of service-catalog 0.3, so that its manifests, stored objects
//! and clients work unchanged. Every addition is optional.
//!
//! Admission needs no webhook: rules are CEL, evaluated in the API server. Rules in the CRDs
//! (`x_kube(validation = …)` beside the field) check what one object can check: one class, a matching plan, immutable
//! fields, that an instance does not leave a plan which `status.planUpdatable` says cannot be left, the grammar of
//! `catalogRestrictions`. Everything that needs the user or another object is a policy in
//! `charts/service-catalog/templates/policies/`:
//!
//! - `finalizer`: adds the finalizer at creation
//! - `creator` (`requester.yaml`): writes the user who creates an object to `spec.userInfo`, whatever the request says;
//!   the operator may name another user
//! - `recorded`: keeps the finalizer and what else was recorded when an update leaves it out, as `kubectl replace` does;
//!   removing only the finalizer is how an object is abandoned. The user who edits an instance becomes its requester
//! - `relist`: keeps a broker's counter when a client sends 0; writes the default of `relistBehavior`
//! - `binding`: the default of `secretName`; the label of bindings that inject
//! - `auth-secret`: a broker may name a Secret only if the author of the broker may read it; who says where a
//!   namespaced broker is may read all Secrets of the namespace
//! - `referenced-secret`: the same for `parametersFrom` and `addKeysFrom`, and only Secrets of the object's namespace
//! - `external-id`: only users with the verb `adopt` choose the id that the broker knows
//! - `own-secret`, `system-namespace`: the operator writes and deletes only Secrets of bindings, and creates none in
//!   system namespaces
//! - `own-object`: of users' objects, the operator changes only finalizers, its labels and what it resolves; it creates
//!   and changes children only as it translates alpha objects, and bindings only where these exist (`own-child`)
//! - `own-restart`: of workloads, the operator changes only the annotations that restart their pods
//! - `deleting-instance`: no binding is created for an instance whose deletion takes a while; the operator labels
//!   such instances, and others lose the label (`deleting-label`)
//! - `injection`: adds the credentials to pods

pub mod alpha;
pub mod binding;
pub mod broker;
pub mod class;
pub mod condition;
pub mod instance;
pub mod names;
pub mod operation;
pub mod plan;
pub mod raw;
pub mod readable;
pub mod reference;
pub mod role;
pub mod schema;
pub mod template;
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

/// The API group of all kinds.
pub const GROUP: &str = "servicecatalog.k8s.io";
/// The API version of all kinds except those of [`alpha`].
pub const VERSION: &str = "v1beta1";

/// The CRDs of all kinds, in the order in which `service-catalog crds` writes them.
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
        template::crd(),
    ];
    for version in all.iter_mut().flat_map(|definition| &mut definition.spec.versions) {
        if let Some(schema) = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut()) {
            remove_defaults(schema);
        }
    }
    all.into()
}

/// Removes the defaults that `#[serde(default)]` adds to a schema. They say how this program reads an absent field. In
/// a CRD, the API server would write them into every stored object, and a client that applies its own spec would see
/// drift in fields that it never set.
fn remove_defaults(schema: &mut JSONSchemaProps) {
    schema.default = None;
    for property in schema.properties.iter_mut().flat_map(|properties| properties.values_mut()) {
        remove_defaults(property);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        remove_defaults(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        remove_defaults(values);
    }
}

/// The YAML of a CRD, as stored in `crds/`.
pub fn to_yaml(definition: &CustomResourceDefinition) -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(definition)
}

/// The file name of a CRD in `crds/`.
pub fn file_name(definition: &CustomResourceDefinition) -> String {
    format!("{}.yaml", definition.spec.names.plural)
}
