//! Tables of single steps. Whole lives, with faults at every step, are in the simulation of the reconcilers.

mod outage;

use serde_json::json;

use super::*;
use crate::crd::instance::InstanceOperation;
use crate::crd::names::{ANNOTATION_DELETION_POLICY, ANNOTATION_PAUSED, FINALIZER};
use crate::crd::operation::RemovalStatus;
use crate::domain::fixtures::{at, error};
use crate::domain::schema::Purpose;
use crate::domain::{Outcome, Settled};
use crate::osb::Error;

pub(super) fn instance() -> ServiceInstance {
    let bare = ServiceInstance::new("db", crate::crd::ServiceInstanceSpec::default());
    let labels = target().references_to_write(&bare).unwrap().labels;
    serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
        "metadata": {"name": "db", "namespace": "ns", "uid": "8a5eeef7-a444-4048-b18d-5f76d01a6569", "generation": 1,
            "finalizers": [FINALIZER], "labels": labels},
        "spec": {"clusterServiceClassExternalName": "mysql", "clusterServicePlanExternalName": "small",
            "clusterServiceClassRef": {"name": "class"}, "clusterServicePlanRef": {"name": "plan"}},
    }))
    .unwrap()
}

fn target() -> Target {
    Target {
        broker: "broker".into(),
        class_object: "class".into(),
        service_id: "service-id".into(),
        plan_object: "plan".into(),
        plan_id: "plan-id".into(),
        plan_updatable: true,
        ..Target::default()
    }
}

pub(super) fn parameters(text: &str) -> Parameters {
    let inline = json!({"size": text}).as_object().cloned();
    crate::domain::parameters::merge([None, None], inline.as_ref(), &[]).unwrap()
}

pub(super) fn observed<'a>(instance: &'a ServiceInstance, now: &Time) -> Observed<'a> {
    Observed {
        instance,
        now: now.clone(),
        target: Ok(target()),
        parameters: Ok(parameters("1")),
        validated: true,
        bindings: &[],
        next_poll: None,
        repeated: false,
        outage: None,
    }
}

/// An instance that is being deleted, and labelled as one that takes a while.
pub(super) fn deleted(mut instance: ServiceInstance) -> ServiceInstance {
    instance.metadata.deletion_timestamp = Some(at(0));
    instance.metadata.labels.get_or_insert_default().insert(LABEL_DELETING.to_owned(), "true".to_owned());
    instance
}

/// The status with which an instance waits for the answer to a first provision.
pub(super) fn asked() -> ServiceInstance {
    let mut instance = instance();
    let Step::Write(status) = decide(&observed(&instance, &at(0))) else { panic!("no intent") };
    instance.status = Some(*status);
    instance
}

pub(super) fn call(instance: &ServiceInstance, now: &Time) -> Call {
    match decide(&observed(instance, now)) {
        Step::Call(call) => call,
        other => panic!("no call, but {other:#?}"),
    }
}

pub(super) fn after(instance: &ServiceInstance, outcome: Outcome) -> Settled<ServiceInstanceStatus> {
    let call = call(instance, &at(0));
    settle(&observed(instance, &at(0)), &call, outcome)
}

#[test]
fn the_intent_is_written_before_the_broker_is_asked() {
    let asked = asked();
    let status = asked.status.as_ref().unwrap();
    assert_eq!(status.current_operation, Some(InstanceOperation::Provision));
    assert_eq!(status.deprovision_status, RemovalStatus::Required);
    let call = call(&asked, &at(0));
    assert_eq!((call.verb, call.instance_id), (Verb::Provision, status.instance_id.clone()));
}

#[test]
fn a_first_provision_ends_as_the_broker_answers() {
    let timeout = || Error::NoAnswer { reason: "timeout".into() };
    let unreachable = || Error::Unreachable { reason: "refused".into() };
    let malformed = |status| Error::Malformed { status, reason: "no JSON".into() };
    // Answer, orphans, terminal, whether the same attempt goes on.
    for (error, orphans, failed, goes_on) in [
        (error(400), 0, true, false),
        (error(422), 0, true, false),
        (error(401), 0, false, false),
        (error(404), 0, false, false),
        (error(408), 0, false, false),
        (error(429), 0, false, false),
        (unreachable(), 0, false, false),
        (malformed(200), 0, false, true),
        (malformed(201), 1, false, false),
        (malformed(202), 1, false, false),
        (error(204), 1, false, false),
        (error(500), 1, false, false),
        (error(503), 1, false, false),
        (timeout(), 1, false, false),
        (error(409), 0, false, true),
    ] {
        let what = error.to_string();
        let status = after(&asked(), Outcome::Failed(error)).status;
        assert_eq!(status.orphans.len(), orphans, "orphans after {what}");
        assert_eq!(condition::is_true(&status.conditions, condition::FAILED), failed, "failed after {what}");
        assert_eq!(status.current_operation.is_some(), goes_on, "operation after {what}");
        let ready = condition::find(&status.conditions, condition::READY).unwrap();
        assert_eq!(ready.status, "False", "ready after {what}");
    }
}

#[test]
fn an_abandoned_id_is_removed_and_not_used_again() {
    let mut instance = asked();
    let first = instance.status.as_ref().unwrap().instance_id.clone();
    instance.status = Some(after(&instance, Outcome::Failed(error(500))).status);
    let mitigation = call(&instance, &at(0));
    assert_eq!((&mitigation.verb, &mitigation.instance_id), (&Verb::Mitigate, &first));
    instance.status =
        Some(settle(&observed(&instance, &at(0)), &mitigation, Outcome::Failed(error(410))).status);
    let Step::Wait(Some(next)) = decide(&observed(&instance, &at(0))) else { panic!("no back-off") };
    let conditions = &instance.status.as_ref().unwrap().conditions;
    let told = &condition::find(conditions, condition::READY).unwrap().message;
    assert!(told.ends_with(&format!("; it is tried again at {}", next.0)), "{told}");
    let Step::Write(status) = decide(&observed(&instance, &next)) else { panic!("no new attempt") };
    assert_ne!(status.instance_id, first);
}

#[test]
fn an_id_of_the_user_is_used_for_every_attempt() {
    let mut instance = instance();
    instance.spec.external_id = "mine".into();
    instance.status =
        Some(ServiceInstanceStatus { abandoned_attempts: 3, ..ServiceInstanceStatus::default() });
    let Step::Write(status) = decide(&observed(&instance, &at(0))) else { panic!("no intent") };
    assert_eq!(status.instance_id, "mine");
}

pub(super) fn with_other_parameters<'a>(instance: &'a ServiceInstance, now: &Time) -> Observed<'a> {
    Observed { parameters: Ok(parameters("2")), ..observed(instance, now) }
}

fn with_other_plan<'a>(instance: &'a ServiceInstance, now: &Time) -> Observed<'a> {
    Observed { target: Ok(Target { plan_id: "big-id".into(), ..target() }), ..observed(instance, now) }
}

#[test]
fn a_failing_update_does_not_take_ready_away() {
    let mut instance = asked();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    instance.metadata.generation = Some(2);
    let now = at(0);
    let Step::Write(status) = decide(&with_other_parameters(&instance, &now)) else { panic!("no intent") };
    instance.status = Some(*status);
    let Step::Call(call) = decide(&with_other_parameters(&instance, &now)) else { panic!("no call") };
    assert_eq!(call.verb, Verb::Update { plan_id: None, parameters: true });
    for (error, refused) in [(error(400), true), (error(500), false), (error(429), false)] {
        let status = settle(&with_other_parameters(&instance, &now), &call, Outcome::Failed(error)).status;
        assert!(condition::is_true(&status.conditions, condition::READY));
        assert_eq!(condition::find(&status.conditions, condition::UPDATED).unwrap().status, "False");
        assert_eq!(!status.refused.is_empty(), refused);
        assert!(status.orphans.is_empty());
    }
}

#[test]
fn a_new_version_comes_with_a_new_plan_or_on_request() {
    let mut instance = asked();
    let status = instance.status.as_mut().unwrap();
    status.in_progress_properties.as_mut().unwrap().maintenance_version = "1.0.0".into();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    instance.metadata.generation = Some(2);
    let mut touched = instance.clone();
    touched.spec.update_requests = 1;
    let now = at(0);
    for (what, mut seen, version) in [
        ("nothing", observed(&instance, &now), None),
        ("parameters", with_other_parameters(&instance, &now), Some("1.0.0")),
        ("a plan", with_other_plan(&instance, &now), Some("2.0.0")),
        ("on request", observed(&touched, &now), Some("2.0.0")),
    ] {
        seen.target.as_mut().unwrap().maintenance.version = "2.0.0".into();
        let step = decide(&seen);
        let Step::Write(status) = &step else { panic!("{what}: {step:#?}") };
        let wish = status.in_progress_properties.as_ref().map(|wish| wish.maintenance_version.as_str());
        assert_eq!(wish, version, "{what}");
        let told = condition::is_true(&status.conditions, condition::UPGRADE_AVAILABLE);
        assert_eq!(told, version.is_none(), "{what}");
    }
}

#[test]
fn polls_carry_the_plan_before_the_update() {
    let mut instance = asked();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    let now = at(0);
    let Step::Write(status) = decide(&with_other_plan(&instance, &now)) else { panic!("no intent") };
    instance.status = Some(*status);
    let Step::Call(call) = decide(&with_other_plan(&instance, &now)) else { panic!("no call") };
    let begun = Outcome::InProgress { operation: Some("op".into()), dashboard_url: None };
    instance.status = Some(settle(&with_other_plan(&instance, &now), &call, begun).status);
    let Step::Call(poll) = decide(&with_other_plan(&instance, &now)) else { panic!("no poll") };
    assert_eq!((poll.verb, poll.plan_id.as_str()), (Verb::Poll(Some("op".into())), "plan-id"));
}

#[test]
fn annotations_are_obeyed() {
    let mut paused = asked();
    paused.metadata.annotations = Some([(ANNOTATION_PAUSED.to_owned(), "true".to_owned())].into());
    let Step::Write(status) = decide(&observed(&paused, &at(0))) else { panic!("not said") };
    assert!(condition::is_true(&status.conditions, condition::PAUSED));
    paused.status = Some(*status);
    assert_eq!(decide(&observed(&paused, &at(0))), Step::Wait(None));

    let mut retained = asked();
    retained.metadata.annotations =
        Some([(ANNOTATION_DELETION_POLICY.to_owned(), "Retain".to_owned())].into());
    retained.metadata.deletion_timestamp = Some(at(0));
    assert_eq!(decide(&observed(&retained, &at(0))), Step::RemoveFinalizer);
}

/// Seen to fail, as the histories of two operators did, when what came of the call was forgotten.
#[test]
fn what_the_broker_was_asked_is_not_forgotten_over_the_late_word_of_a_former_leader() {
    let busy = after(&asked(), Outcome::Failed(error(429))).status;
    let done = after(&asked(), Outcome::Done { dashboard_url: None }).status;
    let lost = after(&asked(), Outcome::Failed(error(500))).status;
    let before = asked().status.unwrap();
    for (late, orphans) in [(busy, Some(1)), (done, None), (lost, None), (before.clone(), None)] {
        let instance = ServiceInstance { status: Some(late), ..asked() };
        let after = merge_concurrent(&observed(&instance, &at(0)), &before, &call(&asked(), &at(0)));
        assert_eq!(after.as_ref().map(|status| status.orphans.len()), orphans);
        if let Some(status) = after {
            assert_eq!((status.orphans[0].id.as_str(), status.abandoned_attempts), (&*before.instance_id, 1));
        }
    }

    let mut instance = asked();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    let update = Call { verb: Verb::Update { plan_id: None, parameters: true }, ..call(&asked(), &at(0)) };
    let status = merge_concurrent(&observed(&instance, &at(0)), &before, &update).unwrap();
    assert!(status.update_uncertain);
    instance.status = Some(status);
    assert_eq!(merge_concurrent(&observed(&instance, &at(0)), &before, &update), None);
}

/// What the parameters are validated for before the next step, if they are.
fn validated(observed: &Observed<'_>) -> Option<Purpose> {
    let unknown = Observed {
        validated: false,
        now: observed.now.clone(),
        target: observed.target.clone(),
        parameters: observed.parameters.clone(),
        next_poll: observed.next_poll.clone(),
        outage: observed.outage.clone(),
        ..*observed
    };
    match decide(&unknown) {
        Step::Validate(purpose) => Some(purpose),
        _ => None,
    }
}

#[test]
fn parameters_are_checked_just_before_they_are_sent_and_not_again() {
    let now = at(0);
    assert_eq!(validated(&observed(&instance(), &now)), Some(Purpose::Provision));
    let mut instance = asked();
    assert_eq!(validated(&observed(&instance, &now)), None, "they are being sent");
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    assert_eq!(validated(&observed(&instance, &now)), None, "the broker has them");
    assert_eq!(validated(&with_other_plan(&instance, &now)), None, "they stay as they are");
    assert_eq!(validated(&with_other_parameters(&instance, &now)), Some(Purpose::Update));
    let Step::Write(status) = decide(&with_other_parameters(&instance, &now)) else { panic!("no intent") };
    instance.status = Some(*status);
    assert_eq!(validated(&with_other_parameters(&instance, &now)), None, "they are being sent");
    let Step::Call(call) = decide(&with_other_parameters(&instance, &now)) else { panic!("no call") };
    let refused = settle(&with_other_parameters(&instance, &now), &call, Outcome::Failed(error(400)));
    instance.status = Some(refused.status);
    assert_eq!(validated(&with_other_parameters(&instance, &now)), None, "the broker does not want them");
    instance.metadata.deletion_timestamp = Some(at(0));
    assert_eq!(validated(&with_other_parameters(&instance, &now)), None, "it goes");
}

#[test]
fn a_deletion_that_does_not_end_at_once_is_labelled_and_no_other() {
    let mut instance = asked();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    assert_eq!(decide(&observed(&instance, &at(0))), Step::Wait(None), "it stays");
    instance.metadata.deletion_timestamp = Some(at(0));
    let Step::Write(status) = decide(&observed(&instance, &at(0))) else { panic!("no intent") };
    instance.status = Some(*status);
    let call = call(&instance, &at(0));
    assert_eq!(call.verb, Verb::Deprovision, "it may end at once");
    instance.status = Some(after(&instance, Outcome::Failed(error(500))).status);
    assert_eq!(decide(&observed(&instance, &at(0))), Step::Label(LABEL_DELETING));
    assert!(matches!(decide(&observed(&deleted(instance.clone()), &at(0))), Step::Wait(Some(_))));
    instance.metadata.finalizers = None;
    assert_eq!(decide(&observed(&instance, &at(0))), Step::Wait(None), "it is let go");
}
