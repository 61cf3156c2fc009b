//! The environment of most tests: the operator, a namespace, and a broker that is registered in it.

use std::collections::BTreeMap;
use std::ops::Deref;

use serde_json::{Value, json};

use super::Broker;
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, wanted};
use crate::operator::operator;

/// The kind of instances.
pub const INSTANCE: &str = "ServiceInstance";
/// The kind of bindings.
pub const BINDING: &str = "ServiceBinding";

/// A namespace with a broker called `broker`.
pub struct TestEnv {
    /// The broker.
    pub broker: Broker,
    namespace: Namespace,
}

impl Deref for TestEnv {
    type Target = Namespace;
    fn deref(&self) -> &Namespace {
        &self.namespace
    }
}

/// The shared operator, a fresh namespace, and in it a broker whose catalog is published.
pub async fn env() -> TestEnv {
    operator();
    let env = TestEnv::new(namespace().await, Broker::start());
    env.register(json!({})).await;
    env.until_ready("ServiceBroker", "broker").await;
    env
}

impl TestEnv {
    /// A namespace, and a broker that is not registered in it.
    pub fn new(namespace: Namespace, broker: Broker) -> Self {
        Self { broker, namespace }
    }

    /// Registers the broker.
    pub async fn register(&self, spec: Value) {
        let mut broker = json!({
            "kind": "ServiceBroker", "metadata": {"name": "broker"}, "spec": {"url": self.broker.url},
        });
        overlay(&mut broker["spec"], spec);
        self.create(broker).await.unwrap();
    }

    /// Creates an instance: a small database, unless the spec says otherwise.
    pub async fn instance(&self, name: &str, spec: Value) {
        let mut instance = json!({
            "kind": INSTANCE, "metadata": {"name": name},
            "spec": {"serviceClassExternalName": "database", "servicePlanExternalName": "small"},
        });
        overlay(&mut instance["spec"], spec);
        self.create(instance).await.unwrap();
    }

    /// Creates a binding to the instance `db`, unless the spec says otherwise.
    pub async fn binding(&self, name: &str, spec: Value) {
        let mut binding = json!({
            "kind": BINDING, "metadata": {"name": name}, "spec": {"instanceRef": {"name": "db"}},
        });
        overlay(&mut binding["spec"], spec);
        self.create(binding).await.unwrap();
    }

    /// Creates the instance `db`, and waits until it is ready.
    pub async fn ready_instance(&self, spec: Value) -> Value {
        self.instance("db", spec).await;
        self.until_ready(INSTANCE, "db").await
    }

    /// Creates the instance `db` and the binding `db`, and waits until both are ready.
    pub async fn ready_binding(&self, instance: Value, binding: Value) -> Value {
        self.ready_instance(instance).await;
        self.binding("db", binding).await;
        self.until_ready(BINDING, "db").await
    }

    /// Waits until the broker is in this state.
    pub async fn until_broker(&self, what: &str, is_so: impl Fn(&Broker) -> bool) {
        eventually(what, PATIENCE, async || {
            if is_so(&self.broker) { Ok(()) } else { Err(format!("{:#?}", self.broker.lock().requests)) }
        })
        .await;
    }
}

/// Helpers that need no broker.
impl Namespace {
    /// Creates a Secret.
    pub async fn secret(&self, name: &str, entries: Value) {
        let secret = json!({"kind": "Secret", "metadata": {"name": name}, "stringData": entries});
        self.create(secret).await.unwrap();
    }

    /// The entries of a Secret, as text.
    pub async fn entries(&self, name: &str) -> BTreeMap<String, String> {
        self.get("Secret", name).await.map(|secret| json_secret(&secret)).unwrap()
    }

    /// Waits until the object is as wanted.
    pub async fn until(&self, kind: &str, name: &str, is_as_wanted: impl Fn(&Value) -> bool) -> Value {
        let what = format!("{kind} {name} is as wanted");
        eventually(&what, PATIENCE, async || wanted(self.get(kind, name).await?, &is_as_wanted)).await
    }

    /// Waits until the latest spec is reconciled and the object is ready.
    pub async fn until_ready(&self, kind: &str, name: &str) -> Value {
        let what = format!("{kind} {name} is ready");
        let is_ready = |object: &Value| {
            let done = object["status"]["reconciledGeneration"] == object["metadata"]["generation"];
            done && object["status"]["currentOperation"].is_null()
                && condition(object, "Ready=True").is_some()
        };
        eventually(&what, PATIENCE, async || wanted(self.get(kind, name).await?, is_ready)).await
    }

    /// Waits until the object has a condition like `Ready=False ProvisionCallFailed`; returns its message.
    pub async fn until_says(&self, kind: &str, name: &str, says: &str) -> String {
        let what = format!("{kind} {name} says {says}");
        eventually(&what, PATIENCE, async || {
            let object = self.get(kind, name).await?;
            condition(&object, says).map(str::to_owned).ok_or_else(|| format!("{object:#}"))
        })
        .await
    }

    /// Waits until the object does not exist.
    pub async fn until_gone(&self, kind: &str, name: &str) {
        let what = format!("{kind} {name} is gone");
        eventually(&what, PATIENCE, async || match self.get(kind, name).await {
            Ok(object) => Err(format!("{object:#}")),
            Err(message) if message.contains("not found") => Ok(()),
            Err(message) => Err(message),
        })
        .await;
    }

    /// Deletes the object, and waits until it is gone.
    pub async fn remove(&self, kind: &str, name: &str) {
        self.delete(kind, name).await.unwrap();
        self.until_gone(kind, name).await;
    }

    /// Waits for an event of type `Warning`.
    pub async fn until_warning_event(&self) {
        eventually("there is a warning event", PATIENCE, async || {
            let events = self.list("Event").await;
            let found = events.iter().any(|event| event["type"] == "Warning");
            if found { Ok(()) } else { Err(format!("{events:#?}")) }
        })
        .await;
    }

    /// Waits for an event of the object with this reason; returns its message.
    pub async fn until_event(&self, name: &str, reason: &str) -> String {
        eventually(&format!("there is an event {reason} of {name}"), PATIENCE, async || {
            let events = self.list("Event").await;
            let found = events
                .iter()
                .find(|event| event["involvedObject"]["name"] == name && event["reason"] == reason);
            found
                .map(|event| event["message"].as_str().unwrap().to_owned())
                .ok_or_else(|| format!("{events:#?}"))
        })
        .await
    }
}

/// Every instance and binding at the broker belongs to an object, and matches it.
pub async fn assert_in_step(env: &TestEnv) {
    let mut instances = env.broker.instances();
    let objects = env.list(INSTANCE).await;
    for object in &objects {
        let id = object["status"]["instanceID"].as_str().unwrap();
        let instance = instances.get(id).unwrap_or_else(|| panic!("not at the broker: {object:#}"));
        assert_eq!(instance.parameters, object["spec"]["parameters"], "{object:#}");
    }
    for object in env.list(BINDING).await {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let instance =
            instances.get_mut(&text(&object["status"]["externalProperties"]["instance"]["id"])).unwrap();
        let binding = instance.bindings.remove(&text(&object["status"]["bindingID"]));
        let binding = binding.unwrap_or_else(|| panic!("not at the broker: {object:#}"));
        let entries = env.entries(&text(&object["metadata"]["name"])).await;
        assert_eq!(entries["password"], text(&binding.credentials["password"]));
    }
    assert_eq!(instances.len(), objects.len(), "{instances:#?}");
    assert!(instances.values().all(|instance| instance.bindings.is_empty()), "{instances:#?}");
}

/// The entries of a Secret for [`reference`].
pub fn secret_parameters(parameters: Value) -> Value {
    json!({"parameters": parameters.to_string()})
}

/// A reference of `parametersFrom` to the key `parameters` of a Secret.
pub fn reference(secret: &str) -> Value {
    json!({"secretKeyRef": {"name": secret, "key": "parameters"}})
}

/// The message of a condition like `Ready=False ProvisionCallFailed`; `says` may be a prefix of it.
pub fn condition<'a>(object: &'a Value, says: &str) -> Option<&'a str> {
    let conditions = object["status"]["conditions"].as_array()?;
    let text = |value: &'a Value| value.as_str().unwrap_or_default();
    let found = conditions.iter().find(|condition| {
        let [type_, status, reason] = ["type", "status", "reason"].map(|member| text(&condition[member]));
        says == format!("{type_}={status}") || says == format!("{type_}={status} {reason}")
    })?;
    Some(text(&found["message"]))
}

/// The resourceVersions of objects, by name: while they stay the same, no client has written the objects.
pub fn versions(objects: &[Value]) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    objects
        .iter()
        .map(|object| (text(&object["metadata"]["name"]), text(&object["metadata"]["resourceVersion"])))
        .collect()
}

/// The entries of a Secret, as text.
pub fn json_secret(secret: &Value) -> BTreeMap<String, String> {
    use base64::Engine as _;
    let decode =
        |value: &Value| base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap();
    let data = secret["data"].as_object().into_iter().flatten();
    data.map(|(key, value)| (key.clone(), String::from_utf8(decode(value)).unwrap())).collect()
}

fn overlay(base: &mut Value, over: Value) {
    let Value::Object(over) = over else { panic!("not an object: {over}") };
    base.as_object_mut().unwrap().extend(over);
}
