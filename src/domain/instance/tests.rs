//! Tables of single steps. The simulation of the reconcilers tests whole lifecycles, with faults at every step.

mod given_id;
mod outage;
mod texts;

use serde_json::json;

use super::*;
use crate::crd::instance::InstanceOperation;
use crate::crd::names::{ANNOTATION_DELETION_POLICY, ANNOTATION_PAUSED, FINALIZER};
use crate::crd::operation::RemovalStatus;
use crate::crd::raw::RawObject;
use crate::domain::fixtures::{at, error};
use crate::domain::instance::ids::id_to_record;
use crate::domain::metadata::attempt_id;
use crate::domain::schema::Purpose;
use crate::domain::{Outcome, Settled};
use crate::osb::Error;

pub(super) fn instance() -> ServiceInstance {
    let bare = ServiceInstance::new("db", crate::crd::ServiceInstanceSpec::default());
    let labels = target().references_to_write(&bare).unwrap().labels;
    let mut instance: ServiceInstance = serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
        "metadata": {"name": "db", "namespace": "ns", "uid": "8a5eeef7-a444-4048-b18d-5f76d01a6569", "generation": 1,
            "finalizers": [FINALIZER], "labels": labels},
        "spec": {"clusterServiceClassExternalName": "mysql", "clusterServicePlanExternalName": "small",
            "clusterServiceClassRef": {"name": "class"}, "clusterServicePlanRef": {"name": "plan"}},
    }))
    .unwrap();
    instance.spec.external_id = attempt_id(&instance.metadata, 0);
    instance
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
    let inline = json!({"size": text}).as_object().map(RawObject::from);
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
        may_be_retry: false,
        is_id_taken: false,
        outage: None,
    }
}

/// The instance with a deletion timestamp and the label of a deletion that takes a while.
pub(super) fn deleted(mut instance: ServiceInstance) -> ServiceInstance {
    instance.metadata.deletion_timestamp = Some(at(0));
    instance.metadata.labels.get_or_insert_default().insert(LABEL_DELETING.to_owned(), "true".to_owned());
    instance
}

/// The instance with the id in its spec that the operator writes there.
pub(super) fn recorded(mut instance: ServiceInstance) -> ServiceInstance {
    if let Some(id) = id_to_record(&instance) {
        instance.spec.external_id = id;
    }
    instance
}

/// An instance with the intent of a first provision.
pub(super) fn intended() -> ServiceInstance {
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
    let instance = intended();
    let status = instance.status.as_ref().unwrap();
    assert_eq!(status.current_operation, Some(InstanceOperation::Provision));
    assert_eq!(status.deprovision_status, RemovalStatus::Required);
    let call = call(&instance, &at(0));
    assert_eq!((call.verb, call.instance_id), (Verb::Provision, status.instance_id.clone()));
}

#[test]
fn a_broker_that_is_being_deleted_gets_no_new_instance_and_keeps_the_others() {
    let leave = |instance| {
        let mut observed = observed(instance, &at(0));
        observed.target.as_mut().unwrap().broker_deleted = true;
        decide(&observed)
    };
    let new = instance();
    let Step::Write(status) = leave(&new) else { panic!("nothing is reported") };
    assert_eq!(status.current_operation, None);
    let ready = condition::find(&status.conditions, condition::READY).unwrap();
    assert_eq!(ready.reason, reason::REFERENCES_DELETED_SERVICE_CLASS);
    let begun = intended();
    assert!(matches!(leave(&begun), Step::Call(_)));
}

#[test]
fn a_first_provision_ends_as_the_broker_answers() {
    let timeout = || Error::NoAnswer { reason: "timeout".into() };
    let unreachable = || Error::Unreachable { reason: "refused".into() };
    let malformed = |status| Error::Malformed { status, reason: "no JSON".into() };
    // Error, number of orphans, whether it is terminal, whether the same attempt continues.
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
        let status = after(&intended(), Outcome::Failed(error)).status;
        assert_eq!(status.orphans.len(), orphans, "orphans after {what}");
        assert_eq!(condition::is_true(&status.conditions, condition::FAILED), failed, "failed after {what}");
        assert_eq!(status.current_operation.is_some(), goes_on, "operation after {what}");
        let ready = condition::find(&status.conditions, condition::READY).unwrap();
        assert_eq!(ready.status, "False", "ready after {what}");
    }
}

/// Some brokers count attempts by the id. Another DELETE, earlier or of another replica, may still be on its way: then the
/// id cannot be used again.
#[test]
fn an_abandoned_id_is_used_again_only_if_the_broker_never_had_it_and_no_other_delete_was_sent() {
    let done = || Outcome::Done { dashboard_url: None };
    let gone = || Outcome::Failed(error(410));
    for (what, may_be_retry, outcome, is_used_again) in [
        ("never existed", false, gone(), true),
        ("deleted", false, done(), false),
        ("gone, perhaps after another DELETE", true, gone(), false),
    ] {
        let mut instance = intended();
        let first = instance.status.as_ref().unwrap().instance_id.clone();
        instance.status = Some(after(&instance, Outcome::Failed(error(500))).status);
        let mitigation = call(&instance, &at(0));
        assert_eq!((&mitigation.verb, &mitigation.instance_id), (&Verb::Mitigate, &first));
        let now = at(0);
        let seen = Observed { may_be_retry, ..observed(&instance, &now) };
        instance.status = Some(settle(&seen, &mitigation, outcome).status);
        let Step::Wait(Some(next)) = decide(&observed(&instance, &at(0))) else { panic!("no back-off") };
        // The cause of the wait stays in the message.
        let conditions = &instance.status.as_ref().unwrap().conditions;
        let message = &condition::find(conditions, condition::READY).unwrap().message;
        let end = format!("; orphan mitigation was completed successfully; next attempt at {}", next.0);
        assert!(
            message.starts_with("The broker broker did not provision the instance: ")
                && message.ends_with(&end),
            "{message}"
        );
        let instance = recorded(instance);
        let Step::Write(status) = decide(&observed(&instance, &next)) else { panic!("no new attempt") };
        assert_eq!(status.instance_id == first, is_used_again, "{what}");
    }
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
    let mut instance = intended();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    instance.metadata.generation = Some(2);
    let now = at(0);
    let Step::Write(status) = decide(&with_other_parameters(&instance, &now)) else { panic!("no intent") };
    instance.status = Some(*status);
    let Step::Call(call) = decide(&with_other_parameters(&instance, &now)) else { panic!("no call") };
    assert_eq!(call.verb, Verb::Update { parameters: true, maintenance_info: true });
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
    let mut instance = intended();
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
        let request = status.in_progress_properties.as_ref();
        let requested = request.map(|request| request.maintenance_version.as_str());
        assert_eq!(requested, version, "{what}");
        let is_available = condition::is_true(&status.conditions, condition::UPGRADE_AVAILABLE);
        assert_eq!(is_available, version.is_none(), "{what}");
    }
}

#[test]
fn polls_carry_the_plan_before_the_update() {
    let mut instance = intended();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    let now = at(0);
    let Step::Write(status) = decide(&with_other_plan(&instance, &now)) else { panic!("no intent") };
    instance.status = Some(*status);
    let Step::Call(call) = decide(&with_other_plan(&instance, &now)) else { panic!("no call") };
    let accepted = Outcome::InProgress { operation: Some("op".into()), dashboard_url: None };
    instance.status = Some(settle(&with_other_plan(&instance, &now), &call, accepted).status);
    let Step::Call(poll) = decide(&with_other_plan(&instance, &now)) else { panic!("no poll") };
    assert_eq!((poll.verb, poll.plan_id.as_str()), (Verb::Poll(Some("op".into())), "plan-id"));
}

#[test]
fn annotations_are_obeyed() {
    let mut paused = intended();
    paused.metadata.annotations = Some([(ANNOTATION_PAUSED.to_owned(), "true".to_owned())].into());
    let Step::Write(status) = decide(&observed(&paused, &at(0))) else { panic!("not reported") };
    assert!(condition::is_true(&status.conditions, condition::PAUSED));
    paused.status = Some(*status);
    assert_eq!(decide(&observed(&paused, &at(0))), Step::Wait(None));

    let mut retained = intended();
    retained.metadata.annotations =
        Some([(ANNOTATION_DELETION_POLICY.to_owned(), "Retain".to_owned())].into());
    retained.metadata.deletion_timestamp = Some(at(0));
    assert_eq!(decide(&observed(&retained, &at(0))), Step::RemoveFinalizer);
}

/// Seen to fail, as did the simulation of two operators, without `merge_concurrent_status`.
#[test]
fn a_call_is_not_forgotten_when_a_former_leader_writes_late() {
    let busy = after(&intended(), Outcome::Failed(error(429))).status;
    let done = after(&intended(), Outcome::Done { dashboard_url: None }).status;
    let lost = after(&intended(), Outcome::Failed(error(500))).status;
    let before = intended().status.unwrap();
    for (late, orphans) in [(busy, Some(1)), (done, None), (lost, None), (before.clone(), None)] {
        let instance = ServiceInstance { status: Some(late), ..intended() };
        let after =
            merge_concurrent_status(&observed(&instance, &at(0)), &before, &call(&intended(), &at(0)));
        assert_eq!(after.as_ref().map(|status| status.orphans.len()), orphans);
        if let Some(status) = after {
            assert_eq!((status.orphans[0].id.as_str(), status.abandoned_attempts), (&*before.instance_id, 1));
        }
    }

    let mut instance = intended();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    let update =
        Call { verb: Verb::Update { parameters: true, maintenance_info: true }, ..call(&intended(), &at(0)) };
    let status = merge_concurrent_status(&observed(&instance, &at(0)), &before, &update).unwrap();
    assert!(status.update_uncertain);
    instance.status = Some(status);
    assert_eq!(merge_concurrent_status(&observed(&instance, &at(0)), &before, &update), None);
}

/// The purpose for which the next step validates the parameters, if it does.
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
    let mut instance = intended();
    assert_eq!(validated(&observed(&instance, &now)), None, "they are in the intent");
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    assert_eq!(validated(&observed(&instance, &now)), None, "the broker has them");
    assert_eq!(validated(&with_other_plan(&instance, &now)), None, "they do not change");
    assert_eq!(validated(&with_other_parameters(&instance, &now)), Some(Purpose::Update));
    let Step::Write(status) = decide(&with_other_parameters(&instance, &now)) else { panic!("no intent") };
    instance.status = Some(*status);
    assert_eq!(validated(&with_other_parameters(&instance, &now)), None, "they are in the intent");
    let Step::Call(call) = decide(&with_other_parameters(&instance, &now)) else { panic!("no call") };
    let refused = settle(&with_other_parameters(&instance, &now), &call, Outcome::Failed(error(400)));
    instance.status = Some(refused.status);
    assert_eq!(validated(&with_other_parameters(&instance, &now)), None, "the broker has refused them");
    instance.metadata.deletion_timestamp = Some(at(0));
    assert_eq!(validated(&with_other_parameters(&instance, &now)), None, "it is being deleted");
}

#[test]
fn a_deletion_that_does_not_end_at_once_is_labelled_and_no_other() {
    let mut instance = intended();
    instance.status = Some(after(&instance, Outcome::Done { dashboard_url: None }).status);
    assert_eq!(decide(&observed(&instance, &at(0))), Step::Wait(None), "it is not being deleted");
    instance.metadata.deletion_timestamp = Some(at(0));
    let Step::Write(status) = decide(&observed(&instance, &at(0))) else { panic!("no intent") };
    instance.status = Some(*status);
    let call = call(&instance, &at(0));
    assert_eq!(call.verb, Verb::Deprovision, "the deprovision may end at once");
    instance.status = Some(after(&instance, Outcome::Failed(error(500))).status);
    assert_eq!(decide(&observed(&instance, &at(0))), Step::Label(LABEL_DELETING, true));
    assert!(matches!(decide(&observed(&deleted(instance.clone()), &at(0))), Step::Wait(Some(_))));
    instance.metadata.finalizers = None;
    assert_eq!(decide(&observed(&instance, &at(0))), Step::Wait(None), "the finalizer is gone");
}
