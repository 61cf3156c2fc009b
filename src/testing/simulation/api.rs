//! A model of the API server: objects as JSON, with resourceVersions, generations, finalizers, owner references,
//! conflicts.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The address of an object: resource, namespace, name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// As in the path: `serviceinstances`.
    pub resource: String,
    /// Empty for cluster-wide kinds.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// An object of this kind in the namespace of the simulation.
    pub fn new(resource: &str, name: &str) -> Self {
        Self { resource: resource.to_owned(), namespace: super::NAMESPACE.to_owned(), name: name.to_owned() }
    }
}

/// A request to the API server.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The body; `null` if there is none.
    pub body: Value,
    /// Whether it is only tried.
    pub is_dry_run: bool,
}

/// A watch event.
#[derive(Clone, Debug)]
pub struct Event {
    /// The address of the object.
    pub key: Key,
    /// The object after the change, or before it was removed.
    pub object: Value,
    /// Whether the object was removed.
    pub gone: bool,
}

/// An answer: a status and a body.
pub type Answer = (u16, Value);

/// The stored objects, and the log of all their changes.
#[derive(Clone, Debug, Default)]
pub struct Api {
    objects: BTreeMap<Key, Value>,
    version: u64,
    uids: u64,
    /// All events so far, oldest first.
    pub log: Vec<Event>,
    /// The current time, as in objects.
    pub now: String,
}

impl Api {
    /// The object, if it exists.
    pub fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// All objects.
    pub fn all(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.objects.iter()
    }

    /// The resourceVersion of the latest change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All objects of a kind.
    pub fn list<'a>(&'a self, resource: &'a str) -> impl Iterator<Item = (&'a Key, &'a Value)> {
        self.objects.iter().filter(move |(key, _)| key.resource == resource)
    }

    /// Answers a request of the operator.
    pub fn answer(&mut self, request: &Request) -> Answer {
        if request.is_dry_run {
            return self.clone().answer(&Request { is_dry_run: false, ..request.clone() });
        }
        let Some((key, subresource)) = parse(&request.path) else { return failure(404, "NotFound") };
        if key.resource == "events" {
            return (201, request.body.clone());
        }
        let body = &request.body;
        match (request.method.as_str(), subresource) {
            ("GET", _) => self
                .objects
                .get(&key)
                .map_or_else(|| failure(404, "NotFound"), |object| (200, object.clone())),
            ("POST", _) => {
                let mut object = body.clone();
                // Only the status subresource writes the status.
                object.as_object_mut().and_then(|object| object.remove("status"));
                self.create(key, object)
            }
            ("PUT", _) if is_ours(&key) && body["metadata"]["resourceVersion"].is_null() => {
                failure(422, "Invalid")
            }
            ("PUT", subresource) => self.change(&key, body, |object| write_part(object, body, subresource)),
            ("PATCH", subresource) => self.change(&key, body, |object| {
                let mut patched = object.clone();
                merge(&mut patched, body);
                write_part(object, &patched, subresource);
            }),
            ("DELETE", _) if !self.meets(&key, &body["preconditions"]) => failure(409, "Conflict"),
            ("DELETE", _) => self.delete(&key),
            _ => failure(405, "MethodNotAllowed"),
        }
    }

    /// Whether the object meets the preconditions of its deletion: uid and resourceVersion.
    fn meets(&self, key: &Key, preconditions: &Value) -> bool {
        let Some(object) = self.objects.get(key) else { return true };
        ["uid", "resourceVersion"].into_iter().all(|member| {
            preconditions[member].is_null() || preconditions[member] == object["metadata"][member]
        })
    }

    /// Creates an object.
    pub fn create(&mut self, mut key: Key, mut object: Value) -> Answer {
        if key.name.is_empty() {
            key.name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        }
        if self.objects.contains_key(&key) {
            return failure(409, "AlreadyExists");
        }
        if self.is_terminating(&key.namespace) {
            return failure(403, "Forbidden");
        }
        self.uids += 1;
        let has_spec = object.get("spec").is_some();
        let meta = &mut object["metadata"];
        meta["name"] = key.name.clone().into();
        if !key.namespace.is_empty() {
            meta["namespace"] = key.namespace.clone().into();
        }
        meta["uid"] = Uuid::new_v5(&Uuid::nil(), &self.uids.to_be_bytes()).to_string().into();
        meta["creationTimestamp"] = self.now.clone().into();
        if has_spec {
            meta["generation"] = 1.into();
        }
        self.write(&key, object, 201)
    }

    /// Whether a namespace is being deleted: nothing can be created in it.
    fn is_terminating(&self, namespace: &str) -> bool {
        let namespace =
            self.objects.iter().find(|(key, _)| key.resource == "namespaces" && key.name == namespace);
        namespace.is_some_and(|(_, namespace)| !namespace["metadata"]["deletionTimestamp"].is_null())
    }

    /// Stores an object exactly as another API server has stored it.
    pub fn restore(&mut self, key: Key, object: Value) {
        let version = object["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse().ok());
        self.version = self.version.max(version.unwrap_or_default());
        self.objects.insert(key, object);
    }

    /// Changes an object as a user does: without a resourceVersion.
    pub fn edit(&mut self, key: &Key, patch: &Value) -> Answer {
        self.change(key, patch, |object| merge(object, patch))
    }

    /// Deletes an object: at once, or when its last finalizer is removed.
    pub fn delete(&mut self, key: &Key) -> Answer {
        let Some(object) = self.objects.get(key) else { return failure(404, "NotFound") };
        let mut object = object.clone();
        if has_finalizers(&object) {
            let meta = &mut object["metadata"];
            if meta["deletionTimestamp"].is_null() {
                meta["deletionTimestamp"] = self.now.clone().into();
                meta["generation"] = (meta["generation"].as_i64().unwrap_or_default() + 1).into();
            }
            return self.write(key, object, 200);
        }
        self.remove(key);
        (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
    }

    fn change(&mut self, key: &Key, request: &Value, change: impl FnOnce(&mut Value)) -> Answer {
        let Some(before) = self.objects.get(key) else { return failure(404, "NotFound") };
        let version = &request["metadata"]["resourceVersion"];
        if !version.is_null() && *version != before["metadata"]["resourceVersion"] {
            return failure(409, "Conflict");
        }
        let mut object = before.clone();
        change(&mut object);
        object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        if object == *before {
            return (200, object);
        }
        if object["spec"] != before["spec"] {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or_default();
            object["metadata"]["generation"] = (generation + 1).into();
        }
        self.write(key, object, 200)
    }

    fn write(&mut self, key: &Key, mut object: Value, status: u16) -> Answer {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.objects.insert(key.clone(), object.clone());
        if !object["metadata"]["deletionTimestamp"].is_null() && !has_finalizers(&object) {
            self.remove(key);
        } else {
            self.log.push(Event { key: key.clone(), object: object.clone(), gone: false });
        }
        (status, object)
    }

    /// Removes an object and everything that it owns.
    fn remove(&mut self, key: &Key) {
        let Some(mut object) = self.objects.remove(key) else { return };
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let uid = object["metadata"]["uid"].clone();
        self.log.push(Event { key: key.clone(), object, gone: true });
        let owned: Vec<Key> = self
            .objects
            .iter()
            .filter(|(_, object)| owners(object).any(|owner| owner["uid"] == uid))
            .map(|(key, _)| key.clone())
            .collect();
        for key in owned {
            self.delete(&key);
        }
    }
}

fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten()
}

/// Whether the kind has a status subresource and needs a resourceVersion for a replacement.
fn is_ours(key: &Key) -> bool {
    !matches!(key.resource.as_str(), "secrets" | "namespaces")
}

/// Copies the part of `wanted` that the request may write: the status alone, or everything but the status and the
/// fields that the API server sets.
fn write_part(object: &mut Value, wanted: &Value, subresource: &str) {
    if subresource == "status" {
        object["status"] = wanted["status"].clone();
        return;
    }
    let before = std::mem::replace(object, wanted.clone());
    let kept = ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "generation"];
    keep(&mut object["metadata"], &before["metadata"], &kept);
    keep(object, &before, &["status"]);
}

fn keep(object: &mut Value, before: &Value, members: &[&str]) {
    let Some(object) = object.as_object_mut() else { return };
    for member in members {
        match before.get(member) {
            Some(value) => drop(object.insert((*member).to_owned(), value.clone())),
            None => drop(object.remove(*member)),
        }
    }
}

fn has_finalizers(object: &Value) -> bool {
    object["metadata"]["finalizers"].as_array().is_some_and(|finalizers| !finalizers.is_empty())
}

/// The object and the subresource of a path.
pub fn parse(path: &str) -> Option<(Key, &str)> {
    let mut parts = path.trim_start_matches('/').split('/').skip_while(|part| !part.starts_with('v'));
    parts.next()?;
    let mut resource = parts.next()?;
    let mut namespace = "";
    let mut name = parts.next().unwrap_or_default();
    if resource == "namespaces"
        && let Some(inner) = parts.next()
    {
        (namespace, resource, name) = (name, inner, parts.next().unwrap_or_default());
    }
    let key = Key { resource: resource.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() };
    Some((key, parts.next().unwrap_or_default()))
}

/// A failure as the API server words it.
pub fn failure(code: u16, reason: &str) -> Answer {
    let message = format!("simulated: {reason}");
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message,
    });
    (code, body)
}

/// JSON merge patch (RFC 7386).
fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let Value::Object(object) = object else { return };
    for (name, value) in patch {
        if value.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
