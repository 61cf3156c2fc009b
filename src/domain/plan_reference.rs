//! Which class, plan and broker does the spec of an instance refer to? [`resolve`] finds them, or says why it cannot.

mod target;
mod terms;

use kube::{Resource, ResourceExt as _};

use super::reason;
use crate::crd::role::{Class, Plan};
use crate::crd::{ClusterServiceClass, ServiceInstanceSpec};

pub use target::{References, Target};
pub use terms::{ClassTerms, PlanTerms};

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

/// The class that a reference names, if it exists: the key by which a change of the class finds the instances that wait
/// for it.
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

    /// The key of the class that it names, seen from this namespace.
    pub fn class_key(&self, namespace: &str) -> ClassKey {
        let namespace = self.namespaced.then(|| namespace.to_owned());
        ClassKey { namespace, by: self.by, written: self.class.to_owned() }
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

/// The class and the plan that an instance has already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Current<'a> {
    /// The Kubernetes name of the class to which the instance was resolved before.
    pub class: Option<&'a str>,
    /// The OSB id of the plan that the broker has confirmed.
    pub plan_id: Option<&'a str>,
}

/// Finds the class and the plan that a reference names, among the existing ones.
pub fn resolve<'a, C, P>(
    reference: PlanReference<'_>,
    classes: impl Iterator<Item = &'a C>,
    plans: impl Iterator<Item = &'a P>,
    current: Current<'_>,
) -> Result<Target, Unresolved>
where
    C: Class + Resource<DynamicType = ()> + 'a,
    P: Plan + Resource<DynamicType = ()> + 'a,
{
    let found: Vec<&C> = classes
        .filter(|class| {
            let ClassTerms { name, id, .. } = ClassTerms::of(*class);
            reference.matches(reference.class, &class.name_any(), name, id)
        })
        .collect();
    // A class to which the instance was resolved before stays, even if another broker offers a class of the same name
    // now.
    let kept = found.iter().find(|class| current.class == Some(&class.name_any()));
    let class = kept.map_or_else(|| one_class(&found, reference), |class| Ok(*class))?;
    let plans: Vec<&P> = plans
        .filter(|plan| {
            let terms = PlanTerms::of(*plan);
            terms.class == class.name_any() && terms.broker == class.broker_name()
        })
        .collect();
    let plan = one_plan(&plans, class, reference)?;
    let present = plans.iter().find(|plan| current.plan_id == Some(&plan.common().external_id));
    Ok(target(reference, class, plan, present.copied().unwrap_or(plan)))
}

fn one_class<'a, C>(found: &[&'a C], reference: PlanReference<'_>) -> Result<&'a C, Unresolved>
where
    C: Class + Resource<DynamicType = ()>,
{
    let kind = C::kind(&());
    let written = reference.class;
    let reason = reason::REFERENCES_NONEXISTENT_SERVICE_CLASS;
    match found {
        [class] => Ok(class),
        [] => Err(Unresolved {
            reason,
            message: format!("The instance references a {kind} {written:?} that does not exist"),
        }),
        several => {
            let describe = |class: &&C| format!("{} of the broker {}", class.name_any(), class.broker_name());
            let classes = several.iter().map(describe).collect::<Vec<_>>().join(", ");
            let field = if reference.namespaced { "serviceClassName" } else { "clusterServiceClassName" };
            let message = format!(
                "The instance references a {kind} {written:?}, but there are several: {classes}. Create an \
                 instance that names one of them in spec.{field} instead"
            );
            Err(Unresolved { reason, message })
        }
    }
}

fn one_plan<'a, C, P>(plans: &[&'a P], class: &C, reference: PlanReference<'_>) -> Result<&'a P, Unresolved>
where
    C: Class + Resource<DynamicType = ()>,
    P: Plan + Resource<DynamicType = ()>,
{
    let kind = P::kind(&());
    let class = &class.common().external_name;
    let reason = reason::REFERENCES_NONEXISTENT_SERVICE_PLAN;
    let found: Vec<&&P> = match reference.plan {
        Some(written) => plans
            .iter()
            .filter(|plan| {
                let PlanTerms { name, id, .. } = PlanTerms::of(**plan);
                reference.matches(written, &plan.name_any(), name, id)
            })
            .collect(),
        None => plans.iter().filter(|plan| !plan.is_removed()).collect(),
    };
    match (found.as_slice(), reference.plan) {
        ([plan], _) => Ok(plan),
        (_, Some(written)) => {
            let message = format!(
                "The instance references a {kind} {written:?} that the class {class:?} does not have"
            );
            Err(Unresolved { reason, message })
        }
        ([], None) => {
            let message = format!(
                "The instance names no plan, and the class {class:?} offers none. The operator continues when there \
                 is one"
            );
            Err(Unresolved { reason, message })
        }
        (several, None) => {
            let names = several
                .iter()
                .map(|plan| plan.common().external_name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            let message = format!(
                "The instance names no plan, but the class {class:?} has {}: {names}. Name one of them in the spec",
                several.len()
            );
            Err(Unresolved { reason, message })
        }
    }
}

fn target<C, P>(reference: PlanReference<'_>, class: &C, plan: &P, current: &P) -> Target
where
    C: Class + Resource<DynamicType = ()>,
    P: Plan + Resource<DynamicType = ()>,
{
    let (class_object, plan_object) = (class.name_any(), plan.name_any());
    let (class, plan, current) = (ClassTerms::of(class), PlanTerms::of(plan), PlanTerms::of(current));
    Target {
        namespaced: reference.namespaced,
        broker: class.broker.to_owned(),
        class_object,
        class_name: class.name.to_owned(),
        service_id: class.id.to_owned(),
        plan_object,
        plan_name: plan.name.to_owned(),
        plan_id: plan.id.to_owned(),
        broker_deleted: false,
        class_removed: class.is_removed,
        plan_removed: plan.is_removed,
        plan_updatable: current.plan_updatable.unwrap_or(class.plan_updatable),
        maintenance: plan.maintenance.cloned().unwrap_or_default(),
        maximum_polling_duration: plan.maximum_polling_duration,
        class_defaults: class.defaults.cloned(),
        plan_defaults: plan.defaults.cloned(),
        user_specified_class: format!("{}/{}", C::kind(&()), reference.class),
        user_specified_plan: reference.plan.unwrap_or(plan.name).to_owned(),
    }
}

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
