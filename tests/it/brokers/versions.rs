//! Brokers that insist on a version of the API.

use serde_json::{Value, json};

use super::{BROKER, has_entry, unregistered};
use crate::scripted::{BINDING, Endpoint, INSTANCE, TestEnv};

fn versions(env: &TestEnv) -> Vec<String> {
    let version = |request: &crate::scripted::Request| {
        request.header("X-Broker-API-Version").unwrap_or_default().to_owned()
    };
    env.broker.all_requests().iter().map(version).collect()
}

fn annotated(version: Value) -> Value {
    json!({"metadata": {"annotations": {"servicecatalog.k8s.io/osb-api-version": version}}})
}

/// With the original, which speaks 2.14, such brokers have always worked.
#[tokio::test]
async fn a_broker_that_insists_on_an_older_version_is_called_in_it() {
    let env = unregistered().await;
    env.broker.insist_on("2.14");
    env.register(json!({})).await;
    let broker = env.until_ready(BROKER, "broker").await;
    assert_eq!(broker["status"]["osbAPIVersion"], "2.14", "{broker:#}");
    env.instance("db", json!({})).await;
    env.until_ready(INSTANCE, "db").await;
    env.binding("db", json!({})).await;
    env.until_ready(BINDING, "db").await;
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 2}}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    let context = env.broker.only(Endpoint::Provision).body["context"].clone();
    assert_eq!((&context["clusterid"].is_string(), &context["instance_name"]), (&true, &Value::Null));
    env.remove(BINDING, "db").await;
    env.remove(INSTANCE, "db").await;
    let versions = versions(&env);
    assert_eq!(versions[0], "2.17");
    assert!(versions[1..].iter().all(|version| version == "2.14"), "{versions:?}");

    // The broker is upgraded.
    env.broker.insist_on("2.17");
    env.patch(BROKER, "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    env.until_ready(BROKER, "broker").await;
    env.until(BROKER, "broker", |broker| broker["status"]["osbAPIVersion"].is_null()).await;
}

/// A broker that was upgraded, or downgraded, meanwhile.
#[tokio::test]
async fn a_version_that_is_refused_later_is_replaced_without_a_word_of_the_user() {
    let env = unregistered().await;
    env.register(json!({})).await;
    env.until_ready(BROKER, "broker").await;
    env.broker.insist_on("2.13");
    env.instance("db", json!({})).await;
    env.until_ready(INSTANCE, "db").await;
    env.until(BROKER, "broker", |broker| broker["status"]["osbAPIVersion"] == "2.13").await;
}

#[tokio::test]
async fn a_user_can_set_the_version() {
    let env = unregistered().await;
    env.register(json!({})).await;
    env.until_ready(BROKER, "broker").await;
    env.broker.insist_on("2.15");
    env.patch(BROKER, "broker", annotated(json!("2.15"))).await.unwrap();
    env.until(BROKER, "broker", |broker| broker["status"]["osbAPIVersion"] == "2.15").await;

    env.broker.insist_on("2.14");
    env.patch(BROKER, "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    let says = "Ready=False ErrorFetchingCatalog";
    env.until(BROKER, "broker", |broker| has_entry(broker, says, "servicecatalog.k8s.io/osb-api-version"))
        .await;
    assert!(versions(&env)[1..].iter().all(|version| version == "2.15"), "{:?}", versions(&env));

    env.patch(BROKER, "broker", annotated(json!("latest"))).await.unwrap();
    let what = "expected a version of the Open Service Broker API from 2.13 to 2.17";
    env.until(BROKER, "broker", |broker| has_entry(broker, says, what)).await;
    env.patch(BROKER, "broker", annotated(Value::Null)).await.unwrap();
    env.until(BROKER, "broker", |broker| broker["status"]["osbAPIVersion"] == "2.14").await;
    env.until_ready(BROKER, "broker").await;
}
