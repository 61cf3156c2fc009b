//! Which outcome does a broker's reply mean, whichever call it answers?

use crate::domain::Outcome;
use crate::osb::Reply;

/// The outcome of a call that the broker may execute synchronously or asynchronously.
pub fn outcome_of<T>(reply: Reply<T>, dashboard_url: impl FnOnce(T) -> Option<String>) -> Outcome {
    match reply {
        Reply::Done(body) => Outcome::Done { dashboard_url: dashboard_url(body) },
        Reply::InProgress { operation, body } => {
            Outcome::InProgress { operation, dashboard_url: dashboard_url(body) }
        }
    }
}
