//! The states that service-catalog left behind, and the next step of each.

use serde_json::{Value, json};

use super::super::tests::{deleted, instance, observed, parameters};
use super::super::{Call, Observed, Step, Verb, decide};
use crate::crd::ServiceInstance;
use crate::crd::condition;
use crate::crd::names::ANNOTATION_DELETION_POLICY;
use crate::crd::raw::RawObject;
use crate::domain::fixtures::at;
use crate::domain::plan_reference::Unresolved;
use crate::domain::{parameters, reason};

const ID: &str = "c3b56b2e-9172-11e9-bfe5-0242ac110008";

/// An instance with a status of service-catalog: that of a ready instance, with `changes` merged in.
fn stored(changes: &Value) -> ServiceInstance {
    let mut status = json!({
        "asyncOpInProgress": false,
        "conditions": [{"type": "Ready", "status": "True", "reason": "ProvisionedSuccessfully", "message": "…"}],
        "deprovisionStatus": "Required", "provisionStatus": "Provisioned",
        "observedGeneration": 1, "reconciledGeneration": 1, "orphanMitigationInProgress": false,
        "externalProperties": plan(),
    });
    let members = status.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    let mut instance = instance();
    instance.spec.external_id = ID.to_owned();
    instance.spec.update_requests = 4;
    instance.status = serde_json::from_value(status).unwrap();
    instance
}

/// The properties that service-catalog stored for a plan and parameters.
fn plan() -> Value {
    json!({"clusterServicePlanExternalID": "plan-id", "clusterServicePlanExternalName": "small",
        "parameterChecksum": parameters("1").checksum()})
}

fn not_ready(reason: &str) -> Value {
    json!([{"type": "Ready", "status": "False", "reason": reason, "message": "so it was"}])
}

fn failed(reason: &str) -> Value {
    json!([{"type": "Ready", "status": "False", "reason": reason, "message": "so it was"},
        {"type": "Failed", "status": "True", "reason": reason, "message": "so it was"}])
}

/// Executes writes until the next step is another one, and returns that.
fn next_step(instance: &mut ServiceInstance) -> Step {
    next_step_with(instance, |_| {}).0
}

/// The same with an adjusted observation. Also returns the number of writes.
fn next_step_with(instance: &mut ServiceInstance, adjust: impl Fn(&mut Observed<'_>)) -> (Step, usize) {
    for writes in 0..4 {
        let mut seen = observed(instance, &at(0));
        adjust(&mut seen);
        match decide(&seen) {
            Step::Write(status) => instance.status = Some(*status),
            step => return (step, writes),
        }
    }
    panic!("it does not stop writing: {instance:#?}");
}

fn with(mut one: Value, other: &Value) -> Value {
    one.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    one
}

fn not_provisioned(state: Value) -> Value {
    with(state, &json!({"externalProperties": null, "provisionStatus": ""}))
}

fn running(operation: &str, reason: &str) -> Value {
    json!({"asyncOpInProgress": true, "currentOperation": operation, "lastOperation": "task-10",
        "conditions": not_ready(reason), "inProgressProperties": plan()})
}

fn mitigating() -> Value {
    not_provisioned(json!({"currentOperation": "Provision", "orphanMitigationInProgress": true,
        "inProgressProperties": plan(), "conditions": not_ready("StartingInstanceOrphanMitigation")}))
}

fn with_other_parameters(state: Value) -> Value {
    let confirmed = json!({"clusterServicePlanExternalID": "plan-id", "parameterChecksum": "other"});
    with(state, &json!({"externalProperties": confirmed}))
}

fn poll() -> Verb {
    Verb::Poll(Some("task-10".to_owned()))
}

/// Instances that are not being deleted: what they are, their status, and the first operation at the broker.
fn present() -> Vec<(&'static str, Value, Verb)> {
    let update = Verb::Update { parameters: true, maintenance_info: true };
    let again = json!({"currentOperation": "Provision", "inProgressProperties": plan(),
        "deprovisionStatus": "NotRequired", "conditions": not_ready("ErrorCallingProvision")});
    let refused = json!({"deprovisionStatus": "NotRequired",
        "conditions": failed("ClusterServiceBrokerReturnedFailure")});
    let failing = json!({"currentOperation": "Update", "conditions": not_ready("ErrorCallingUpdateInstance"),
        "inProgressProperties": plan()});
    let polling = json!({"asyncOpInProgress": true, "lastOperation": "task-10"});
    let given_up =
        json!({"currentOperation": null, "inProgressProperties": null, "deprovisionStatus": "Failed"});
    vec![
        ("provisioning", not_provisioned(running("Provision", "Provisioning")), poll()),
        ("updating", running("Update", "UpdatingInstance"), poll()),
        ("to be provisioned again", not_provisioned(again), Verb::Provision),
        ("refused once", not_provisioned(refused), Verb::Provision),
        (
            "an update that failed",
            with_other_parameters(json!({"conditions": failed("UpdateInstanceCallFailed")})),
            update.clone(),
        ),
        ("an update to be repeated", with_other_parameters(failing), update),
        ("orphan mitigation", mitigating(), Verb::Mitigate),
        (
            "asynchronous orphan mitigation",
            with(mitigating(), &polling),
            Verb::PollMitigation(Some("task-10".to_owned())),
        ),
        ("orphan mitigation that was given up", with(mitigating(), &given_up), Verb::Mitigate),
    ]
}

/// The same for instances that are being deleted.
fn being_deleted() -> Vec<(&'static str, Value, Verb)> {
    let given_up = json!({"deprovisionStatus": "Failed", "conditions": failed("DeprovisionCallFailed")});
    vec![
        ("deprovisioning", running("Deprovision", "Deprovisioning"), poll()),
        ("in orphan mitigation", mitigating(), Verb::Mitigate),
        ("given up", given_up, Verb::Deprovision),
        (
            "given up, and never ready",
            not_provisioned(json!({"deprovisionStatus": "Failed"})),
            Verb::Deprovision,
        ),
        ("just now", json!({}), Verb::Deprovision),
        ("nothing is known but that it is there", json!({"externalProperties": null}), Verb::Deprovision),
    ]
}

fn assert_first_operation(what: &str, mut instance: ServiceInstance, verb: &Verb) {
    let step = next_step(&mut instance);
    let Step::Call(call) = step else { panic!("{what}: {step:#?}") };
    assert_eq!(call.verb, *verb, "{what}");
    let Call { instance_id, service_id, plan_id, broker, .. } = call;
    assert_eq!(
        [&*instance_id, &*service_id, &*plan_id, &*broker],
        [ID, "service-id", "plan-id", "broker"],
        "{what}"
    );
}

/// The call carries the id that the broker knows.
#[test]
fn every_state_is_brought_to_an_end() {
    for (what, state, verb) in present() {
        assert_first_operation(what, stored(&state), &verb);
    }
    for (what, state, verb) in being_deleted() {
        assert_first_operation(&format!("deleted: {what}"), deleted(stored(&state)), &verb);
    }
}

#[test]
fn what_is_settled_stays_as_it_is() {
    for (what, mut state) in [
        ("ready", stored(&json!({}))),
        ("ready, from before there was an observedGeneration", stored(&json!({"observedGeneration": 0}))),
        (
            "ready, and nothing is known of what the broker confirmed",
            stored(&json!({"externalProperties": null})),
        ),
        (
            "an update failed, and the spec was put back",
            stored(&json!({"conditions": failed("UpdateInstanceCallFailed")})),
        ),
    ] {
        assert_eq!(next_step_with(&mut state, |_| {}), (Step::Wait(None), 1), "{what}");
        let status = state.status.unwrap();
        assert_eq!(status.instance_id, ID, "{what}");
        assert!(condition::is_true(&status.conditions, condition::READY), "{what}");
        assert_eq!((status.conditions.len(), &*status.last_condition_state), (1, "Ready"), "{what}");
    }
}

#[test]
fn what_is_gone_already_is_let_go() {
    for state in [
        json!({"externalProperties": null, "provisionStatus": "NotProvisioned", "deprovisionStatus": "Succeeded"}),
        json!({"externalProperties": null, "provisionStatus": "", "deprovisionStatus": "NotRequired"}),
    ] {
        assert_eq!(next_step(&mut deleted(stored(&state))), Step::RemoveFinalizer);
    }
}

/// service-catalog read numbers as floats. This operator keeps them exact, so the checksum of a large number differs.
#[test]
fn numbers_are_not_taken_for_a_change() {
    let inline = serde_json::from_str::<Value>(r#"{"size": 1.0, "id": 9007199254740993}"#).unwrap();
    let inline = inline.as_object().map(RawObject::from);
    let exact = parameters::merge([None, None], inline.as_ref(), &[]).unwrap();
    let of_floats = exact.checksum_of_service_catalog();
    assert_ne!(exact.checksum(), of_floats);
    let mut properties = plan();
    properties["parameterChecksum"] = of_floats.into();
    let mut state = stored(&json!({"externalProperties": properties}));
    let (step, _) = next_step_with(&mut state, |seen| seen.parameters = Ok(exact.clone()));
    assert_eq!(step, Step::Wait(None));
}

#[test]
fn an_edit_that_was_not_observed_yet_is_carried_out() {
    let mut touched = stored(&json!({}));
    touched.metadata.generation = Some(2);
    let Step::Call(call) = next_step(&mut touched) else { panic!("no call") };
    assert_eq!(call.verb, Verb::Update { parameters: true, maintenance_info: true });
}

/// The class is gone: service-catalog deleted classes together with their broker.
#[test]
fn what_cannot_be_asked_for_says_so_and_is_kept() {
    let without_class = |seen: &mut Observed<'_>| {
        seen.target = Err(Unresolved {
            reason: reason::REFERENCES_NONEXISTENT_SERVICE_CLASS,
            message: "no such class".to_owned(),
        });
    };
    let mut settled = stored(&json!({}));
    assert_eq!(next_step_with(&mut settled, without_class).0, Step::Wait(None));
    assert!(condition::is_true(&settled.status.unwrap().conditions, condition::READY));

    let mitigating =
        json!({"externalProperties": null, "provisionStatus": "", "orphanMitigationInProgress": true});
    for mut stuck in [deleted(stored(&json!({}))), stored(&mitigating)] {
        assert_eq!(next_step_with(&mut stuck, without_class).0, Step::Wait(None));
        let conditions = &stuck.status.as_ref().unwrap().conditions;
        let ready = condition::find(conditions, condition::READY).unwrap();
        assert!(ready.message.contains("Restore the class"), "{}", ready.message);
        let Step::Call(call) = next_step(&mut stuck) else { panic!("no call") };
        assert!(matches!(call.verb, Verb::Deprovision | Verb::Mitigate));
    }
    for stuck in [stored(&json!({})), stored(&mitigating)] {
        let mut stuck = deleted(stuck);
        let policy = (ANNOTATION_DELETION_POLICY.to_owned(), "Retain".to_owned());
        stuck.metadata.annotations = Some([policy].into());
        assert_eq!(next_step_with(&mut stuck, without_class).0, Step::RemoveFinalizer);
    }
}
