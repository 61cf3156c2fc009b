//! A new instance: its proposed name, and the object.

use crate::crd::reference::ParametersFromSource;
use crate::crd::{ServiceInstance, ServiceInstanceSpec};
use kube::core::ObjectMeta;
use serde_json::{Map, Value};

use super::offering::{Offering, Scope};
use super::plan::Plan;

/// The longest name of an instance: its Secret has a longer one, which must fit too. In bytes.
pub const MAX_NAME_BYTES: usize = 63;
/// How much of a class's name is proposed, in characters.
const MAX_PROPOSED: usize = 40;

/// The name that is proposed for an instance: the class's, as far as a name may have its characters, and a suffix.
pub fn proposed_name(class: &str, suffix: &str) -> String {
    let mut name = String::new();
    for character in class.to_lowercase().chars().take(MAX_PROPOSED) {
        if character.is_ascii_alphanumeric() {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_end_matches('-');
    format!("{}-{suffix}", if name.is_empty() { "service" } else { name })
}

/// Whether an instance may have the name.
pub fn is_valid_name(name: &str) -> bool {
    crate::console::kube_api::is_name(name) && name.len() <= MAX_NAME_BYTES
}

/// How an instance names its class and plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// As the broker's catalog does: what people write.
    External,
    /// By their Kubernetes names, which are always unique.
    Kubernetes,
}

impl Naming {
    /// Whether the external names of class and plan are plain enough to be written, and to be searched for.
    pub fn preferred(class: &Offering, plan: &Plan) -> Self {
        let is_plain = |name: &str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if is_plain(&class.external_name) && is_plain(&plan.external_name) {
            Self::External
        } else {
            Self::Kubernetes
        }
    }
}

/// The class and the plan that an instance names.
#[derive(Clone, Copy)]
pub struct Reference<'a> {
    /// The class.
    pub class: &'a Offering,
    /// The plan.
    pub plan: &'a Plan,
    /// How they are named.
    pub naming: Naming,
}

impl Reference<'_> {
    fn spec(&self) -> ServiceInstanceSpec {
        let mut spec = ServiceInstanceSpec::default();
        let (class, plan) = match (&self.class.scope, self.naming) {
            (Scope::Cluster, Naming::External) => {
                (&mut spec.cluster_service_class_external_name, &mut spec.cluster_service_plan_external_name)
            }
            (Scope::Cluster, Naming::Kubernetes) => {
                (&mut spec.cluster_service_class_name, &mut spec.cluster_service_plan_name)
            }
            (Scope::Namespace(_), Naming::External) => {
                (&mut spec.service_class_external_name, &mut spec.service_plan_external_name)
            }
            (Scope::Namespace(_), Naming::Kubernetes) => {
                (&mut spec.service_class_name, &mut spec.service_plan_name)
            }
        };
        let (class_name, plan_name) = match self.naming {
            Naming::External => (&self.class.external_name, &self.plan.external_name),
            Naming::Kubernetes => (&self.class.name, &self.plan.name),
        };
        class.clone_from(class_name);
        plan.clone_from(plan_name);
        spec
    }
}

/// The object.
pub fn instance(
    namespace: &str,
    name: &str,
    reference: Reference,
    parameters: &Map<String, Value>,
    sources: Vec<ParametersFromSource>,
) -> ServiceInstance {
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..ObjectMeta::default()
    };
    let spec = ServiceInstanceSpec {
        parameters: (!parameters.is_empty()).then(|| parameters.into()),
        parameters_from: sources,
        ..reference.spec()
    };
    ServiceInstance { metadata, spec, status: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposed_name_is_valid_whatever_the_class_is_called() {
        assert_eq!(proposed_name("PostgreSQL (HA) 16", "x7k2"), "postgresql-ha-16-x7k2");
        let long = "a-".repeat(300);
        for class in ["", "--", "數據庫", "<script>", "İ", &long] {
            let name = proposed_name(class, "x7k2");
            assert!(is_valid_name(&name), "{name}");
        }
    }
}
