//! Which class, plan and broker does the spec of an instance refer to? [`resolve`] finds them, or says why it cannot.

mod resolve;
mod target;
mod terms;

use kube::Resource;

use super::reason;
use crate::crd::names::label_value;
use crate::crd::role::Class;
use crate::crd::{ClusterServiceClass, ServiceInstanceSpec};

pub use resolve::{class_keys, resolve};
pub use target::{References, Target};
pub use terms::{ClassTerms, PlanTerms};

/// Names are stored in an annotation up to this length together: of a longer one the operator keeps only the beginning.
const MAX_ANNOTATION_BYTES: usize = 250;

/// The reference to a class and a plan, as the user wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanReference<'a> {
    /// Whether it refers to namespaced kinds, rather than to cluster-wide ones.
    pub namespaced: bool,
    by: By,
    class: &'a str,
    plan: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum By {
    ExternalName,
    ExternalId,
    Name,
}

/// A class, if it exists, by one of the ways to refer to it: the key by which a change of the class finds the instances
/// that wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClassKey {
    /// `None` for a cluster-wide class.
    namespace: Option<String>,
    by: By,
    written: String,
}

impl ClassKey {
    /// The keys of a class: an instance may name it in any of these ways.
    pub fn of<C: Class + Resource>(class: &C) -> [Self; 3] {
        let (namespace, common) = (&class.meta().namespace, class.common());
        let key = |by, written: &str| Self { namespace: namespace.clone(), by, written: written.to_owned() };
        [
            key(By::ExternalName, &common.external_name),
            key(By::ExternalId, &common.external_id),
            key(By::Name, class.meta().name.as_deref().unwrap_or_default()),
        ]
    }
}

impl<'a> PlanReference<'a> {
    /// The reference in a spec: the first that names a class. The API server accepts only one.
    pub fn of(spec: &'a ServiceInstanceSpec) -> Self {
        let ways = [
            (
                false,
                By::ExternalName,
                &spec.cluster_service_class_external_name,
                &spec.cluster_service_plan_external_name,
            ),
            (
                false,
                By::ExternalId,
                &spec.cluster_service_class_external_id,
                &spec.cluster_service_plan_external_id,
            ),
            (false, By::Name, &spec.cluster_service_class_name, &spec.cluster_service_plan_name),
            (true, By::ExternalName, &spec.service_class_external_name, &spec.service_plan_external_name),
            (true, By::ExternalId, &spec.service_class_external_id, &spec.service_plan_external_id),
            (true, By::Name, &spec.service_class_name, &spec.service_plan_name),
        ];
        let [first, ..] = ways;
        let (namespaced, by, class, plan) = ways.into_iter().find(|way| !way.2.is_empty()).unwrap_or(first);
        Self { namespaced, by, class, plan: Some(plan.as_str()).filter(|plan| !plan.is_empty()) }
    }

    /// The names as the user wrote them, for the annotation `servicecatalog.k8s.io/resolved`; the hash of long ones.
    fn names(&self) -> String {
        let names = format!("{}/{}", self.class, self.plan.unwrap_or_default());
        if names.len() > MAX_ANNOTATION_BYTES { label_value(&names) } else { names }
    }

    fn matches(&self, written: &str, name: &str, external_name: &str, external_id: &str) -> bool {
        written
            == match self.by {
                By::ExternalName => external_name,
                By::ExternalId => external_id,
                By::Name => name,
            }
    }
}

/// Why the class or the plan was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The reason for a condition.
    pub reason: &'static str,
    /// The message for a condition.
    pub message: String,
}

/// Why an instance cannot be resolved by an operator that works without the cluster-wide kinds; `None` if it refers to
/// namespaced ones.
pub fn out_of_reach(reference: PlanReference<'_>) -> Option<Unresolved> {
    (!reference.namespaced).then(|| Unresolved {
        reason: reason::CLUSTER_KINDS_DISABLED,
        message: format!(
            "The instance references the {} {:?}, but {CLUSTER_KINDS_ARE_OFF}. Use a class of a ServiceBroker in this \
             namespace, or ask the platform team",
            ClusterServiceClass::kind(&()),
            reference.class
        ),
    })
}

/// What a user is told who refers to a cluster-wide kind that the operator does not reconcile.
pub const CLUSTER_KINDS_ARE_OFF: &str =
    "the operator works only in some namespaces, without the cluster-wide kinds";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_references_to_cluster_wide_classes_are_out_of_reach() {
        let mut spec = ServiceInstanceSpec {
            cluster_service_class_external_name: "database".to_owned(),
            ..ServiceInstanceSpec::default()
        };
        let unresolved = out_of_reach(PlanReference::of(&spec)).unwrap();
        assert_eq!(unresolved.reason, "ClusterKindsDisabled");
        assert_eq!(
            unresolved.message,
            "The instance references the ClusterServiceClass \"database\", but the operator works only in some \
             namespaces, without the cluster-wide kinds. Use a class of a ServiceBroker in this namespace, or ask the \
             platform team"
        );
        spec.service_class_external_name = std::mem::take(&mut spec.cluster_service_class_external_name);
        assert_eq!(out_of_reach(PlanReference::of(&spec)), None);
    }
}
