//! Each step that needs the broker, while its circuit is open.

use proptest::prelude::*;

use super::super::{Call, Observed, Step, Verb, decide, settle};
use super::{after, deleted, instance, intended, observed, recorded, with_other_parameters};
use crate::crd::ServiceInstance;
use crate::crd::condition::{self, Condition, find};
use crate::domain::fixtures::{at, error, held, polled};
use crate::domain::{Note, Outcome, reason};
use crate::osb::OperationState;

/// Longer than a wait that is not reported, in seconds.
const LONG: i64 = 60;

fn during_outage(instance: &ServiceInstance, seconds: i64) -> Observed<'_> {
    Observed { outage: Some(held(0, seconds)), ..observed(instance, &at(0)) }
}

fn ready() -> ServiceInstance {
    let mut instance = intended();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    instance
}

fn polling() -> ServiceInstance {
    let mut instance = intended();
    let accepted = Outcome::InProgress { operation: None, dashboard_url: None };
    instance.status = Some(after(&instance, accepted).status);
    instance
}

fn with_orphan() -> ServiceInstance {
    let mut instance = intended();
    let mut status = after(&instance, Outcome::Failed(error(500))).status;
    status.operation = None;
    instance.status = Some(status);
    instance
}

/// The outage is reported once, in the condition that the step is about; then nothing happens until a requeue. Broken
/// on purpose: if only calls wait, but not intents, the operator writes the intents of all instances during an outage.
#[test]
fn what_asks_the_broker_waits_and_says_so_once() {
    for (what, mut instance, type_, status) in [
        ("a new one", instance(), condition::READY, "False"),
        ("an intent", intended(), condition::READY, "False"),
        ("a poll", polling(), condition::READY, "False"),
        ("a deletion", deleted(ready()), condition::READY, "False"),
        ("an orphan", with_orphan(), condition::ORPHAN_MITIGATION, "True"),
    ] {
        let before = instance.status.clone().unwrap_or_default();
        let Step::Write(written) = decide(&during_outage(&instance, LONG)) else {
            panic!("{what}: not reported")
        };
        let condition = find(&written.conditions, type_).unwrap();
        assert_eq!(
            (condition.status.as_str(), condition.reason.as_str()),
            (status, "WaitingForBroker"),
            "{what}"
        );
        assert!(condition.message.contains("are suspended: ") && condition.message.contains("it hangs"));
        assert_eq!(written.current_operation, before.current_operation, "{what}: nothing was started");
        assert_eq!(
            Note::for_change(&before.conditions, &written.conditions),
            None,
            "{what}: no event for each object"
        );
        instance.status = Some(*written);
        assert_eq!(decide(&during_outage(&instance, LONG)), Step::AwaitBroker, "{what}");
        assert_eq!(
            decide(&during_outage(&instance, 10 * LONG)),
            Step::AwaitBroker,
            "{what}: for the whole outage"
        );
        assert!(matches!(decide(&observed(&instance, &at(0))), Step::Write(_) | Step::Call(_)), "{what}");
    }
}

/// Broken on purpose: if the outage is reported in `Ready`, it takes `Ready` away from working instances.
#[test]
fn an_update_that_waits_does_not_take_ready_away() {
    let mut instance = ready();
    instance.metadata.generation = Some(2);
    let now = at(0);
    let edited = Observed { outage: Some(held(0, LONG)), ..with_other_parameters(&instance, &now) };
    let Step::Write(status) = decide(&edited) else { panic!("not reported") };
    assert!(condition::is_true(&status.conditions, condition::READY));
    assert_eq!(find(&status.conditions, condition::UPDATED).unwrap().reason, reason::WAITING_FOR_BROKER);
}

#[test]
fn an_object_that_needs_no_call_is_not_touched() {
    assert_eq!(decide(&during_outage(&ready(), LONG)), Step::Wait(None));
    assert_eq!(decide(&during_outage(&deleted(instance()), LONG)), Step::RemoveFinalizer);
    let mut other = held(0, LONG);
    other.broker = "another".to_owned();
    let instance = intended();
    assert!(matches!(
        decide(&Observed { outage: Some(other), ..observed(&instance, &at(0)) }),
        Step::Call(_)
    ));
}

/// Broken on purpose: if a short wait is reported, a flapping broker costs a write for each instance each time.
#[test]
fn a_short_wait_is_not_worth_a_word() {
    let instance = instance();
    let Step::Wait(Some(until)) = decide(&during_outage(&instance, 3)) else { panic!("reported") };
    assert!((at(3).0..=at(4).0).contains(&until.0), "{until:?}");
}

#[test]
fn what_was_refused_before_an_edit_is_not_what_is_waited_for() {
    let mut refused = intended();
    refused.status = Some(after(&refused, Outcome::Failed(error(400))).status);
    assert!(matches!(decide(&during_outage(&refused, LONG)), Step::Wait(None)));
    let now = at(0);
    let edited = Observed { outage: Some(held(0, LONG)), ..with_other_parameters(&refused, &now) };
    let Step::Write(status) = decide(&edited) else { panic!("not reported") };
    assert_eq!(status.refused, "");
}

fn succeed(call: &Call, asynchronous: bool) -> Outcome {
    match call.verb {
        Verb::Provision | Verb::Deprovision | Verb::Mitigate if asynchronous => {
            Outcome::InProgress { operation: None, dashboard_url: None }
        }
        Verb::Poll(_) | Verb::PollMitigation(_) => polled(OperationState::Succeeded),
        _ => Outcome::Done { dashboard_url: None },
    }
}

proptest! {
    /// However many outages there are: the broker is not called during one, each costs at most one write, and in the
    /// end the object settles.
    #[test]
    fn outages_only_delay(outages in prop::collection::vec(any::<bool>(), 0..40), start in 0..4usize, asynchronous: bool) {
        let mut instance = match start { 0 => instance(), 1 => polling(), 2 => with_orphan(), _ => deleted(ready()) };
        let (mut reports, mut steps) = (0, 0);
        for is_open in outages.into_iter().chain(std::iter::repeat(false)) {
            steps += 1;
            prop_assert!(steps < 100, "it does not settle: {:#?}", instance.status);
            reports = if is_open { reports } else { 0 };
            let observed = Observed { outage: is_open.then(|| held(0, LONG)), ..observed(&instance, &at(0)) };
            match decide(&observed) {
                Step::Write(status) => {
                    reports += usize::from(is_open);
                    prop_assert!(reports <= 1, "reported again: {status:#?}");
                    instance.status = Some(*status);
                }
                Step::Call(call) => {
                    prop_assert!(!is_open);
                    let settled = settle(&observed, &call, succeed(&call, asynchronous));
                    if settled.remove_finalizer { return Ok(()); }
                    let still = |condition: &Condition| condition.reason == reason::WAITING_FOR_BROKER;
                    prop_assert!(!settled.status.conditions.iter().any(still), "{:#?}", settled.status);
                    instance.status = Some(settled.status);
                }
                Step::AwaitBroker => prop_assert!(is_open),
                Step::Wait(_) if is_open => {}
                Step::Wait(_) | Step::RemoveFinalizer => {
                    let conditions = &instance.status.as_ref().unwrap().conditions;
                    prop_assert!(conditions.iter().all(|condition| condition.reason != reason::WAITING_FOR_BROKER));
                    return Ok(());
                }
                Step::Resolve(_) => instance = recorded(instance.clone()),
                Step::Validate(_) | Step::Label(..) | Step::Delete => panic!("unexpected step"),
            }
        }
    }
}
