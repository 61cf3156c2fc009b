//! Which classes and plans does a catalog define, and which writes bring the cluster in line with it?
//!
//! [`desired`] derives the classes and plans from the broker's catalog and its restrictions; [`diff`] compares them
//! with the existing ones. Both serve cluster-wide and namespaced kinds.

mod diff;
pub mod entry;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use kube::Resource;

use crate::crd::broker::CatalogRestrictions;
use crate::crd::class::CommonServiceClassSpec;
use crate::crd::names::{escaped, escaped_of};
use crate::crd::plan::{CommonServicePlanSpec, MaintenanceInfo};
use crate::crd::role;
use crate::domain::restriction::{Properties, Restriction, RestrictionError};
use crate::osb;

pub use crate::osb::{Rejected as Rejection, Rejections};
pub use diff::{Change, Object, diff, is_managed};

#[cfg(test)]
mod tests;

/// The length of a summary of rejections, in bytes, after which the rest is only counted.
const SUMMARY_MAX_BYTES: usize = 1000;

/// The length at which a single rejection is cut off, in characters.
const REJECTION_MAX_CHARS: usize = 240;

/// The existing classes and plans of the broker's cluster or namespace, including those of other brokers.
#[derive(Clone, Copy, Debug)]
pub struct Existing<'a, C, P> {
    /// The broker's name.
    pub broker: &'a str,
    /// The classes.
    pub classes: &'a [Arc<C>],
    /// The plans.
    pub plans: &'a [Arc<P>],
}

/// The classes and plans that a catalog defines.
#[derive(Clone, Debug)]
pub struct Desired<C, P> {
    /// The classes.
    pub classes: Vec<C>,
    /// The plans.
    pub plans: Vec<P>,
    /// The entries of the catalog that cannot be published, and why.
    pub rejected: Rejections,
}

/// The classes and plans that this catalog defines, as far as the restrictions admit them.
pub fn desired<C, P>(
    catalog: &osb::Catalog,
    restrictions: Option<&CatalogRestrictions>,
    existing: &Existing<C, P>,
) -> Result<Desired<C, P>, RestrictionError>
where
    C: role::Class + Resource,
    P: role::Plan + Resource,
{
    let lists = |list: fn(&CatalogRestrictions) -> &[String]| restrictions.map(list).unwrap_or_default();
    let of_classes = Restriction::of_classes(lists(|lists| &lists.service_class))?;
    let of_plans = Restriction::of_plans(lists(|lists| &lists.service_plan))?;
    let names = Names::of(existing);

    let mut desired = Desired { classes: Vec::new(), plans: Vec::new(), rejected: catalog.rejected.clone() };
    for service in &catalog.services {
        let class = names.class(&service.id);
        let admitted = of_classes.admits(&Properties {
            name: &class,
            external_name: &service.name,
            external_id: &service.id,
            ..Properties::default()
        });
        if !admitted {
            continue;
        }
        let before = desired.plans.len();
        for plan in &service.plans {
            let name = names.plan(&plan.id);
            let admitted = of_plans.admits(&Properties {
                name: &name,
                external_name: &plan.name,
                external_id: &plan.id,
                free: plan.free,
                class: &class,
            });
            if admitted {
                desired.plans.push(P::new(&name, plan_spec(plan), existing.broker, &class));
            }
        }
        if desired.plans.len() > before {
            desired.classes.push(C::new(&class, class_spec(service), existing.broker));
        }
    }
    Ok(desired)
}

/// The broker of each existing class and plan, by the name of the object.
struct Names<'a> {
    broker: &'a str,
    classes: BTreeMap<&'a str, &'a str>,
    plans: BTreeMap<&'a str, &'a str>,
}

impl<'a> Names<'a> {
    fn of<C, P>(existing: &Existing<'a, C, P>) -> Self
    where
        C: role::Class + Resource,
        P: role::Plan + Resource,
    {
        let classes = existing.classes.iter();
        let classes = classes.filter_map(|class| Some((class.meta().name.as_deref()?, class.broker_name())));
        let plans = existing.plans.iter();
        let plans = plans.filter_map(|plan| Some((plan.meta().name.as_deref()?, plan.broker_name())));
        Self { broker: existing.broker, classes: classes.collect(), plans: plans.collect() }
    }

    fn class(&self, id: &str) -> String {
        self.name(&self.classes, id)
    }

    fn plan(&self, id: &str) -> String {
        self.name(&self.plans, id)
    }

    /// The name of the object for this id: the name that the broker's object has already, or else the escaped id, or
    /// the escaped id with a suffix if another broker has an object of that name. Old versions used the id as it is.
    fn name(&self, brokers: &BTreeMap<&str, &str>, id: &str) -> String {
        let names = names(id, self.broker);
        let broker = |name: &String| brokers.get(name.as_str()).copied();
        let own = names.iter().find(|name| broker(name) == Some(self.broker)).cloned();
        let [_, usual, suffixed] = names;
        own.unwrap_or_else(|| if broker(&usual).is_none() { usual } else { suffixed })
    }
}

/// The names that the object for this id may have: the id as it is, the escaped id, and the escaped id with a suffix.
pub fn names(id: &str, broker: &str) -> [String; 3] {
    [id.to_owned(), escaped(id), escaped_of(id, broker)]
}

fn class_spec(service: &osb::Service) -> CommonServiceClassSpec {
    CommonServiceClassSpec {
        external_name: service.name.clone(),
        external_id: service.id.clone(),
        description: service.description.clone(),
        bindable: service.bindable,
        binding_retrievable: service.bindings_retrievable,
        binding_rotatable: service.binding_rotatable,
        plan_updatable: service.plan_updateable,
        external_metadata: service.metadata.clone(),
        tags: service.tags.clone(),
        requires: service.requires.clone(),
        default_provision_parameters: None,
    }
}

fn plan_spec(plan: &osb::Plan) -> CommonServicePlanSpec {
    let schemas = plan.schemas.clone().unwrap_or_default();
    let instance = schemas.service_instance.unwrap_or_default();
    let binding = schemas.service_binding.unwrap_or_default();
    CommonServicePlanSpec {
        external_name: plan.name.clone(),
        external_id: plan.id.clone(),
        description: plan.description.clone(),
        bindable: plan.bindable,
        binding_rotatable: plan.binding_rotatable,
        plan_updatable: plan.plan_updateable,
        free: plan.free,
        maximum_polling_duration: plan.maximum_polling_duration.and_then(|seconds| seconds.try_into().ok()),
        maintenance_info: plan.maintenance_info.as_ref().map(|info| MaintenanceInfo {
            version: info.version.clone(),
            description: info.description.clone().unwrap_or_default(),
        }),
        external_metadata: plan.metadata.clone(),
        instance_create_parameter_schema: instance.create.and_then(|schema| schema.parameters),
        instance_update_parameter_schema: instance.update.and_then(|schema| schema.parameters),
        service_binding_create_parameter_schema: binding.create.and_then(|schema| schema.parameters),
        default_provision_parameters: None,
    }
}

/// The message of a condition about these rejections: the first ones, and the number of the others.
pub fn summary(rejected: &Rejections) -> String {
    let mut text = String::new();
    let mut shown = 0;
    let separator = |shown| if shown == 0 { "" } else { "; " };
    for Rejection { what, why } in rejected.described() {
        let entry: String = format!("{what}: {why}").chars().take(REJECTION_MAX_CHARS).collect();
        if text.len() + entry.len() > SUMMARY_MAX_BYTES {
            break;
        }
        text = text + separator(shown) + &entry;
        shown += 1;
    }
    if let Some(more @ 1..) = rejected.count().checked_sub(shown) {
        let _ = write!(text, "{}and {more} more", separator(shown));
    }
    text
}
