//! `spec.externalID`: what exists under an id that the user gave may be another's. The same as for instances.

use super::*;
use crate::domain::fixtures::polled;
use crate::domain::osb_id::{HasOsbIds as _, Standing};
use crate::osb::OperationState;

fn given() -> ServiceBinding {
    let mut binding = binding();
    binding.spec.external_id = "given".into();
    binding
}

/// A binding with the intent to bind under a given id.
fn requested(world: &World) -> ServiceBinding {
    let mut binding = given();
    let Step::Write(status) = decide(&observed(&binding, world)) else { panic!("no intent") };
    binding.status = Some(*status);
    assert_eq!(call(&binding, world).binding_id, "given");
    binding
}

fn call(binding: &ServiceBinding, world: &World) -> Call {
    match decide(&observed(binding, world)) {
        Step::Call(call) => call,
        other => panic!("no call, but {other:#?}"),
    }
}

fn settled(binding: &ServiceBinding, world: &World, outcome: Outcome) -> ServiceBinding {
    let call = call(binding, world);
    let status = settle(&observed(binding, world), &call, outcome).status;
    ServiceBinding { status: Some(status), ..binding.clone() }
}

fn ready(binding: &ServiceBinding) -> &crate::crd::Condition {
    condition::find(&binding.status.as_ref().unwrap().conditions, condition::READY).unwrap()
}

fn deleted(mut binding: ServiceBinding) -> ServiceBinding {
    binding.metadata.deletion_timestamp = Some(at(0));
    binding
}

/// Seen to fail with the verdicts of other ids: they delete what the broker has.
#[test]
fn nothing_under_a_given_id_is_deleted_before_the_broker_confirmed_it() {
    let timeout = || Error::NoAnswer { reason: "timeout".into() };
    let malformed = |status| Error::Malformed { status, reason: "no JSON".into() };
    // Error, whether the class is retrievable, whether it may be a retry, whether it is terminal.
    for (error, retrievable, may_be_retry, failed) in [
        (error(400), false, false, true),
        (error(400), false, true, true),
        (error(401), false, true, false),
        (malformed(201), false, false, false),
        (error(204), false, false, false),
        (error(500), false, true, false),
        (timeout(), false, false, false),
        (error(409), false, false, true),
        (error(409), false, true, true),
        (error(409), true, false, true),
        (error(409), true, true, false),
    ] {
        let what = format!("{error}, retrievable: {retrievable}, may be a retry: {may_be_retry}");
        let may_be_left = failed && (may_be_retry || error.is_conflict());
        let world = World { retrievable, may_be_retry, ..world() };
        let binding = settled(&requested(&world), &world, Outcome::Failed(error));
        let status = binding.status.as_ref().unwrap();
        assert!(status.orphans.is_empty(), "{what}");
        assert_eq!(condition::is_true(&status.conditions, condition::FAILED), failed, "{what}");
        let left = ready(&binding).message.contains("spec.externalID is not deleted");
        assert_eq!(left, may_be_left, "{what}: {}", ready(&binding).message);
    }
}

/// Seen to fail when they become an orphan.
#[test]
fn credentials_that_cannot_be_written_do_not_delete_a_binding_with_a_given_id() {
    let world = World { now: at(0), ..world() };
    let unusable = || Outcome::Unusable("no such key".into());
    let mut binding = settled(&requested(&world), &world, unusable());
    for attempt in 1..4 {
        let status = binding.status.as_ref().unwrap();
        assert_eq!((status.orphans.len(), &*status.binding_id), (0, "given"));
        assert!(status.external_properties.is_some(), "the broker has confirmed it");
        assert_eq!(ready(&binding).reason, reason::ERROR_INJECTING_BIND_RESULT);
        // The same request again, when the back-off is over.
        let world = World { now: at(100_000 * attempt), may_be_retry: true, ..super::world() };
        let Step::Write(status) = decide(&observed(&binding, &world)) else { panic!("no intent") };
        binding.status = Some(*status);
        assert_eq!((call(&binding, &world).verb, &*call(&binding, &world).binding_id), (Verb::Bind, "given"));
        binding = settled(&binding, &world, unusable());
    }
    // It is the object's own, and goes with it.
    let mut binding = deleted(binding);
    let Step::Write(status) = decide(&observed(&binding, &world)) else { panic!("no intent") };
    binding.status = Some(*status);
    assert_eq!(call(&binding, &world).verb, Verb::Unbind);
}

#[test]
fn a_failed_asynchronous_bind_under_a_given_id_is_left_at_the_broker() {
    let world = World { retrievable: true, ..world() };
    let in_progress = Outcome::InProgress { operation: None, dashboard_url: None };
    let accepted = settled(&requested(&world), &world, in_progress);
    let failed = settled(&accepted, &world, polled(OperationState::Failed));
    let status = failed.status.as_ref().unwrap();
    assert!(status.orphans.is_empty() && condition::is_true(&status.conditions, condition::FAILED));
    assert!(ready(&failed).message.contains("is not deleted"), "{}", ready(&failed).message);
    // A deletion waits for the end.
    assert_eq!(call(&deleted(accepted), &world).verb, Verb::Poll(None));
    assert_eq!(decide(&observed(&deleted(failed), &world)), Step::RemoveFinalizer);
}

/// Seen to fail without the case in `remove`: the broker is asked to delete what it never confirmed.
#[test]
fn a_deletion_leaves_at_the_broker_what_it_never_confirmed_and_says_so() {
    let world = world();
    let uncertain = settled(&requested(&world), &world, Outcome::Failed(error(500)));
    for binding in [requested(&world), uncertain] {
        let mut binding = deleted(binding);
        let Step::Write(status) = decide(&observed(&binding, &world)) else { panic!("not reported") };
        binding.status = Some(*status);
        assert_eq!((&*ready(&binding).reason, &*ready(&binding).status), (reason::LEFT_AT_BROKER, "Unknown"));
        assert_eq!(decide(&observed(&binding, &world)), Step::RemoveFinalizer);
    }
}

#[test]
fn an_id_of_another_object_is_not_used() {
    let world = World { now: at(1000), ..world() };
    let uncertain = settled(&requested(&super::world()), &super::world(), Outcome::Failed(error(500)));
    for binding in [given(), requested(&super::world()), uncertain] {
        let taken = Observed { is_id_taken: true, ..observed(&binding, &world) };
        let Step::Write(status) = decide(&taken) else { panic!("not reported") };
        let blocked = ServiceBinding { status: Some(*status), ..binding };
        assert_eq!(ready(&blocked).reason, reason::EXTERNAL_ID_IN_USE);
        let taken = Observed { is_id_taken: true, ..observed(&blocked, &world) };
        assert_eq!(decide(&taken), Step::Wait(None));
        assert!(matches!(decide(&observed(&blocked, &world)), Step::Write(_) | Step::Call(_)));
    }
    // An id that the operator has derived is skipped: that of a new binding, of a repeated request, of a successor.
    let (requested, _) = super::requested(&super::world());
    let mut rotating = bound(&super::world());
    let rotate = (crate::crd::names::ANNOTATION_ROTATE.to_owned(), "now".to_owned());
    rotating.metadata.annotations = Some([rotate].into());
    for binding in [binding(), requested, rotating] {
        let world = World { secret: Some("digest".into()), now: at(1000), ..super::world() };
        let taken = Observed { is_id_taken: true, ..observed(&binding, &world) };
        let before = binding.next_id();
        assert!(before.is_some());
        let Step::Write(status) = decide(&taken) else { panic!("not skipped") };
        assert!(status.orphans.is_empty());
        let skipped = ServiceBinding { status: Some(*status), ..binding };
        assert!(skipped.next_id().is_some() && skipped.next_id() != before);
        let Step::Write(status) = decide(&observed(&skipped, &world)) else { panic!("no intent") };
        let id = if status.successor_id.is_empty() { &status.binding_id } else { &status.successor_id };
        assert_eq!(Some(id), skipped.next_id().as_ref());
    }
}

#[test]
fn a_binding_has_the_ids_that_it_has_requested_or_has_to_delete() {
    let world = world();
    let stored = Outcome::Stored { digest: "digest".into(), keys: Vec::new(), validity: Validity::default() };
    let bound = settled(&requested(&world), &world, stored);
    let refused = settled(&requested(&world), &world, Outcome::Failed(error(400)));
    let next = Some("given".to_owned());
    for (what, binding, ids, next) in [
        ("new", given(), vec![], next.clone()),
        ("requested", requested(&world), vec![("given", Standing::Requested)], next.clone()),
        ("refused", refused, vec![], next),
    ] {
        assert_eq!((binding.ids(), binding.next_id()), (ids, next), "{what}");
    }
    assert_eq!(bound.ids(), [("given", Standing::Firm)]);
    let mut rotating = bound;
    let status = rotating.status.as_mut().unwrap();
    status.successor_id = "successor".into();
    status.predecessor = serde_json::from_value(json!({"bindingID": "former"})).unwrap();
    status.orphans = serde_json::from_value(json!([{"id": "orphan"}])).unwrap();
    let ids: BTreeSet<&str> = rotating.ids().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["given", "successor", "former", "orphan"].into());
}
