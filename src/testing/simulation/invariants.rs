//! The invariants I1 to I12 of instances and bindings: at every step, and at rest.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde_json::Value;
use uuid::Uuid;

use super::api::{Api, Key, Request as Write, parse};
use super::broker::{Broker, id};
use super::chosen;
use super::half::{HALVES, Half};
use super::request::{Endpoint, Request};
use super::truth::Instance;
use super::users::GIVEN;
use super::world::Broken;
use crate::crd::names::ANNOTATION_DELETION_POLICY;

const INSTANCES: &str = "serviceinstances";
const BINDINGS: &str = "servicebindings";

/// I4: the operator deletes nothing at the broker that belongs to a live object.
pub fn of_call(request: &Request, api: &Api) -> Option<Broken> {
    let (resource, member) = match request.endpoint {
        Endpoint::Deprovision => (INSTANCES, "instanceID"),
        Endpoint::Unbind => (BINDINGS, "bindingID"),
        _ => return None,
    };
    let owner = api.list(resource).find(|(_, object)| object["status"][member] == id(request))?.1;
    let was_confirmed = || {
        let versions = api.log.iter().map(|event| &event.object);
        let mut own = versions.filter(|object| object["metadata"]["uid"] == owner["metadata"]["uid"]);
        own.any(|object| {
            object["status"][member] == id(request) && !object["status"]["externalProperties"].is_null()
        })
    };
    let is_given = owner["spec"]["externalID"] == id(request) && id(request).starts_with(GIVEN);
    if is_given && !was_confirmed() {
        return Some(format!("I4: {:?} of a given id that was never confirmed: {owner}", request.endpoint));
    }
    let wanted = owner["metadata"]["deletionTimestamp"].is_null();
    let orphans = owner["status"]["orphans"].as_array();
    let given_up = orphans.is_some_and(|orphans| orphans.iter().any(|orphan| orphan["id"] == id(request)));
    (wanted && !given_up).then(|| format!("I4: {:?} of a live object: {owner}", request.endpoint))
}

/// I2: an object has at most one instance at the broker.
pub fn of_broker(broker: &Broker, api: &Api) -> Option<Broken> {
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    for (key, object) in api.list(INSTANCES) {
        let uid: Uuid = object["metadata"]["uid"].as_str()?.parse().ok()?;
        let ids = (0..100).map(|attempt: i64| Uuid::new_v5(&uid, attempt.to_string().as_bytes()).to_string());
        let count = ids.filter(|id| broker.truth.instances.contains_key(id)).count();
        *owners.entry(&key.name).or_default() += count;
    }
    let doubled = owners.into_iter().find(|(_, count)| *count > 1)?;
    Some(format!("I2: the instance {} exists {} times at the broker", doubled.0, doubled.1))
}

/// I8: an operator sends no request for an object whose finalizer it has removed, even before its watch delivers the
/// deletion. Holds these objects.
#[derive(Default)]
pub struct Finalized(BTreeSet<Key>);

impl Finalized {
    /// Records a request and the status code of its answer.
    pub fn of_answer(&mut self, request: &Write, code: u16, api: &Api) -> Option<Broken> {
        let (key, _) = parse(&request.path)?;
        if api.get(&key).is_some() {
            self.0.remove(&key);
        } else if matches!(code, 200..300) && request.body["metadata"]["finalizers"].is_array() {
            self.0.insert(key);
        } else if code == 404 && self.0.contains(&key) {
            return Some(format!(
                "I8: {} {}: its finalizer was removed before",
                request.method, request.path
            ));
        }
        None
    }
}

/// I3: a binding that becomes Ready has the broker's credentials in its Secret.
pub fn of_write(request: &Write, api: &Api, broker: &Broker) -> Option<Broken> {
    if !request.path.contains(BINDINGS) || !request.path.ends_with("/status") {
        return None;
    }
    let name = request.path.trim_end_matches("/status").rsplit('/').next()?;
    let binding = api.get(&Key::new(BINDINGS, name))?;
    // Only judge the status of this write: another client may have changed it since.
    if binding["status"] != request.body["status"] || !is_new(binding) {
        return None;
    }
    credentials(binding, api, broker)
}

/// Whether the binding is Ready without an operation. Only that moment is judged: users may change the Secret
/// afterwards.
fn is_new(binding: &Value) -> bool {
    is(binding, "Ready")
        && binding["status"]["currentOperation"].is_null()
        && binding["status"]["operation"].is_null()
}

/// I1, I3, I5, I7, I11 and I12 at rest.
pub fn at_rest(api: &Api, broker: &Broker) -> Vec<Broken> {
    let mut rest = broker.truth.instances.clone();
    let mut broken = Vec::new();
    let told = told_to_be_left(api);
    for instance in rest.values_mut() {
        instance.bindings.retain(|id, _| !told.contains(id) || is_bound(id, api));
    }
    for (_, object) in api.list(INSTANCES).filter(|(_, object)| !is_retained(object)) {
        broken.extend(of_instance(object, &rest, api));
        broken.extend(of_end(object).filter(|_| !is_without_class(object, api)));
    }
    for (_, object) in api.list(BINDINGS).filter(|(_, object)| !is_retained(object)) {
        let external = &object["status"]["externalProperties"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let properties =
            if external.is_null() { &object["status"]["inProgressProperties"] } else { external };
        let instance = rest.get_mut(&text(&properties["instance"]["id"]));
        let ids = [&object["status"]["bindingID"], &object["status"]["predecessor"]["bindingID"]];
        if let Some(instance) = instance {
            let there = ids.map(|id| id.is_null() || instance.bindings.remove(&text(id)).is_some());
            if !external.is_null() && there != [true, true] {
                broken.push(format!("I1: not at the broker: {object}"));
            }
            // The orphan of a failed successor is removed after the Secret is repaired, which may need the user.
            let ready = condition(object, "Ready");
            if ready.is_some_and(|ready| ready["reason"] == "ErrorInstanceNotReady") {
                let orphans = object["status"]["orphans"].as_array().into_iter().flatten();
                orphans.for_each(|orphan| drop(instance.bindings.remove(&text(&orphan["id"]))));
            }
        } else if !external.is_null() {
            broken.push(format!("I1: not at the broker: {object}"));
        }
        broken.extend(is(object, "Ready").then(|| credentials(object, api, broker)).flatten());
        broken.extend(of_end(object));
    }
    broken.extend(orphans(api, &rest));
    broken
}

/// I1, I5, I12: the service of an instance exists at the broker and matches the spec, which holds its id for backups. Not
/// judged during a deprovision.
fn of_instance(object: &Value, there: &BTreeMap<String, Instance>, api: &Api) -> Option<Broken> {
    let status = &object["status"];
    if status["externalProperties"].is_null() || status["currentOperation"] == "Deprovision" {
        return None;
    }
    let Some(there) = there.get(object["status"]["instanceID"].as_str().unwrap_or_default()) else {
        return Some(format!("I1: not at the broker: {object}"));
    };
    let spec = &object["spec"];
    if spec["externalID"] != status["instanceID"] {
        return Some(format!("I12: a backup of it does not hold the id: {object}"));
    }
    let is_as_wanted =
        || there.parameters == spec["parameters"] && chosen::is_chosen(object, &there.plan, api);
    (is_settled(object) && !is_as_wanted()).then(|| format!("I5: the broker has {there:?}: {object}"))
}

/// I7: no object stops halfway.
fn of_end(object: &Value) -> Option<Broken> {
    let ended =
        ["Ready", "Failed", "Paused"].into_iter().any(|type_| is(object, type_)) || is_blocked(object);
    // The grace period of a predecessor may be longer than it takes to come to rest.
    let waits = !object["status"]["predecessor"].is_null();
    let owes = ["Rotating", "RotationFailed", "RotationRequestInFlight", "RotationWaiting"];
    let owes = &owes[..if waits { 3 } else { 4 }];
    let owes = condition(object, "Rotated")
        .is_some_and(|rotated| owes.iter().any(|reason| rotated["reason"] == *reason));
    if owes && is(object, "Ready") && !is(object, "Paused") {
        return Some(format!("I7: its credentials are not rotated: {object}"));
    }
    (!ended).then(|| format!("I7: neither Ready nor Failed: {object}"))
}

/// I1, I11: services and bindings at the broker without a live object.
fn orphans(api: &Api, rest: &BTreeMap<String, Instance>) -> Vec<Broken> {
    let begun = |object: &Value| {
        let status = &object["status"];
        !status["externalProperties"].is_null() || !status["currentOperation"].is_null()
    };
    let id = |object: &Value| object["status"]["instanceID"].as_str().map(str::to_owned);
    let kept = api.log.iter().map(|event| &event.object).filter(|object| is_retained(object));
    let alive = api.list(INSTANCES).map(|(_, object)| object).filter(|object| begun(object));
    let mut known: BTreeSet<String> = kept.chain(alive).filter_map(id).collect();
    known.extend(told_to_be_left(api));
    let mut broken: Vec<Broken> = rest
        .iter()
        .filter(|(id, _)| !known.contains(*id))
        .map(|(id, instance)| format!("I1, I11: an orphan at the broker: {id} {instance:?}"))
        .collect();
    let paused = api.list(BINDINGS).any(|(_, object)| is(object, "Paused"));
    let bindings = rest.values().filter(|instance| !instance.bindings.is_empty() && !paused);
    broken
        .extend(bindings.map(|instance| format!("I1, I11: an orphaned binding at the broker: {instance:?}")));
    broken
}

/// I11: the given ids that were never confirmed, and of which a condition has said that the operator does not delete
/// what the broker has under them.
fn told_to_be_left(api: &Api) -> BTreeSet<String> {
    let objects = api.log.iter().map(|event| &event.object).filter(|object| {
        let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
        conditions.into_iter().any(|condition| {
            let message = condition["message"].as_str().unwrap_or_default();
            condition["reason"] == "LeftAtBroker" || message.contains("under spec.externalID is not deleted")
        })
    });
    objects.filter_map(|object| object["spec"]["externalID"].as_str().map(str::to_owned)).collect()
}

/// Whether a binding has this id and is confirmed.
fn is_bound(id: &str, api: &Api) -> bool {
    let is_bound = |binding: &Value| {
        let status = &binding["status"];
        let ids = [&status["bindingID"], &status["predecessor"]["bindingID"]];
        !status["externalProperties"].is_null() && ids.iter().any(|own| **own == id)
    };
    api.list(BINDINGS).any(|(_, binding)| is_bound(binding))
}

/// I7: deleted objects are removed, and their Secrets with them.
pub fn nothing_is_left(api: &Api) -> Vec<Broken> {
    let auth = HALVES.map(Half::secret);
    [INSTANCES, BINDINGS, "secrets"]
        .into_iter()
        .flat_map(|resource| api.list(resource))
        .filter(|(key, _)| !auth.iter().flatten().any(|auth| auth == *key))
        .map(|(_, object)| format!("I7: it is never removed: {object}"))
        .collect()
}

/// Whether the user has retained or abandoned the service at the broker.
fn is_retained(object: &Value) -> bool {
    object["metadata"]["annotations"][ANNOTATION_DELETION_POLICY] == "Retain"
}

/// Whether the object's conditions say that its spec is applied.
fn is_settled(object: &Value) -> bool {
    let deleting = !object["metadata"]["deletionTimestamp"].is_null();
    is(object, "Ready") && condition(object, "Updated").is_none() && !is(object, "Paused") && !deleting
}

/// Whether the object's conditions say that it waits for the user or for another object. For lost credentials, `Rotated`
/// says what their replacement waits for.
fn is_blocked(object: &Value) -> bool {
    let reasons = [
        "DeprovisionBlockedByExistingCredentials",
        "ReferencesNonexistentInstance",
        "ErrorInstanceNotReady",
        "InstanceUnusable",
        // The plan that the user chose is gone: another one of its name is not the user's choice.
        "ReferencesNonexistentServicePlan",
    ];
    let is_any = |type_: &str, reasons: &[&str]| {
        condition(object, type_).is_some_and(|found| reasons.iter().any(|reason| found["reason"] == *reason))
    };
    is_any("Ready", &reasons) || is_any("Ready", &["CredentialsNotReturned"]) && is_any("Rotated", &reasons)
}

/// Whether the instance's class or plan is gone because its broker is being deleted.
fn is_without_class(instance: &Value, api: &Api) -> bool {
    let broker = api.get(&Half::of_instance(instance).broker());
    let leaves = broker.is_some_and(|broker| !broker["metadata"]["deletionTimestamp"].is_null());
    let reason = condition(instance, "Ready").and_then(|ready| ready["reason"].as_str());
    leaves && reason.is_some_and(|reason| reason.starts_with("References"))
}

/// Whether a condition of an object is `True`.
pub fn is(object: &Value, type_: &str) -> bool {
    condition(object, type_).is_some_and(|condition| condition["status"] == "True")
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)
}

/// I3: how the Secret of a binding differs from the broker's credentials.
fn credentials(binding: &Value, api: &Api, broker: &Broker) -> Option<Broken> {
    let name = binding["spec"]["secretName"].as_str().unwrap_or_default();
    let instance = binding["status"]["externalProperties"]["instance"]["id"].as_str().unwrap_or_default();
    let id = binding["status"]["bindingID"].as_str().unwrap_or_default();
    let expected = broker.truth.instances.get(instance).and_then(|instance| instance.bindings.get(id));
    let expected =
        expected.map(|binding| binding.credentials["password"].as_str().unwrap_or_default().to_owned());
    let secret = api.get(&Key::new("secrets", name));
    let held = secret.and_then(|secret| secret["data"]["password"].as_str()).map(|password| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(password).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    (expected.is_none() || expected != held)
        .then(|| format!("I3: the broker has {expected:?}, the Secret has {held:?}: {binding}"))
}
