//! The states that service-catalog left behind, and what comes next.

use serde_json::{Value, json};

use super::super::tests::{World, binding, observed, world};
use super::super::{Step, Verb, decide};
use crate::crd::ServiceBinding;
use crate::crd::condition;
use crate::domain::fixtures::at;

const ID: &str = "28d11555-9172-11e9-bfe5-0242ac110008";

/// A binding with a status that service-catalog wrote; `changes` are merged into that of one that is ready.
fn stored(changes: Value) -> ServiceBinding {
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

/// Writes what is to be written, until there is something else to do.
fn go_on(binding: &mut ServiceBinding, world: &World) -> Step {
    for _ in 0..4 {
        match decide(&observed(binding, world)) {
            Step::Write(status) => binding.status = Some(*status),
            step => return step,
        }
    }
    panic!("it goes on writing: {binding:#?}");
}

/// Of each state: what the broker is asked first, under the id that it knows.
#[test]
fn every_state_is_brought_to_an_end() {
    let failed = |reason: &str| {
        json!([{"type": "Ready", "status": "False", "reason": reason, "message": "so it was"},
            {"type": "Failed", "status": "True", "reason": reason, "message": "so it was"}])
    };
    let running = |operation: &str| {
        json!({"asyncOpInProgress": true, "currentOperation": operation, "lastOperation": "task-10",
            "conditions": [], "externalProperties": null, "inProgressProperties": {}})
    };
    let mitigating = |running: bool| {
        json!({"asyncOpInProgress": running, "currentOperation": "Bind", "orphanMitigationInProgress": true,
            "lastOperation": running.then_some("task-10"), "inProgressProperties": {}, "externalProperties": null,
            "conditions": failed("ServiceBindingNeedsOrphanMitigation")})
    };
    let task = || Some("task-10".to_owned());
    for (what, mut state, verb) in [
        ("binding", stored(running("Bind")), Verb::Poll(task())),
        ("unbinding", deleted(stored(running("Unbind"))), Verb::Poll(task())),
        (
            "to be bound again",
            stored(
                json!({"currentOperation": "Bind", "externalProperties": null, "inProgressProperties": {}}),
            ),
            Verb::Bind,
        ),
        (
            "refused once",
            stored(
                json!({"conditions": failed("ServiceBindingReturnedFailure"), "externalProperties": null}),
            ),
            Verb::Bind,
        ),
        (
            "refused once, and deleted",
            deleted(stored(json!({"conditions": failed("BindCallFailed"), "externalProperties": null}))),
            Verb::Unbind,
        ),
        (
            "given up after an orphan mitigation",
            stored(json!({"conditions": failed("BindCallFailed"), "externalProperties": null,
                "unbindStatus": "Succeeded"})),
            Verb::Bind,
        ),
        ("orphan mitigation", stored(mitigating(false)), Verb::Mitigate),
        ("deleted in orphan mitigation", deleted(stored(mitigating(false))), Verb::Mitigate),
        ("asynchronous orphan mitigation", stored(mitigating(true)), Verb::PollMitigation(task())),
        (
            "orphan mitigation that was given up",
            stored(
                json!({"orphanMitigationInProgress": true, "externalProperties": null, "unbindStatus": "Failed"}),
            ),
            Verb::Mitigate,
        ),
        ("an unbind that was given up", deleted(stored(json!({"unbindStatus": "Failed"}))), Verb::Unbind),
        (
            "an unbind that was given up, of what was never ready",
            deleted(stored(json!({"unbindStatus": "Failed", "externalProperties": null}))),
            Verb::Unbind,
        ),
        ("half deleted", deleted(stored(json!({"currentOperation": "Unbind"}))), Verb::Unbind),
        ("its Secret is gone", stored(json!({})), Verb::Bind),
    ] {
        let Step::Call(call) = go_on(&mut state, &world()) else { panic!("{what}: {state:#?}") };
        assert_eq!((&call.verb, &*call.binding_id), (&verb, ID), "{what}");
        assert_eq!((&*call.instance.id, &*call.instance.broker_name), ("instance-id", "broker"), "{what}");
    }
}

#[test]
fn what_is_ready_only_gets_our_label_on_its_secret() {
    let mut ready = stored(json!({}));
    let world = World { secret: Some("digest".to_owned()), ..world() };
    let Step::Call(call) = go_on(&mut ready, &world) else { panic!("{ready:#?}") };
    assert_eq!(call.verb, Verb::Adopt);
    assert!(condition::is_true(&ready.status.unwrap().conditions, condition::READY));
}

#[test]
fn what_is_gone_already_is_let_go() {
    for unbind_status in ["Succeeded", "NotRequired"] {
        let state = json!({"unbindStatus": unbind_status, "externalProperties": null});
        assert_eq!(go_on(&mut deleted(stored(state)), &world()), Step::Release);
    }
}

/// The instance is taken over first: until then, nobody knows what to ask the broker.
#[test]
fn a_binding_waits_until_its_instance_is_taken_over() {
    let mut early = world();
    let properties = early.instance.status.as_mut().unwrap().external_properties.as_mut().unwrap();
    properties.service_id = String::new();
    for state in [json!({"unbindStatus": "Failed"}), json!({"orphanMitigationInProgress": true})] {
        let mut binding = deleted(stored(state));
        assert_eq!(go_on(&mut binding, &early), Step::Wait(None));
        let Step::Call(_) = go_on(&mut binding, &world()) else { panic!("{binding:#?}") };
    }
}
