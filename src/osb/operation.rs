//! What do asynchronous operations look like on the wire? (“Synchronous and Asynchronous Operations”)

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::{self, is_default};

/// The successful response to a mutating request (“Asynchronous Operations”).
///
/// It is serialised as the body alone. The status, which a broker sets separately, tells the platform the variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reply<T> {
    /// The operation is complete: status 200 or 201.
    Done(T),
    /// The operation is asynchronous and has to be polled: status 202.
    InProgress {
        /// An identifier that every poll has to carry, if the broker gave one.
        #[serde(skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        /// The members that are known already.
        #[serde(flatten)]
        body: T,
    },
}

/// The body of a successful deletion, `{}` (“Deprovisioning”, “Unbinding”: “Response”).
///
/// Its members are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionResponse {}

/// The query of a request that the broker may process asynchronously (“Asynchronous Operations”).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsyncQuery {
    /// Whether the platform accepts status 202 and will poll.
    #[serde(default, skip_serializing_if = "is_default")]
    pub accepts_incomplete: bool,
}

/// The query of a request that deletes or fetches an instance or binding (“Deprovisioning”, “Unbinding”,
/// “Fetching a Service Instance”, “Fetching a Service Binding”: “Parameters”).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanQuery {
    /// The id of the service offering. Empty if the platform does not send it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// The id of the plan. Empty if the platform does not send it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan_id: String,
}

/// The query of a poll (“Polling Last Operation for Service Instances”, “Parameters”).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastOperationQuery {
    /// The id of the service offering. Empty if the platform does not send it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// The id of the plan; during a plan change, that of the former plan. Empty if the platform does not send it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plan_id: String,
    /// The identifier that the broker gave to the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

/// The progress of an operation (“Polling Last Operation for Service Instances”, “Response”).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastOperation {
    /// The state of the operation.
    pub state: OperationState,
    /// The broker's message for the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the instance can still be used after a failed update or deprovisioning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_usable: Option<bool>,
    /// Whether the failed update may be sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_repeatable: Option<bool>,
    /// The delay before the next poll, from the header `Retry-After` (“Polling Interval and Duration”).
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl From<OperationState> for LastOperation {
    /// A progress with a state and nothing else.
    fn from(state: OperationState) -> Self {
        Self { state, description: None, instance_usable: None, update_repeatable: None, retry_after: None }
    }
}

/// The state of an operation (“Polling Last Operation for Service Instances”, “Body”).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum OperationState {
    /// The operation is not complete.
    #[serde(rename = "in progress")]
    InProgress,
    /// The operation is complete.
    #[serde(rename = "succeeded")]
    Succeeded,
    /// The operation failed.
    #[serde(rename = "failed")]
    Failed,
}

/// The longest operation that the specification allows, in characters.
const MAX_OPERATION_CHARS: usize = 10_000;

/// The `operation` in the body of a 202 (“Asynchronous Operations”, “Body”), the last one if there are several. The rest of
/// the body must not be read for some endpoints. An empty one counts as absent, and so does one that no poll could repeat: the
/// operation is on its way, and a broker that needs no more than its id is polled with success. A number is repeated as
/// it was written.
pub(super) fn operation(body: &[u8]) -> Result<Option<String>, String> {
    let mut members: BTreeMap<String, Value> = json::object(body)?;
    let operation = match members.remove("operation") {
        Some(Value::String(operation)) => Some(operation),
        Some(Value::Number(operation)) => Some(operation.to_string()),
        _ => None,
    };
    match operation {
        Some(operation) if operation.chars().count() > MAX_OPERATION_CHARS => {
            Err(format!("the operation is longer than {MAX_OPERATION_CHARS} characters"))
        }
        operation => Ok(operation.filter(|operation| !operation.is_empty())),
    }
}
