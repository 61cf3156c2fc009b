//! What must always be so, and what must be so in the end (I1 to I11).

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::Value;
use uuid::Uuid;

use super::api::{Api, Key, Request as Write};
use super::broker::{Broker, id};
use super::request::{Endpoint, Request};
use super::world::Broken;

const INSTANCES: &str = "serviceinstances";
const BINDINGS: &str = "servicebindings";

/// I4: what is alive and well is not removed at the broker.
pub fn of_call(request: &Request, api: &Api) -> Option<Broken> {
    let (resource, member) = match request.endpoint {
        Endpoint::Deprovision => (INSTANCES, "instanceID"),
        Endpoint::Unbind => (BINDINGS, "bindingID"),
        _ => return None,
    };
    let owner = api.list(resource).find(|(_, object)| object["status"][member] == id(request))?.1;
    let wanted = owner["metadata"]["deletionTimestamp"].is_null();
    let orphans = owner["status"]["orphans"].as_array();
    let given_up = orphans.is_some_and(|orphans| orphans.iter().any(|orphan| orphan["id"] == id(request)));
    (wanted && !given_up).then(|| format!("I4: {:?} of a live object: {owner}", request.endpoint))
}

/// I2: an object has one instance at the broker at most.
pub fn of_broker(broker: &Broker, api: &Api) -> Option<Broken> {
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    for (key, object) in api.list(INSTANCES) {
        let uid: Uuid = object["metadata"]["uid"].as_str()?.parse().ok()?;
        let ids = (0..100).map(|attempt: i64| Uuid::new_v5(&uid, attempt.to_string().as_bytes()).to_string());
        let count = ids.filter(|id| broker.truth.instances.contains_key(id)).count();
        *owners.entry(&key.name).or_default() += count;
    }
    let doubled = owners.into_iter().find(|(_, count)| *count > 1)?;
    Some(format!("I2: the instance {} is {} times at the broker", doubled.0, doubled.1))
}

/// I3: a binding that becomes ready has the broker's credentials in its Secret.
pub fn of_write(request: &Write, api: &Api, broker: &Broker) -> Option<Broken> {
    if !request.path.contains(BINDINGS) || !request.path.ends_with("/status") {
        return None;
    }
    let name = request.path.trim_end_matches("/status").rsplit('/').next()?;
    let binding = api.get(&Key::new(BINDINGS, name))?;
    // Somebody else may have changed it: only what was just written is looked at.
    if binding["status"] != request.body["status"] || !is_new(binding) {
        return None;
    }
    credentials(binding, api, broker)
}

/// Only the moment of becoming ready is judged: afterwards users may do as they like with the Secret.
fn is_new(binding: &Value) -> bool {
    is(binding, "Ready")
        && binding["status"]["currentOperation"].is_null()
        && binding["status"]["operation"].is_null()
}

/// I1, I3, I5, I7, I11: what must be so when nothing happens any more.
pub fn at_rest(api: &Api, broker: &Broker) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut instances = broker.truth.instances.clone();
    for (_, object) in api.list(INSTANCES).filter(|(_, object)| !is_left(object)) {
        let id = object["status"]["instanceID"].as_str().unwrap_or_default();
        let confirmed = &object["status"]["externalProperties"];
        match (confirmed.is_null(), instances.get(id)) {
            (false, None) => broken.push(format!("I1: not at the broker: {object}")),
            (false, Some(there)) if is_settled(object) => {
                if there.parameters != object["spec"]["parameters"]
                    || there.plan
                        != object["spec"]["clusterServicePlanExternalName"].as_str().unwrap_or_default()
                {
                    broken.push(format!("I5: the broker has {there:?}: {object}"));
                }
            }
            _ => {}
        }
        if !is(object, "Ready") && !is(object, "Failed") && !is(object, "Paused") && !is_blocked(object) {
            broken.push(format!("I7: neither ready nor failed: {object}"));
        }
    }
    for (_, object) in api.list(BINDINGS).filter(|(_, object)| !is_left(object)) {
        let id = object["status"]["bindingID"].as_str().unwrap_or_default();
        let instance = object["status"]["externalProperties"]["instance"]["id"].as_str().unwrap_or_default();
        let there = instances.get_mut(instance).and_then(|instance| instance.bindings.remove(id));
        if !object["status"]["externalProperties"].is_null() && there.is_none() {
            broken.push(format!("I1: not at the broker: {object}"));
        }
        if is(object, "Ready") {
            broken.extend(credentials(object, api, broker));
        } else if !is(object, "Failed") && !is(object, "Paused") && !is_blocked(object) {
            broken.push(format!("I7: neither ready nor failed: {object}"));
        }
    }
    let known: Vec<&str> = api
        .list(INSTANCES)
        .filter(|(_, object)| {
            let status = &object["status"];
            !status["externalProperties"].is_null() || !status["currentOperation"].is_null()
        })
        .filter_map(|(_, object)| object["status"]["instanceID"].as_str())
        .collect();
    let kept: Vec<String> = api
        .log
        .iter()
        .filter(|event| is_left(&event.object))
        .filter_map(|event| Some(event.object["status"]["instanceID"].as_str()?.to_owned()))
        .collect();
    for (id, instance) in instances {
        if kept.contains(&id) {
            continue;
        }
        if !known.contains(&id.as_str()) {
            broken.push(format!("I1, I11: an orphan at the broker: {id} {instance:?}"));
        }
        let paused = api.list(BINDINGS).any(|(_, object)| is(object, "Paused"));
        if !instance.bindings.is_empty() && !paused {
            broken.push(format!("I1, I11: orphaned bindings at the broker: {instance:?}"));
        }
    }
    broken
}

/// I7: what users have deleted goes, and its Secrets with it.
pub fn nothing_is_left(api: &Api) -> Vec<Broken> {
    [INSTANCES, BINDINGS, "secrets"]
        .into_iter()
        .flat_map(|resource| api.list(resource))
        .map(|(_, object)| format!("I7: it never goes: {object}"))
        .collect()
}

/// Whether the user wants the service to be kept at the broker, or has abandoned it.
fn is_left(object: &Value) -> bool {
    object["metadata"]["annotations"]["servicecatalog.k8s.io/deletion-policy"] == "Retain"
}

/// Whether the object says that it is as its spec says.
fn is_settled(object: &Value) -> bool {
    let deleting = !object["metadata"]["deletionTimestamp"].is_null();
    is(object, "Ready") && condition(object, "Updated").is_none() && !is(object, "Paused") && !deleting
}

/// Whether the object says that it waits for the user or for another object.
fn is_blocked(object: &Value) -> bool {
    let reasons = [
        "DeprovisionBlockedByExistingCredentials",
        "ReferencesNonexistentInstance",
        "ErrorInstanceNotReady",
        "InstanceUnusable",
    ];
    condition(object, "Ready").is_some_and(|ready| reasons.iter().any(|reason| ready["reason"] == *reason))
}

/// Whether a condition is true of an object.
pub fn is(object: &Value, type_: &str) -> bool {
    condition(object, type_).is_some_and(|condition| condition["status"] == "True")
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)
}

/// What is wrong with the Secret of a binding.
fn credentials(binding: &Value, api: &Api, broker: &Broker) -> Option<Broken> {
    let name = binding["spec"]["secretName"].as_str().unwrap_or_default();
    let instance = binding["status"]["externalProperties"]["instance"]["id"].as_str().unwrap_or_default();
    let id = binding["status"]["bindingID"].as_str().unwrap_or_default();
    let told = broker.truth.instances.get(instance).and_then(|instance| instance.bindings.get(id));
    let told = told.map(|binding| binding.credentials["password"].as_str().unwrap_or_default().to_owned());
    let secret = api.get(&Key::new("secrets", name));
    let held = secret.and_then(|secret| secret["data"]["password"].as_str()).map(|password| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(password).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    (told.is_none() || told != held)
        .then(|| format!("I3: the broker told {told:?}, the Secret has {held:?}: {binding}"))
}
