//! What the tests of instances and bindings have in common.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::circuit_breaker::{Outage, OutageCause};
use super::{Outcome, reason};
use crate::osb::{Error, LastOperation, OperationState};

/// So many seconds after the beginning of time.
pub(super) fn at(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

/// A broker that answers this status and nothing else.
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

/// A broker that says how far it is, and nothing else.
pub(super) fn polled(state: OperationState) -> Outcome {
    Outcome::Polled(LastOperation {
        state,
        description: None,
        instance_usable: None,
        update_repeatable: None,
        retry_after: None,
    })
}

/// A broker called `broker` that is not called for so long.
pub(super) fn held(now: i64, seconds: i64) -> Outage {
    let trouble =
        OutageCause { reason: reason::BROKER_UNREACHABLE, told: "it did not answer: it hangs".to_owned() };
    Outage { broker: "broker".to_owned(), until: at(now + seconds), trouble }
}
