//! Parameters that do not match the schemas of their plan.

use serde_json::{Value, json};

use crate::namespace::namespace;
use crate::operator::operator;
use crate::scripted::{
    BINDING, Broker, Endpoint, INSTANCE, MARK, TestEnv, catalog, condition, reference, secret_parameters,
};

/// A broker whose small database has these schemas.
async fn env(schemas: Value) -> TestEnv {
    operator();
    let broker = Broker::offering(catalog(""));
    broker.change_catalog(|catalog| catalog["services"][0]["plans"][0]["schemas"] = schemas);
    let env = TestEnv::new(namespace().await, broker);
    env.register(json!({})).await;
    env.until_ready("ServiceBroker", "broker").await;
    env
}

/// A schema in which `size` is at most `size`, and a `password` has at least 8 characters.
fn at_most(size: i64) -> Value {
    json!({"parameters": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": {"size": {"type": "integer", "maximum": size}, "password": {"minLength": 8}},
    }})
}

#[tokio::test]
async fn parameters_that_do_not_fit_do_not_reach_the_broker() {
    let env = env(json!({"service_instance": {"create": at_most(3)}})).await;
    env.secret("login", secret_parameters(json!({"password": "hidden"}))).await;
    let spec = json!({"parameters": {"size": 4}, "parametersFrom": [reference("login")]});
    env.instance("db", spec).await;
    let message = env.until_says(INSTANCE, "db", "Ready=False ErrorWithParameters").await;
    assert!(message.contains("do not match the schema of the plan \"small\""), "{message}");
    assert!(message.contains("/password must have at least 8 characters"), "{message}");
    assert!(message.contains("/size must be at most 3"), "{message}");
    assert!(!message.contains("hidden"), "{message}");
    let note = env.until_event("db", "ErrorWithParameters").await;
    assert!(!note.contains("hidden"), "{note}");

    let edit = json!({"stringData": secret_parameters(json!({"password": MARK}))});
    env.patch("Secret", "login", edit).await.unwrap();
    let only_size = |object: &Value| {
        condition(object, "Ready=False ErrorWithParameters")
            .is_some_and(|message| !message.contains("password"))
    };
    env.until(INSTANCE, "db", only_size).await;
    assert_eq!(env.broker.calls(Endpoint::Provision), 0);
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 3}}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    assert_eq!(env.broker.calls(Endpoint::Provision), 1);
}

#[tokio::test]
async fn an_update_that_does_not_fit_leaves_the_instance_as_it_is() {
    let env = env(json!({"service_instance": {"update": at_most(3)}})).await;
    env.ready_instance(json!({"parameters": {"size": 4}})).await;
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 5}}})).await.unwrap();
    let message = env.until_says(INSTANCE, "db", "Updated=False ErrorWithParameters").await;
    assert!(message.contains("/size must be at most 3"), "{message}");
    let object = env.get(INSTANCE, "db").await.unwrap();
    assert!(condition(&object, "Ready=True").is_some(), "{object:#}");
    assert_eq!(env.broker.calls(Endpoint::Update), 0);

    env.broker.change_catalog(|catalog| {
        catalog["services"][0]["plans"][0]["schemas"] = json!({"service_instance": {"update": at_most(5)}});
    });
    env.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    let object = env.until_ready(INSTANCE, "db").await;
    assert_eq!(condition(&object, "Updated=False"), None, "{object:#}");
    assert_eq!(env.broker.instance().parameters, json!({"size": 5}));
}

#[tokio::test]
async fn parameters_of_a_binding_wait_for_a_schema_that_they_fit() {
    let env = env(json!({"service_binding": {"create": at_most(3)}})).await;
    env.ready_instance(json!({})).await;
    env.binding("db", json!({"parameters": {"size": 4}})).await;
    let message = env.until_says(BINDING, "db", "Ready=False ErrorWithParameters").await;
    assert!(message.contains("/size must be at most 3"), "{message}");
    assert_eq!(env.broker.calls(Endpoint::Bind), 0);

    env.broker.change_catalog(|catalog| catalog["services"][0]["plans"][0]["schemas"] = Value::Null);
    env.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    env.until_ready(BINDING, "db").await;
    assert_eq!(env.broker.calls(Endpoint::Bind), 1);
}
