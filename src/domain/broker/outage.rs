//! The condition `Available`: `False` while calls to the broker are suspended, with the cause and the end; else absent.

use super::{Connection, Observed};
use crate::crd::broker::BrokerStatus;
use crate::crd::condition::{self, Status};
use crate::domain::Note;
use crate::domain::schedule::shown;

/// The status whose condition `Available` follows the circuit breaker, with an event if the outage is new; `None` if
/// the stored status is up to date.
pub(super) fn update(
    observed: &Observed<'_>,
    connection: &Connection<'_>,
) -> Option<(BrokerStatus, Option<Note>)> {
    let mut status = observed.status();
    let before = condition::find(&status.conditions, condition::AVAILABLE).cloned();
    set_available(&mut status, observed, connection);
    let after = condition::find(&status.conditions, condition::AVAILABLE);
    if after == before.as_ref() {
        return None;
    }
    let new = after.filter(|_| before.is_none());
    let note = new.map(|outage| Note::new(true, &outage.reason, &outage.message));
    status.last_condition_state = condition::summary(&status.conditions);
    Some((status, note))
}

fn set_available(status: &mut BrokerStatus, observed: &Observed<'_>, connection: &Connection<'_>) {
    let conditions = &mut status.conditions;
    let Some(outage) = &connection.outage else {
        condition::remove(conditions, condition::AVAILABLE);
        return;
    };
    // While a probe is in flight, the end of the outage is not known: the condition stays as it is.
    let Some(until) = &outage.until else { return };
    let message = format!(
        "Calls are suspended until {}: {}. Pending requests resume automatically",
        shown(until),
        outage.cause.description
    );
    let (is, reason) = (Status::False, outage.cause.reason);
    condition::set(conditions, condition::AVAILABLE, is, reason, &message, &observed.now);
}
