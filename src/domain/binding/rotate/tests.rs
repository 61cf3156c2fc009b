//! Rotation: the outcomes of each call, and what follows from them. `timing` tests when, `obstacles` what blocks it, and
//! `lost` what follows if the broker does not return credentials again.

mod lost;
mod obstacles;
mod timing;

use super::super::tests::{World, bound, observed, validates, world};
use super::super::{Call, settle};
use super::*;
use crate::crd::binding::{BindingOperation, Rotation};
use crate::crd::instance::InstanceOperation;
use crate::crd::names::ANNOTATION_ROTATE;
use crate::crd::{ServiceBinding, ServiceBindingStatus};
use crate::domain::binding::decide;
use crate::domain::fixtures::{at, error, held, polled};
use crate::domain::rollout::Usage;
use crate::domain::validity::Validity;
use crate::domain::{Note, Outcome, Settled};
use crate::osb::{Error, OperationState};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A world in which the Secret holds the credentials.
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

/// A rotation whose intent is written, and the call that follows.
fn rotating(world: &World) -> (ServiceBinding, Call) {
    let mut binding = requested(world);
    write(&mut binding, world);
    let call = call(&binding, world);
    (binding, call)
}

/// The binding after the outcome of a call.
fn settled_with(
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
    Outcome::Stored { digest: digest.into(), keys: Vec::new(), validity: Validity::default() }
}

/// A binding that was just rotated, and its world.
fn rotated() -> (ServiceBinding, World) {
    let mut world = settled();
    let (mut binding, call) = rotating(&world);
    settled_with(&mut binding, &world, &call, stored("newer"));
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
    let (mut binding, call) = rotating(&world);
    let before = status(&binding);
    assert!(is_ready(&before));
    assert_eq!(rotation(&before).0, reason::ROTATION_REQUEST_IN_FLIGHT);
    assert_eq!(before.rotation_request, "1");
    assert_eq!((call.verb.clone(), &call.binding_id), (Verb::Bind, &before.successor_id));
    assert_ne!(before.successor_id, before.binding_id);

    let (note, after) = settled_with(&mut binding, &world, &call, stored("newer"));
    assert_eq!(note.map(|note| note.reason).as_deref(), Some(reason::INJECTED_BIND_RESULT));
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
        let request = status.in_progress_properties.unwrap();
        let expected = if from { status.binding_id } else { String::new() };
        assert_eq!(request.predecessor_id, expected, "{rotatable} {expires:?}");
    }
}

/// The instance has another plan by now, is being updated, or the binding has expired: the pending successor becomes an
/// orphan, and the next one is created like a new binding.
#[test]
fn a_successor_is_not_made_from_a_binding_that_cannot_be_rotated_any_more() {
    let mut updated = World { rotatable: true, ..settled() };
    updated.instance.status.as_mut().unwrap().current_operation = Some(InstanceOperation::Update);
    for (what, mut world, expires) in [
        ("another plan", World { rotatable: false, ..settled() }, false),
        ("an update", updated, false),
        ("expired", World { rotatable: true, ..settled() }, true),
    ] {
        let (mut binding, pending) = rotating(&World { rotatable: true, ..settled() });
        binding.status.as_mut().unwrap().expires_at = expires.then(|| at(-1));
        write(&mut binding, &world);
        assert_eq!(status(&binding).orphans[0].id, pending.binding_id, "{what}");
        // Credentials that are about to expire do not wait for the removal.
        if !expires {
            let removal = call(&binding, &world);
            settled_with(&mut binding, &world, &removal, Outcome::Done { dashboard_url: None });
        }
        world.now = at(if expires { 1 } else { HOUR });
        write(&mut binding, &world);
        assert_eq!(status(&binding).in_progress_properties.unwrap().predecessor_id, "", "{what}");
    }
}

/// Seen to fail: with a failure that is reported on `Ready`, with an orphan that is the binding itself, without the
/// longest delay after a refusal.
#[test]
fn a_rotation_that_fails_leaves_the_binding_as_it_is() {
    // The error; whether the request may have been sent before; the orphans; whether the same request is repeated; and
    // the least delay of the next attempt, in seconds.
    let unreachable = || Error::Unreachable { reason: "refused".into() };
    let silent = || Error::NoAnswer { reason: "timeout".into() };
    let malformed = |status| Error::Malformed { status, reason: "no JSON".into() };
    for (error, may_be_retry, orphans, repeats, least) in [
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
        let world = World { may_be_retry, ..settled() };
        let (mut binding, call) = rotating(&world);
        let before = status(&binding);
        let what = format!("{error}, may_be_retry: {may_be_retry}");
        let (note, after) = settled_with(&mut binding, &world, &call, Outcome::Failed(error));
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
                "{what}: the id is used again"
            );
        }
    }
}

fn call_verb(binding: &ServiceBinding, world: &World) -> Verb {
    call(binding, world).verb
}

#[test]
fn an_orphaned_successor_is_removed_and_then_there_is_another() {
    let mut world = settled();
    let (mut binding, call) = rotating(&world);
    let first = status(&binding).successor_id;
    settled_with(&mut binding, &world, &call, Outcome::Failed(error(500)));
    let removal = self::call(&binding, &world);
    assert_eq!((removal.verb.clone(), &removal.binding_id), (Verb::Mitigate, &first));
    let (_, after) = settled_with(&mut binding, &world, &removal, Outcome::Done { dashboard_url: None });
    assert!(is_ready(&after));
    assert_eq!(rotation(&after).0, reason::ROTATION_FAILED, "the rotation is still owed");
    assert!(matches!(decide(&observed(&binding, &world)), Step::Wait(Some(_))));
    world.now = at(HOUR);
    write(&mut binding, &world);
    let after = status(&binding);
    assert!(![&first, &after.binding_id].contains(&&after.successor_id), "an id is used twice");
}

#[test]
fn a_successor_may_be_created_asynchronously() {
    let world = World { retrievable: true, ..settled() };
    for (outcome, reason, orphans) in [
        (stored("newer"), reason::ROTATED_SUCCESSFULLY, 0),
        (polled(OperationState::InProgress), reason::ROTATING, 0),
        (polled(OperationState::Failed), reason::ROTATION_FAILED, 1),
        (Outcome::Failed(error(500)), reason::ERROR_POLLING_LAST_OPERATION, 0),
        (Outcome::Failed(error(404)), reason::ERROR_POLLING_LAST_OPERATION, 0),
        (Outcome::Unusable("too large".into()), reason::ROTATION_FAILED, 1),
    ] {
        let (mut binding, call) = rotating(&world);
        let accepted = Outcome::InProgress { operation: Some("op".into()), dashboard_url: None };
        let (_, after) = settled_with(&mut binding, &world, &call, accepted);
        assert!(is_ready(&after));
        assert_eq!(rotation(&after).0, reason::ROTATING);
        let poll = self::call(&binding, &world);
        assert_eq!(poll.verb, Verb::Poll(Some("op".into())));
        assert_eq!(poll.binding_id, after.successor_id);
        let what = format!("{outcome:?}");
        let (_, after) = settled_with(&mut binding, &world, &poll, outcome);
        assert!(is_ready(&after), "{what}");
        assert_eq!(rotation(&after).0, reason, "{what}");
        assert_eq!(after.orphans.len(), orphans, "{what}");
        assert_eq!(after.binding_id == poll.binding_id, reason == reason::ROTATED_SUCCESSFULLY, "{what}");
    }
}

#[test]
fn a_successor_that_takes_too_long_is_given_up() {
    let mut world = World { retrievable: true, ..settled() };
    let (mut binding, call) = rotating(&world);
    let accepted = Outcome::InProgress { operation: None, dashboard_url: None };
    settled_with(&mut binding, &world, &call, accepted);
    world.now = at(2 * DAY);
    write(&mut binding, &world);
    let after = status(&binding);
    assert!(is_ready(&after));
    assert_eq!((rotation(&after).0, after.orphans.len()), (reason::ROTATION_FAILED, 1));
}

#[test]
fn a_successor_that_exists_already_is_polled() {
    let world = World { retrievable: true, may_be_retry: true, ..settled() };
    let (mut binding, call) = rotating(&world);
    settled_with(&mut binding, &world, &call, Outcome::Failed(error(409)));
    let poll = self::call(&binding, &world);
    assert_eq!((poll.verb.clone(), &poll.binding_id), (Verb::Poll(None), &call.binding_id));
    let (_, after) = settled_with(&mut binding, &world, &poll, Outcome::Failed(error(404)));
    assert_eq!((after.orphans.len(), rotation(&after).0), (1, reason::ROTATION_FAILED));
}

/// Seen to fail: with the removal first, pods start with credentials that are revoked.
#[test]
fn the_secret_is_repaired_before_a_successor_is_removed() {
    let mut world = settled();
    let (mut binding, call) = rotating(&world);
    world.may_be_retry = true;
    world.secret = Some("of the successor".into());
    settled_with(&mut binding, &world, &call, Outcome::Failed(error(409)));
    write(&mut binding, &world);
    let repair = self::call(&binding, &world);
    assert_eq!((repair.verb.clone(), &repair.binding_id), (Verb::Bind, &status(&binding).binding_id));
    let (_, after) = settled_with(&mut binding, &world, &repair, stored("digest"));
    assert_eq!((after.revision, after.credentials_revision), (2, 2), "pods may have started meanwhile");
    world.secret = Some("digest".into());
    assert_eq!(call_verb(&binding, &world), Verb::Mitigate);
}

#[test]
fn a_secret_is_repaired_at_once_while_a_rotation_waits() {
    let mut world = World { retrievable: true, ..settled() };
    let (mut binding, call) = rotating(&world);
    settled_with(&mut binding, &world, &call, Outcome::Failed(error(400)));
    world.secret = None;
    assert_eq!(call_verb(&binding, &world), Verb::Fetch);
}

#[test]
fn a_request_is_served_once() {
    let (binding, world) = rotated();
    assert!(matches!(decide(&observed(&binding, &world)), Step::Wait(_)));
    // The annotation's value at creation is no request.
    let mut new = super::super::tests::binding();
    new.metadata.annotations = Some([(ANNOTATION_ROTATE.to_owned(), "1".to_owned())].into());
    write(&mut new, &world);
    assert_eq!(status(&new).rotation_request, "1");
}

#[test]
fn a_request_ends_the_wait_for_another_attempt() {
    let world = settled();
    let (mut binding, call) = rotating(&world);
    settled_with(&mut binding, &world, &call, Outcome::Failed(error(400)));
    assert!(matches!(decide(&observed(&binding, &world)), Step::Wait(Some(_))));
    binding.metadata.annotations = Some([(ANNOTATION_ROTATE.to_owned(), "2".to_owned())].into());
    write(&mut binding, &world);
    assert_eq!(status(&binding).current_operation, Some(BindingOperation::Rotate));
}
