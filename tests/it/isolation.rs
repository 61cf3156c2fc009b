//! One broker cannot slow another one down, nor one namespace another: seen in the calls that brokers receive, and
//! their order.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::namespace::{Namespace, PATIENCE, eventually, namespace};
use crate::operator::operator;
use crate::process::free_address;
use crate::scripted::{
    BINDING, Broker, Endpoint, Fault, Gate, INSTANCE, TestEnv, When, catalog, condition, env,
};

const BROKER: &str = "ServiceBroker";
/// The concurrency limit of each broker.
const LIMIT: usize = 32;
/// How much of it one of several namespaces may use.
const SHARE: usize = 16;

fn hold(broker: &Broker, count: usize) -> Vec<Gate> {
    (0..count).map(|_| broker.hold(When::Before, Endpoint::Provision)).collect()
}

/// Waits until `count` calls to a broker are queued in the operator.
async fn until_in_line(broker: &str, namespace: &str, count: usize) {
    let series = format!(
        "servicecatalog_broker_calls_waiting{{broker=\"{broker}\",namespace=\"{namespace}\"}} {count}"
    );
    eventually(&series, PATIENCE, async || {
        let metrics = operator().metrics();
        let there = metrics.lines().any(|line| line == series);
        let lines =
            || metrics.lines().filter(|line| line.contains("_waiting{")).collect::<Vec<_>>().join("\n");
        there.then_some(()).ok_or_else(lines)
    })
    .await;
}

async fn relist(env: &TestEnv) {
    env.patch(BROKER, "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
}

/// Seen to fail with a limit of one call more.
#[tokio::test]
async fn a_broker_that_hangs_gets_so_many_calls_and_delays_no_other() {
    let (hanging, other) = (env().await, env().await);
    let gates = hold(&hanging.broker, LIMIT + 8);
    join_all((0..LIMIT + 8).map(async |index| hanging.instance(&format!("db-{index}"), json!({})).await))
        .await;
    until_in_line("broker", &hanging.name, 8).await;
    for index in 0..8 {
        other.instance(&format!("db-{index}"), json!({})).await;
    }
    for index in 0..8 {
        other.until_ready(INSTANCE, &format!("db-{index}")).await;
    }
    assert_eq!(hanging.broker.calls(Endpoint::Provision), LIMIT);
    gates.iter().for_each(Gate::open);
    for index in 0..LIMIT + 8 {
        hanging.until_ready(INSTANCE, &format!("db-{index}")).await;
    }
}

/// Seen to fail when call gate and core ignore the open circuit: all the other calls are sent at once.
#[tokio::test]
async fn a_broker_that_wants_to_be_left_alone_is_left_alone_by_all() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    env.broker.before(Endpoint::Provision, Fault::Later(429, 1000));
    env.instance("first", json!({})).await;
    let message = env.until_says(BROKER, "broker", "Available=False BrokerRateLimited").await;
    assert!(
        message.contains("the broker answered with status 429")
            && message.contains("Calls are suspended until"),
        "{message}"
    );
    assert_eq!(env.until_event("broker", "BrokerRateLimited").await, message);
    let calls = env.broker.all_calls();

    env.instance("second", json!({})).await;
    env.binding("db", json!({})).await;
    env.patch(INSTANCE, "first", json!({"spec": {"parameters": {"size": 1}}})).await.unwrap();
    let waits = "Ready=False WaitingForBroker";
    for (kind, name) in [(INSTANCE, "first"), (INSTANCE, "second"), (BINDING, "db")] {
        let message = env.until_says(kind, name, waits).await;
        assert!(message.contains("Calls to the broker broker are suspended"), "{message}");
        let object = env.get(kind, name).await.unwrap();
        assert!(object["status"]["currentOperation"].is_null(), "{object:#}");
    }
    // A working instance stays Ready. An instance whose provision was never sent is removed without the broker.
    assert!(condition(&env.get(INSTANCE, "db").await.unwrap(), "Ready=True").is_some());
    env.instance("unwanted", json!({})).await;
    env.until_says(INSTANCE, "unwanted", waits).await;
    env.remove(INSTANCE, "unwanted").await;
    assert_eq!(env.broker.all_calls(), calls);

    // A change of the broker object closes the circuit at once.
    relist(&env).await;
    for (kind, name) in [(INSTANCE, "first"), (INSTANCE, "second"), (BINDING, "db")] {
        env.until_ready(kind, name).await;
    }
    env.until(BROKER, "broker", |broker| condition(broker, "Available=False").is_none()).await;
}

#[tokio::test]
async fn when_the_pause_is_over_all_goes_on_by_itself() {
    let env = env().await;
    env.broker.before(Endpoint::Provision, Fault::Later(503, 8));
    env.instance("first", json!({})).await;
    env.until_says(BROKER, "broker", "Available=False BrokerRateLimited").await;
    let names: Vec<String> = (0..20).map(|index| format!("db-{index}")).collect();
    for name in &names {
        env.instance(name, json!({})).await;
    }
    env.until_says(INSTANCE, "db-0", "Ready=False WaitingForBroker").await;
    assert_eq!(env.broker.calls(Endpoint::Provision), 1);
    for name in &names {
        env.until_ready(INSTANCE, name).await;
    }
    env.until(BROKER, "broker", |broker| condition(broker, "Available=False").is_none()).await;
}

#[tokio::test]
async fn a_broker_that_is_gone_for_a_while_says_so_until_it_is_back() {
    let env = env().await;
    let url = format!("http://{}", free_address());
    env.patch(BROKER, "broker", json!({"spec": {"url": url}})).await.unwrap();
    let message = env.until_says(BROKER, "broker", "Available=False BrokerUnreachable").await;
    assert!(message.contains("the broker cannot be reached"), "{message}");
    let broker = env.get(BROKER, "broker").await.unwrap();
    let last = broker["status"]["conditions"].as_array().unwrap().last().unwrap();
    assert_eq!(last["type"], "Ready", "svcat shows the last: {broker:#}");
    let names = ["one", "two", "three"];
    for name in names {
        env.instance(name, json!({})).await;
    }
    // One of them is the half-open probe; its condition reports the outcome.
    let waits = |object: &Value| condition(object, "Ready=False WaitingForBroker").is_some();
    eventually("an instance waits for the broker", PATIENCE, async || {
        let objects = env.list(INSTANCE).await;
        if objects.iter().any(waits) { Ok(()) } else { Err(format!("{objects:#?}")) }
    })
    .await;

    env.patch(BROKER, "broker", json!({"spec": {"url": env.broker.url}})).await.unwrap();
    for name in names {
        env.until_ready(INSTANCE, name).await;
    }
    let broker = env.until_ready(BROKER, "broker").await;
    assert!(condition(&broker, "Available=False").is_none(), "{broker:#}");
}

/// Registers a broker that all namespaces use.
async fn register(namespace: &Namespace, broker: &Broker) {
    let object = json!({
        "kind": "ClusterServiceBroker", "metadata": {"name": namespace.name}, "spec": {"url": broker.url},
    });
    namespace.create(object).await.unwrap();
}

/// Its calls take all permits that it may have, and end only when the test is over. Seen to fail without a share.
#[tokio::test]
async fn a_namespace_that_asks_for_much_does_not_delay_another() {
    const IN_LINE: usize = 20;
    operator();
    let (busy, other) = (namespace().await, namespace().await);
    let name = busy.name.clone();
    let prefix = format!("{name}-");
    let busy = TestEnv::new(busy, Broker::offering(catalog(&prefix)));
    register(&busy, &busy.broker).await;
    busy.until_ready("ClusterServiceBroker", &name).await;
    let spec = json!({
        "serviceClassExternalName": null, "servicePlanExternalName": null,
        "clusterServiceClassExternalID": format!("{prefix}database-ID"),
        "clusterServicePlanExternalID": format!("{prefix}small"),
    });
    let gates = hold(&busy.broker, SHARE);
    let names: Vec<String> = (0..SHARE + IN_LINE).map(|index| format!("db-{index}")).collect();
    join_all(names.iter().map(async |name| busy.instance(name, spec.clone()).await)).await;
    until_in_line(&name, "", IN_LINE).await;
    let other = TestEnv::new(other, Broker::start());
    other.instance("one", spec).await;
    other.until_ready(INSTANCE, "one").await;
    assert_eq!(busy.broker.requests(Endpoint::Provision).len(), SHARE + 1);
    gates.iter().for_each(Gate::open);
    for name in &names {
        busy.until_ready(INSTANCE, name).await;
    }
}
