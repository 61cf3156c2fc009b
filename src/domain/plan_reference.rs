//! Which class, plan and broker does an instance name?

use std::collections::BTreeMap;
use std::time::Duration;

use kube::{Resource, ResourceExt as _};
use serde_json::{Map, Value};

use super::{parameters, reason};
use crate::crd::names::{label, label_value};
use crate::crd::plan::MaintenanceInfo;
use crate::crd::reference::LocalObjectReference;
use crate::crd::role::{Class, Plan};
use crate::crd::{ServiceInstance, ServiceInstanceSpec};

/// Class and plan as the user named them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanReference<'a> {
    /// Whether kinds of the namespace are meant, not cluster-wide ones.
    pub namespaced: bool,
    by: By,
    class: &'a str,
    plan: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    ExternalName,
    ExternalId,
    Name,
}

impl<'a> PlanReference<'a> {
    /// The first way of naming a class that the spec uses; the API server accepts one only.
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

    fn means(&self, given: &str, name: &str, external_name: &str, external_id: &str) -> bool {
        given
            == match self.by {
                By::ExternalName => external_name,
                By::ExternalId => external_id,
                By::Name => name,
            }
    }
}

/// What an instance names, found.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts of class and plan")]
pub struct Target {
    /// Whether class, plan and broker are the namespace's.
    pub namespaced: bool,
    /// The broker's name.
    pub broker: String,
    /// The class's name in Kubernetes.
    pub class_object: String,
    /// The class's name at the broker.
    pub class_name: String,
    /// The class's id at the broker.
    pub service_id: String,
    /// The plan's name in Kubernetes.
    pub plan_object: String,
    /// The plan's name at the broker.
    pub plan_name: String,
    /// The plan's id at the broker.
    pub plan_id: String,
    /// Whether the broker offers the class no more.
    pub class_removed: bool,
    /// Whether the broker offers the plan no more.
    pub plan_removed: bool,
    /// Whether the plan that the instance has can be left for another.
    pub plan_updatable: bool,
    /// The version that the plan gives to new instances; empty if the broker has no versions.
    pub maintenance: MaintenanceInfo,
    /// How long the plan's asynchronous operations may take.
    pub maximum_polling_duration: Option<Duration>,
    /// The parameters that the class gives to every instance.
    pub class_defaults: Option<Map<String, Value>>,
    /// The parameters that the plan gives to every instance.
    pub plan_defaults: Option<Map<String, Value>>,
    /// The `Class` column.
    pub user_specified_class: String,
    /// The `Plan` column.
    pub user_specified_plan: String,
}

/// Why class or plan was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The word.
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
}

/// What an instance has already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Current<'a> {
    /// The class that was found for it, by its name in Kubernetes.
    pub class: Option<&'a str>,
    /// The plan that it has at the broker, by its id there.
    pub plan_id: Option<&'a str>,
}

/// Finds class and plan.
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
    let means = |given: &str, name: &str, external_name: &str, external_id: &str| {
        reference.means(given, name, external_name, external_id)
    };
    let found: Vec<&C> = classes
        .filter(|class| {
            let common = class.common();
            means(reference.class, &class.name_any(), &common.external_name, &common.external_id)
        })
        .collect();
    // One that was found stays, whoever begins to offer another of that name.
    let kept = found.iter().find(|class| current.class == Some(&class.name_any()));
    let class = kept.map_or_else(|| one_class(&found, reference), |class| Ok(*class))?;
    let plans: Vec<&P> = plans
        .filter(|plan| plan.class_name() == class.name_any() && plan.broker_name() == class.broker_name())
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
    let given = reference.class;
    let reason = reason::REFERENCES_NONEXISTENT_SERVICE_CLASS;
    match found {
        [class] => Ok(class),
        [] => Err(Unresolved {
            reason,
            message: format!("The instance references a {kind} {given:?} that does not exist"),
        }),
        several => {
            let tell = |class: &&C| format!("{} of the broker {}", class.name_any(), class.broker_name());
            let classes = several.iter().map(tell).collect::<Vec<_>>().join(", ");
            let message = format!(
                "The instance references a {kind} {given:?}, but there are several: {classes}. Name the class by its \
                 Kubernetes name instead"
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
        Some(given) => plans
            .iter()
            .filter(|plan| {
                let common = plan.common();
                reference.means(given, &plan.name_any(), &common.external_name, &common.external_id)
            })
            .collect(),
        None => plans.iter().filter(|plan| !plan.is_removed()).collect(),
    };
    match (found.as_slice(), reference.plan) {
        ([plan], _) => Ok(plan),
        (_, Some(given)) => {
            let message =
                format!("The instance references a {kind} {given:?} that the class {class:?} does not have");
            Err(Unresolved { reason, message })
        }
        ([], None) => {
            let message = format!("The class {class:?} has no plan that the instance could have");
            Err(Unresolved { reason, message })
        }
        (several, None) => {
            let names = several
                .iter()
                .map(|plan| plan.common().external_name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            let message = format!(
                "The instance names no plan, which is possible only if the class has exactly one; {class:?} has {}: {names}",
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
    let seconds = plan.common().maximum_polling_duration.and_then(|seconds| u64::try_from(seconds).ok());
    Target {
        namespaced: reference.namespaced,
        broker: class.broker_name().to_owned(),
        class_object: class.name_any(),
        class_name: class.common().external_name.clone(),
        service_id: class.common().external_id.clone(),
        plan_object: plan.name_any(),
        plan_name: plan.common().external_name.clone(),
        plan_id: plan.common().external_id.clone(),
        class_removed: class.is_removed(),
        plan_removed: plan.is_removed(),
        plan_updatable: current.common().plan_updatable.unwrap_or_else(|| class.common().plan_updatable),
        maintenance: plan.common().maintenance_info.clone().unwrap_or_default(),
        maximum_polling_duration: seconds.map(Duration::from_secs),
        class_defaults: class.common().default_provision_parameters.clone(),
        plan_defaults: plan.common().default_provision_parameters.clone(),
        user_specified_class: format!("{}/{}", C::kind(&()), reference.class),
        user_specified_plan: reference
            .plan
            .map_or_else(|| plan.common().external_name.clone(), str::to_owned),
    }
}

/// What the operator writes to an instance's spec and labels, as service-catalog did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct References {
    /// Members of `spec`.
    pub spec: BTreeMap<&'static str, Option<LocalObjectReference>>,
    /// Labels, by which clients find instances.
    pub labels: BTreeMap<&'static str, String>,
}

impl Target {
    /// References and labels, unless the instance has them already.
    pub fn references_to_write(&self, instance: &ServiceInstance) -> Option<References> {
        let spec = &instance.spec;
        let reference = |name: &str, here: bool| here.then(|| LocalObjectReference { name: name.to_owned() });
        let wanted = BTreeMap::from([
            ("clusterServiceClassRef", reference(&self.class_object, !self.namespaced)),
            ("clusterServicePlanRef", reference(&self.plan_object, !self.namespaced)),
            ("serviceClassRef", reference(&self.class_object, self.namespaced)),
            ("servicePlanRef", reference(&self.plan_object, self.namespaced)),
        ]);
        let present = BTreeMap::from([
            ("clusterServiceClassRef", spec.cluster_service_class_ref.clone()),
            ("clusterServicePlanRef", spec.cluster_service_plan_ref.clone()),
            ("serviceClassRef", spec.service_class_ref.clone()),
            ("servicePlanRef", spec.service_plan_ref.clone()),
        ]);
        let (class_label, plan_label) = if self.namespaced {
            (label::SERVICE_CLASS_REF, label::SERVICE_PLAN_REF)
        } else {
            (label::CLUSTER_SERVICE_CLASS_REF, label::CLUSTER_SERVICE_PLAN_REF)
        };
        let labels = BTreeMap::from([
            (class_label, label_value(&self.class_object)),
            (plan_label, label_value(&self.plan_object)),
        ]);
        let labelled = labels.iter().all(|(key, value)| instance.labels().get(*key) == Some(value));
        (wanted != present || !labelled).then_some(References { spec: wanted, labels })
    }

    /// Why nothing new can be made of it.
    pub fn removed(&self) -> Option<(&'static str, String)> {
        if self.class_removed {
            let message =
                format!("The broker {} offers the class {:?} no more", self.broker, self.class_name);
            return Some((reason::REFERENCES_DELETED_SERVICE_CLASS, message));
        }
        self.plan_removed.then(|| {
            let message = format!("The broker {} offers the plan {:?} no more", self.broker, self.plan_name);
            (reason::REFERENCES_DELETED_SERVICE_PLAN, message)
        })
    }

    /// Why an instance that has another plan cannot change to this one.
    pub fn change_refused(&self) -> Option<(&'static str, String)> {
        if self.plan_updatable {
            return self.removed();
        }
        let message = format!(
            "The Service Class {} does not allow plan changes. Name the former plan again, or make a new instance",
            self.class_name
        );
        Some((reason::PLAN_CHANGE_NOT_ALLOWED, message))
    }

    /// Whether an instance that has this plan, or is about to, cannot leave it. One that was to leave it before that was
    /// known may go back: `confirmed` is the id of the plan that it has, if any.
    pub fn is_fixed(&self, confirmed: Option<&str>) -> bool {
        !self.plan_updatable && confirmed.is_none_or(|plan_id| plan_id == self.plan_id)
    }

    /// Whether the catalog stands in the way of an instance; `confirmed` is the id of the plan that it has, if any.
    pub fn hinders(&self, confirmed: Option<&str>) -> bool {
        match confirmed {
            None => self.removed().is_some(),
            Some(plan_id) => plan_id != self.plan_id && self.change_refused().is_some(),
        }
    }

    /// The defaults that an instance gets.
    pub fn defaults(&self) -> Option<Map<String, Value>> {
        let defaults = [self.class_defaults.as_ref(), self.plan_defaults.as_ref()];
        let merged = parameters::merge(defaults, None, &[]).ok()?.redacted;
        (!merged.is_empty()).then_some(merged)
    }
}
