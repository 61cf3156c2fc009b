//! Each step that asks the broker, while the broker is not called.

use proptest::prelude::*;

use super::super::{Call, Observed, Step, Verb, decide, settle};
use super::{after, asked, deleted, instance, observed, with_other_parameters};
use crate::crd::ServiceInstance;
use crate::crd::condition::{self, Condition, find};
use crate::domain::fixtures::{at, error, held, polled};
use crate::domain::{Note, Outcome, reason};
use crate::osb::OperationState;

const LONG: i64 = 60;

fn while_held(instance: &ServiceInstance, seconds: i64) -> Observed<'_> {
    Observed { outage: Some(held(0, seconds)), ..observed(instance, &at(0)) }
}

fn ready() -> ServiceInstance {
    let mut instance = asked();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    instance
}

fn polling() -> ServiceInstance {
    let mut instance = asked();
    let begun = Outcome::InProgress { operation: None, dashboard_url: None };
    instance.status = Some(after(&instance, begun).status);
    instance
}

fn with_orphan() -> ServiceInstance {
    let mut instance = asked();
    let mut status = after(&instance, Outcome::Failed(error(500))).status;
    status.operation = None;
    instance.status = Some(status);
    instance
}

/// It is told once, in the condition that the step is about; then nothing happens until it is woken.
/// Broken on purpose: if only calls are held, the intents of all instances are written while nobody may carry them out.
#[test]
fn what_asks_the_broker_waits_and_says_so_once() {
    for (what, mut instance, type_, status) in [
        ("a new one", instance(), condition::READY, "False"),
        ("an intent", asked(), condition::READY, "False"),
        ("a poll", polling(), condition::READY, "False"),
        ("a deletion", deleted(ready()), condition::READY, "False"),
        ("an orphan", with_orphan(), condition::ORPHAN_MITIGATION, "True"),
    ] {
        let before = instance.status.clone().unwrap_or_default();
        let Step::Write(written) = decide(&while_held(&instance, LONG)) else { panic!("{what}: not said") };
        let condition = find(&written.conditions, type_).unwrap();
        assert_eq!(
            (condition.status.as_str(), condition.reason.as_str()),
            (status, "WaitingForBroker"),
            "{what}"
        );
        assert!(condition.message.contains("broker is not called") && condition.message.contains("it hangs"));
        assert_eq!(written.current_operation, before.current_operation, "{what}: nothing has begun");
        assert_eq!(Note::of_news(&before.conditions, &written.conditions), None, "{what}: no event for each");
        instance.status = Some(*written);
        assert_eq!(decide(&while_held(&instance, LONG)), Step::AwaitBroker, "{what}");
        assert_eq!(
            decide(&while_held(&instance, 10 * LONG)),
            Step::AwaitBroker,
            "{what}: as long as it takes"
        );
        assert!(matches!(decide(&observed(&instance, &at(0))), Step::Write(_) | Step::Call(_)), "{what}");
    }
}

/// Broken on purpose: with `Ready`, a broker in trouble takes working services away.
#[test]
fn an_update_that_waits_does_not_take_ready_away() {
    let mut instance = ready();
    instance.metadata.generation = Some(2);
    let now = at(0);
    let held = Observed { outage: Some(held(0, LONG)), ..with_other_parameters(&instance, &now) };
    let Step::Write(status) = decide(&held) else { panic!("not said") };
    assert!(condition::is_true(&status.conditions, condition::READY));
    assert_eq!(find(&status.conditions, condition::UPDATED).unwrap().reason, reason::WAITING_FOR_BROKER);
}

#[test]
fn who_has_nothing_to_ask_is_not_touched() {
    assert_eq!(decide(&while_held(&ready(), LONG)), Step::Wait(None));
    assert_eq!(decide(&while_held(&deleted(instance()), LONG)), Step::RemoveFinalizer);
    let mut other = held(0, LONG);
    other.broker = "another".to_owned();
    let asked = asked();
    assert!(matches!(decide(&Observed { outage: Some(other), ..observed(&asked, &at(0)) }), Step::Call(_)));
}

/// Broken on purpose: if it is told at once, a broker that flaps costs a write for each instance each time.
#[test]
fn a_short_wait_is_not_worth_a_word() {
    let instance = instance();
    let Step::Wait(Some(until)) = decide(&while_held(&instance, 3)) else { panic!("told") };
    assert!((at(3).0..=at(4).0).contains(&until.0), "{until:?}");
}

#[test]
fn what_was_refused_before_an_edit_is_not_what_is_waited_for() {
    let mut refused = asked();
    refused.status = Some(after(&refused, Outcome::Failed(error(400))).status);
    assert!(matches!(decide(&while_held(&refused, LONG)), Step::Wait(None)));
    let now = at(0);
    let edited = Observed { outage: Some(held(0, LONG)), ..with_other_parameters(&refused, &now) };
    let Step::Write(status) = decide(&edited) else { panic!("not said") };
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
    /// However often the broker is left alone, it is not asked meanwhile, it costs a write each time at most, and in the
    /// end all is as it should be.
    #[test]
    fn holds_only_delay(holds in prop::collection::vec(any::<bool>(), 0..40), start in 0..4usize, asynchronous: bool) {
        let mut instance = match start { 0 => instance(), 1 => polling(), 2 => with_orphan(), _ => deleted(ready()) };
        let (mut told, mut steps) = (0, 0);
        for hold in holds.into_iter().chain(std::iter::repeat(false)) {
            steps += 1;
            prop_assert!(steps < 100, "it does not come to an end: {:#?}", instance.status);
            told = if hold { told } else { 0 };
            let hold = hold.then(|| held(0, LONG));
            let is_held = hold.is_some();
            let observed = Observed { outage: hold, ..observed(&instance, &at(0)) };
            match decide(&observed) {
                Step::Write(status) => {
                    told += usize::from(is_held);
                    prop_assert!(told <= 1, "told again: {status:#?}");
                    instance.status = Some(*status);
                }
                Step::Call(call) => {
                    prop_assert!(!is_held);
                    let settled = settle(&observed, &call, succeed(&call, asynchronous));
                    if settled.release { return Ok(()); }
                    let still = |condition: &Condition| condition.reason == reason::WAITING_FOR_BROKER;
                    prop_assert!(!settled.status.conditions.iter().any(still), "{:#?}", settled.status);
                    instance.status = Some(settled.status);
                }
                Step::AwaitBroker => prop_assert!(is_held),
                Step::Wait(_) if is_held => {}
                Step::Wait(_) | Step::RemoveFinalizer => {
                    let conditions = &instance.status.as_ref().unwrap().conditions;
                    prop_assert!(conditions.iter().all(|condition| condition.reason != reason::WAITING_FOR_BROKER));
                    return Ok(());
                }
                Step::Resolve(_) | Step::Validate(_) | Step::Label(_) | Step::Delete => panic!("there is no reason for it"),
            }
        }
    }
}
