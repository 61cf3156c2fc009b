//! Parameters that do not fit the schemas of their plan.

use serde_json::{Value, json};

use crate::namespace::namespace;
use crate::operator::operator;
use crate::scripted::{
    BINDING, Broker, Endpoint, INSTANCE, MARK, Stage, catalog, condition, reference, secret_parameters,
};

/// A broker whose small database has these schemas.
async fn stage(schemas: Value) -> Stage {
    operator();
    let broker = Broker::offering(catalog(""));
    broker.change_catalog(|catalog| catalog["services"][0]["plans"][0]["schemas"] = schemas);
    let stage = Stage::new(namespace().await, broker);
    stage.register(json!({})).await;
    stage.until_ready("ServiceBroker", "broker").await;
    stage
}

/// A schema in which `size` is at most this, and a `password` at least 8 characters long.
fn at_most(size: i64) -> Value {
    json!({"parameters": {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": {"size": {"type": "integer", "maximum": size}, "password": {"minLength": 8}},
    }})
}

#[tokio::test]
async fn parameters_that_do_not_fit_do_not_reach_the_broker() {
    let stage = stage(json!({"service_instance": {"create": at_most(3)}})).await;
    stage.secret("login", secret_parameters(json!({"password": "hidden"}))).await;
    let spec = json!({"parameters": {"size": 4}, "parametersFrom": [reference("login")]});
    stage.instance("db", spec).await;
    let message = stage.until_says(INSTANCE, "db", "Ready=False ErrorWithParameters").await;
    assert!(message.contains("do not fit the schema of the plan \"small\""), "{message}");
    assert!(message.contains("/password must have at least 8 characters"), "{message}");
    assert!(message.contains("/size must be at most 3"), "{message}");
    assert!(!message.contains("hidden"), "{message}");
    let note = stage.until_event("db", "ErrorWithParameters").await;
    assert!(!note.contains("hidden"), "{note}");

    let edit = json!({"stringData": secret_parameters(json!({"password": MARK}))});
    stage.patch("Secret", "login", edit).await.unwrap();
    let only_size = |object: &Value| {
        condition(object, "Ready=False ErrorWithParameters").is_some_and(|told| !told.contains("password"))
    };
    stage.until(INSTANCE, "db", only_size).await;
    assert_eq!(stage.broker.calls(Endpoint::Provision), 0);
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 3}}})).await.unwrap();
    stage.until_ready(INSTANCE, "db").await;
    assert_eq!(stage.broker.calls(Endpoint::Provision), 1);
}

#[tokio::test]
async fn an_update_that_does_not_fit_leaves_the_instance_as_it_is() {
    let stage = stage(json!({"service_instance": {"update": at_most(3)}})).await;
    stage.ready_instance(json!({"parameters": {"size": 4}})).await;
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 5}}})).await.unwrap();
    let message = stage.until_says(INSTANCE, "db", "Updated=False ErrorWithParameters").await;
    assert!(message.contains("/size must be at most 3"), "{message}");
    let object = stage.get(INSTANCE, "db").await.unwrap();
    assert!(condition(&object, "Ready=True").is_some(), "{object:#}");
    assert_eq!(stage.broker.calls(Endpoint::Update), 0);

    stage.broker.change_catalog(|catalog| {
        catalog["services"][0]["plans"][0]["schemas"] = json!({"service_instance": {"update": at_most(5)}});
    });
    stage.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    let object = stage.until_ready(INSTANCE, "db").await;
    assert_eq!(condition(&object, "Updated=False"), None, "{object:#}");
    assert_eq!(stage.broker.instance().parameters, json!({"size": 5}));
}

#[tokio::test]
async fn parameters_of_a_binding_wait_for_a_schema_that_they_fit() {
    let stage = stage(json!({"service_binding": {"create": at_most(3)}})).await;
    stage.ready_instance(json!({})).await;
    stage.binding("db", json!({"parameters": {"size": 4}})).await;
    let message = stage.until_says(BINDING, "db", "Ready=False ErrorWithParameters").await;
    assert!(message.contains("/size must be at most 3"), "{message}");
    assert_eq!(stage.broker.calls(Endpoint::Bind), 0);

    stage.broker.change_catalog(|catalog| catalog["services"][0]["plans"][0]["schemas"] = Value::Null);
    stage.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    stage.until_ready(BINDING, "db").await;
    assert_eq!(stage.broker.calls(Endpoint::Bind), 1);
}
