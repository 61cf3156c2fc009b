//! Which properties of a class or a plan affect the instances that refer to it?
//!
//! `decide` reads nothing else of the catalog. So any other change (a description, a schema) does not requeue them.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::crd::plan::MaintenanceInfo;
use crate::crd::role::{Class, Plan};

/// The properties of a class that affect its instances.
#[derive(Debug, PartialEq)]
pub struct ClassTerms<'a> {
    pub(super) broker: &'a str,
    pub(super) name: &'a str,
    pub(super) id: &'a str,
    pub(super) is_removed: bool,
    pub(super) plan_updatable: bool,
    pub(super) defaults: Option<&'a Map<String, Value>>,
}

impl<'a> ClassTerms<'a> {
    /// The terms of this class.
    pub fn of(class: &'a impl Class) -> Self {
        let common = class.common();
        Self {
            broker: class.broker_name(),
            name: &common.external_name,
            id: &common.external_id,
            is_removed: class.is_removed(),
            plan_updatable: common.plan_updatable,
            defaults: common.default_provision_parameters.as_ref(),
        }
    }
}

/// The properties of a plan that affect its instances.
#[derive(Debug, PartialEq)]
pub struct PlanTerms<'a> {
    pub(super) broker: &'a str,
    pub(super) class: &'a str,
    pub(super) name: &'a str,
    pub(super) id: &'a str,
    pub(super) is_removed: bool,
    /// `None`: the value of the class applies.
    pub(super) plan_updatable: Option<bool>,
    pub(super) maintenance: Option<&'a MaintenanceInfo>,
    pub(super) maximum_polling_duration: Option<Duration>,
    pub(super) defaults: Option<&'a Map<String, Value>>,
}

impl<'a> PlanTerms<'a> {
    /// The terms of this plan.
    pub fn of(plan: &'a impl Plan) -> Self {
        let common = plan.common();
        Self {
            broker: plan.broker_name(),
            class: plan.class_name(),
            name: &common.external_name,
            id: &common.external_id,
            is_removed: plan.is_removed(),
            plan_updatable: common.plan_updatable,
            maintenance: common.maintenance_info.as_ref(),
            maximum_polling_duration: plan.maximum_polling_duration(),
            defaults: common.default_provision_parameters.as_ref(),
        }
    }
}
