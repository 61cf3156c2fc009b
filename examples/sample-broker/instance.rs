//! An instance, and the last operation on it. Nothing goes on in the background: what has come to its end since somebody
//! looked last is made up for when somebody looks again.

use std::{collections::BTreeMap, time::Instant};

use serde_json::{Value, json};

use crate::catalog::{Action, Service};

/// An instance, made or half-made.
pub struct Instance {
    /// What it is an instance of.
    pub service: Service,
    /// For whom it is.
    pub customer: String,
    /// What it is like.
    pub wish: Wish,
    /// It has been made, and can be used.
    pub made: bool,
    /// The last operation.
    pub operation: Operation,
    /// The parameters of its bindings, by their ids.
    pub bindings: BTreeMap<String, Value>,
}

/// What an instance is to be like.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The plan.
    pub plan_id: String,
    /// The parameters; null if there are none.
    pub parameters: Value,
}

/// An operation on an instance.
#[derive(Clone)]
pub struct Operation {
    /// What is done.
    pub action: Action,
    /// What the instance is like afterwards.
    pub wish: Wish,
    /// Until when it is under way; nothing if it is over.
    pub until: Option<Instant>,
    /// It will not succeed, or has not.
    pub fails: bool,
}

/// How an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// It is under way.
    InProgress,
    /// It has ended well.
    Succeeded,
    /// It has not.
    Failed,
}

impl Instance {
    /// One that is still to be made.
    pub fn new(service: Service, customer: String, wish: Wish) -> Self {
        let operation =
            Operation { action: Action::Provision, wish: wish.clone(), until: None, fails: false };
        Self { service, customer, wish, made: false, operation, bindings: BTreeMap::new() }
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
    pub fn stand(&self) -> Stand {
        match self.operation {
            Operation { until: Some(_), .. } => Stand::InProgress,
            Operation { fails: true, .. } => Stand::Failed,
            Operation { fails: false, .. } => Stand::Succeeded,
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
            Action::Provision => self.made = true,
            Action::Update => self.wish = self.operation.wish.clone(),
            Action::Deprovision => return true,
            Action::Poll => {}
        }
        false
    }

    /// What applications are told: what the user said, or something that is easily recognised.
    pub fn credentials(&self) -> Value {
        let given = self.wish.parameters.get("credentials");
        let special = || json!({ "special-key-1": "special-value-1", "special-key-2": "special-value-2" });
        given.cloned().unwrap_or_else(special)
    }
}
