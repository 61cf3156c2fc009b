//! How long until a failed fetch of the catalog is retried?

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Observed;
use crate::domain::schedule;

/// The delay after the first failure in a row.
const RETRY_MIN: Duration = Duration::from_millis(500);
/// The longest delay.
const RETRY_MAX: Duration = Duration::from_mins(5);

/// The fetches that failed in a row. They are kept with the connection over which they failed: a changed spec or Secret
/// makes a new connection, so the operator fetches over that one at once.
///
/// The back-off of the reconciler alone cannot pace the fetches. A failure is written to the status, and that write
/// triggers the next reconcile. A broker whose error message differs each time (it contains a request id) would be
/// called without a pause. See `tests/storm.rs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Failures {
    count: u32,
    /// No fetch before then.
    pub(super) retry_at: Time,
}

impl Failures {
    /// The failures in a row, after one more. `None` during an outage: the circuit breaker paces the calls then, and
    /// when it closes, the catalog is fetched at once.
    pub(super) fn with_one_more(observed: &Observed<'_>) -> Option<Self> {
        let connection = observed.connection.as_ref().filter(|connection| connection.outage.is_none())?;
        let before = connection.failures.as_ref().map_or(0, |failures| failures.count);
        let count = before.saturating_add(1);
        let delay = schedule::back_off(count, RETRY_MIN, RETRY_MAX);
        Some(Self { count, retry_at: schedule::after(&observed.now, delay) })
    }
}
