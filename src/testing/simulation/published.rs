//! The invariants of brokers, classes and plans: at every step, and at rest.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::api::{Api, Key, Request as Write, parse};
use super::broker::Broker;
use super::catalog::MADE_BY_USERS;
use super::door::Published;
use super::half::{BROKER, HALVES, Half};
use super::invariants::{condition, is};
use super::operator::RELIST_INTERVAL;
use super::platform::RESTRICTIONS;
use super::world::Broken;
use crate::crd::names::FINALIZER;
use crate::domain::duration::go_duration;

/// A published class or plan: name, description, whether it is free, class.
type Entry = (String, String, bool, String);

/// The published classes and plans, by kind and id.
type Entries = BTreeMap<(&'static str, String), Entry>;

const KINDS: [&str; 2] = ["classes", "plans"];

/// Records at the broker's doors what their callers know: the restrictions, and the versions behind their connections.
pub fn note(broker: &mut Broker, api: &Api) {
    for half in HALVES {
        let known = api
            .get(&half.broker())
            .map(|object| (object["spec"]["catalogRestrictions"].clone(), connection(half, object, api)));
        let door = broker.door_mut(half);
        (door.known, door.is_published) = (known.unwrap_or_default(), is_whole(half, api));
    }
}

/// Whether all classes and plans exist that instances refer to.
pub fn is_whole(half: Half, api: &Api) -> bool {
    let there =
        |kind: &str| users(half, kind, api).all(|(name, _)| api.get(&half.key(kind, &name)).is_some());
    KINDS.into_iter().all(there)
}

/// The versions of broker object and Secret behind the operator's connection, if they are the current ones.
fn connection(half: Half, object: &Value, api: &Api) -> Option<String> {
    let named = !object["spec"]["authInfo"].is_null();
    let secret = half.secret().filter(|_| named).and_then(|key| api.get(&key));
    let version = secret.map_or_else(|| json!(""), |secret| secret["metadata"]["resourceVersion"].clone());
    let (meta, status) = (&object["metadata"], &object["status"]);
    let used = status["authSecretVersion"].as_str().unwrap_or_default();
    let settled = status["reconciledGeneration"] == meta["generation"] && version == used;
    settled.then(|| format!("{}/{}/{version}", meta["uid"], meta["generation"]))
}

/// Judges a request before it is executed, if the operator's caches are up to date (`informed`): the operator only
/// deletes a class or plan that no instance uses, or with its broker. It only removes a broker that no instance needs,
/// after its classes and plans.
pub fn of_request(request: &Write, api: &Api, informed: impl FnOnce() -> bool) -> Option<Broken> {
    let (key, _) = parse(&request.path)?;
    let (half, kind) = Half::of_resource(&key.resource)?;
    let broker = api.get(&half.broker())?;
    let is_deleted = !broker["metadata"]["deletionTimestamp"].is_null();
    let finalizers = request.body["metadata"]["finalizers"].as_array();
    let removes_finalizer =
        finalizers.is_some_and(|finalizers| finalizers.iter().all(|name| name != FINALIZER));
    let goes = request.method == Method::DELETE || (kind == "brokers" && removes_finalizer);
    if !goes || !informed() {
        return None;
    }
    let what = format!("{} {}", request.method, request.path);
    let holder = held(half, api).next();
    // A class or plan that the broker has withdrawn is removed with its last instance, with or without the broker.
    let is_offered = kind == "brokers" || !api.get(&key).is_some_and(is_removed);
    match holder {
        Some(holder) if is_deleted && is_offered => {
            return Some(format!("{what}: {holder} needs the broker"));
        }
        None if is_deleted => {
            let left = managed(half, api).next().filter(|_| kind == "brokers");
            return left.map(|(_, left)| format!("the broker is removed before its entry {left}"));
        }
        _ => {}
    }
    let user = users(half, kind, api).find(|(name, _)| *name == key.name)?.1;
    Some(format!("{what}: {user} uses it"))
}

/// The broker, class or plan that a request is about, before the request.
pub fn before(request: &Write, api: &Api) -> Option<Value> {
    let (key, _) = parse(&request.path)?;
    Half::of_resource(&key.resource)?;
    api.get(&key).cloned()
}

/// Judges a write of the operator: classes and plans follow from a catalog that the broker answered, and a broker's
/// status only says that a catalog was published if it was.
pub fn of_write(request: &Write, before: Option<&Value>, api: &Api, broker: &mut Broker) -> Option<Broken> {
    let (key, subresource) = parse(&request.path)?;
    let (half, kind) = Half::of_resource(&key.resource)?;
    if kind == "brokers" {
        return of_broker(half, before, api, broker);
    }
    let what = format!("{} {}", request.method, request.path);
    let labels = request.method == Method::PATCH && subresource.is_empty();
    if labels {
        return None;
    }
    if key.name == MADE_BY_USERS {
        return Some(format!("{what}: it belongs to a user"));
    }
    if request.method == Method::DELETE {
        let stays =
            api.get(&half.broker()).is_some_and(|broker| broker["metadata"]["deletionTimestamp"].is_null());
        let offered = before.is_some_and(|entry| !is_removed(entry));
        return (stays && offered).then(|| format!("{what}: the broker still offers it"));
    }
    (!broker.door(half).is_answered).then(|| format!("{what}: no answered catalog is the reason"))
}

fn of_broker(half: Half, before: Option<&Value>, api: &Api, broker: &mut Broker) -> Option<Broken> {
    let door = broker.door_mut(half);
    let Some(object) = api.get(&half.broker()) else {
        (door.published, door.is_answered) = (None, false);
        return None;
    };
    let fetched = |object: &Value| object["status"]["lastCatalogRetrievalTime"].clone();
    if before.map(fetched) == Some(fetched(object)) {
        return None;
    }
    let answered = std::mem::take(&mut door.is_answered);
    if !answered {
        return Some(format!("the status claims a fetch that did not happen: {object}"));
    }
    let ((mut expected, _), there) = (expected(door.published.as_ref(), half, api), entries(half, api));
    remove_moved(&mut expected, &there, half, api);
    (expected != there).then(|| format!("published: {there:?}, not {expected:?}"))
}

/// Removes a plan that was moved to another class, and deleted from the former one while the catalog was published. It follows
/// with the next fetch.
fn remove_moved(expected: &mut Entries, there: &Entries, half: Half, api: &Api) {
    let class = half.member("ClassRef");
    for event in api.log.iter().filter(|event| event.gone && event.key.resource == half.resource("plans")) {
        let (spec, key) = (&event.object["spec"], ("plans", text(&event.object["spec"]["externalID"])));
        let has_moved = expected.get(&key).is_some_and(|entry| entry.3 != spec[&class]["name"]);
        if has_moved && !there.contains_key(&key) {
            expected.remove(&key);
        }
    }
}

/// The invariants at rest.
pub fn at_rest(api: &Api, broker: &Broker) -> Vec<Broken> {
    HALVES.into_iter().flat_map(|half| of_half(half, api, broker)).collect()
}

fn of_half(half: Half, api: &Api, broker: &Broker) -> Vec<Broken> {
    let mut broken = of_users(half, api);
    let Some(object) = api.get(&half.broker()) else {
        broken.extend(managed(half, api).map(|(_, left)| format!("left behind by a removed broker: {left}")));
        return broken;
    };
    let reason = condition(object, "Ready").map(|ready| ready["reason"].clone()).unwrap_or_default();
    if !object["metadata"]["deletionTimestamp"].is_null() {
        let blocked = reason == "DeletionBlockedByInstances" && held(half, api).next().is_some();
        broken.extend((!blocked).then(|| format!("I7: it is never removed: {object}")));
        return broken;
    }
    let door = broker.door(half);
    if reason != "FetchedCatalog" || !is(object, "Ready") || connection(half, object, api).is_none() {
        broken.push(format!("I7: its catalog is not fetched: {object}"));
    }
    let ((mut expected, has_moved), there) =
        (expected(door.published.as_ref(), half, api), entries(half, api));
    // An empty catalog is not published, so the next fetch has brought nothing, and has no entry that has to wait.
    let is_empty = door.last["services"].as_array().is_some_and(Vec::is_empty);
    if is_empty {
        remove_moved(&mut expected, &there, half, api);
    }
    if expected != there {
        broken.push(format!("published: {there:?}, not {expected:?}"));
    }
    if is(object, "CatalogEntriesRejected") != (has_invalid(&door.last) || has_moved && !is_empty) {
        broken.push(format!("CatalogEntriesRejected does not match the catalog: {object}"));
    }
    for kind in KINDS {
        let used: BTreeSet<String> = users(half, kind, api).map(|(name, _)| name).collect();
        let of_kind = managed(half, api).filter(|(key, _)| key.resource == half.resource(kind));
        let unused = of_kind.filter(|(key, entry)| is_removed(entry) && !used.contains(&key.name));
        broken.extend(unused.map(|(_, entry)| format!("neither offered nor used: {entry}")));
    }
    broken
}

/// The times of the next regular relists.
pub fn next_relists(api: &Api) -> Vec<Timestamp> {
    let next = |half: Half| {
        let broker = api.get(&half.broker())?;
        let last: Timestamp = broker["status"]["lastCatalogRetrievalTime"].as_str()?.parse().ok()?;
        let duration = broker["spec"]["relistDuration"].as_str().and_then(go_duration);
        last.checked_add(SignedDuration::try_from(duration.unwrap_or(RELIST_INTERVAL)).ok()?).ok()
    };
    HALVES.into_iter().filter_map(next).collect()
}

/// I7: deleted brokers are removed.
pub fn nothing_is_left(api: &Api) -> Vec<Broken> {
    let left = HALVES.into_iter().filter_map(|half| api.get(&half.broker()));
    left.map(|object| format!("I7: it is never removed: {object}")).collect()
}

/// The operator leaves users' own classes and plans alone.
fn of_users(half: Half, api: &Api) -> Vec<Broken> {
    let intact = |entry: &Value| {
        let spec = &entry["spec"];
        spec["externalName"] == "mine" && !is_removed(entry) && entry["metadata"]["ownerReferences"].is_null()
    };
    let missing =
        KINDS.into_iter().filter(|kind| !api.get(&half.key(kind, MADE_BY_USERS)).is_some_and(intact));
    missing.map(|kind| format!("a user's own entry was changed: {}", half.resource(kind))).collect()
}

/// The instances that exist, or may exist, at the broker of a half.
fn held(half: Half, api: &Api) -> impl Iterator<Item = &str> {
    let instances = api.list("serviceinstances");
    let holds = move |object: &Value| {
        let status = &object["status"];
        let provisioned =
            !status["externalProperties"].is_null() || !status["inProgressProperties"].is_null();
        let orphaned = status["orphans"].as_array().is_some_and(|orphans| !orphans.is_empty());
        Half::of_instance(object) == half && (provisioned || orphaned)
    };
    instances.filter(move |(_, object)| holds(object)).map(|(key, _)| key.name.as_str())
}

/// The names of the classes or plans that instances refer to or have at the broker, and the names of these instances.
fn users<'a>(half: Half, kind: &str, api: &'a Api) -> impl Iterator<Item = (String, &'a str)> {
    let referred = half.member(if kind == "classes" { "ClassRef" } else { "PlanRef" });
    // The names of the plans in the simulation are their ids.
    let plan_id = half.member("PlanExternalID");
    let at_broker: &[&str] =
        if kind == "plans" { &["externalProperties", "inProgressProperties"] } else { &[] };
    api.list("serviceinstances").flat_map(move |(key, object)| {
        let ids = at_broker.iter().map(|properties| &object["status"][properties][plan_id.as_str()]);
        let names = ids.chain([&object["spec"][referred.as_str()]["name"]]).filter_map(Value::as_str);
        let names: BTreeSet<&str> = names.filter(|name| !name.is_empty()).collect();
        names.into_iter().map(move |name| (name.to_owned(), key.name.as_str())).collect::<Vec<_>>()
    })
}

/// The classes and plans that the operator has published for the broker of a half.
fn managed(half: Half, api: &Api) -> impl Iterator<Item = (&Key, &Value)> {
    let resources = KINDS.map(|kind| half.resource(kind));
    let is_its = |object: &Value| object["metadata"]["ownerReferences"][0]["name"] == BROKER;
    let all = api.all().filter(move |(key, _)| resources.contains(&key.resource));
    all.filter(move |(_, object)| is_its(object))
}

fn is_removed(entry: &Value) -> bool {
    entry["status"]["removedFromBrokerCatalog"] == true
}

/// The published classes and plans that are not marked as removed.
fn entries(half: Half, api: &Api) -> Entries {
    let class = half.member("ClassRef");
    let offered = managed(half, api).filter(|(_, entry)| !is_removed(entry));
    let entry = |(key, entry): (&Key, &Value)| {
        let kind = if key.resource == half.resource("classes") { "classes" } else { "plans" };
        let spec = &entry["spec"];
        let class = text(&spec[class.as_str()]["name"]);
        let entry = (text(&spec["externalName"]), text(&spec["description"]), spec["free"] != false, class);
        ((kind, text(&spec["externalID"])), entry)
    };
    offered.map(entry).collect()
}

/// The classes and plans that should be published, and whether a plan has to wait: the broker has moved it to another class,
/// and an instance still uses it in the former one.
fn expected(published: Option<&Published>, half: Half, api: &Api) -> (Entries, bool) {
    let mut entries = offered(published);
    let class = half.member("ClassRef");
    let before = entries.len();
    for (_, plan) in managed(half, api).filter(|(key, _)| key.resource == half.resource("plans")) {
        let key = ("plans", text(&plan["spec"]["externalID"]));
        if entries.get(&key).is_some_and(|entry| entry.3 != plan["spec"][&class]["name"]) {
            entries.remove(&key);
        }
    }
    let has_moved = entries.len() < before;
    (entries, has_moved)
}

/// The classes and plans in the catalog that the restrictions admit.
fn offered(published: Option<&Published>) -> Entries {
    let mut entries = Entries::new();
    let Some(Published { catalog, restrictions }) = published else { return entries };
    let admits = |list: &str, index: usize| restrictions[list][0] != RESTRICTIONS[index].1;
    for service in valid(&catalog["services"]) {
        let plans = valid(&service["plans"]).into_iter().filter(|plan| {
            (admits("servicePlan", 1) || plan["name"] != "large")
                && (admits("servicePlan", 2) || plan["free"] != false)
        });
        let published = |entry: &Value, class: &Value| {
            (text(&entry["name"]), text(&entry["description"]), entry["free"] != false, text(class))
        };
        let plans: Entries =
            plans.map(|plan| (("plans", text(&plan["id"])), published(plan, &service["id"]))).collect();
        if !plans.is_empty() && (admits("serviceClass", 0) || service["name"] == "database") {
            entries.insert(("classes", text(&service["id"])), published(service, &Value::Null));
            entries.extend(plans);
        }
    }
    entries
}

/// The valid entries: each has a name, a unique id and, if it is a service, plans.
fn valid(entries: &Value) -> Vec<&Value> {
    let mut ids = BTreeSet::new();
    let entries = entries.as_array().into_iter().flatten();
    entries
        .filter(|entry| {
            entry["name"].is_string() && entry["plans"].as_array().is_none_or(|plans| !plans.is_empty())
        })
        .filter(|entry| ids.insert(text(&entry["id"])))
        .collect()
}

fn has_invalid(catalog: &Value) -> bool {
    let count = |entries: &Value| entries.as_array().map_or(0, Vec::len);
    let services = &catalog["services"];
    let has_invalid_plans = |service: &Value| valid(&service["plans"]).len() < count(&service["plans"]);
    valid(services).len() < count(services)
        || services.as_array().into_iter().flatten().any(has_invalid_plans)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
