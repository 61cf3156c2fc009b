//! When are credentials rotated, and when is the predecessor removed?

use super::*;
use crate::crd::names::LABEL_INJECTS;

#[test]
fn credentials_are_replaced_when_they_are_due() {
    // `expires_at`, `renew_before` and interval; the earliest and the latest time that the rotation may be due.
    for (expires, renew, interval, least, most) in [
        (None, None, None, None, None),
        (None, None, Some("100s"), Some(90), Some(95)),
        (None, Some(1000), None, Some(900), Some(950)),
        (Some(2000), Some(1000), None, Some(900), Some(950)),
        (Some(2000), Some(1000), Some("100s"), Some(90), Some(95)),
        (Some(1000), None, None, Some(720), Some(760)),
        (Some(100 * DAY), None, None, Some(99 * DAY - HOUR), Some(99 * DAY)),
        // A broker that issues credentials which are about to expire is not called all the time.
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
fn a_binding_is_requeued_for_the_time_when_it_is_due() {
    let mut world = settled();
    let mut binding = bound(&world);
    binding.status.as_mut().unwrap().renew_before = Some(at(1000));
    let Step::Wait(Some(due)) = decide(&observed(&binding, &world)) else { panic!("it is not requeued") };
    world.now = due;
    write(&mut binding, &world);
    assert_eq!(status(&binding).current_operation, Some(BindingOperation::Rotate));
}

#[test]
fn a_predecessor_is_removed_when_no_pod_has_its_credentials() {
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
        binding.metadata.labels.get_or_insert_default().insert(LABEL_INJECTS.to_owned(), "true".to_owned());
        let grace_period = grace.map(str::to_owned);
        binding.spec.rotation = Some(Rotation { interval: None, grace_period });
        let former = binding.status.as_mut().unwrap().predecessor.as_mut().unwrap();
        former.expires_at = expires.map(at);
        let id = former.binding_id.clone();
        let what = format!("{selector} {usage:?} {expires:?} {grace:?}");
        // The first step may report `RolledOut`, which is not what this test is about.
        let known = Observed { usage: usage.clone(), ..observed(&binding, &world) };
        if let Step::Write(reported) = decide(&known)
            && reported.predecessor.is_some()
        {
            binding.status = Some(*reported);
        }
        let at_time = |now| Observed { usage: usage.clone(), now: at(now), ..observed(&binding, &world) };
        if end > 0 {
            assert_eq!(decide(&at_time(0)), Step::Wait(Some(at(end))), "{what}");
        }
        let Step::Write(after) = decide(&at_time(end)) else { panic!("{what}: it stays") };
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
    let (_, after) = settled_with(&mut binding, &world, &removal, Outcome::Failed(error(500)));
    assert!(is_ready(&after));
    assert_eq!(after.orphans.len(), 1, "until the broker confirms");
    world.now = at(DAY + 10);
    let removal = call(&binding, &world);
    let (_, after) = settled_with(&mut binding, &world, &removal, Outcome::Done { dashboard_url: None });
    assert!(is_ready(&after) && after.orphans.is_empty());
    assert_eq!((rotation(&after).0, &after.operation), (reason::ROTATED_SUCCESSFULLY, &None));
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(None));
}

/// At most two bindings exist at the broker, unless the credentials are about to expire.
#[test]
fn a_predecessor_is_removed_before_the_next_rotation() {
    let request = |binding: &mut ServiceBinding| {
        binding.metadata.annotations = Some([(ANNOTATION_ROTATE.to_owned(), "2".to_owned())].into());
    };
    let (mut binding, mut world) = rotated();
    request(&mut binding);
    write(&mut binding, &world);
    let waiting = status(&binding);
    assert_eq!(rotation(&waiting).0, reason::ROTATION_WAITING);
    assert!(waiting.predecessor.is_some() && waiting.current_operation.is_none());
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(Some(at(DAY))), "reported once");

    binding.status.as_mut().unwrap().expires_at = Some(at(100));
    assert_eq!(decide(&observed(&binding, &world)), Step::Wait(Some(at(90))), "urgent then");
    world.now = at(90);
    write(&mut binding, &world);
    assert_eq!((status(&binding).predecessor, status(&binding).orphans.len()), (None, 1));
    write(&mut binding, &world);
    assert_eq!(
        status(&binding).current_operation,
        Some(BindingOperation::Rotate),
        "it does not wait for the removal"
    );
}

#[test]
fn orphans_of_urgent_rotations_do_not_pile_up() {
    let mut world = settled();
    let mut binding = requested(&world);
    binding.status.as_mut().unwrap().expires_at = Some(at(0));
    for round in 1..20 {
        world.now = at(round * HOUR);
        match decide(&observed(&binding, &world)) {
            Step::Write(status) => binding.status = Some(*status),
            Step::Call(call) => drop(settled_with(&mut binding, &world, &call, Outcome::Failed(error(500)))),
            other => panic!("{other:?}"),
        }
        assert!(status(&binding).orphans.len() <= MAX_ORPHANS_WHEN_URGENT);
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
    let (_, after) = settled_with(&mut binding, &world, &call, stored("newer"));
    assert!(is_ready(&after));
    world.secret = Some("newer".into());
    assert_eq!(after.expires_at, None);
}
