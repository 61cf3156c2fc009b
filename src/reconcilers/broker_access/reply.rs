//! Which outcome does a broker's reply mean, whichever call it answers, and which secrets does it repeat?

use crate::domain::Outcome;
use crate::osb::{Redactor, Reply, Screened};
use crate::reconcilers::broker_access::connections::Connection;

/// The outcome of a call that the broker may execute synchronously or asynchronously.
pub fn outcome_of<T>(reply: Reply<T>, dashboard_url: impl FnOnce(T) -> Option<String>) -> Outcome {
    let dashboard_url = |body| dashboard_url(body).and_then(Screened::dashboard_url);
    match reply {
        Reply::Done(body) => Outcome::Done { dashboard_url: dashboard_url(body) },
        Reply::InProgress { operation, body } => Outcome::InProgress {
            operation: operation.map(Screened::from),
            dashboard_url: dashboard_url(body),
        },
    }
}

/// The secret values that a broker was sent for an object, or has answered; `None` if they cannot be known.
pub type SecretValues = Option<Vec<Vec<u8>>>;

/// The outcome without the secrets of the broker and of the object. Those of the object are read only if the broker's
/// answer has a text that will be shown. If they cannot be known, nothing of the text is shown.
pub async fn without_secrets(
    outcome: Outcome,
    connection: &Connection,
    of_object: impl Future<Output = SecretValues>,
) -> Outcome {
    if !outcome.repeats_broker() {
        return outcome;
    }
    let of_object = of_object.await.map_or_else(Redactor::of_unknown, Redactor::new);
    outcome.redacted(connection.redactor()).redacted(&of_object)
}
