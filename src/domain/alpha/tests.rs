mod translation;

use serde_json::{Value, json};

use super::*;
use crate::crd::ServiceInstance;
use crate::crd::alpha::Instance;
use crate::crd::names::FINALIZER;
use crate::domain::bounds::Cut as _;
use crate::domain::fixtures::at;

fn read<T: serde::de::DeserializeOwned>(kind: &str, object: Value) -> T {
    let mut object = object;
    object["kind"] = kind.into();
    let version = if kind.contains("Service") { "v1beta1" } else { "v1alpha1" };
    object["apiVersion"] = format!("servicecatalog.k8s.io/{version}").into();
    serde_json::from_value(object).unwrap()
}

fn metadata() -> Value {
    json!({"name": "db", "namespace": "team", "uid": "alpha", "generation": 3, "finalizers": [FINALIZER]})
}

/// The usual alpha instance, changed.
fn instance(change: impl FnOnce(&mut Value)) -> Instance {
    let spec = json!({"serviceClassName": "database", "planName": "small", "parameters": {"size": 1},
        "userInfo": {"username": "anna"}});
    let mut object = json!({"metadata": metadata(), "spec": spec});
    change(&mut object);
    read("Instance", object)
}

/// The ready child of the usual alpha instance, changed.
fn child(change: impl FnOnce(&mut Value)) -> ServiceInstance {
    let mut object = serde_json::to_value(create(&instance(|_| ()))).unwrap();
    object["metadata"]["generation"] = 7.into();
    object["metadata"]["uid"] = "child".into();
    object["status"] = json!({"conditions": [{"type": "Ready", "status": "True"}], "lastConditionState": "Ready",
        "reconciledGeneration": 7});
    change(&mut object);
    read("ServiceInstance", object)
}

fn step(instance: &Instance, child: Option<&ServiceInstance>) -> Step<ServiceInstance> {
    decide(instance, child, false, &at(0))
}

/// The child as the step replaces it.
fn changed(step: Step<ServiceInstance>) -> ServiceInstance {
    match step {
        Step::Change(child) => *child,
        step => panic!("{step:?}"),
    }
}

fn copied(step: Step<ServiceInstance>) -> AlphaStatus {
    match step {
        Step::Copy(status) => *status,
        step => panic!("{step:?}"),
    }
}

#[test]
fn fields_that_an_alpha_object_controls_are_restored_and_others_are_left_alone() {
    let edited = |value: Value, field: &str| {
        let child = child(|child| child["spec"][field] = value);
        let step = step(&instance(|_| ()), Some(&child));
        let mut desired = child.clone();
        desired.spec.parameters.clone_from(&instance(|_| ()).spec.parameters);
        desired.spec.cluster_service_plan_external_name = "small".to_owned();
        desired.spec.user_info.clone_from(&instance(|_| ()).spec.user_info);
        (step == Step::Change(Box::new(desired)), matches!(step, Step::Copy(_)))
    };
    for (field, value) in [
        ("clusterServicePlanExternalName", json!("large")),
        ("parameters", json!({"size": 2})),
        ("parameters", json!({"size": 1, "more": null})),
        ("parameters", json!(null)),
    ] {
        assert_eq!(edited(value, field), (true, false), "{field}");
    }
    for (field, value) in [
        ("updateRequests", json!(3)),
        ("userInfo", json!({"username": "bert"})),
        ("parametersFrom", json!([{"secretKeyRef": {"name": "a", "key": "b"}}])),
        ("clusterServicePlanRef", json!({"name": "p"})),
    ] {
        assert_eq!(edited(value, field), (false, true), "{field}");
    }
}

#[test]
fn the_user_who_edits_the_alpha_object_requests_the_update() {
    let edited = instance(|object| {
        object["spec"]["planName"] = "large".into();
        object["spec"]["userInfo"]["username"] = "bert".into();
    });
    let child = changed(step(&edited, Some(&child(|_| ()))));
    assert_eq!(child.spec.user_info.unwrap().username, "bert");
}

#[test]
fn the_status_of_the_child_is_copied_once() {
    let status = copied(step(&instance(|_| ()), Some(&child(|_| ()))));
    let expected = json!({
        "child": {"kind": "ServiceInstance", "name": "db"}, "lastConditionState": "Ready",
        "conditions": [{"type": "Ready", "status": "True", "reason": "", "message": ""}],
        "observedGeneration": 3, "reconciledGeneration": 3,
    });
    assert_eq!(serde_json::to_value(&status).unwrap(), expected);
    let reported = instance(|object| object["status"] = expected);
    assert_eq!(step(&reported, Some(&child(|_| ()))), Step::Wait);

    // The child has an edit, and has not been reconciled since.
    let edited = instance(|object| {
        object["metadata"]["generation"] = 4.into();
        object["status"] = serde_json::to_value(&status).unwrap();
    });
    let behind = child(|child| child["metadata"]["generation"] = 8.into());
    let status = copied(step(&edited, Some(&behind)));
    assert_eq!((status.observed_generation, status.reconciled_generation), (4, 3));
}

#[test]
fn the_status_of_a_new_child_is_awaited() {
    let new = child(|child| child["status"] = Value::Null);
    assert_eq!(step(&instance(|_| ()), Some(&new)), Step::Wait);
}

#[test]
fn a_name_that_is_taken_is_reported_once_and_its_object_is_left_alone() {
    for owners in [
        json!(null),
        json!([{"apiVersion": "v1", "kind": "Instance", "name": "db", "uid": "former", "controller": true}]),
        json!([{"apiVersion": "v1", "kind": "Instance", "name": "db", "uid": "alpha", "controller": false}]),
    ] {
        let foreign = child(|child| child["metadata"]["ownerReferences"] = owners);
        let Step::Complain(status) = step(&instance(|_| ()), Some(&foreign)) else { panic!("not reported") };
        let ready = condition::find(&status.conditions, "Ready").unwrap();
        assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "NameTaken"));
        assert!(ready.message.contains("A ServiceInstance \"db\" exists that this object does not own"));
        assert_eq!((status.last_condition_state.as_str(), &status.child), ("NameTaken", &None));
        let reported = instance(|object| object["status"] = serde_json::to_value(&status).unwrap());
        assert_eq!(step(&reported, Some(&foreign)), Step::Wait);
        let deleted =
            instance(|object| object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into());
        assert_eq!(step(&deleted, Some(&foreign)), Step::RemoveFinalizer);
    }
}

#[test]
fn a_refusal_does_not_take_ready_away_from_what_works() {
    let ready = copied(step(&instance(|_| ()), Some(&child(|_| ()))));
    let working = instance(|object| object["status"] = serde_json::to_value(ready).unwrap());
    for (instance, type_, state) in
        [(instance(|_| ()), "Ready", "ChildRefused"), (working, "Updated", "ChildRefused")]
    {
        let status = refused(&instance, "no", &at(0));
        let reported = condition::find(&status.conditions, type_).unwrap();
        assert_eq!((reported.status.as_str(), reported.reason.as_str()), ("False", "ChildRefused"));
        assert!(reported.message.starts_with("The API server rejected the ServiceInstance \"db\": no."));
        assert_eq!(status.last_condition_state, state);
    }
}

#[test]
fn a_deletion_waits_for_the_child() {
    let now = "2026-01-01T00:00:00Z";
    let deleted = |finalizers: Value| {
        instance(|object| {
            object["metadata"]["deletionTimestamp"] = now.into();
            object["metadata"]["finalizers"] = finalizers;
        })
    };
    let here = child(|_| ());
    let terminating = child(|child| child["metadata"]["deletionTimestamp"] = now.into());
    let ours = json!([FINALIZER]);
    assert_eq!(step(&deleted(ours.clone()), Some(&here)), Step::Delete(Box::new(here.clone())));
    let status = copied(step(&deleted(ours.clone()), Some(&terminating)));
    assert_eq!((status.last_condition_state.as_str(), status.observed_generation), ("Ready", 0));
    assert_eq!(step(&deleted(ours), None), Step::RemoveFinalizer);
    // A user removed the finalizer, or wants the child to stay.
    assert_eq!(step(&deleted(json!([])), Some(&here)), Step::Wait);
    let orphaning = deleted(json!([FINALIZER, "orphan"]));
    let free = changed(step(&orphaning, Some(&here)));
    assert_eq!(free.metadata.owner_references, Some(Vec::new()));
    assert_eq!(step(&orphaning, Some(&free)), Step::RemoveFinalizer);
}

#[test]
fn an_object_goes_when_its_child_is_deleted_with_another() {
    assert_eq!(decide(&instance(|_| ()), Some(&child(|_| ())), true, &at(0)), Step::Leave);
    assert_eq!(decide(&instance(|_| ()), None, true, &at(0)), Step::Leave, "the child is not created again");
}

#[test]
fn an_object_that_is_older_than_the_policies_gets_its_finalizer_first() {
    let old = instance(|object| object["metadata"]["finalizers"] = Value::Null);
    assert_eq!(step(&old, None), Step::AddFinalizer);
}

#[test]
fn annotations_are_copied_also_when_the_object_is_deleted() {
    let retain = |object: &mut Value| {
        object["metadata"]["annotations"] =
            json!({ANNOTATION_DELETION_POLICY: "Retain", ANNOTATION_ROTATE: "now", "other": "x"});
    };
    let deleted = Some("2026-01-01T00:00:00Z");
    for (instance_deleted, child_deleted) in [(None, None), (deleted, None), (deleted, deleted)] {
        let instance = instance(|object| {
            retain(object);
            object["metadata"]["deletionTimestamp"] = instance_deleted.into();
        });
        let child = child(|child| {
            child["metadata"]["annotations"] = json!({ANNOTATION_PAUSED: "true"});
            child["metadata"]["deletionTimestamp"] = child_deleted.into();
        });
        let annotations = changed(step(&instance, Some(&child))).metadata.annotations;
        let expected = json!({
            ANNOTATION_DELETION_POLICY: "Retain", ANNOTATION_PAUSED: "true", ANNOTATION_ROTATE: "now",
        });
        assert_eq!(serde_json::to_value(annotations).unwrap(), expected);
    }
    let copied = create(&instance(retain)).metadata.annotations.unwrap();
    assert_eq!(copied.keys().collect::<Vec<_>>(), [ANNOTATION_DELETION_POLICY, ANNOTATION_ROTATE]);
}

/// Of large parameters the cache has only the length, so the child must not get what is left of them.
#[test]
fn what_is_too_large_is_told_once_and_not_translated() {
    let large = |object: &mut Value| object["spec"]["parameters"] = json!({"a": "x".repeat(70_000)});
    for (child, type_) in [(None, "Ready"), (Some(child(|_| ())), "Updated")] {
        let mut alpha = instance(large);
        alpha.cut();
        let Step::Complain(status) = step(&alpha, child.as_ref()) else { panic!("{alpha:?}") };
        let told = condition::find(&status.conditions, type_).unwrap();
        assert_eq!((told.status.as_str(), told.reason.as_str()), ("False", "ErrorWithParameters"));
        assert!(told.message.contains("the limit is 65536"), "{}", told.message);
        alpha.status = Some(*status);
        assert_eq!(decide(&alpha, child.as_ref(), false, &at(60)), Step::Wait);
        alpha.metadata.deletion_timestamp = Some(at(60));
        let goes_on = if child.is_some() { "Delete" } else { "RemoveFinalizer" };
        assert!(format!("{:?}", step(&alpha, child.as_ref())).starts_with(goes_on));
    }
}
