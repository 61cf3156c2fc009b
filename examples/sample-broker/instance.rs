//! An instance, and the last operation on it. Nothing goes on in the background: what has come to its end since somebody
//! looked last is made up for when somebody looks again.

use std::{collections::BTreeMap, time::Instant};

use serde_json::Map;
use service_catalog::osb::{OperationState, SecretObject};

use crate::catalog::{Action, Service};

/// An instance, made or half-made.
pub struct Instance {
    /// What it is an instance of.
    pub service: Service,
    /// For whom it is.
    pub customer: String,
    /// What it is like.
    pub settings: Settings,
    /// It has been made, and can be used.
    pub provisioned: bool,
    /// The last operation.
    pub operation: Operation,
    /// The parameters of its bindings, by their ids.
    pub bindings: BTreeMap<String, Option<SecretObject>>,
}

/// What an instance is to be like.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The plan.
    pub plan_id: String,
    /// The parameters, if there are any.
    pub parameters: Option<SecretObject>,
}

/// An operation on an instance.
#[derive(Clone)]
pub struct Operation {
    /// What is done.
    pub action: Action,
    /// What the instance is like afterwards.
    pub settings: Settings,
    /// Until when it is under way; nothing if it is over.
    pub until: Option<Instant>,
    /// It will not succeed, or has not.
    pub fails: bool,
}

impl Instance {
    /// One that is still to be made.
    pub fn new(service: Service, customer: String, settings: Settings) -> Self {
        let operation =
            Operation { action: Action::Provision, settings: settings.clone(), until: None, fails: false };
        Self { service, customer, settings, provisioned: false, operation, bindings: BTreeMap::new() }
    }

    /// Whether an operation is under way.
    pub fn is_busy(&self) -> bool {
        self.operation.until.is_some()
    }

    /// Whether this operation is under way.
    pub fn is_busy_with(&self, action: Action) -> bool {
        self.is_busy() && self.operation.action == action
    }

    /// How the last operation stands.
    pub fn state(&self) -> OperationState {
        match self.operation {
            Operation { until: Some(_), .. } => OperationState::InProgress,
            Operation { fails: true, .. } => OperationState::Failed,
            Operation { fails: false, .. } => OperationState::Succeeded,
        }
    }

    /// Does what an operation was for, if its time has come. Says whether the instance is gone then.
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

    /// What applications are told: what the user said, or something that is easily recognised.
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
