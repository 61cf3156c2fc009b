//! What follows from the class and the plan that were found for an instance?

use std::collections::BTreeMap;
use std::time::Duration;

use kube::ResourceExt as _;
use serde_json::{Map, Value};

use crate::crd::ServiceInstance;
use crate::crd::names::{label, label_value};
use crate::crd::plan::MaintenanceInfo;
use crate::crd::reference::LocalObjectReference;
use crate::domain::{parameters, reason};

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
