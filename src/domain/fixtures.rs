//! Helpers of the unit tests of the core: times, broker errors, poll answers, outages.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::circuit_breaker::{Outage, OutageCause};
use super::{Outcome, reason};
use crate::osb::{Error, LastOperation, OperationState};

/// This many seconds after the epoch.
pub(super) fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

/// The error for a response with this status and no body.
pub(super) fn error(status: u16) -> Error {
    Error::Status {
        status,
        code: None,
        description: None,
        instance_usable: None,
        update_repeatable: None,
        retry_after: None,
    }
}

/// The outcome of a poll with this state and nothing else.
pub(super) fn polled(state: OperationState) -> Outcome {
    Outcome::Polled(LastOperation {
        state,
        description: None,
        instance_usable: None,
        update_repeatable: None,
        retry_after: None,
    })
}

/// An outage of the broker `broker` that lasts this many seconds from `now`.
pub(super) fn held(now: i64, seconds: i64) -> Outage {
    let cause = OutageCause {
        reason: reason::BROKER_UNREACHABLE,
        description: "it did not answer: it hangs".to_owned(),
    };
    Outage { broker: "broker".to_owned(), is_of_namespace: false, until: at(now + seconds), cause }
}
