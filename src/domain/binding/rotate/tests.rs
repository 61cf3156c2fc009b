//! When credentials are replaced, what comes of each answer, and when the former ones go.

use super::super::tests::{World, bound, observed, world};
use super::super::{Call, Validity, settle};
use super::*;
use crate::crd::binding::Rotation;
use crate::crd::names::ANNOTATION_ROTATE;
use crate::crd::{ServiceBinding, ServiceBindingStatus};
use crate::domain::binding::decide;
use crate::domain::fixtures::{at, error, held, polled};
use crate::domain::rollout::Usage;
use crate::domain::{Note, Outcome, Settled};
use crate::osb::{Error, State};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A world in which the Secret is as it should be.
fn settled() -> World {
    World { secret: Some("digest".into()), ..world() }
}

/// A bound binding whose rotation is requested.
fn requested(world: &World) -> ServiceBinding {
    let mut binding = bound(world);
    binding.metadata.annotations = Some([(ANNOTATION_ROTATE.to_owned(), "1".to_owned())].into());
    binding
}

fn write(binding: &mut ServiceBinding, world: &World) {
    let Step::Write(status) = decide(&observed(binding, world)) else {
        panic!("nothing is written: {:?}", decide(&observed(binding, world)))
    };
    binding.status = Some(*status);
}

fn call(binding: &ServiceBinding, world: &World) -> Call {
    let Step::Call(call) = decide(&observed(binding, world)) else {
        panic!("no call: {:?}", decide(&observed(binding, world)))
    };
    call
}

/// A rotation that is about to be asked for.
fn asked(world: &World) -> (ServiceBinding, Call) {
    let mut binding = requested(world);
    write(&mut binding, world);
    let call = call(&binding, world);
    (binding, call)
}

fn answered(
    binding: &mut ServiceBinding,
    world: &World,
    call: &Call,
    outcome: Outcome,
) -> (Option<Note>, ServiceBindingStatus) {
    let Settled { status, note, .. } = settle(&observed(binding, world), call, outcome);
    binding.status = Some(status.clone());
    (note, status)
}

fn stored(digest: &str) -> Outcome {
    Outcome::Stored { digest: digest.into(), validity: Validity::default() }
}

/// A binding whose credentials were replaced a moment ago, and its world.
fn rotated() -> (ServiceBinding, World) {
    let mut world = settled();
    let (mut binding, call) = asked(&world);
    answered(&mut binding, &world, &call, stored("newer"));
    world.secret = Some("newer".into());
    (binding, world)
}

fn status(binding: &ServiceBinding) -> ServiceBindingStatus {
    binding.status.clone().unwrap()
}

fn is_ready(status: &ServiceBindingStatus) -> bool {
    condition::is_true(&status.conditions, condition::READY)
}

fn rotation(status: &ServiceBindingStatus) -> (&str, &str) {
    let condition = condition::find(&status.conditions, condition::ROTATED).unwrap();
    (&condition.reason, &condition.message)
}

#[test]
fn a_successor_takes_the_place_of_the_binding() {
    let world = settled();
    let (mut binding, call) = asked(&world);
    let before = status(&binding);
    assert!(is_ready(&before));
    assert_eq!(rotation(&before).0, reason::ROTATION_REQUEST_IN_FLIGHT);
    assert_eq!(before.rotation_request, "1");
    assert_eq!((call.verb.clone(), &call.binding_id), (Verb::Bind, &before.successor_id));
    assert_ne!(before.successor_id, before.binding_id);

    let (note, after) = answered(&mut binding, &world, &call, stored("newer"));
    assert_eq!(note, None);
    assert!(is_ready(&after));
    assert_eq!(rotation(&after).0, reason::ROTATED_SUCCESSFULLY);
    assert_eq!((&after.binding_id, after.successor_id.as_str()), (&before.successor_id, ""));
    assert_eq!((after.current_operation, after.operation), (None, None));
    assert_eq!((after.revision, after.credentials_revision), (2, 2));
    let former = after.predecessor.unwrap();
    assert_eq!((former.binding_id, former.revision), (before.binding_id, 1));
    assert_eq!(former.instance, after.external_properties.unwrap().instance);
}

/// OSB, “Binding Rotation”: only where the plan allows it, and not from a binding that has expired.
#[test]
fn a_successor_is_made_from_the_binding_where_the_broker_can_do_that() {
    for (rotatable, expires, from) in [(false, None, false), (true, None, true), (true, Some(-1), false)] {
        let world = World { rotatable, ..settled() };
        let mut binding = requested(&world);
        binding.status.as_mut().unwrap().expires_at = expires.map(at);
        write(&mut binding, &world);
        let status = status(&binding);
        let asked = status.in_progress_properties.unwrap();
        let expected = if from { status.binding_id } else { String::new() };
        assert_eq!(asked.predecessor_id, expected, "{rotatable} {expires:?}");
    }
}

/// Broken on purpose: with a failure that is told of `Ready`, with an orphan that is the binding itself, without the
/// longest pause.
#[test]
fn a_rotation_that_fails_leaves_the_binding_as_it_is() {
    // What is asked, how often before, whether the same is repeated, what is left, and how soon it is tried again at least.
    let unreachable = || Error::Unreachable { reason: "refused".into() };
    let silent = || Error::NoAnswer { reason: "timeout".into() };
    let malformed = |status| Error::Malformed { status, reason: "no JSON".into() };
    for (error, repeated, orphans, repeats, least) in [
        (error(400), false, 0, false, 500),
        (error(422), false, 0, false, 500),
        (error(400), true, 1, false, 0),
        (error(401), false, 0, false, 1),
        (error(408), false, 0, false, 1),
        (error(429), false, 0, false, 1),
        (error(429), true, 0, true, 1),
        (unreachable(), false, 0, false, 1),
        (unreachable(), true, 0, true, 1),
        (malformed(200), false, 0, true, 1),
        (malformed(201), false, 1, false, 0),
        (error(500), false, 1, false, 0),
        (silent(), false, 1, false, 0),
        (error(409), false, 1, false, 0),
    ] {
        let world = World { repeated, ..settled() };
        let (mut binding, call) = asked(&world);
        let before = status(&binding);
        let what = format!("{error}, repeated: {repeated}");
        let (note, after) = answered(&mut binding, &world, &call, Outcome::Failed(error));
        assert!(is_ready(&after), "{what}");
        assert_eq!(rotation(&after).0, reason::ROTATION_FAILED, "{what}");
        assert_eq!(note.unwrap().message, rotation(&after).1, "{what}");
        assert_eq!(after.binding_id, before.binding_id, "{what}");
        assert_eq!(after.external_properties, before.external_properties, "{what}");
        assert_eq!(after.current_operation.is_some(), repeats, "{what}");
        let left: Vec<_> = after.orphans.iter().map(|orphan| orphan.id.clone()).collect();
        assert_eq!(left, vec![before.successor_id.clone(); orphans], "{what}");
        if let Step::Wait(Some(next)) = decide(&observed(&binding, &world)) {
            assert!(next.0 >= at(least).0, "{what}: {next:?}");
        } else {
            assert_eq!(call_verb(&binding, &world), Verb::Mitigate, "{what}");
        }
        let later = World { now: at(HOUR), ..world };
        if orphans == 0 {
            if !repeats {
                write(&mut binding, &later);
            }
            assert_eq!(
                self::call(&binding, &later).binding_id,
                before.successor_id,
                "{what}: the same again"
            );
        }
    }
}

fn call_verb(binding: &ServiceBinding, world: &World) -> Verb {
    call(binding, world).verb
}

#[test]
fn what_is_left_of_a_successor_is_removed_and_then_there_is_another() {
    let mut world = settled();
    let (mut binding, call) = asked(&world);
    let first = status(&binding).successor_id;
    answered(&mut binding, &world, &call, Outcome::Failed(error(500)));
    let removal = self::call(&binding, &world);
    assert_eq!((removal.verb.clone(), &removal.binding_id), (Verb::Mitigate, &first));
    let (_, after) = answered(&mut binding, &world, &removal, Outcome::Done { dashboard_url: None });
    assert!(is_ready(&after));
    assert_eq!(rotation(&after).0, reason::ROTATION_FAILED, "it still is owed");
    assert!(matches!(decide(&observed(&binding, &world)), Step::Wait(Some(_))));
    world.now = at(HOUR);
    write(&mut binding, &world);
    let after = status(&binding);
    assert!(![&first, &after.binding_id].contains(&&after.successor_id), "an id is used twice");
}

#[test]
fn a_successor_may_take_its_time() {
    let world = World { retrievable: true, ..settled() };
    for (outcome, says, orphans) in [
        (stored("newer"), reason::ROTATED_SUCCESSFULLY, 0),
        (polled(State::InProgress), reason::ROTATING, 0),
        (polled(State::Failed), reason::ROTATION_FAILED, 1),
        (Outcome::Failed(error(500)), reason::ERROR_POLLING_LAST_OPERATION, 0),
        (Outcome::Failed(error(404)), reason::ERROR_POLLING_LAST_OPERATION, 0),
        (Outcome::Unusable("too large".into()), reason::ROTATION_FAILED, 1),
    ] {
        let (mut binding, call) = asked(&world);
        let begun = Outcome::InProgress { operation: Some("op".into()), dashboard_url: None };
        let (_, after) = answered(&mut binding, &world, &call, begun);
        assert!(is_ready(&after));
        assert_eq!(rotation(&after).0, reason::ROTATING);
        let poll = self::call(&binding, &world);
        assert_eq!(poll.verb, Verb::Poll(Some("op".into())));
        assert_eq!(poll.binding_id, after.successor_id);
        let what = format!("{outcome:?}");
        let (_, after) = answered(&mut binding, &world, &poll, outcome);
        assert!(is_ready(&after), "{what}");
        assert_eq!(rotation(&after).0, says, "{what}");
        assert_eq!(after.orphans.len(), orphans, "{what}");
        assert_eq!(after.binding_id == poll.binding_id, says == reason::ROTATED_SUCCESSFULLY, "{what}");
    }
}

#[test]
fn a_successor_that_takes_too_long_is_given_up() {
    let mut world = World { retrievable: true, ..settled() };
    let (mut binding, call) = asked(&world);
    let begun = Outcome::InProgress { operation: None, dashboard_url: None };
    answered(&mut binding, &world, &call, begun);
    world.now = at(2 * DAY);
    write(&mut binding, &world);
    let after = status(&binding);
    assert!(is_ready(&after));
    assert_eq!((rotation(&after).0, after.orphans.len()), (reason::ROTATION_FAILED, 1));
}

#[test]
fn a_successor_that_is_there_already_is_asked_about() {
    let world = World { retrievable: true, repeated: true, ..settled() };
    let (mut binding, call) = asked(&world);
    answered(&mut binding, &world, &call, Outcome::Failed(error(409)));
    let poll = self::call(&binding, &world);
    assert_eq!((poll.verb.clone(), &poll.binding_id), (Verb::Poll(None), &call.binding_id));
    let (_, after) = answered(&mut binding, &world, &poll, Outcome::Failed(error(404)));
    assert_eq!((after.orphans.len(), rotation(&after).0), (1, reason::ROTATION_FAILED));
}

/// Broken on purpose: with the removal first, pods start with credentials that are not valid any more.
#[test]
fn the_secret_is_put_right_before_a_successor_is_removed() {
    let mut world = settled();
    let (mut binding, call) = asked(&world);
    world.repeated = true;
    world.secret = Some("of the successor".into());
    answered(&mut binding, &world, &call, Outcome::Failed(error(409)));
    write(&mut binding, &world);
    let repair = self::call(&binding, &world);
    assert_eq!((repair.verb.clone(), &repair.binding_id), (Verb::Bind, &status(&binding).binding_id));
    let (_, after) = answered(&mut binding, &world, &repair, stored("digest"));
    assert_eq!((after.revision, after.credentials_revision), (2, 2), "pods may have started meanwhile");
    world.secret = Some("digest".into());
    assert_eq!(call_verb(&binding, &world), Verb::Mitigate);
}

#[test]
fn a_secret_is_put_right_at_once_while_a_rotation_waits() {
    let mut world = World { retrievable: true, ..settled() };
    let (mut binding, call) = asked(&world);
    answered(&mut binding, &world, &call, Outcome::Failed(error(400)));
    world.secret = None;
    assert_eq!(call_verb(&binding, &world), Verb::Fetch);
}

#[test]
fn a_request_is_heard_once() {
    let (binding, world) = rotated();
    assert!(matches!(decide(&observed(&binding, &world)), Step::Wait(_)));
    // What a new binding is created with is no request.
    let mut new = super::super::tests::binding();
    new.metadata.annotations = Some([(ANNOTATION_ROTATE.to_owned(), "1".to_owned())].into());
    write(&mut new, &world);
    assert_eq!(status(&new).rotation_request, "1");
}

#[test]
fn a_request_ends_the_wait_for_another_attempt() {
    let world = settled();
    let (mut binding, call) = asked(&world);
    answered(&mut binding, &world, &call, Outcome::Failed(error(400)));
    assert!(matches!(decide(&observed(&binding, &world)), Step::Wait(Some(_))));
    binding.metadata.annotations = Some([(ANNOTATION_ROTATE.to_owned(), "2".to_owned())].into());
    write(&mut binding, &world);
    assert_eq!(status(&binding).current_operation, Some(BindingOperation::Rotate));
}

#[test]
fn credentials_are_replaced_when_they_are_due() {
    // Expires, renew before, interval; due no sooner and no later than.
    for (expires, renew, interval, least, most) in [
        (None, None, None, None, None),
        (None, None, Some("100s"), Some(90), Some(95)),
        (None, Some(1000), None, Some(900), Some(950)),
        (Some(2000), Some(1000), None, Some(900), Some(950)),
        (Some(2000), Some(1000), Some("100s"), Some(90), Some(95)),
        (Some(1000), None, None, Some(720), Some(760)),
        (Some(100 * DAY), None, None, Some(99 * DAY - HOUR), Some(99 * DAY)),
        // A broker that gives what is about to expire is not asked all the time.
        (Some(2), Some(1), None, Some(10), Some(10)),
        (Some(-5), Some(-10), None, Some(10), Some(10)),
    ] {
        let world = settled();
        let mut binding = bound(&world);
        let status = binding.status.as_mut().unwrap();
        status.issued_at = Some(at(0));
        (status.expires_at, status.renew_before) = (expires.map(at), renew.map(at));
        let interval = interval.map(str::to_owned);
        binding.spec.rotation = Some(Rotation { interval, grace_period: None });
        let due = due::due(&observed(&binding, &world), &self::status(&binding));
        let what = format!("{expires:?} {renew:?} {:?}: {due:?}", binding.spec.rotation);
        let is_no_sooner = least.is_none_or(|least| due.as_ref().is_some_and(|due| due.0 >= at(least).0));
        let is_no_later = most.is_none_or(|most| due.as_ref().is_some_and(|due| due.0 <= at(most).0));
        assert!(is_no_sooner && is_no_later && due.is_some() == most.is_some(), "{what}");
    }
}

#[test]
fn a_binding_is_looked_at_when_it_is_due() {
    let mut world = settled();
    let mut binding = bound(&world);
    binding.status.as_mut().unwrap().renew_before = Some(at(1000));
    let Step::Wait(Some(due)) = decide(&observed(&binding, &world)) else { panic!("it is forgotten") };
    world.now = due;
    write(&mut binding, &world);
    assert_eq!(status(&binding).current_operation, Some(BindingOperation::Rotate));
}

#[test]
fn a_predecessor_goes_when_nobody_has_its_credentials() {
    let (selecting, hour) = (serde_json::json!({"matchLabels": {"app": "a"}}), Some(HOUR));
    let none = serde_json::json!(null);
    let empty = serde_json::json!({});
    let oldest = |oldest| Some(Usage { oldest, ..Usage::default() });
    for (selector, usage, expires, grace, end) in [
        (&selecting, None, None, None, DAY),
        (&selecting, oldest(None), None, None, 0),
        (&selecting, oldest(Some(2)), None, None, 0),
        (&selecting, oldest(Some(1)), None, None, DAY),
        (&selecting, oldest(Some(0)), None, Some("2h"), 2 * HOUR),
        (&selecting, oldest(Some(1)), hour, None, HOUR),
        (&selecting, oldest(Some(1)), hour, Some("0s"), 0),
        (&none, None, None, None, DAY),
        (&none, oldest(None), None, Some("2h"), 2 * HOUR),
        (&empty, oldest(None), None, Some("never"), DAY),
        (&none, None, hour, None, HOUR),
    ] {
        let (mut binding, world) = rotated();
        binding.spec.pod_selector = serde_json::from_value(selector.clone()).unwrap();
        let grace_period = grace.map(str::to_owned);
        binding.spec.rotation = Some(Rotation { interval: None, grace_period });
        let former = binding.status.as_mut().unwrap().predecessor.as_mut().unwrap();
        former.expires_at = expires.map(at);
        let id = former.binding_id.clone();
        let what = format!("{selector} {usage:?} {expires:?} {grace:?}");
        // What is said of the pods is another matter.
        let known = Observed { usage: usage.clone(), ..observed(&binding, &world) };
        if let Step::Write(said) = decide(&known)
            && said.predecessor.is_some()
        {
            binding.status = Some(*said);
        }
        let looking = |now| Observed { usage: usage.clone(), now: at(now), ..observed(&binding, &world) };
        if end > 0 {
            assert_eq!(decide(&looking(0)), Step::Wait(Some(at(end))), "{what}");
        }
        let Step::Write(after) = decide(&looking(end)) else { panic!("{what}: it stays") };
        assert_eq!((after.predecessor.clone(), after.orphans.len()), (None, 1), "{what}");
        assert_eq!(after.orphans[0].id, id, "{what}");
        assert!(is_ready(&after), "{what}");
    }
}

#[test]
fn the_removal_of_a_predecessor_changes_nothing_for_the_binding() {
    let (mut binding, mut world) = rotated();
    world.now = at(DAY);
    write(&mut binding, &world);
    let removal = call(&binding, &world);
    assert_eq!(removal.verb, Verb::Mitigate);
    let (_, after) = answered(&mut binding, &world, &removal, Outcome::Failed(error(500)));
    assert!(is_ready(&after));
    assert_eq!(after.orphans.len(), 1, "until the broker confirms");
    world.now = at(DAY + 10);
    let removal = call(&binding, &world);
    let (_, after) = answered(&mut binding, &world, &removal, Outcome::Done { dashboard_url: None });
    assert!(is_ready(&after) && after.orphans.is_empty());
    assert_eq!((rotation(&after).0, &after.operation), (reason::ROTATED_SUCCESSFULLY, &None));
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None));
}

/// At most two are at the broker, unless the credentials are about to expire.
#[test]
fn the_former_credentials_go_before_there_are_other_ones() {
    let request = |binding: &mut ServiceBinding| {
        binding.metadata.annotations = Some([(ANNOTATION_ROTATE.to_owned(), "2".to_owned())].into());
    };
    let (mut binding, mut world) = rotated();
    request(&mut binding);
    write(&mut binding, &world);
    let waiting = status(&binding);
    assert_eq!(rotation(&waiting).0, reason::ROTATION_WAITING);
    assert!(waiting.predecessor.is_some() && waiting.current_operation.is_none());
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(Some(at(DAY))), "said once");

    binding.status.as_mut().unwrap().expires_at = Some(at(100));
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(Some(at(90))), "urgent then");
    world.now = at(90);
    write(&mut binding, &world);
    assert_eq!((status(&binding).predecessor, status(&binding).orphans.len()), (None, 1));
    write(&mut binding, &world);
    assert_eq!(
        status(&binding).current_operation,
        Some(BindingOperation::Rotate),
        "it does not wait for that"
    );
}

#[test]
fn attempts_to_replace_what_is_about_to_expire_do_not_pile_up() {
    let mut world = settled();
    let mut binding = requested(&world);
    binding.status.as_mut().unwrap().expires_at = Some(at(0));
    for round in 1..20 {
        world.now = at(round * HOUR);
        match decide(&observed(&binding, &world)) {
            Step::Write(status) => binding.status = Some(*status),
            Step::Call(call) => drop(answered(&mut binding, &world, &call, Outcome::Failed(error(500)))),
            other => panic!("{other:?}"),
        }
        assert!(status(&binding).orphans.len() <= MOST_ORPHANS);
    }
}

#[test]
fn credentials_that_have_expired_are_not_ready() {
    let mut world = World { now: at(100), ..settled() };
    let mut binding = requested(&world);
    binding.status.as_mut().unwrap().expires_at = Some(at(100));
    write(&mut binding, &world);
    let expired = status(&binding);
    assert_eq!(expired.last_condition_state, reason::CREDENTIALS_EXPIRED);
    assert_eq!(expired.current_operation, Some(BindingOperation::Rotate));
    let call = call(&binding, &world);
    let (_, after) = answered(&mut binding, &world, &call, stored("newer"));
    assert!(is_ready(&after));
    world.secret = Some("newer".into());
    assert_eq!(after.expires_at, None);
}

#[test]
fn what_stands_in_the_way_is_said() {
    let mut unready = settled();
    unready.instance.status.as_mut().unwrap().conditions.clear();
    let mut going = settled();
    going.instance.metadata.deletion_timestamp = Some(at(0));
    let mut another = settled();
    another.instance.status.as_mut().unwrap().instance_id = "another".into();
    let unbindable = World { bindable: false, ..settled() };
    for (world, reason) in [
        (unready, reason::ERROR_INSTANCE_NOT_READY),
        (going, reason::ERROR_INSTANCE_NOT_READY),
        (another, reason::ERROR_INSTANCE_NOT_READY),
        (unbindable, reason::ERROR_NONBINDABLE_SERVICE_CLASS),
    ] {
        let mut binding = requested(&settled());
        write(&mut binding, &world);
        let after = status(&binding);
        assert!(is_ready(&after), "{reason}");
        assert_eq!((rotation(&after).0, after.current_operation), (reason, None));
        assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None), "{reason}: said once");
        write(&mut binding, &settled());
        assert_eq!(status(&binding).current_operation, Some(BindingOperation::Rotate), "{reason}");
    }
}

fn without_parameters<'a>(binding: &'a ServiceBinding, world: &'a World) -> Observed<'a> {
    Observed { parameters: Err("there is no Secret".into()), ..observed(binding, world) }
}

#[test]
fn parameters_that_are_gone_are_waited_for_where_they_are_needed() {
    for rotatable in [false, true] {
        let mut world = World { rotatable, ..settled() };
        let mut binding = requested(&world);
        let Step::Write(after) = decide(&without_parameters(&binding, &world)) else {
            panic!("nothing is said")
        };
        if rotatable {
            assert_eq!(after.current_operation, Some(BindingOperation::Rotate));
            continue;
        }
        assert!(is_ready(&after));
        assert_eq!(rotation(&after).0, reason::ROTATION_FAILED);
        assert!(rotation(&after).1.starts_with("there is no Secret; "), "{after:?}");
        binding.status = Some(*after);
        assert!(matches!(decide(&without_parameters(&binding, &world)), Step::Wait(Some(_))));
        world.now = at(10);
        write(&mut binding, &world);
        assert_eq!(status(&binding).current_operation, Some(BindingOperation::Rotate));
    }
}

#[test]
fn parameters_are_checked_before_they_are_sent_for_a_successor() {
    for (rotatable, sent) in [(false, true), (true, false)] {
        let world = World { rotatable, ..settled() };
        assert_eq!(super::super::sends(&observed(&requested(&world), &world)), sent);
        assert!(!super::super::sends(&observed(&asked(&world).0, &world)), "they are being sent");
    }
}

/// I1, I9: what the broker has of a binding goes with it.
#[test]
fn a_binding_that_goes_takes_both_along() {
    let (mut with_predecessor, world) = rotated();
    let (mut with_successor, _) = asked(&settled());
    for (binding, left) in [(&mut with_predecessor, "the former"), (&mut with_successor, "the next")] {
        binding.metadata.deletion_timestamp = Some(at(0));
        let before = status(binding);
        let former = before.predecessor.map(|former| former.binding_id).unwrap_or(before.successor_id);
        write(binding, &world);
        let removal = call(binding, &world);
        assert_eq!((removal.verb.clone(), &removal.binding_id), (Verb::Mitigate, &former), "{left}");
        answered(binding, &world, &removal, Outcome::Done { dashboard_url: None });
        write(binding, &world);
        let removal = call(binding, &world);
        assert_eq!((removal.verb.clone(), &removal.binding_id), (Verb::Unbind, &before.binding_id), "{left}");
    }
}

fn while_held<'a>(binding: &'a ServiceBinding, world: &'a World) -> Observed<'a> {
    Observed { hold: Some(held(0, 60)), ..observed(binding, world) }
}

#[test]
fn nothing_is_replaced_while_the_broker_is_not_called() {
    let world = settled();
    let mut binding = requested(&world);
    let Step::Write(after) = decide(&while_held(&binding, &world)) else { panic!("nothing is said") };
    assert!(is_ready(&after));
    assert_eq!((rotation(&after).0, after.current_operation), (reason::WAITING_FOR_BROKER, None));
    binding.status = Some(*after);
    assert_eq!(decide(&while_held(&binding, &world)), Step::Hold);
    write(&mut binding, &world);
    assert_eq!(status(&binding).current_operation, Some(BindingOperation::Rotate));
}

/// As for a first bind.
#[test]
fn a_successor_is_not_forgotten_over_the_late_word_of_a_former_leader() {
    let world = settled();
    let (asked, call) = asked(&world);
    let before = status(&asked);
    let late = |outcome| settle(&observed(&asked, &world), &call, outcome).status;
    let bound = status(&requested(&world));
    let given_up = late(Outcome::Failed(error(500)));
    let done = late(stored("newer"));
    for (late, orphans) in [(bound, Some(1)), (done, None), (given_up, None), (before.clone(), None)] {
        let binding = ServiceBinding { status: Some(late), ..asked.clone() };
        let after = super::super::overtaken(&observed(&binding, &world), &before, &call);
        assert_eq!(after.map(|status| status.orphans.len()), orphans);
    }
}

#[test]
fn an_id_that_the_user_has_given_is_used_for_one_binding_only() {
    let mut world = settled();
    let mut binding = super::super::tests::binding();
    binding.spec.external_id = "mine".into();
    write(&mut binding, &world);
    assert_eq!(status(&binding).binding_id, "mine");
    let call = call(&binding, &world);
    answered(&mut binding, &world, &call, stored("digest"));
    binding.metadata.annotations = Some([(ANNOTATION_ROTATE.to_owned(), "1".to_owned())].into());
    write(&mut binding, &world);
    let call = self::call(&binding, &world);
    answered(&mut binding, &world, &call, stored("newer"));
    // The Secret is lost, and with it the binding.
    world.secret = None;
    write(&mut binding, &world);
    let repair = self::call(&binding, &world);
    answered(&mut binding, &world, &repair, Outcome::Failed(error(500)));
    write(&mut binding, &world);
    let removal = self::call(&binding, &world);
    answered(&mut binding, &world, &removal, Outcome::Done { dashboard_url: None });
    world.now = at(HOUR);
    write(&mut binding, &world);
    let after = status(&binding);
    assert_eq!(after.current_operation, Some(BindingOperation::Bind));
    assert!(!["mine", &call.binding_id].contains(&after.binding_id.as_str()), "{after:?}");
    assert_eq!(after.predecessor.unwrap().binding_id, "mine");
}
