//! The class and the plan that were found for an instance, and the decisions that depend on them.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::ResourceExt as _;
use serde_json::{Map, Value};

use crate::crd::ServiceInstance;
use crate::crd::names::{ANNOTATION_RESOLVED, label, label_value};
use crate::crd::plan::MaintenanceInfo;
use crate::crd::reference::LocalObjectReference;
use crate::domain::{parameters, reason};

/// The class and the plan to which the spec of an instance resolves.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "six independent facts of broker, class, plan and instance"
)]
pub struct Target {
    /// Whether class, plan and broker are namespaced.
    pub namespaced: bool,
    /// The broker's name.
    pub broker: String,
    /// The Kubernetes name of the class.
    pub class_object: String,
    /// The external name of the class: its name in the catalog.
    pub class_name: String,
    /// The OSB id of the class.
    pub service_id: String,
    /// The Kubernetes name of the plan.
    pub plan_object: String,
    /// The external name of the plan: its name in the catalog.
    pub plan_name: String,
    /// The OSB id of the plan.
    pub plan_id: String,
    /// Whether the broker's object is being deleted.
    pub broker_deleted: bool,
    /// Whether the broker has removed the class from its catalog.
    pub class_removed: bool,
    /// Whether the broker has removed the plan from its catalog.
    pub plan_removed: bool,
    /// Whether the broker allows the instance to change from its current plan to another.
    pub plan_updatable: bool,
    /// The maintenance version of new instances of the plan; empty if the broker has no versions.
    pub maintenance: MaintenanceInfo,
    /// How long the plan's asynchronous operations may take.
    pub maximum_polling_duration: Option<Duration>,
    /// The default parameters of the class.
    pub class_defaults: Option<Map<String, Value>>,
    /// The default parameters of the plan.
    pub plan_defaults: Option<Map<String, Value>>,
    /// The value of the column `Class`.
    pub user_specified_class: String,
    /// The value of the column `Plan`.
    pub user_specified_plan: String,
    /// The names in the spec, for the annotation `servicecatalog.k8s.io/resolved`.
    pub names: String,
    /// Whether the instance was resolved before, and the user has written other names since.
    pub is_edited: bool,
    /// The external name of the class in the spec, if the broker has renamed the class.
    pub outdated_class: Option<OutdatedName>,
    /// The external name of the plan in the spec, if the broker has renamed the plan.
    pub outdated_plan: Option<OutdatedName>,
}

/// A name in the spec that the broker has changed in its catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutdatedName {
    /// The name in the spec.
    pub written: String,
    /// The name in the catalog.
    pub name: String,
}

/// What the operator writes to an instance's spec and labels, as service-catalog did, and to its annotations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct References {
    /// The fields of `spec`.
    pub spec: BTreeMap<&'static str, Option<LocalObjectReference>>,
    /// The labels by which clients find instances.
    pub labels: BTreeMap<&'static str, String>,
    /// The names to which the references belong.
    pub annotations: BTreeMap<&'static str, String>,
    /// The value of `spec.externalID`, if it is to be written.
    pub external_id: Option<String>,
}

impl Target {
    /// The references and labels to write; `None` if the instance has them already.
    pub fn references_to_write(&self, instance: &ServiceInstance) -> Option<References> {
        let references = self.references();
        let spec = &instance.spec;
        let present = BTreeMap::from([
            ("clusterServiceClassRef", spec.cluster_service_class_ref.clone()),
            ("clusterServicePlanRef", spec.cluster_service_plan_ref.clone()),
            ("serviceClassRef", spec.service_class_ref.clone()),
            ("servicePlanRef", spec.service_plan_ref.clone()),
        ]);
        let is_labelled =
            references.labels.iter().all(|(key, value)| instance.labels().get(*key) == Some(value));
        // Without the annotation an earlier version has resolved it, and the status says so.
        let is_named =
            instance.annotations().get(ANNOTATION_RESOLVED).is_none_or(|names| *names == self.names);
        (references.spec != present || !is_labelled || !is_named).then_some(references)
    }

    /// The references and labels of an instance.
    pub fn references(&self) -> References {
        let reference =
            |name: &str, applies: bool| applies.then(|| LocalObjectReference { name: name.to_owned() });
        let (class_label, plan_label) = if self.namespaced {
            (label::SERVICE_CLASS_REF, label::SERVICE_PLAN_REF)
        } else {
            (label::CLUSTER_SERVICE_CLASS_REF, label::CLUSTER_SERVICE_PLAN_REF)
        };
        References {
            spec: BTreeMap::from([
                ("clusterServiceClassRef", reference(&self.class_object, !self.namespaced)),
                ("clusterServicePlanRef", reference(&self.plan_object, !self.namespaced)),
                ("serviceClassRef", reference(&self.class_object, self.namespaced)),
                ("servicePlanRef", reference(&self.plan_object, self.namespaced)),
            ]),
            labels: BTreeMap::from([
                (class_label, label_value(&self.class_object)),
                (plan_label, label_value(&self.plan_object)),
            ]),
            annotations: BTreeMap::from([(ANNOTATION_RESOLVED, self.names.clone())]),
            external_id: None,
        }
    }

    /// Why no instance can be provisioned: reason and message. A broker that is being deleted waits for the instances that
    /// it has, and gets no further ones.
    pub fn provision_refused(&self) -> Option<(&'static str, String)> {
        if self.broker_deleted {
            let message = format!(
                "The broker {} is being deleted, and the class {:?} with it. Create an instance of another broker's \
                 class, or wait until a broker offers the class again",
                self.broker, self.class_name
            );
            return Some((reason::REFERENCES_DELETED_SERVICE_CLASS, message));
        }
        self.removed()
    }

    /// Why no instance can be provisioned or updated to this plan: reason and message.
    fn removed(&self) -> Option<(&'static str, String)> {
        if self.class_removed {
            let message = format!(
                "The broker {} no longer offers the class {:?}. Create an instance of another class, or wait until it \
                 is offered again",
                self.broker, self.class_name
            );
            return Some((reason::REFERENCES_DELETED_SERVICE_CLASS, message));
        }
        self.plan_removed.then(|| {
            let message = format!(
                "The broker {} no longer offers the plan {:?}. Choose another plan, or wait until it is offered again",
                self.broker, self.plan_name
            );
            (reason::REFERENCES_DELETED_SERVICE_PLAN, message)
        })
    }

    /// Why an instance that has another plan cannot change to this one: reason and message.
    pub fn change_refused(&self) -> Option<(&'static str, String)> {
        if self.plan_updatable {
            return self.removed();
        }
        let message = format!(
            "The current plan of class {:?} does not allow a change to another plan. Set the former plan again, or \
             create a new instance",
            self.class_name
        );
        Some((reason::PLAN_CHANGE_NOT_ALLOWED, message))
    }

    /// Whether the plan of the instance must not be edited, because the class does not allow plan changes.
    /// `confirmed` is the id of the plan that the instance has at the broker, if any. If the spec already names
    /// another plan, it may still be edited, so that the user can set the former plan again; also if it has an outdated
    /// name, so that the user can set the new one.
    pub fn is_fixed(&self, confirmed: Option<&str>) -> bool {
        let has_plan = confirmed.is_none_or(|plan_id| plan_id == self.plan_id);
        !self.plan_updatable && has_plan && self.outdated_plan.is_none()
    }

    /// What the user should know of names in the spec that the broker has changed; `None` if there are none.
    pub fn outdated_names(&self) -> Option<String> {
        let scope = if self.namespaced { "service" } else { "clusterService" };
        let class = self.outdated_class.as_ref().map(|OutdatedName { written, name }| {
            format!(
                "The broker {} renamed the class {written:?} to {name:?}. The instance keeps it; new instances must \
                 use the new name",
                self.broker
            )
        });
        let plan = self.outdated_plan.as_ref().map(|OutdatedName { written, name }| {
            format!(
                "The broker {} renamed the plan {written:?} to {name:?}. The instance keeps it; set \
                 spec.{scope}PlanExternalName to {name:?}",
                self.broker
            )
        });
        match (class, plan) {
            (Some(class), Some(plan)) => Some(format!("{class}. {plan}")),
            (class, plan) => class.or(plan),
        }
    }

    /// Whether the catalog prevents the provision or the plan change that the spec asks for. `confirmed` is the id of
    /// the plan that the instance has at the broker, if any.
    pub fn is_blocked_by_catalog(&self, confirmed: Option<&str>) -> bool {
        match confirmed {
            None => self.provision_refused().is_some(),
            Some(plan_id) => plan_id != self.plan_id && self.change_refused().is_some(),
        }
    }

    /// The default parameters of an instance: those of the plan over those of the class.
    pub fn defaults(&self) -> Option<Map<String, Value>> {
        let defaults = [self.class_defaults.as_ref(), self.plan_defaults.as_ref()];
        let merged = parameters::merge(defaults, None, &[]).ok()?.redacted();
        (!merged.is_empty()).then_some(merged)
    }
}
