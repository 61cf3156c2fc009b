//! Writes of the operator that the API server refuses.

use serde_json::json;

use crate::scripted::{BINDING, Endpoint, env};

/// A quota of Secrets: the broker is not called again and again, and the binding says why.
#[tokio::test]
async fn a_secret_beyond_the_quota_is_told_on_the_binding() {
    let env = env().await;
    let quota =
        json!({"kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"secrets": "0"}}});
    env.create(quota).await.unwrap();
    env.until("ResourceQuota", "few", |quota| !quota["status"]["hard"].is_null()).await;
    env.ready_instance(json!({})).await;
    env.binding("db", json!({})).await;
    let message = env.until_says(BINDING, "db", "Ready=False ErrorInjectingBindResult").await;
    assert!(message.contains("exceeded quota") && message.contains("next attempt"), "{message}");
    // The first attempt finds out, and is undone; the next ones ask the API server first.
    env.until_broker("the first attempt is undone", |broker| broker.calls(Endpoint::Unbind) == 1).await;
    env.remove("ResourceQuota", "few").await;
    env.until_ready(BINDING, "db").await;
    assert_eq!(env.broker.calls(Endpoint::Bind), 2);
}
