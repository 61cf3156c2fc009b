//! `spec.externalID`: what exists under an id that the user gave may be another's.

use super::*;
use crate::domain::fixtures::polled;
use crate::domain::instance::ids::{given_id, id_to_record};
use crate::domain::osb_id::{HasOsbIds as _, Standing};
use crate::osb::OperationState;

fn given() -> ServiceInstance {
    let mut instance = instance();
    instance.spec.external_id = "given".into();
    instance
}

/// An instance with the intent to provision under a given id.
fn requested() -> ServiceInstance {
    let mut instance = given();
    let Step::Write(status) = decide(&observed(&instance, &at(0))) else { panic!("no intent") };
    instance.status = Some(*status);
    assert_eq!(call(&instance, &at(0)).instance_id, "given");
    instance
}

fn settled(instance: &ServiceInstance, may_be_retry: bool, outcome: Outcome) -> ServiceInstance {
    let call = call(instance, &at(0));
    let observed = Observed { may_be_retry, ..observed(instance, &at(0)) };
    ServiceInstance { status: Some(settle(&observed, &call, outcome).status), ..instance.clone() }
}

fn ready(instance: &ServiceInstance) -> &crate::crd::Condition {
    condition::find(&instance.status.as_ref().unwrap().conditions, condition::READY).unwrap()
}

/// Seen to fail with the verdicts of other ids: they delete what the broker has.
#[test]
fn nothing_under_a_given_id_is_deleted_before_the_broker_confirmed_it() {
    let timeout = || Error::NoAnswer { reason: "timeout".into() };
    let malformed = |status| Error::Malformed { status, reason: "no JSON".into() };
    // Error, whether it may be a retry, whether it is terminal, whether the same attempt continues.
    for (error, may_be_retry, failed, goes_on) in [
        (error(400), false, true, false),
        (error(400), true, true, false),
        (error(401), false, false, false),
        (error(401), true, false, true),
        (malformed(200), false, false, true),
        (malformed(201), false, false, true),
        (malformed(202), true, false, true),
        (error(204), false, false, true),
        (error(500), false, false, true),
        (error(500), true, false, true),
        (timeout(), false, false, true),
        (error(409), false, true, false),
        (error(409), true, false, true),
    ] {
        let what = format!("{error}, may be a retry: {may_be_retry}");
        let may_be_left = failed && (may_be_retry || error.is_conflict());
        let instance = settled(&requested(), may_be_retry, Outcome::Failed(error));
        let status = instance.status.as_ref().unwrap();
        assert!(status.orphans.is_empty(), "{what}");
        assert_eq!(condition::is_true(&status.conditions, condition::FAILED), failed, "{what}");
        assert_eq!(status.current_operation.is_some(), goes_on, "{what}");
        let left = ready(&instance).message.contains("spec.externalID is not deleted");
        assert_eq!(left, may_be_left, "{what}: {}", ready(&instance).message);
    }
}

/// The same request again tells how the attempt ended. Seen to fail when an edit makes the attempt an orphan.
#[test]
fn an_uncertain_attempt_is_repeated_under_the_given_id() {
    let uncertain = settled(&requested(), false, Outcome::Failed(error(500)));
    let now = at(1000);
    let Step::Call(call) = decide(&observed(&uncertain, &now)) else { panic!("no call") };
    assert_eq!((call.verb, &*call.instance_id), (Verb::Provision, "given"));
    let edited = Observed { parameters: Ok(parameters("2")), ..observed(&uncertain, &now) };
    let Step::Write(status) = decide(&edited) else { panic!("no new intent") };
    assert_eq!((&*status.instance_id, status.orphans.len()), ("given", 0));
    assert_ne!(status.in_progress_properties, uncertain.status.as_ref().unwrap().in_progress_properties);
}

#[test]
fn a_failed_asynchronous_provision_under_a_given_id_is_left_at_the_broker() {
    let accepted = settled(&requested(), false, Outcome::InProgress { operation: None, dashboard_url: None });
    let failed = settled(&accepted, true, polled(OperationState::Failed));
    let status = failed.status.as_ref().unwrap();
    assert!(status.orphans.is_empty() && condition::is_true(&status.conditions, condition::FAILED));
    assert!(ready(&failed).message.contains("is not deleted"), "{}", ready(&failed).message);

    // 409 to a retry, and then it is unknown when polled.
    let conflict = settled(&requested(), true, Outcome::Failed(error(409)));
    let unknown = settled(&conflict, true, Outcome::Failed(error(410)));
    let status = unknown.status.as_ref().unwrap();
    assert_eq!((status.orphans.len(), status.current_operation), (0, Some(InstanceOperation::Provision)));
}

/// Seen to fail without the case in `remove`: the broker is asked to delete what it never confirmed.
#[test]
fn a_deletion_leaves_at_the_broker_what_it_never_confirmed_and_says_so() {
    let uncertain = deleted(settled(&requested(), false, Outcome::Failed(error(500))));
    for mut instance in [deleted(requested()), uncertain] {
        let Step::Write(status) = decide(&observed(&instance, &at(0))) else { panic!("not reported") };
        instance.status = Some(*status);
        assert_eq!(
            (&*ready(&instance).reason, &*ready(&instance).status),
            (reason::LEFT_AT_BROKER, "Unknown")
        );
        assert!(ready(&instance).message.contains("\"given\""), "{}", ready(&instance).message);
        assert_eq!(decide(&observed(&instance, &at(0))), Step::RemoveFinalizer);
    }
    // The end of an asynchronous provision tells whose it is, so the deletion waits for it.
    let accepted = settled(&requested(), false, Outcome::InProgress { operation: None, dashboard_url: None });
    let accepted = deleted(accepted);
    assert_eq!(call(&accepted, &at(0)).verb, Verb::Poll(None));
    let failed = settled(&accepted, true, polled(OperationState::Failed));
    assert_eq!(decide(&observed(&failed, &at(0))), Step::RemoveFinalizer);
    let succeeded = settled(&accepted, true, polled(OperationState::Succeeded));
    let at_once = deleted(settled(&requested(), false, Outcome::Done { dashboard_url: None }));
    for mut confirmed in [succeeded, at_once] {
        let Step::Write(status) = decide(&observed(&confirmed, &at(0))) else { panic!("no intent") };
        confirmed.status = Some(*status);
        let call = call(&confirmed, &at(0));
        assert_eq!((call.verb, &*call.instance_id), (Verb::Deprovision, "given"));
    }
}

/// The broker is not called for an id of another object, also not again.
#[test]
fn an_id_of_another_object_is_not_used() {
    let now = at(1000);
    let uncertain = settled(&requested(), false, Outcome::Failed(error(500)));
    for instance in [given(), requested(), uncertain] {
        let taken = Observed { is_id_taken: true, ..observed(&instance, &now) };
        let Step::Write(status) = decide(&taken) else { panic!("not reported") };
        let blocked = ServiceInstance { status: Some(*status), ..instance };
        assert_eq!(ready(&blocked).reason, reason::EXTERNAL_ID_IN_USE);
        let taken = Observed { is_id_taken: true, ..observed(&blocked, &now) };
        assert_eq!(decide(&taken), Step::Wait(None));
        // It goes on when the other object is gone.
        assert!(matches!(decide(&observed(&blocked, &now)), Step::Write(_) | Step::Call(_)));
    }
    // An id that the operator has derived is skipped.
    for instance in [instance(), intended()] {
        let taken = Observed { is_id_taken: true, ..observed(&instance, &now) };
        let before = instance.next_id();
        let Step::Write(status) = decide(&taken) else { panic!("not skipped") };
        assert!(status.orphans.is_empty());
        let skipped = ServiceInstance { status: Some(*status), ..instance };
        assert_ne!(skipped.next_id(), before);
        assert!(skipped.ids().is_empty());
        let skipped = recorded(skipped);
        let Step::Write(status) = decide(&observed(&skipped, &now)) else { panic!("no intent") };
        assert_eq!(Some(status.instance_id), skipped.next_id());
    }
}

#[test]
fn a_late_write_of_a_former_leader_makes_no_orphan_of_a_given_id() {
    let instance = requested();
    let call = call(&instance, &at(0));
    let before = instance.status.clone().unwrap();
    let late = ServiceInstance { status: Some(ServiceInstanceStatus::default()), ..instance };
    assert_eq!(merge_concurrent_status(&observed(&late, &at(0)), &before, &call), None);
}

#[test]
fn an_object_has_the_ids_that_it_has_requested_or_has_to_delete() {
    let confirmed = settled(&requested(), false, Outcome::Done { dashboard_url: None });
    let accepted = settled(&requested(), false, Outcome::InProgress { operation: None, dashboard_url: None });
    let refused = settled(&requested(), false, Outcome::Failed(error(400)));
    let next = Some("given".to_owned());
    for (what, instance, ids, next) in [
        ("new", given(), vec![], next.clone()),
        ("requested", requested(), vec![("given", Standing::Requested)], next.clone()),
        ("accepted", accepted, vec![("given", Standing::Firm)], None),
        ("confirmed", confirmed, vec![("given", Standing::Firm)], None),
        ("refused", refused, vec![], next),
    ] {
        assert_eq!((instance.ids(), instance.next_id()), (ids, next), "{what}");
    }
    let mut orphaned = intended();
    let id = orphaned.next_id().unwrap();
    orphaned.status = Some(after(&orphaned, Outcome::Failed(error(500))).status);
    assert_eq!(orphaned.ids()[0], (&*id, Standing::Firm));
    assert_ne!(orphaned.next_id(), Some(id));
    let stored = json!({"conditions": [], "provisionStatus": "Provisioned", "deprovisionStatus": "Required"});
    let stored = ServiceInstance { status: serde_json::from_value(stored).unwrap(), ..given() };
    assert_eq!((stored.ids(), stored.next_id()), (vec![("given", Standing::Firm)], None));
}

fn without_id(mut instance: ServiceInstance) -> ServiceInstance {
    instance.spec.external_id.clear();
    instance
}

/// The operator writes the id of each attempt to the spec, which makes it no given one. Seen to fail when it does: what a
/// failed attempt has left at the broker is not deleted.
#[test]
fn an_id_that_the_operator_has_written_is_not_a_given_one() {
    let recorded = |instance: ServiceInstance| {
        assert!(id_to_record(&instance).is_some());
        let recorded = recorded(instance);
        assert_eq!(id_to_record(&recorded), None);
        recorded
    };
    let new = recorded(without_id(instance()));
    assert_eq!(new.next_id().as_ref(), Some(&new.spec.external_id));
    let Step::Write(status) = decide(&observed(&new, &at(0))) else { panic!("no intent") };
    let mut requested = ServiceInstance { status: Some(*status), ..new };
    requested.status = Some(after(&requested, Outcome::Failed(error(500))).status);
    assert_eq!(requested.status.as_ref().unwrap().orphans.len(), 1);
    // Once the orphan is gone, the id of the next attempt is written before its intent.
    let removal = call(&requested, &at(1000));
    let gone = settle(&observed(&requested, &at(1000)), &removal, Outcome::Done { dashboard_url: None });
    requested.status = Some(gone.status);
    let abandoned = requested.spec.external_id.clone();
    let Step::Resolve(references) = decide(&observed(&requested, &at(1_000_000))) else {
        panic!("not recorded")
    };
    assert_eq!((references.external_id.as_ref(), references.spec.len()), (requested.next_id().as_ref(), 4));
    let next = recorded(requested);
    assert_ne!(next.spec.external_id, abandoned);
    let Step::Write(status) = decide(&observed(&next, &at(1_000_000))) else { panic!("no intent") };
    assert_eq!(status.instance_id, next.spec.external_id);

    // In an object that is restored without its UID, it is a given id.
    let mut restored = ServiceInstance { status: None, ..next };
    restored.metadata.uid = Some("5d1d5e2c-0000-4000-8000-000000000000".into());
    assert_eq!(restored.next_id().as_ref(), Some(&restored.spec.external_id));
    assert_eq!(id_to_record(&restored), None);
}

/// An upgrade writes nothing to instances that an earlier version has provisioned; their next edit records the id. Seen to
/// fail when only a change of the plan does.
#[test]
fn the_id_of_an_earlier_version_is_recorded_with_the_next_edit() {
    let mut confirmed = intended();
    confirmed.status = Some(after(&confirmed, Outcome::Done { dashboard_url: None }).status);
    let mut confirmed = without_id(confirmed);
    assert!(!matches!(decide(&observed(&confirmed, &at(0))), Step::Resolve(_)));
    let id = confirmed.status.as_ref().unwrap().instance_id.clone();
    let edited = Observed { parameters: Ok(parameters("2")), ..observed(&confirmed, &at(0)) };
    let Step::Resolve(references) = decide(&edited) else { panic!("not recorded") };
    assert_eq!(references.external_id, Some(id));
    confirmed.spec.external_id = "given".into();
    assert_eq!(id_to_record(&confirmed), None);
}

/// A copy has the references, labels and annotations of the original. Seen to fail when the id comes only with references.
#[test]
fn the_id_of_a_copied_object_is_recorded_before_the_broker_gets_it() {
    let copy = without_id(instance());
    let Step::Resolve(references) = decide(&observed(&copy, &at(0))) else { panic!("not recorded") };
    assert_eq!(references.external_id, copy.next_id());
}

/// The id of the next attempt is in the spec already when it turns out that the attempt before has left nothing, and that
/// its number is used again. Seen to fail when only former attempts are recognised: the id counts as given.
#[test]
fn the_id_of_an_attempt_that_did_not_come_to_be_is_not_a_given_one() {
    let mut instance = instance();
    instance.spec.external_id = attempt_id(&instance.metadata, 1);
    assert_eq!(given_id(&instance, 0), None);
    assert_eq!(id_to_record(&instance), Some(attempt_id(&instance.metadata, 0)));
    instance.spec.external_id = attempt_id(&instance.metadata, 2);
    assert!(given_id(&instance, 0).is_some());
}
