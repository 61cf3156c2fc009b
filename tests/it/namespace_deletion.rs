//! A namespace that is deleted with everything in it, while the operator restarts: its Secrets go first.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{Broker, Endpoint, Fault, IsolatedEnv, MARK, TestEnv, isolated, refusal};

const BROKER: &str = "ServiceBroker";

/// A namespace with a broker that wants credentials, an instance and a binding.
async fn env_with_credentials(isolated: &IsolatedEnv) -> TestEnv {
    let broker = Broker::start();
    broker.require(&format!("Basic {}", STANDARD.encode(format!("user:{MARK}"))));
    let env = isolated.unregistered(broker).await;
    env.secret("auth", json!({"username": "user", "password": MARK})).await;
    env.register(json!({"authInfo": {"basic": {"secretRef": {"name": "auth"}}}})).await;
    env.until_ready(BROKER, "broker").await;
    env.ready_binding(json!({}), json!({})).await;
    env
}

/// Deletes the namespace, and waits until its controller has deleted the credentials.
async fn delete_namespace(env: &TestEnv) {
    env.delete("Namespace", &env.name).await.unwrap();
    env.until_gone("Secret", "auth").await;
}

#[tokio::test]
async fn it_always_goes_and_what_is_left_at_the_broker_is_told() {
    let mut isolated = isolated(&[]).await;
    let env = env_with_credentials(&isolated).await;
    isolated.kill();
    delete_namespace(&env).await;
    isolated.start();
    env.until_gone("Namespace", &env.name).await;
    // Without the credentials nothing could be deleted there.
    assert_eq!(env.broker.instances().len(), 1);
    let left = || isolated.count("servicecatalog_left_at_broker_count_total", "");
    eventually("what is left is counted", PATIENCE, async || match left() {
        2 => Ok(()),
        count => Err(format!("{count}")),
    })
    .await;
}

/// The operator still knows the credentials.
#[tokio::test]
async fn nothing_is_left_at_the_broker_without_a_restart() {
    let isolated = isolated(&[]).await;
    let env = env_with_credentials(&isolated).await;
    env.broker.before(Endpoint::Unbind, refusal(500, "down"));
    env.broker.before(Endpoint::Deprovision, Fault::Close);
    delete_namespace(&env).await;
    env.until_gone("Namespace", &env.name).await;
    assert!(env.broker.instances().is_empty());
}
