//! What blocks or interrupts a rotation?

use super::*;

#[test]
fn what_blocks_a_rotation_is_reported() {
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
        assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None), "{reason}: reported once");
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
            panic!("nothing is reported")
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
        assert_eq!(validates(observed(&requested(&world), &world)), sent);
        assert!(
            !validates(observed(&rotating(&world).0, &world)),
            "the intent is written, so they were validated"
        );
    }
}

/// I1, I9: the broker keeps nothing of a deleted binding.
#[test]
fn a_deleted_binding_takes_successor_and_predecessor_along() {
    let (mut with_predecessor, world) = rotated();
    let (mut with_successor, _) = rotating(&settled());
    for (binding, left) in [(&mut with_predecessor, "predecessor"), (&mut with_successor, "successor")] {
        binding.metadata.deletion_timestamp = Some(at(0));
        let before = status(binding);
        let former = before.predecessor.map(|former| former.binding_id).unwrap_or(before.successor_id);
        write(binding, &world);
        let removal = call(binding, &world);
        assert_eq!((removal.verb.clone(), &removal.binding_id), (Verb::Mitigate, &former), "{left}");
        settled_with(binding, &world, &removal, Outcome::Done { dashboard_url: None });
        write(binding, &world);
        let removal = call(binding, &world);
        assert_eq!((removal.verb.clone(), &removal.binding_id), (Verb::Unbind, &before.binding_id), "{left}");
    }
}

fn during_outage<'a>(binding: &'a ServiceBinding, world: &'a World) -> Observed<'a> {
    Observed { outage: Some(held(0, 60)), ..observed(binding, world) }
}

#[test]
fn no_rotation_starts_during_an_outage() {
    let world = settled();
    let mut binding = requested(&world);
    let Step::Write(after) = decide(&during_outage(&binding, &world)) else { panic!("nothing is reported") };
    assert!(is_ready(&after));
    assert_eq!((rotation(&after).0, after.current_operation), (reason::WAITING_FOR_BROKER, None));
    binding.status = Some(*after);
    assert_eq!(decide(&during_outage(&binding, &world)), Step::AwaitBroker);
    write(&mut binding, &world);
    assert_eq!(status(&binding).current_operation, Some(BindingOperation::Rotate));
}

/// The same as for a first bind.
#[test]
fn a_successor_is_not_forgotten_over_the_late_write_of_a_former_leader() {
    let world = settled();
    let (intended, call) = rotating(&world);
    let before = status(&intended);
    let late = |outcome| settle(&observed(&intended, &world), &call, outcome).status;
    let bound = status(&requested(&world));
    let given_up = late(Outcome::Failed(error(500)));
    let done = late(stored("newer"));
    for (late, orphans) in [(bound, Some(1)), (done, None), (given_up, None), (before.clone(), None)] {
        let binding = ServiceBinding { status: Some(late), ..intended.clone() };
        let after =
            crate::domain::binding::merge_concurrent_status(&observed(&binding, &world), &before, &call);
        assert_eq!(after.map(|status| status.orphans.len()), orphans);
    }
}

#[test]
fn an_id_that_the_user_has_given_is_used_for_one_binding_only() {
    let mut world = settled();
    let mut binding = crate::domain::binding::tests::binding();
    binding.spec.external_id = "mine".into();
    write(&mut binding, &world);
    assert_eq!(status(&binding).binding_id, "mine");
    let call = call(&binding, &world);
    settled_with(&mut binding, &world, &call, stored("digest"));
    binding.metadata.annotations = Some([(ANNOTATION_ROTATE.to_owned(), "1".to_owned())].into());
    write(&mut binding, &world);
    let call = self::call(&binding, &world);
    settled_with(&mut binding, &world, &call, stored("newer"));
    // The Secret is deleted, and the repair orphans the binding.
    world.secret = None;
    write(&mut binding, &world);
    let repair = self::call(&binding, &world);
    settled_with(&mut binding, &world, &repair, Outcome::Failed(error(500)));
    let removal = self::call(&binding, &world);
    settled_with(&mut binding, &world, &removal, Outcome::Done { dashboard_url: None });
    world.now = at(HOUR);
    write(&mut binding, &world);
    let after = status(&binding);
    assert_eq!(after.current_operation, Some(BindingOperation::Bind));
    assert!(!["mine", &call.binding_id].contains(&after.binding_id.as_str()), "{after:?}");
    assert_eq!(after.predecessor.unwrap().binding_id, "mine");
}
