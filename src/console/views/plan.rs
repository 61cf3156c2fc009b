//! A plan of either scope: what is it, what does it cost, and which parameters does it take?

use crate::crd::plan::CommonServicePlanSpec;
use crate::crd::{ClusterServicePlan, ServicePlan};
use crate::raw_json::RawJson;
use serde_json::{Map, Value};

use super::metadata::{Cost, Metadata, line};
use super::offering::Offering;
use crate::console::excerpt::cut;

/// A plan of a class.
#[expect(
    clippy::struct_excessive_bools,
    reason = "these are independent facts, each with a badge of its own"
)]
pub struct Plan {
    /// Its Kubernetes name.
    pub name: String,
    /// Its name in the broker's catalog.
    pub external_name: String,
    /// Its ID in the broker's catalog.
    pub external_id: String,
    /// Its name for people.
    pub title: String,
    /// What it is; may be empty.
    pub summary: String,
    /// What it has.
    pub bullets: Vec<String>,
    /// What it costs.
    pub costs: Vec<Cost>,
    /// Whether it is free of charge.
    pub free: bool,
    /// Whether its instances can be bound.
    pub bindable: bool,
    /// Whether its instances can change to another plan.
    pub updatable: bool,
    /// Whether the broker does not offer it any more.
    pub is_withdrawn: bool,
    /// The version of new instances; may be empty.
    pub version: String,
    /// What changes with the version; may be empty.
    pub version_notes: String,
    /// The schema of the parameters of a new instance.
    pub create_schema: Option<Value>,
    /// The schema of the parameters of a change of an instance.
    pub update_schema: Option<Value>,
    /// The schema of the parameters of a binding.
    pub bind_schema: Option<Value>,
    /// The parameters that a new instance has unless it sets them.
    pub defaults: Map<String, Value>,
    /// Hints for the order of a form for a changed instance.
    pub update_hints: Option<Value>,
    /// Hints for the order of a form for a new instance.
    pub create_hints: Option<Value>,
}

impl Plan {
    /// A cluster-wide plan of this class.
    pub fn of_cluster(plan: &ClusterServicePlan, class: &Offering) -> Self {
        let is_withdrawn = plan.status.as_ref().is_some_and(|status| status.removed_from_broker_catalog);
        Self::of(plan.metadata.name.as_deref(), &plan.spec.common, is_withdrawn, class)
    }

    /// A plan of this class of a namespace.
    pub fn of_namespace(plan: &ServicePlan, class: &Offering) -> Self {
        let is_withdrawn = plan.status.as_ref().is_some_and(|status| status.removed_from_broker_catalog);
        Self::of(plan.metadata.name.as_deref(), &plan.spec.common, is_withdrawn, class)
    }

    fn of(name: Option<&str>, spec: &CommonServicePlanSpec, is_withdrawn: bool, class: &Offering) -> Self {
        let metadata = Metadata::of(spec.external_metadata.as_ref());
        let external_name = cut(&spec.external_name, 200);
        let version = spec.maintenance_info.as_ref();
        let schema = |schema: &Option<RawJson>| schema.as_ref().map(RawJson::value);
        Self {
            name: name.unwrap_or_default().to_owned(),
            title: metadata.display_name().unwrap_or_else(|| external_name.clone()),
            external_name,
            external_id: spec.external_id.clone(),
            summary: line(&spec.description).unwrap_or_default(),
            bullets: metadata.bullets(),
            costs: metadata.costs(),
            free: spec.free,
            bindable: spec.bindable.unwrap_or(class.bindable),
            updatable: spec.plan_updatable.unwrap_or(class.plan_updatable),
            is_withdrawn,
            version: version.map(|info| cut(&info.version, 100)).unwrap_or_default(),
            version_notes: version.and_then(|info| line(&info.description)).unwrap_or_default(),
            create_schema: schema(&spec.instance_create_parameter_schema),
            update_schema: schema(&spec.instance_update_parameter_schema),
            defaults: spec.default_provision_parameters.clone().unwrap_or_default(),
            update_hints: metadata.form_definition("service_instance", "update"),
            bind_schema: schema(&spec.service_binding_create_parameter_schema),
            create_hints: metadata.form_definition("service_instance", "create"),
        }
    }
}

/// Free plans first, then by price as far as it is a number, then by name: the order in which people compare.
pub fn sort(plans: &mut [Plan]) {
    plans.sort_by(|a, b| {
        let price = |plan: &Plan| match plan.costs.first() {
            Some(cost) => cost.amount.parse::<f64>().unwrap_or(f64::MAX),
            None if plan.free => 0.0,
            None => f64::MAX,
        };
        price(a).total_cmp(&price(b)).then_with(|| a.title.cmp(&b.title))
    });
}
