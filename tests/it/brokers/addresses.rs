//! Where brokers may be.

use serde_json::json;

use super::{BROKER, has_entry, published};
use crate::scripted::env;

/// Its author is a tenant. The operator of the tests allows the loopback network.
#[tokio::test]
async fn a_namespaced_broker_may_not_be_at_a_special_address() {
    let env = env().await;
    let before = published(&env).await;
    for (url, what) in [
        ("http://169.254.169.254/latest", "a link-local address"),
        ("http://2852039166", "a link-local address"),
        ("http://[::ffff:169.254.169.254]", "a link-local address"),
        ("http://0.0.0.0:8080", "an unspecified address"),
        ("http://10.0.0.1", "an address"),
    ] {
        env.patch(BROKER, "broker", json!({"spec": {"url": url}})).await.unwrap();
        let says = "Ready=False ErrorFetchingCatalog";
        let why =
            format!("is not allowed: its host has {what} that the setting brokerAddresses does not allow");
        env.until(BROKER, "broker", |broker| has_entry(broker, says, &why)).await;
        env.patch(BROKER, "broker", json!({"spec": {"url": env.broker.url}})).await.unwrap();
        env.until_ready(BROKER, "broker").await;
    }
    assert_eq!(published(&env).await, before);
}
