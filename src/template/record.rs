//! What the broker remembers of an instance.
//!
//! A record says what the instance is to be. It is written before the first object of an operation, so an operation
//! that was interrupted can be continued by any replica that reads the record.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::inventory::Inventory;
use super::substitute::Values;
use crate::crd::template::Template;

/// After how long a provision or an update has failed if its plan does not say otherwise.
const DEFAULT_DEADLINE: SignedDuration = SignedDuration::from_mins(15);

/// Namespace and name of an object of the service catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The `ServiceInstance`.
    pub instance: Named,
    /// What the instance is to be.
    pub desired: Desired,
    /// What was created for it. It is complete before the first object is created.
    pub inventory: Inventory,
    /// The last operation.
    pub operation: Operation,
    /// The bindings, by their IDs.
    #[serde(default)]
    pub bindings: BTreeMap<String, Binding>,
}

/// What an instance is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Desired {
    /// The ID of the service.
    pub service_id: String,
    /// The ID of the plan.
    pub plan_id: String,
    /// The template as it was when the user ordered the instance, or last upgraded it.
    pub template: Template,
    /// The parameters that the user gave.
    pub given: Map<String, Value>,
    /// The values of all parameters.
    pub values: Values,
}

impl Desired {
    /// Whether a request asks for the same.
    pub fn is_same(&self, service_id: &str, plan_id: &str, given: &Map<String, Value>) -> bool {
        self.service_id == service_id && self.plan_id == plan_id && self.given == *given
    }
}

/// A binding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The `ServiceBinding`.
    pub object: Named,
    /// The objects that exist for this binding only.
    #[serde(default)]
    pub inventory: Inventory,
    /// How far it is with these.
    #[serde(default)]
    pub state: State,
    /// Whether it is being deleted.
    #[serde(default)]
    pub is_going: bool,
    /// When it was requested.
    pub began: Timestamp,
}

impl Binding {
    /// A binding that is requested now.
    pub fn new(object: Named, began: Timestamp) -> Self {
        Self { object, inventory: Inventory::default(), state: State::Working, is_going: false, began }
    }
}

/// An operation on an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// What is done.
    pub task: Task,
    /// How many operations the instance has had, with this one.
    pub number: u64,
    /// When it was requested.
    pub began: Timestamp,
    /// How far it is.
    #[serde(default)]
    pub state: State,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Creates the instance.
    Provision,
    /// Changes it.
    Update,
    /// Deletes it.
    Deprovision,
}

/// How far an operation is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Objects are still to be applied or deleted.
    #[default]
    Working,
    /// All objects are applied, and become ready.
    Applied,
    /// It has succeeded.
    Succeeded,
    /// It has failed, and why.
    Failed(String),
}

impl State {
    /// Whether the operation goes on.
    pub fn is_in_progress(&self) -> bool {
        matches!(self, Self::Working | Self::Applied)
    }
}

impl Operation {
    /// The first operation of an instance.
    pub fn provision(began: Timestamp) -> Self {
        Self { task: Task::Provision, number: 1, began, state: State::Working }
    }

    /// The operation that follows this one.
    pub fn next(&self, task: Task, began: Timestamp) -> Self {
        Self { task, number: self.number + 1, began, state: State::Working }
    }

    /// What the platform sends with each poll.
    pub fn key(&self) -> String {
        let task = match self.task {
            Task::Provision => 'p',
            Task::Update => 'u',
            Task::Deprovision => 'd',
        };
        format!("{task}{}", self.number)
    }
}

/// Whether something that began then has taken too long. `seconds` is the plan's limit.
pub fn is_overdue(began: Timestamp, seconds: Option<u32>, now: Timestamp) -> bool {
    let limit = seconds.map_or(DEFAULT_DEADLINE, |seconds| SignedDuration::from_secs(seconds.into()));
    now.duration_since(began) > limit
}
