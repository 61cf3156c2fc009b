//! What does the condition `Injected` of a binding say? It is reported only while pods have collisions.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::crd::ServiceBindingStatus;
use crate::crd::condition::{self, Status};
use crate::domain::progress::HasProgress as _;
use crate::domain::reason;

/// How many collisions a message names.
const MAX_NAMED: usize = 3;

/// Reports the collisions, or withdraws the condition if there are none. Each is the text with which the admission
/// policy annotates a pod: containers, and what collides in them.
pub(super) fn report(status: &mut ServiceBindingStatus, collisions: &BTreeSet<String>, now: &Time) {
    let mut progress = status.progress();
    if collisions.is_empty() {
        progress.withdraw(condition::INJECTED);
        return;
    }
    let named: Vec<&str> = collisions.iter().take(MAX_NAMED).map(String::as_str).collect();
    let rest = match collisions.len() - named.len() {
        0 => String::new(),
        others => format!("; and {others} more"),
    };
    let message = format!(
        "Injection collisions: containers already define what the binding would inject, and keep their own: \
         {}{rest}. Rename it in the pod or in spec.injection, or restrict spec.injection.containers",
        named.join("; ")
    );
    progress.report(condition::INJECTED, Status::False, reason::COLLISION, &message, now);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::at;

    #[test]
    fn collisions_are_named_up_to_a_number_and_forgotten_when_they_are_gone() {
        let mut status = ServiceBindingStatus::default();
        status.progress().report(condition::READY, Status::True, "Reason", "message", &at(0));
        let ready = status.clone();
        for (collisions, named) in [
            (vec!["main: URI"], "keep their own: main: URI. Rename"),
            (vec!["c: X", "b: X", "a: X"], "keep their own: a: X; b: X; c: X. Rename"),
            (vec!["e: X", "d: X", "c: X", "b: X", "a: X"], "a: X; b: X; c: X; and 2 more. Rename"),
        ] {
            let collisions = collisions.into_iter().map(str::to_owned).collect();
            report(&mut status, &collisions, &at(0));
            let injected = condition::find(&status.conditions, condition::INJECTED).unwrap();
            assert_eq!((&*injected.status, &*injected.reason), ("False", "Collision"));
            assert!(injected.message.contains(named), "{}", injected.message);
            assert_eq!(status.last_condition_state, "Ready");
        }
        report(&mut status, &BTreeSet::new(), &at(0));
        assert_eq!(status, ready);
    }
}
