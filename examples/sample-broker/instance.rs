//! An instance, and the last operation on it. There are no background tasks: each request first ends the operations
//! whose time has come.

use std::{collections::BTreeMap, time::Instant};

use serde_json::Map;
use service_catalog::osb::{OperationState, SecretObject};

use crate::catalog::{Action, Service};

/// An instance, provisioned or not yet.
pub struct Instance {
    /// Its service.
    pub service: Service,
    /// The customer that it belongs to.
    pub customer: String,
    /// Its settings.
    pub settings: Settings,
    /// Whether it is provisioned, and can be used.
    pub provisioned: bool,
    /// The last operation.
    pub operation: Operation,
    /// The parameters of its bindings, by their ids.
    pub bindings: BTreeMap<String, Option<SecretObject>>,
}

/// The settings of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The plan.
    pub plan_id: String,
    /// The parameters, if any.
    pub parameters: Option<SecretObject>,
}

/// An operation on an instance.
#[derive(Clone)]
pub struct Operation {
    /// The action.
    pub action: Action,
    /// The settings of the instance after it.
    pub settings: Settings,
    /// The end of the operation; `None` when it is over.
    pub until: Option<Instant>,
    /// Whether it fails.
    pub fails: bool,
}

impl Instance {
    /// An instance that is not provisioned yet.
    pub fn new(service: Service, customer: String, settings: Settings) -> Self {
        let operation =
            Operation { action: Action::Provision, settings: settings.clone(), until: None, fails: false };
        Self { service, customer, settings, provisioned: false, operation, bindings: BTreeMap::new() }
    }

    /// Whether an operation is in progress.
    pub fn is_busy(&self) -> bool {
        self.operation.until.is_some()
    }

    /// Whether an operation of this kind is in progress.
    pub fn is_busy_with(&self, action: Action) -> bool {
        self.is_busy() && self.operation.action == action
    }

    /// The state of the last operation.
    pub fn state(&self) -> OperationState {
        match self.operation {
            Operation { until: Some(_), .. } => OperationState::InProgress,
            Operation { fails: true, .. } => OperationState::Failed,
            Operation { fails: false, .. } => OperationState::Succeeded,
        }
    }

    /// Ends an operation whose time has come. Returns whether the instance is removed by it.
    pub fn catch_up(&mut self, now: Instant) -> bool {
        if self.operation.until.is_none_or(|until| until > now) {
            return false;
        }
        self.operation.until = None;
        match self.operation.action {
            _ if self.operation.fails => {}
            Action::Provision => self.provisioned = true,
            Action::Update => self.settings = self.operation.settings.clone(),
            Action::Deprovision => return true,
            Action::Poll => {}
        }
        false
    }

    /// The credentials for applications: those of the parameters, or fixed ones that are easy to recognise.
    pub fn credentials(&self) -> SecretObject {
        let given = self
            .settings
            .parameters
            .as_ref()
            .and_then(|parameters| parameters.get("credentials")?.as_object());
        let special = |number| (format!("special-key-{number}"), format!("special-value-{number}").into());
        given.cloned().unwrap_or_else(|| Map::from_iter([1, 2].map(special))).into()
    }
}
