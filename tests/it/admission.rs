//! Validation and defaulting in the API server: the validation rules of the CRDs, and the admission policies.

mod auth_secret;
mod external_id;
mod fixed_plan;
mod own_namespace;
mod own_object;
mod own_restart;
mod own_secret;
mod parameters;
mod recorded;
mod referenced_secret;
mod relist;
mod requester;
mod restrictions;
mod rules;

use serde_json::{Value, json};
use service_catalog::crd::names::{FINALIZER, LABEL_DELETING, LABEL_INJECTS};

use crate::namespace::{Namespace, namespace};
use requester::alice;

fn instance(name: &str, spec: Value) -> Value {
    json!({"kind": "ServiceInstance", "metadata": {"name": name}, "spec": spec})
}

fn binding(name: &str, spec: Value) -> Value {
    let mut binding = json!({"kind": "ServiceBinding", "metadata": {"name": name}, "spec": spec});
    if binding["spec"]["instanceRef"].is_null() {
        binding["spec"]["instanceRef"] = json!({"name": "instance"});
    }
    binding
}

fn alpha_instance(name: &str) -> Value {
    json!({"kind": "Instance", "metadata": {"name": name}, "spec": {"serviceClassName": "c"}})
}

fn alpha_binding(name: &str) -> Value {
    json!({"kind": "Binding", "metadata": {"name": name}, "spec": {"instanceRef": {"name": "i"}}})
}

/// A broker of any kind. The names of cluster-wide ones contain the test's, so that tests do not share them.
fn broker(kind: &str, namespace: &Namespace, spec: Value) -> Value {
    let mut broker = json!({"kind": kind, "metadata": {"name": namespace.name}, "spec": spec});
    if broker["spec"]["url"].is_null() {
        broker["spec"]["url"] = "http://broker".into();
    }
    broker
}

/// Compares the API server's answer with the expected one: success, or an error that contains `error`.
fn expect(case: &str, answer: Result<Value, String>, error: Option<&str>) {
    match (answer, error) {
        (Ok(_), None) => {}
        (Ok(object), Some(error)) => panic!("{case}: accepted, should be refused with {error:?}: {object:#}"),
        (Err(message), None) => panic!("{case}: {message}"),
        (Err(message), Some(error)) => assert!(message.contains(error), "{case}: {message}"),
    }
}

#[tokio::test]
async fn what_stands_for_something_at_a_broker_gets_the_finalizer() {
    let namespace = namespace().await;
    for object in [
        broker("ClusterServiceBroker", &namespace, json!({})),
        broker("ServiceBroker", &namespace, json!({})),
        instance("x", json!({"serviceClassName": "c"})),
        binding("x", json!({})),
        broker("Broker", &namespace, json!({})),
        alpha_instance("x"),
        alpha_binding("x"),
    ] {
        let kind = object["kind"].as_str().unwrap().to_owned();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        for (given, kept) in [
            (json!(null), json!([FINALIZER])),
            (json!([]), json!([FINALIZER])),
            (json!(["example.com/mine"]), json!(["example.com/mine", FINALIZER])),
            (json!([FINALIZER, "example.com/mine"]), json!([FINALIZER, "example.com/mine"])),
        ] {
            let mut object = object.clone();
            object["metadata"]["finalizers"] = given;
            assert_eq!(namespace.try_create(object).await.unwrap()["metadata"]["finalizers"], kept, "{kind}");
        }
        namespace.create(object).await.unwrap();
        // This is how a user abandons an object. What else an update may leave out: `admission::recorded`.
        let abandon = json!({"metadata": {"finalizers": null, "labels": {"a": "b"}}});
        let abandoned = namespace.try_patch(&kind, &name, abandon).await.unwrap();
        assert_eq!(abandoned["metadata"]["finalizers"], Value::Null, "{kind}");
    }
}

#[tokio::test]
async fn a_counter_is_kept_by_clients_that_do_not_care_and_never_goes_down() {
    let namespace = namespace().await;
    let counters = [
        ("relistRequests", broker("ClusterServiceBroker", &namespace, json!({"relistRequests": 3}))),
        ("relistRequests", broker("ServiceBroker", &namespace, json!({"relistRequests": 3}))),
        ("updateRequests", instance("x", json!({"serviceClassName": "c", "updateRequests": 3}))),
    ];
    for (counter, object) in counters {
        let kind = object["kind"].as_str().unwrap().to_owned();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let created = namespace.create(object).await.unwrap();
        for (value, result) in [(json!(0), 3), (json!(null), 3), (json!(3), 3), (json!(4), 4)] {
            let edited = namespace.try_patch(&kind, &name, json!({"spec": {counter: value}})).await.unwrap();
            assert_eq!(edited["spec"][counter], result, "{kind} with {value}");
        }
        let lower = namespace.try_patch(&kind, &name, json!({"spec": {counter: 2}})).await;
        assert!(lower.as_ref().is_err_and(|error| error.contains(counter)), "{kind}: {lower:?}");
        // It is no change of the spec, so it does not make its author the requester.
        let alice = namespace.as_user(alice()).await;
        let reset = alice.patch(&kind, &name, json!({"spec": {counter: 0}})).await.unwrap();
        assert_eq!(reset["metadata"]["generation"], created["metadata"]["generation"], "{kind}");
    }
}

#[tokio::test]
async fn the_secret_of_a_binding_has_its_name_unless_it_says_otherwise() {
    let namespace = namespace().await;
    for (given, name) in [(json!(null), "x"), (json!(""), "x"), (json!("other"), "other")] {
        let created = namespace.try_create(binding("x", json!({"secretName": given}))).await.unwrap();
        assert_eq!(created["spec"]["secretName"], name);
    }
    // The API server generates the name after admission.
    let mut generated = binding("", json!({}));
    generated["metadata"] = json!({"generateName": "x-"});
    let created = namespace.try_create(generated).await.unwrap();
    assert_eq!(created["spec"].get("secretName"), None);
}

/// A policy is evaluated for each labelled instance of the namespace when a binding is created. So users cannot label any.
#[tokio::test]
async fn only_instances_that_are_being_deleted_are_labelled_so() {
    let namespace = namespace().await;
    let label = |object: &Value| object["metadata"]["labels"][LABEL_DELETING].clone();
    let labels = json!({LABEL_DELETING: "true", "a": "b"});
    let mut object = instance("x", json!({"serviceClassName": "c"}));
    object["metadata"]["labels"] = labels.clone();
    object["metadata"]["finalizers"] = json!(["example.com/held"]);
    let created = namespace.create(object).await.unwrap();
    assert_eq!((label(&created), &created["metadata"]["labels"]["a"]), (Value::Null, &json!("b")));
    let patch = json!({"metadata": {"labels": labels}});
    let kind = "ServiceInstance";
    assert_eq!(label(&namespace.patch(kind, "x", patch.clone()).await.unwrap()), Value::Null);
    namespace.delete(kind, "x").await.unwrap();
    assert_eq!(label(&namespace.patch(kind, "x", patch).await.unwrap()), Value::Null);
    let operator = namespace.as_operator().await;
    let own = json!({"metadata": {"labels": {LABEL_DELETING: "true"}}});
    assert_eq!(label(&operator.patch(kind, "x", own).await.unwrap()), "true");
    let another = json!({"metadata": {"labels": {"a": "c"}}});
    assert_eq!(label(&namespace.patch(kind, "x", another).await.unwrap()), "true");
    namespace.patch(kind, "x", json!({"metadata": {"finalizers": null}})).await.unwrap();
}

#[tokio::test]
async fn bindings_that_inject_are_labelled_and_no_others() {
    let namespace = namespace().await;
    let selects = json!({"matchLabels": {"app": "web"}});
    let label = |object: &Value| object["metadata"]["labels"][LABEL_INJECTS].clone();
    for (selector, labelled) in [
        (json!(null), Value::Null),
        (json!({}), Value::Null),
        (json!({"matchLabels": {}, "matchExpressions": []}), Value::Null),
        (json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]}), json!("true")),
        (selects.clone(), json!("true")),
    ] {
        for labels in [json!(null), json!({"a": "b"}), json!({LABEL_INJECTS: "true", "a": "b"})] {
            let mut object = binding("x", json!({"podSelector": selector}));
            object["metadata"]["labels"] = labels.clone();
            let created = namespace.try_create(object).await.unwrap();
            assert_eq!(label(&created), labelled, "{selector} with {labels}");
            assert_eq!(created["metadata"]["labels"]["a"], labels["a"], "{selector} with {labels}");
        }
    }
    namespace.create(binding("x", json!({"podSelector": selects}))).await.unwrap();
    let patch = async |patch: Value| label(&namespace.patch("ServiceBinding", "x", patch).await.unwrap());
    assert_eq!(patch(json!({"metadata": {"labels": null}})).await, "true");
    assert_eq!(patch(json!({"spec": {"podSelector": null}})).await, Value::Null);
    // The operator looks at the Secret first.
    assert_eq!(patch(json!({"spec": {"podSelector": selects}})).await, Value::Null);
    assert_eq!(patch(json!({"metadata": {"labels": {LABEL_INJECTS: "true"}}})).await, Value::Null);
    // Nothing limits how many deleted bindings a finalizer holds.
    let mut held = binding("held", json!({"podSelector": selects}));
    held["metadata"]["finalizers"] = json!(["example.com/held"]);
    assert_eq!(label(&namespace.create(held).await.unwrap()), "true");
    namespace.delete("ServiceBinding", "held").await.unwrap();
    let edit = json!({"metadata": {"labels": {LABEL_INJECTS: "true", "a": "b"}}});
    assert_eq!(label(&namespace.patch("ServiceBinding", "held", edit).await.unwrap()), Value::Null);
    namespace.patch("ServiceBinding", "held", json!({"metadata": {"finalizers": null}})).await.unwrap();
}
