//! `spec.externalID`: an object that is created with the id of another one gets nothing of it, and destroys nothing.

use serde_json::{Value, json};

use crate::namespace::{Namespace, namespace, wanted};
use crate::scripted::{BINDING, Endpoint, INSTANCE, TestEnv, condition, env, refusal};

/// The reason while another object has the id.
const IN_USE: &str = "Ready=False ExternalIDInUse";

/// Another namespace, in which the same broker is registered, and its objects.
async fn stranger(env: &TestEnv) -> Namespace {
    let stranger = namespace().await;
    let spec = json!({"url": env.broker.url});
    let broker = json!({"kind": "ServiceBroker", "metadata": {"name": "another-name"}, "spec": spec});
    stranger.create(broker).await.unwrap();
    stranger.until_ready("ServiceBroker", "another-name").await;
    stranger
}

fn instance(name: &str, id: &Value) -> Value {
    json!({"kind": INSTANCE, "metadata": {"name": name}, "spec": {"serviceClassExternalName": "database",
        "servicePlanExternalName": "small", "externalID": id}})
}

/// Seen to fail without the index of ids: the broker answers 200 to the identical request, and the deletion of the
/// second object deprovisions the service of the first.
#[tokio::test]
async fn the_id_of_another_object_is_refused_before_the_broker_is_called() {
    let env = env().await;
    let stranger = stranger(&env).await;
    let victim = env.ready_instance(json!({})).await;
    let id = &victim["status"]["instanceID"];
    stranger.create(instance("theft", id)).await.unwrap();
    let message = stranger.until_says(INSTANCE, "theft", IN_USE).await;
    assert!(message.contains("the ID of another ServiceInstance"), "{message}");
    assert!(
        !message.contains(&env.name) && !message.contains("db"),
        "it discloses the other object: {message}"
    );
    stranger.until_event("theft", "ExternalIDInUse").await;
    stranger.remove(INSTANCE, "theft").await;
    assert_eq!((env.broker.calls(Endpoint::Provision), env.broker.calls(Endpoint::Deprovision)), (1, 0));

    // When the other object is gone, the id is free.
    stranger.create(instance("heir", id)).await.unwrap();
    stranger.until_says(INSTANCE, "heir", IN_USE).await;
    env.remove(INSTANCE, "db").await;
    let heir = stranger.until_ready(INSTANCE, "heir").await;
    assert_eq!(heir["status"]["instanceID"], *id);
    // What the broker has confirmed is the object's own, and goes with it.
    stranger.remove(INSTANCE, "heir").await;
    assert!(env.broker.instances().is_empty());
}

#[tokio::test]
async fn the_binding_of_another_object_is_refused_before_the_broker_is_called() {
    let env = env().await;
    let stranger = stranger(&env).await;
    let victim = env.ready_binding(json!({}), json!({})).await;
    stranger.create(instance("own", &json!(""))).await.unwrap();
    stranger.until_ready(INSTANCE, "own").await;
    let theft = json!({"kind": BINDING, "metadata": {"name": "theft"}, "spec": {"instanceRef": {"name": "own"},
        "externalID": victim["status"]["bindingID"]}});
    stranger.create(theft).await.unwrap();
    let message = stranger.until_says(BINDING, "theft", IN_USE).await;
    assert!(message.contains("the ID of another ServiceBinding"), "{message}");
    assert!(
        !message.contains(&env.name) && !message.contains("db"),
        "it discloses the other object: {message}"
    );
    stranger.remove(BINDING, "theft").await;
    assert_eq!((env.broker.calls(Endpoint::Bind), env.broker.calls(Endpoint::Unbind)), (1, 0));
}

/// Seen to fail without the claim before the intent.
#[tokio::test]
async fn of_objects_that_are_created_at_once_with_one_id_one_is_provisioned() {
    let env = env().await;
    let gate = env.broker.hold(crate::scripted::When::Before, Endpoint::Provision);
    let names = ["a", "b", "c", "d"];
    let created = names.map(|name| env.create(instance(name, &json!("at-once"))));
    futures::future::try_join_all(created).await.unwrap();
    gate.reached().await;
    gate.open();
    let count = async |says: &str| {
        let objects = env.list(INSTANCE).await;
        let states = objects.iter().filter(|object| condition(object, says).is_some()).count();
        if states == 0 { Err(format!("{objects:#?}")) } else { Ok(states) }
    };
    let patience = crate::namespace::PATIENCE;
    crate::namespace::eventually("three wait", patience, async || {
        let waiting = count(IN_USE).await?;
        if waiting == 3 { Ok(()) } else { Err(waiting.to_string()) }
    })
    .await;
    assert_eq!(
        crate::namespace::eventually("one is ready", patience, async || count("Ready=True").await).await,
        1
    );
    assert_eq!(env.broker.calls(Endpoint::Provision), 1);
}

/// A broker that answers 500 to an id that it knows. Seen to fail with the orphan mitigation of other ids: it deletes
/// the service of another platform.
#[tokio::test]
async fn a_broker_that_fails_for_a_given_id_is_not_asked_to_delete_it() {
    let env = env().await;
    let body = json!({"service_id": "database-ID", "plan_id": "small"});
    env.broker.execute("PUT", "/v2/service_instances/strict", body).await;
    for _ in 0..3 {
        env.broker.before(Endpoint::Provision, refusal(500, "it exists"));
    }
    env.create(instance("one", &json!("strict"))).await.unwrap();
    env.until_broker("the broker was called twice", |broker| broker.calls(Endpoint::Provision) >= 2).await;
    env.remove(INSTANCE, "one").await;
    let message = env.until_event("one", "LeftAtBroker").await;
    assert!(message.contains("\"strict\""), "{message}");
    assert_eq!((env.broker.calls(Endpoint::Deprovision), env.broker.instances().len()), (0, 1));

    // With the permission to adopt, the object takes it over as soon as the broker agrees.
    env.create(instance("two", &json!("strict"))).await.unwrap();
    let adopted =
        wanted(env.until_ready(INSTANCE, "two").await, |object| object["status"]["orphans"].is_null());
    assert_eq!(adopted.unwrap()["status"]["instanceID"], "strict");
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 0);
    env.remove(INSTANCE, "two").await;
    assert!(env.broker.instances().is_empty());
}
