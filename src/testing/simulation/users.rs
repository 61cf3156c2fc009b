//! The application teams: each action is one that a user of kubectl can do at any time.

use serde_json::{Value, json};

use super::api::{Api, Key};
use super::choices::Choices;
use super::half::{HALVES, Half};
use crate::crd::names::{ANNOTATION_DELETION_POLICY, ANNOTATION_PAUSED, ANNOTATION_ROTATE, FINALIZER};

const INSTANCES: &str = "serviceinstances";
const BINDINGS: &str = "servicebindings";
const NAMES: [&str; 2] = ["one", "two"];
/// The beginning of ids that users give.
pub const GIVEN: &str = "given-";
const DATABASE: [&str; 3] = ["small", "large", "slow"];
const CACHE: [&str; 2] = ["cache-small", "cache-slow"];

/// Does one thing; returns it in words.
pub fn act(api: &mut Api, choices: &mut Choices) -> String {
    let name = NAMES[choices.below(NAMES.len())];
    let instance = Key::new(INSTANCES, name);
    let binding = Key::new(BINDINGS, name);
    if api.get(&instance).is_none() {
        create_instance(api, name, choices);
        return format!("a user creates the instance {name}");
    }
    if api.get(&binding).is_none() && choices.below(2) == 0 {
        let external_id = external_id(api, choices);
        create_binding_with(api, name, &external_id);
        return format!("a user creates the binding {name}");
    }
    match choices.pick(&[5, 4, 4, 4, 2, 2, 2, 1, 4, 1]) {
        0 => {
            let parameters = parameters(choices);
            api.edit(&instance, &json!({"spec": {"parameters": parameters}}));
            format!("a user sets the parameters of {name} to {parameters}")
        }
        1 => change_plan(api, &instance, choices),
        2 => {
            api.delete(&binding);
            format!("a user deletes the binding {name}")
        }
        3 => {
            api.delete(&instance);
            format!("a user deletes the instance {name}")
        }
        4 => {
            api.delete(&Key::new("secrets", name));
            format!("a user deletes the Secret {name}")
        }
        5 => {
            api.edit(&Key::new("secrets", name), &json!({"data": {"password": "Zm9yZ2Vk"}}));
            format!("a user edits the Secret {name}")
        }
        6 => {
            let count = api.get(&instance).and_then(|object| object["spec"]["updateRequests"].as_i64());
            let spec = json!({"updateRequests": count.unwrap_or_default() + 1});
            api.edit(&instance, &json!({"spec": spec}));
            format!("a user requests an update of {name}")
        }
        7 => pause(api, &instance, &binding),
        8 => rotate(api, name),
        _ => {
            api.edit(
                &instance,
                &json!({"metadata": {"annotations": {ANNOTATION_DELETION_POLICY: "Retain"}}}),
            );
            format!("a user sets the deletion policy of {name} to Retain")
        }
    }
}

/// A user requests a rotation.
pub fn rotate(api: &mut Api, name: &str) -> String {
    let binding = Key::new(BINDINGS, name);
    let former = api.get(&binding).map(|object| object["metadata"]["annotations"][ANNOTATION_ROTATE].clone());
    let request = if former == Some(json!("now")) { "again" } else { "now" };
    api.edit(&binding, &json!({"metadata": {"annotations": {ANNOTATION_ROTATE: request}}}));
    format!("a user requests a rotation of {name}: {request}")
}

/// The users delete everything.
pub fn clean_up(api: &mut Api) {
    for name in NAMES {
        for resource in [BINDINGS, INSTANCES] {
            let key = Key::new(resource, name);
            api.edit(&key, &json!({"metadata": {"annotations": {ANNOTATION_PAUSED: null}}}));
            api.delete(&key);
        }
    }
}

/// The users unpause everything.
pub fn unpause(api: &mut Api) {
    for name in NAMES {
        for resource in [BINDINGS, INSTANCES] {
            let unpaused = json!({"metadata": {"annotations": {ANNOTATION_PAUSED: null}}});
            api.edit(&Key::new(resource, name), &unpaused);
        }
    }
}

fn pause(api: &mut Api, instance: &Key, binding: &Key) -> String {
    let paused = |object: &Value| object["metadata"]["annotations"][ANNOTATION_PAUSED] == "true";
    let value = if api.get(instance).is_some_and(paused) { Value::Null } else { "true".into() };
    let edit = json!({"metadata": {"annotations": {ANNOTATION_PAUSED: value}}});
    api.edit(instance, &edit);
    api.edit(binding, &edit);
    format!("a user sets paused of {} to {value}", instance.name)
}

fn parameters(choices: &mut Choices) -> Value {
    json!({"size": choices.below(3)})
}

fn change_plan(api: &mut Api, key: &Key, choices: &mut Choices) -> String {
    let half = api.get(key).map_or(Half::Cluster, Half::of_instance);
    let class = api.get(key).map(|object| object["spec"][half.member("ClassExternalName")].clone());
    let plans = if class == Some(json!("cache")) { &CACHE[..] } else { &DATABASE[..] };
    let plan = plans[choices.below(plans.len())];
    // The user changes the name only: the operator resolves it and updates the reference.
    api.edit(key, &json!({"spec": {half.member("PlanExternalName"): plan}}));
    format!("a user changes the plan of {} to {plan}", key.name)
}

fn metadata() -> Value {
    json!({"finalizers": [FINALIZER]})
}

fn user() -> Value {
    json!({"username": "alice", "uid": "1", "groups": ["all"], "extra": {}})
}

/// Creates an instance of a random class and plan, with the fields that admission adds.
pub fn create_instance(api: &mut Api, name: &str, choices: &mut Choices) {
    let plans: Vec<(&str, &str)> = DATABASE
        .iter()
        .map(|plan| ("database", *plan))
        .chain(CACHE.iter().map(|plan| ("cache", *plan)))
        .collect();
    let (class, plan) = plans[choices.below(plans.len())];
    let half = HALVES[choices.pick(&[3, 1])];
    let external_id = external_id(api, choices);
    create_instance_with(api, name, (half, class, plan), &parameters(choices), &external_id);
}

/// Some users give the id.
fn external_id(api: &Api, choices: &mut Choices) -> String {
    if choices.pick(&[3, 1]) == 0 { String::new() } else { format!("{GIVEN}{}", api.log.len()) }
}

/// Creates an instance of this class and plan, with the fields that admission adds.
pub fn create_instance_of(api: &mut Api, name: &str, class_and_plan: (Half, &str, &str), parameters: &Value) {
    create_instance_with(api, name, class_and_plan, parameters, "");
}

/// The same with a given id, unless that is empty.
pub fn create_instance_with(
    api: &mut Api,
    name: &str,
    (half, class, plan): (Half, &str, &str),
    parameters: &Value,
    external_id: &str,
) {
    let object = json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance", "metadata": metadata(),
        "spec": {half.member("ClassExternalName"): class, half.member("PlanExternalName"): plan,
            "parameters": parameters, "userInfo": user(), "updateRequests": 0, "externalID": external_id},
    });
    api.create(Key::new(INSTANCES, name), object);
}

/// Creates a binding to the instance of the same name, with the fields that admission adds. The grace period of the
/// first ends while the world comes to rest. That of the second does not, so its predecessor is deleted together with
/// it.
pub fn create_binding(api: &mut Api, name: &str) {
    create_binding_with(api, name, "");
}

/// The same with a given id, unless that is empty.
pub fn create_binding_with(api: &mut Api, name: &str, external_id: &str) {
    let grace_period = if name == NAMES[0] { "10m" } else { "24h" };
    let object = json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding", "metadata": metadata(),
        "spec": {"instanceRef": {"name": name}, "secretName": name, "userInfo": user(), "externalID": external_id,
            "rotation": {"gracePeriod": grace_period}},
    });
    api.create(Key::new(BINDINGS, name), object);
}
