//! The condition `Available`: calls to the broker are suspended, why, and until when. Absent while the broker is called.

use super::{Connection, Observed};
use crate::crd::broker::BrokerStatus;
use crate::crd::condition::{self, Status};
use crate::domain::Note;

/// The status that says what the circuit breaker says; `None` if the stored one does. With an event if the outage is new.
pub(super) fn news(
    observed: &Observed<'_>,
    connection: &Connection<'_>,
) -> Option<(BrokerStatus, Option<Note>)> {
    let mut status = observed.status();
    let before = condition::find(&status.conditions, condition::AVAILABLE).cloned();
    state(&mut status, observed, connection);
    let after = condition::find(&status.conditions, condition::AVAILABLE);
    if after == before.as_ref() {
        return None;
    }
    let new = after.filter(|_| before.is_none());
    let note = new.map(|outage| Note::new(true, &outage.reason, &outage.message));
    status.last_condition_state = condition::summary(&status.conditions);
    Some((status, note))
}

fn state(status: &mut BrokerStatus, observed: &Observed<'_>, connection: &Connection<'_>) {
    let conditions = &mut status.conditions;
    let Some(outage) = &connection.outage else {
        condition::remove(conditions, condition::AVAILABLE);
        return;
    };
    // While a probe is in flight, what was stated stays.
    let Some(until) = &outage.until else { return };
    let message = format!(
        "The broker is not called before {}, as {}. Whatever it is to be asked waits, and goes on by itself",
        until.0, outage.trouble.told
    );
    let (is, reason) = (Status::False, outage.trouble.reason);
    condition::set(conditions, condition::AVAILABLE, is, reason, &message, &observed.now);
}
