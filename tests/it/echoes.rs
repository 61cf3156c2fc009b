//! No secret value is shown that a broker repeats (I10). The broker of these tests repeats all that it knows, in every
//! text of every answer and in one encoding after the other. Each test ends with a search for them ([`crate::leaks`]).
//!
//! Fails without the redaction in `Screen::line`, in `catalog::screened`, in `Outcome::redacted`, and without the
//! credentials or the parameters among its secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::namespace::namespace;
use crate::operator::operator;
use crate::scripted::{
    BINDING, Broker, Endpoint, Fault, INSTANCE, MARK, TestEnv, condition, env, reference, secret_parameters,
};

/// As many answers as there are encodings.
const FORMS: usize = 6;

/// A registered broker with credentials that repeats everything.
async fn echoing() -> TestEnv {
    operator();
    let env = TestEnv::new(namespace().await, Broker::start());
    let password = format!("{MARK}/+?&\"pw");
    env.secret("auth", json!({"username": "jane", "password": password})).await;
    env.broker.require(&format!("Basic {}", STANDARD.encode(format!("jane:{password}"))));
    env.broker.echo();
    let auth = json!({"authInfo": {"basic": {"secretRef": {"name": "auth"}}}});
    env.register(auth).await;
    let parameters =
        json!({"admin": {"password": format!("{MARK} \"<ä>\""), "size": "big"}, "hosts": [MARK]});
    env.secret("parameters", secret_parameters(parameters)).await;
    env
}

fn from_secret() -> Value {
    json!({"parametersFrom": [reference("parameters")]})
}

#[tokio::test]
async fn a_catalog_that_repeats_the_credentials_is_redacted() {
    let env = echoing().await;
    let broker = env.until_ready("ServiceBroker", "broker").await;
    let rejected = condition(&broker, "CatalogEntriesRejected=True").unwrap();
    assert!(rejected.contains("its id, name or version contains the credentials"), "{rejected}");
    let classes = env.list("ServiceClass").await;
    assert_eq!(classes.len(), 3);
    for class in &classes {
        assert!(class["spec"]["description"].as_str().unwrap().contains("<redacted>"), "{class:#}");
        assert!(class["spec"]["externalMetadata"].to_string().contains("<redacted>"), "{class:#}");
    }
    let plans = env.list("ServicePlan").await;
    let schema =
        |plan: &&Value| plan["spec"]["instanceCreateParameterSchema"].to_string().contains("<redacted>");
    assert_eq!(plans.iter().filter(schema).count(), 3);
}

#[tokio::test]
async fn credentials_that_a_broker_refuses_and_repeats_are_redacted() {
    let env = echoing().await;
    env.until_ready("ServiceBroker", "broker").await;
    env.broker.require("Basic other");
    env.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    let message = env.until_says("ServiceBroker", "broker", "Ready=False ErrorFetchingCatalog").await;
    assert!(message.contains("status 401") && message.contains("<redacted>"), "{message}");
}

#[tokio::test]
async fn errors_that_repeat_parameters_are_redacted() {
    let env = echoing().await;
    env.until_ready("ServiceBroker", "broker").await;
    for n in 0..FORMS {
        env.broker.before(Endpoint::Provision, Fault::Echo(400));
        env.instance(&format!("refused-{n}"), from_secret()).await;
        let says = "Failed=True ClusterServiceBrokerReturnedFailure";
        let message = env.until_says(INSTANCE, &format!("refused-{n}"), says).await;
        assert!(message.contains("status 400 <redacted>") || message.contains("<redacted>"), "{message}");
    }
    env.broker.before(Endpoint::Provision, Fault::Echo(500));
    env.broker.before(Endpoint::Deprovision, Fault::Echo(500));
    env.instance("db", from_secret()).await;
    let object = env.until_ready(INSTANCE, "db").await;
    assert!(object["status"]["dashboardURL"].is_null(), "{object:#}");
    let message = condition(&object, "Ready=True").unwrap();
    assert!(
        message.contains("the broker's dashboard_url is not stored: it contains a secret value"),
        "{message}"
    );

    // The Secret with the parameters is gone: what the broker repeats is not known, and nothing of it is shown.
    env.delete("Secret", "parameters").await.unwrap();
    env.broker.before(Endpoint::Deprovision, Fault::Echo(500));
    env.delete(INSTANCE, "db").await.unwrap();
    let message = env.until_says(INSTANCE, "db", "Ready=Unknown DeprovisionCallFailed").await;
    assert!(message.contains("status 500 <redacted>: <redacted>; next attempt"), "{message}");
    env.until_gone(INSTANCE, "db").await;
}

/// Fails with the operation stored.
#[tokio::test]
async fn progress_and_operations_that_repeat_parameters_are_redacted() {
    let env = echoing().await;
    env.until_ready("ServiceBroker", "broker").await;
    env.broker.stall();
    let slow = json!({"servicePlanExternalName": "slow", "parametersFrom": [reference("parameters")]});
    env.instance("db", slow).await;
    env.until(INSTANCE, "db", |object| {
        condition(object, "Ready=False Provisioning").is_some_and(|message| message.contains("<redacted>"))
    })
    .await;
    let event = env.until_event("db", "Provisioning").await;
    assert!(event.contains("the broker's operation is not stored: it contains a secret value"), "{event}");
    env.broker.go_on();
    env.until_ready(INSTANCE, "db").await;
    assert!(
        env.broker.requests(Endpoint::PollInstance).iter().all(|poll| poll.query("operation").is_empty())
    );
    env.remove(INSTANCE, "db").await;
}

#[tokio::test]
async fn errors_that_repeat_credentials_of_a_binding_are_redacted() {
    let env = echoing().await;
    env.until_ready("ServiceBroker", "broker").await;
    env.ready_instance(json!({})).await;
    for n in 0..FORMS / 2 {
        let name = format!("db-{n}");
        env.broker.before(Endpoint::Bind, Fault::Echo(500));
        env.broker.before(Endpoint::Unbind, Fault::Echo(500));
        env.binding(&name, from_secret()).await;
        env.until_ready(BINDING, &name).await;
        env.broker.before(Endpoint::Unbind, Fault::Echo(422));
        env.delete(BINDING, &name).await.unwrap();
        let message = env.until_says(BINDING, &name, "Ready=Unknown UnbindCallFailed").await;
        assert!(message.contains("status 422") && message.contains("<redacted>"), "{message}");
        env.until_gone(BINDING, &name).await;
    }
}

/// A broker without secrets of the object: its texts are shown as they are.
#[tokio::test]
async fn other_texts_are_shown() {
    let env = env().await;
    env.secret("parameters", secret_parameters(json!({"password": MARK}))).await;
    let text = "no parameter \"size\" of type \"big\"; see https://broker/docs?page=5%20%2B";
    env.broker.before(Endpoint::Provision, crate::scripted::refusal(400, text));
    env.instance("db", from_secret()).await;
    let message = env.until_says(INSTANCE, "db", "Failed=True").await;
    assert!(message.contains(text), "{message}");
}
