//! The states that service-catalog stored, and the first call that follows from each.

use serde_json::{Value, json};

use super::super::tests::{World, binding, observed, world};
use super::super::{Step, Verb, decide};
use crate::crd::ServiceBinding;
use crate::crd::condition;
use crate::domain::fixtures::at;

const ID: &str = "28d11555-9172-11e9-bfe5-0242ac110008";

/// A binding with a status that service-catalog wrote; `changes` are merged into that of one that is ready.
fn stored(changes: &Value) -> ServiceBinding {
    let mut status = json!({
        "asyncOpInProgress": false,
        "conditions": [{"type": "Ready", "status": "True", "reason": "InjectedBindResult", "message": "…"}],
        "externalProperties": {}, "orphanMitigationInProgress": false, "reconciledGeneration": 1,
        "unbindStatus": "Required",
    });
    let members = status.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    let mut binding = binding();
    binding.spec.external_id = ID.to_owned();
    binding.status = serde_json::from_value(status).unwrap();
    binding
}

fn deleted(mut binding: ServiceBinding) -> ServiceBinding {
    binding.metadata.deletion_timestamp = Some(at(0));
    binding
}

/// Executes the writes until another step comes.
fn first_step_after_writes(binding: &mut ServiceBinding, world: &World) -> Step {
    for _ in 0..4 {
        match decide(&observed(binding, world)) {
            Step::Write(status) => binding.status = Some(*status),
            step => return step,
        }
    }
    panic!("it never stops writing: {binding:#?}");
}

fn failed(reason: &str) -> Value {
    json!([{"type": "Ready", "status": "False", "reason": reason, "message": "so it was"},
        {"type": "Failed", "status": "True", "reason": reason, "message": "so it was"}])
}

fn running(operation: &str) -> Value {
    json!({"asyncOpInProgress": true, "currentOperation": operation, "lastOperation": "task-10",
        "conditions": [], "externalProperties": null, "inProgressProperties": {}})
}

fn mitigating(running: bool) -> Value {
    json!({"asyncOpInProgress": running, "currentOperation": "Bind", "orphanMitigationInProgress": true,
        "lastOperation": running.then_some("task-10"), "inProgressProperties": {}, "externalProperties": null,
        "conditions": failed("ServiceBindingNeedsOrphanMitigation")})
}

/// Bindings that are not being deleted: the state, and the first call.
fn kept() -> Vec<(&'static str, Value, Verb)> {
    let task = || Some("task-10".to_owned());
    vec![
        ("binding", running("Bind"), Verb::Poll(task())),
        (
            "a bind intent",
            json!({"currentOperation": "Bind", "externalProperties": null, "inProgressProperties": {}}),
            Verb::Bind,
        ),
        (
            "refused once",
            json!({"conditions": failed("ServiceBindingReturnedFailure"), "externalProperties": null}),
            Verb::Bind,
        ),
        (
            "given up after an orphan mitigation",
            json!({"conditions": failed("BindCallFailed"), "externalProperties": null, "unbindStatus": "Succeeded"}),
            Verb::Bind,
        ),
        ("orphan mitigation", mitigating(false), Verb::Mitigate),
        ("asynchronous orphan mitigation", mitigating(true), Verb::PollMitigation(task())),
        (
            "orphan mitigation that was given up",
            json!({"orphanMitigationInProgress": true, "externalProperties": null, "unbindStatus": "Failed"}),
            Verb::Mitigate,
        ),
        ("its Secret is missing", json!({}), Verb::Bind),
    ]
}

/// The same for bindings that are being deleted.
fn deleted_states() -> Vec<(&'static str, Value, Verb)> {
    vec![
        ("unbinding", running("Unbind"), Verb::Poll(Some("task-10".to_owned()))),
        (
            "refused once",
            json!({"conditions": failed("BindCallFailed"), "externalProperties": null}),
            Verb::Unbind,
        ),
        ("in orphan mitigation", mitigating(false), Verb::Mitigate),
        ("given up", json!({"unbindStatus": "Failed"}), Verb::Unbind),
        (
            "given up, and never ready",
            json!({"unbindStatus": "Failed", "externalProperties": null}),
            Verb::Unbind,
        ),
        ("half deleted", json!({"currentOperation": "Unbind"}), Verb::Unbind),
    ]
}

fn expect_first_call(what: &str, mut binding: ServiceBinding, verb: &Verb) {
    let Step::Call(call) = first_step_after_writes(&mut binding, &world()) else {
        panic!("{what}: {binding:#?}")
    };
    assert_eq!((&call.verb, &*call.binding_id), (verb, ID), "{what}");
    assert_eq!((&*call.instance.id, &*call.instance.broker_name), ("instance-id", "broker"), "{what}");
}

/// Each call has the id that the broker knows.
#[test]
fn every_state_is_brought_to_an_end() {
    for (what, state, verb) in kept() {
        expect_first_call(what, stored(&state), &verb);
    }
    for (what, state, verb) in deleted_states() {
        expect_first_call(&format!("deleted: {what}"), deleted(stored(&state)), &verb);
    }
}

#[test]
fn a_ready_binding_only_gets_our_label_on_its_secret() {
    let mut ready = stored(&json!({}));
    let world = World { secret: Some("digest".to_owned()), ..world() };
    let Step::Call(call) = first_step_after_writes(&mut ready, &world) else { panic!("{ready:#?}") };
    assert_eq!(call.verb, Verb::Adopt);
    assert!(condition::is_true(&ready.status.unwrap().conditions, condition::READY));
}

#[test]
fn a_binding_that_is_unbound_already_loses_its_finalizer() {
    for unbind_status in ["Succeeded", "NotRequired"] {
        let state = json!({"unbindStatus": unbind_status, "externalProperties": null});
        assert_eq!(first_step_after_writes(&mut deleted(stored(&state)), &world()), Step::RemoveFinalizer);
    }
}

/// The instance is taken over first: until then the OSB ids of the calls are unknown.
#[test]
fn a_binding_waits_until_its_instance_is_taken_over() {
    let mut before_takeover = world();
    let properties = before_takeover.instance.status.as_mut().unwrap().external_properties.as_mut().unwrap();
    properties.service_id = String::new();
    for state in [json!({"unbindStatus": "Failed"}), json!({"orphanMitigationInProgress": true})] {
        let mut binding = deleted(stored(&state));
        assert_eq!(first_step_after_writes(&mut binding, &before_takeover), Step::Wait(None));
        let Step::Call(_) = first_step_after_writes(&mut binding, &world()) else { panic!("{binding:#?}") };
    }
}
