//! What does an object do whose broker is not called for a while?

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::circuit_breaker::Outage;
use super::progress::HasProgress;
use super::{Step, reason, schedule};
use crate::crd::condition::{self, Status};

/// What is taken in place of a step that asks the broker: a short wait is no news; a longer one is told once, and then
/// the object waits until it is woken. `status` is what is written if it is told.
pub(super) fn wait<S: HasProgress, C>(
    outage: &Outage,
    mut status: S,
    type_: &str,
    now: &Time,
    seed: &str,
) -> Step<S, C> {
    if outage.is_brief(now) {
        return Step::Wait(Some(schedule::spread(&outage.until, seed)));
    }
    let mut progress = status.progress();
    if progress.reason(type_) == Some(reason::WAITING_FOR_BROKER) {
        return Step::AwaitBroker;
    }
    let is = if type_ == condition::ORPHAN_MITIGATION { Status::True } else { Status::False };
    progress.report(type_, is, reason::WAITING_FOR_BROKER, &message(outage), now);
    Step::Write(Box::new(status))
}

/// It holds for as long as the broker is not called: when it is called next is said in the broker's own condition.
fn message(outage: &Outage) -> String {
    format!(
        "The broker {} is not called at the moment, as {}; this goes on by itself when it can be. The condition Available \
         of the broker says when it is tried next",
        outage.broker, outage.trouble.told
    )
}
