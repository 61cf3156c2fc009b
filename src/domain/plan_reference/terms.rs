//! What of a class or a plan counts for the instances that refer to it?
//!
//! All that they are decided on is here, so a change elsewhere (a description, a schema) does not requeue them.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::crd::plan::MaintenanceInfo;
use crate::crd::role::{Class, Plan};

/// What counts of a class.
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
    /// Those of a class.
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

/// What counts of a plan.
#[derive(Debug, PartialEq)]
pub struct PlanTerms<'a> {
    pub(super) broker: &'a str,
    pub(super) class: &'a str,
    pub(super) name: &'a str,
    pub(super) id: &'a str,
    pub(super) is_removed: bool,
    /// Absent: as the class says.
    pub(super) plan_updatable: Option<bool>,
    pub(super) maintenance: Option<&'a MaintenanceInfo>,
    pub(super) maximum_polling_duration: Option<Duration>,
    pub(super) defaults: Option<&'a Map<String, Value>>,
}

impl<'a> PlanTerms<'a> {
    /// Those of a plan.
    pub fn of(plan: &'a impl Plan) -> Self {
        let common = plan.common();
        let seconds = common.maximum_polling_duration.and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            broker: plan.broker_name(),
            class: plan.class_name(),
            name: &common.external_name,
            id: &common.external_id,
            is_removed: plan.is_removed(),
            plan_updatable: common.plan_updatable,
            maintenance: common.maintenance_info.as_ref(),
            maximum_polling_duration: seconds.map(Duration::from_secs),
            defaults: common.default_provision_parameters.as_ref(),
        }
    }
}
