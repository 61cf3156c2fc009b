//! Credentials that the broker does not return again.

use super::*;

/// A bound binding without its Secret, after the broker has answered without credentials.
fn lost(world: &World, mut binding: ServiceBinding) -> ServiceBinding {
    write(&mut binding, world);
    let call = call(&binding, world);
    settled_with(&mut binding, world, &call, Outcome::NoCredentials);
    binding
}

fn reason_of<'a>(binding: &'a ServiceBinding, type_: &str) -> &'a str {
    let conditions = &binding.status.as_ref().unwrap().conditions;
    condition::find(conditions, type_).map(|found| found.reason.as_str()).unwrap_or_default()
}

/// Seen to fail when only `Rotated` tells that they are lost: a wait of the rotation replaces its reason, and the broker is
/// asked again at once, fifteen times a second.
#[test]
fn while_new_ones_have_to_wait_the_broker_is_not_asked_for_the_old_ones() {
    let (binding, mut world) = rotated();
    world.secret = None;
    let mut binding = lost(&world, binding);
    assert_eq!(reason_of(&binding, condition::READY), "CredentialsNotReturned");
    write(&mut binding, &world);
    assert_eq!(reason_of(&binding, condition::ROTATED), "RotationWaiting");
    assert!(ready_message(&binding).ends_with("see the condition Rotated"), "{}", ready_message(&binding));
    assert!(matches!(decide(&observed(&binding, &world)), Step::Wait(Some(_))));

    // The instance is not ready.
    let mut world = world_without_secret();
    let mut binding = lost(&world, bound(&world));
    world.instance.status.as_mut().unwrap().conditions.clear();
    write(&mut binding, &world);
    assert_eq!(reason_of(&binding, condition::ROTATED), "ErrorInstanceNotReady");
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None));
    assert!(ready_message(&binding).ends_with("see the condition Rotated"), "{}", ready_message(&binding));
}

/// Seen to fail when `Ready` says that they have expired: then the broker is asked for them again at once, and answers as
/// before.
#[test]
fn lost_ones_that_have_expired_are_not_asked_for_again() {
    let mut world = World { retrievable: true, ..world_without_secret() };
    let mut binding = bound(&world);
    let fetch = call(&binding, &world);
    settled_with(&mut binding, &world, &fetch, Outcome::NoCredentials);
    binding.status.as_mut().unwrap().expires_at = Some(at(10));
    world.now = at(20);
    world.instance.status.as_mut().unwrap().conditions.clear();
    write(&mut binding, &world);
    assert_eq!(reason_of(&binding, condition::READY), "CredentialsNotReturned");
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None));
}

/// Seen to fail when the message of `Ready` stays: it promises an attempt in the past.
#[test]
fn the_next_attempt_of_a_repair_is_not_promised_any_more_when_it_is_not_made() {
    let mut world = World { retrievable: true, ..settled() };
    let mut binding = bound(&world);
    world.secret = Some("changed".into());
    let fetch = call(&binding, &world);
    settled_with(&mut binding, &world, &fetch, Outcome::NoCredentials);
    assert!(ready_message(&binding).contains("next attempt at"), "{}", ready_message(&binding));
    world.secret = None;
    write(&mut binding, &world);
    assert!(ready_message(&binding).ends_with("see the condition Rotated"), "{}", ready_message(&binding));
    assert_eq!(reason_of(&binding, condition::ROTATED), "CredentialsNotReturned");
}

fn ready_message(binding: &ServiceBinding) -> &str {
    let conditions = &binding.status.as_ref().unwrap().conditions;
    condition::find(conditions, condition::READY).map(|ready| ready.message.as_str()).unwrap_or_default()
}

fn world_without_secret() -> World {
    World { secret: None, ..world() }
}

/// It may have lost the binding: then no repair helps. Seen to fail without the rule: the annotation is ignored.
#[test]
fn a_user_may_ask_for_new_credentials_while_the_repair_fails() {
    for (rotatable, instance_is_ready) in [(false, true), (true, true), (true, false)] {
        let mut world = World { retrievable: true, rotatable, ..world_without_secret() };
        let mut binding = bound(&world);
        let fetch = call(&binding, &world);
        assert_eq!(fetch.verb, Verb::Fetch);
        settled_with(&mut binding, &world, &fetch, Outcome::Failed(error(404)));
        assert_eq!(reason_of(&binding, condition::READY), "ErrorInjectingBindResult");
        binding.metadata.annotations = Some([(ANNOTATION_ROTATE.to_owned(), "1".to_owned())].into());
        if !instance_is_ready {
            world.instance.status.as_mut().unwrap().conditions.clear();
            assert!(matches!(decide(&observed(&binding, &world)), Step::Wait(_)), "the repair goes on");
            continue;
        }
        write(&mut binding, &world);
        let successor = call(&binding, &world);
        assert_eq!(successor.verb, Verb::Bind);
        let request = binding.status.unwrap().in_progress_properties.unwrap();
        assert_eq!(request.predecessor_id, "", "it may not exist");
    }
}

/// The first answer may have had them. Seen to fail when the attempt is only withdrawn: it is repeated at once.
#[test]
fn a_first_bind_without_credentials_is_given_up_and_tried_again_later() {
    let world = world_without_secret();
    let (mut binding, bind) = super::super::super::tests::requested(&world);
    let (note, status) = settled_with(&mut binding, &world, &bind, Outcome::NoCredentials);
    assert!(note.unwrap().message.contains("returned no credentials"));
    assert_eq!(status.orphans.len(), 1);
    assert!(status.operation.unwrap().next_attempt_time.is_some());
}

/// One that is given may be another's, so it is not removed.
#[test]
fn a_given_binding_without_credentials_is_told_and_kept() {
    let world = world_without_secret();
    let mut binding = super::super::super::tests::binding();
    binding.spec.external_id = "given".into();
    write(&mut binding, &world);
    let bind = call(&binding, &world);
    let (note, status) = settled_with(&mut binding, &world, &bind, Outcome::NoCredentials);
    assert!(note.unwrap().message.contains("create a binding without spec.externalID"));
    assert_eq!(status.orphans.len(), 0);
    assert!(matches!(decide(&observed(&binding, &world)), Step::Wait(Some(_))));
}

#[test]
fn a_rotation_that_brings_the_same_credentials_says_so() {
    let world = settled();
    for (digest, says) in [("digest", "the same credentials"), ("newer", "the new credentials")] {
        let (mut binding, bind) = rotating(&world);
        let (_, status) = settled_with(&mut binding, &world, &bind, stored(digest));
        let rotated = condition::find(&status.conditions, condition::ROTATED).unwrap();
        assert!(rotated.message.contains(says), "{}", rotated.message);
    }
}
