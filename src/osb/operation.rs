//! What do asynchronous operations look like on the wire? (“Synchronous and Asynchronous Operations”)

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::json::{self, is_default};

/// The answer to a request that changes something (“Asynchronous Operations”).
///
/// It is written as its body; the status, which a broker sets beside it, tells a platform which of the two it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reply<T> {
    /// It is done: status 200 or 201.
    Done(T),
    /// It goes on, and is to be polled: status 202.
    InProgress {
        /// What every poll has to carry, if anything.
        #[serde(skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        /// What is known already.
        #[serde(flatten)]
        body: T,
    },
}

/// The body of a successful deletion, `{}` (“Deprovisioning”, “Unbinding”: “Response”).
///
/// A broker writes it. The client reads nothing of it, because the status says it all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionResponse {}

/// The query of a request that may be answered before it is carried out (“Asynchronous Operations”).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsyncQuery {
    /// Whether the platform accepts status 202 and polls.
    #[serde(default, skip_serializing_if = "is_default")]
    pub accepts_incomplete: bool,
}

/// The query of a request that ends the life of something, or fetches it (“Deprovisioning”, “Unbinding”,
/// “Fetching a Service Instance”, “Fetching a Service Binding”: “Parameters”).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanQuery {
    /// The id of the service offering; empty if a platform does not send it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// The id of the plan; empty if a platform does not send it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan_id: String,
}

/// The query of a poll (“Polling Last Operation for Service Instances”, “Parameters”).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastOperationQuery {
    /// The id of the service offering; empty if a platform does not send it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// The id of the plan, before the change if the operation changes it; empty if a platform does not send it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan_id: String,
    /// What the broker gave when the operation began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

/// How far an operation has come (“Polling Last Operation for Service Instances”, “Response”).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastOperation {
    /// Whether it goes on.
    pub state: OperationState,
    /// What the broker tells the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the instance can still be used after a failed update or deprovisioning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_usable: Option<bool>,
    /// Whether it makes sense to send the failed update again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_repeatable: Option<bool>,
    /// How long to wait before the next poll, which the header `Retry-After` tells (“Polling Interval and Duration”).
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl From<OperationState> for LastOperation {
    /// The state alone.
    fn from(state: OperationState) -> Self {
        Self { state, description: None, instance_usable: None, update_repeatable: None, retry_after: None }
    }
}

/// The state of an operation (“Polling Last Operation for Service Instances”, “Body”).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum OperationState {
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

/// What every 202 may carry (“Asynchronous Operations”, “Body”): read first and alone, as the rest of a [`Reply`] may
/// have to be left unread.
#[derive(Deserialize)]
struct Accepted {
    operation: Option<String>,
}

const LONGEST_OPERATION: usize = 10_000;

/// The operation that the body of a 202 names; an empty one is none.
pub(super) fn operation(body: &[u8]) -> Result<Option<String>, String> {
    let Accepted { operation } = json::object(body)?;
    match operation {
        Some(operation) if operation.chars().count() > LONGEST_OPERATION => {
            Err(format!("the operation is longer than {LONGEST_OPERATION} characters"))
        }
        operation => Ok(operation.filter(|operation| !operation.is_empty())),
    }
}
