//! Credentials are never replaced by nothing: brokers that do not return them again, and Secrets that cannot be written.

use serde_json::{Value, json};

use crate::scripted::{BINDING, Endpoint, MARK, TestEnv, answer, condition, env};

async fn rotate(env: &TestEnv) {
    let annotation = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/rotate": "1"}}});
    env.patch(BINDING, "db", annotation).await.unwrap();
    env.until(BINDING, "db", |object| condition(object, "Rotated=True").is_some()).await;
}

#[tokio::test]
async fn a_changed_secret_is_left_as_it_is_if_the_broker_returns_no_credentials() {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    env.broker.after(Endpoint::Bind, answer(200, &json!({"parameters": null})));
    env.patch("Secret", "db", json!({"stringData": {"password": "changed"}})).await.unwrap();
    let message = env.until_says(BINDING, "db", "Ready=False CredentialsNotReturned").await;
    assert!(message.contains("servicecatalog.k8s.io/rotate"), "{message}");
    let entries = env.entries("db").await;
    assert_eq!((entries["password"].as_str(), entries.contains_key("hostname")), ("changed", true));

    rotate(&env).await;
    env.until_ready(BINDING, "db").await;
    assert!(env.entries("db").await["password"].contains(MARK));
}

#[tokio::test]
async fn a_deleted_secret_gets_new_credentials_if_the_broker_does_not_return_the_old_ones() {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    env.broker.after(Endpoint::Bind, answer(200, &json!({})));
    env.delete("Secret", "db").await.unwrap();
    env.until(BINDING, "db", |object| condition(object, "Rotated=True").is_some()).await;
    env.until_ready(BINDING, "db").await;
    assert!(env.entries("db").await["password"].contains(MARK));
    // The first one, the repeated one without credentials, and the successor.
    assert_eq!(env.broker.calls(Endpoint::Bind), 3);
}

#[tokio::test]
async fn an_entry_that_a_user_adds_to_the_secret_is_no_drift() {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    env.patch("Secret", "db", json!({"stringData": {"mine": "too"}})).await.unwrap();
    // A rotation comes after the repair that there would be.
    rotate(&env).await;
    assert_eq!(env.broker.calls(Endpoint::Bind), 2);
}

/// The API server's refusal is a result: the broker is not called for credentials that have no place.
#[tokio::test]
async fn an_immutable_secret_costs_no_call_and_is_told() {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    env.patch("Secret", "db", json!({"immutable": true})).await.unwrap();
    let annotation = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/rotate": "1"}}});
    env.patch(BINDING, "db", annotation).await.unwrap();
    let failed = |object: &Value| {
        condition(object, "Rotated=False RotationFailed").is_some_and(|message| message.contains("immutable"))
    };
    let object = env.until(BINDING, "db", failed).await;
    assert!(condition(&object, "Ready=True").is_some(), "{object:#}");
    assert_eq!(env.broker.calls(Endpoint::Bind), 1);
}
