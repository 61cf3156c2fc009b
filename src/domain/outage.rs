//! What does an object do while the circuit of its broker is open?
//!
//! `Observed::outage` tells `decide` that the circuit is open. In place of a call or an intent, `decide` then answers
//! with one of three steps: wait, if the rest of the pause is short (5 s); else report `WaitingForBroker`, once; else
//! `Step::AwaitBroker`. So no intent is written that cannot be carried out, an outage costs one write for each object
//! that needs the broker, and settled objects are not touched.
//!
//! The message names no time, because it would have to be written again after every pause: the time is in the
//! condition `Available` of the broker, once for all objects. It names the status of the broker's answer, not its
//! text, which was meant for one namespace.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::circuit_breaker::Outage;
use super::progress::HasProgress;
use super::{Step, reason, schedule};
use crate::crd::condition::{self, Status};

/// The step in place of a call to the broker. A short wait is not reported. A longer one is reported once, in `status`;
/// after that the object waits until the circuit lets a call through, which requeues it.
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
    let condition_status = if type_ == condition::ORPHAN_MITIGATION { Status::True } else { Status::False };
    progress.report(type_, condition_status, reason::WAITING_FOR_BROKER, &message(outage), now);
    Step::Write(Box::new(status))
}

/// The message stays true for the whole outage, because it names no time; the broker's own condition does.
fn message(outage: &Outage) -> String {
    if outage.is_of_namespace {
        return format!(
            "Calls of this namespace to the broker {} are suspended: {}. The request is sent automatically once the \
             broker answers to this namespace again; the pause between two attempts is 5 minutes at most, or as long \
             as the broker asks for",
            outage.broker, outage.cause.description
        );
    }
    format!(
        "Calls to the broker {} are suspended: {}. The request is sent automatically once the broker answers \
         again; the broker's condition Available says when it is tried next",
        outage.broker, outage.cause.description
    )
}
