//! Which outcome does a broker's reply mean, whichever call it answers, and which secrets does it repeat?

use crate::domain::Outcome;
use crate::osb::{Redactor, Reply, Screened};
use crate::reconcilers::broker_access::connections::{BrokerName, Connection};
use crate::reconcilers::caches::Caches;
use crate::reconcilers::error::Error;
use crate::reconcilers::tenant_work::TenantWork;

/// The outcome of a call that the broker may execute synchronously or asynchronously.
pub fn outcome_of<T>(reply: Reply<T>, dashboard_url: impl FnOnce(T) -> Option<Screened>) -> Outcome {
    match reply {
        Reply::Done(body) => Outcome::Done { dashboard_url: dashboard_url(body) },
        Reply::InProgress { operation, body } => Outcome::InProgress {
            operation: operation.map(Screened::from),
            dashboard_url: dashboard_url(body),
        },
    }
}

/// The outcome of a call that cannot be made without a connection to the broker. A broker whose object or Secret went
/// with its namespace can never be called again: nothing can be created in a namespace that is being deleted.
pub fn not_called(caches: &Caches, broker: &BrokerName, error: Error) -> Result<Outcome, Error> {
    let namespace = broker.namespace.as_deref();
    match error {
        Error::Missing(why) if namespace.is_some_and(|namespace| caches.is_terminating(namespace)) => {
            Ok(Outcome::OutOfReach(why))
        }
        Error::Broker(why) | Error::Credentials(why) | Error::Missing(why) => Ok(Outcome::NotCalled(why)),
        error => Err(error),
    }
}

/// The secret values that a broker was sent for an object, or has answered; `None` if they cannot be known.
pub type SecretValues = Option<Vec<Vec<u8>>>;

/// The outcome without the secrets of the broker and of the object. Those of the object are read only if the broker's
/// answer has a text that will be shown. If they cannot be known, nothing of the text is shown. The tenant determines
/// how many they are, so the search for them is work of the tenant.
pub async fn without_secrets(
    outcome: Outcome,
    connection: &Connection,
    (work, namespace): (&TenantWork, &str),
    of_object: impl Future<Output = SecretValues>,
) -> Result<Outcome, Error> {
    if !outcome.repeats_broker() {
        return Ok(outcome);
    }
    let outcome = outcome.redacted(connection.redactor());
    match of_object.await {
        None => Ok(outcome.redacted(&Redactor::of_unknown())),
        Some(values) if values.is_empty() => Ok(outcome),
        Some(values) => work.run(namespace, move || outcome.redacted(&Redactor::new(values))).await,
    }
}
