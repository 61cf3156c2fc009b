//! What do asynchronous operations look like on the wire? (“Synchronous and Asynchronous Operations”)

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The answer to a request that changes something (“Asynchronous Operations”).
#[derive(Clone, Debug, PartialEq)]
pub enum Reply<T> {
    /// It is done: status 200 or 201.
    Done(T),
    /// It goes on, and is to be polled: status 202.
    InProgress {
        /// What every poll has to carry, if anything.
        operation: Option<String>,
        /// What is known already.
        body: T,
    },
}

/// The query of a request that ends the life of something, or fetches it (“Deprovisioning”, “Unbinding”,
/// “Fetching a Service Instance”, “Fetching a Service Binding”: “Parameters”).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanQuery {
    /// The id of the service offering.
    pub service_id: String,
    /// The id of the plan.
    pub plan_id: String,
}

/// The query of a poll (“Polling Last Operation for Service Instances”, “Parameters”).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastOperationQuery {
    /// The id of the service offering.
    pub service_id: String,
    /// The id of the plan, before the change if the operation changes it.
    pub plan_id: String,
    /// What the broker gave when the operation began.
    pub operation: Option<String>,
}

/// How far an operation has come (“Polling Last Operation for Service Instances”, “Response”).
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LastOperation {
    /// Whether it goes on.
    pub state: State,
    /// What the broker tells the user.
    pub description: Option<String>,
    /// Whether the instance can still be used after a failed update or deprovisioning.
    pub instance_usable: Option<bool>,
    /// Whether it makes sense to send the failed update again.
    pub update_repeatable: Option<bool>,
    /// How long to wait before the next poll (“Polling Interval and Duration”).
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

/// The state of an operation (“Polling Last Operation for Service Instances”, “Body”).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum State {
    /// It goes on.
    #[serde(rename = "in progress")]
    InProgress,
    /// It is done.
    #[serde(rename = "succeeded")]
    Succeeded,
    /// It came to nothing.
    #[serde(rename = "failed")]
    Failed,
}

/// What every 202 may carry (“Asynchronous Operations”, “Body”).
#[derive(Deserialize)]
struct Accepted {
    operation: Option<String>,
}

const LONGEST_OPERATION: usize = 10_000;

/// The operation that the body of a 202 names; an empty one is none.
pub(super) fn operation(body: &[u8]) -> Result<Option<String>, String> {
    let Accepted { operation } = super::json::object(body)?;
    match operation {
        Some(operation) if operation.chars().count() > LONGEST_OPERATION => {
            Err(format!("the operation is longer than {LONGEST_OPERATION} characters"))
        }
        operation => Ok(operation.filter(|operation| !operation.is_empty())),
    }
}
