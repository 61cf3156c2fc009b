//! The deletion of a binding.

use serde_json::json;

use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{BINDING, Endpoint, Fault, INSTANCE, When, answer, condition, env, refusal};

#[tokio::test]
async fn a_deleted_binding_is_unbound_and_its_secret_goes() {
    let env = env().await;
    let object = env.ready_binding(json!({}), json!({})).await;
    env.remove(BINDING, "db").await;
    assert!(env.get("Secret", "db").await.is_err(), "it goes before the binding");
    let request = env.broker.only(Endpoint::Unbind);
    assert_eq!(request.binding, object["status"]["bindingID"].as_str().unwrap());
    assert!(env.broker.instance().bindings.is_empty());
}

#[tokio::test]
async fn a_secret_that_has_been_taken_over_stays_when_the_binding_goes() {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    env.patch("Secret", "db", json!({"metadata": {"ownerReferences": null}})).await.unwrap();
    env.until_says(BINDING, "db", "Ready=False ErrorInjectingBindResult").await;
    env.remove(BINDING, "db").await;
    assert!(env.get("Secret", "db").await.is_ok());
}

#[tokio::test]
async fn unbind_is_retried_until_the_broker_says_gone() {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    env.broker.before(Endpoint::Unbind, refusal(500, "out of order"));
    env.broker.after(Endpoint::Unbind, Fault::Close);
    env.delete(BINDING, "db").await.unwrap();
    let note = env.until_event("db", "UnbindCallFailed").await;
    assert!(note.contains("out of order; next attempt at "), "{note}");
    env.until_gone(BINDING, "db").await;
    // The last answer is 410: the broker had unbound it when the answer was lost.
    assert_eq!(env.broker.calls(Endpoint::Unbind), 3);
}

#[tokio::test]
async fn an_unbind_needs_no_body_in_the_answer() {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    env.broker.after(Endpoint::Unbind, Fault::Answer(200, String::new()));
    env.remove(BINDING, "db").await;
    assert_eq!(env.broker.calls(Endpoint::Unbind), 1);
}

#[tokio::test]
async fn an_asynchronous_unbind_that_fails_is_repeated() {
    let env = env().await;
    let slow = json!({"serviceClassExternalName": "cache", "servicePlanExternalName": "cache-slow"});
    env.ready_binding(slow, json!({})).await;
    let failed = json!({"state": "failed", "description": "in use"});
    env.broker.before(Endpoint::PollBinding, answer(200, &failed));
    env.broker.hold(When::Before, Endpoint::Unbind).open();
    let second = env.broker.hold(When::Before, Endpoint::Unbind);
    env.delete(BINDING, "db").await.unwrap();
    let message = env.until_says(BINDING, "db", "Ready=Unknown UnbindCallFailed").await;
    assert!(message.contains("in use; next attempt at "), "{message}");
    second.open();
    env.until_gone(BINDING, "db").await;
    assert!(env.broker.instance().bindings.is_empty());
    assert_eq!(env.broker.calls(Endpoint::Unbind), 2);
}

#[tokio::test]
async fn no_binding_is_made_to_an_instance_that_is_being_deleted() {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    env.delete(INSTANCE, "db").await.unwrap();
    let another =
        json!({"kind": BINDING, "metadata": {"name": "x"}, "spec": {"instanceRef": {"name": "db"}}});
    let why =
        format!("ServiceBinding {0}/x references a ServiceInstance that is being deleted: {0}/db", env.name);
    eventually("a binding is refused", PATIENCE, async || match env.try_create(another.clone()).await {
        Err(message) if message.contains(&why) => Ok(()),
        answer => Err(format!("{answer:#?}")),
    })
    .await;
    let mut of_another = another.clone();
    of_another["spec"]["instanceRef"]["name"] = "other".into();
    env.try_create(of_another).await.unwrap();
    env.patch(BINDING, "db", json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();

    env.remove(BINDING, "db").await;
    env.until_gone(INSTANCE, "db").await;
    eventually("the binding is accepted", PATIENCE, async || env.try_create(another.clone()).await).await;
}

#[tokio::test]
async fn a_binding_that_was_never_bound_does_not_hold_the_instance_up() {
    let env = env().await;
    env.broker.stall();
    env.instance("db", json!({"servicePlanExternalName": "slow"})).await;
    env.binding("db", json!({})).await;
    env.until_says(BINDING, "db", "Ready=False ErrorInstanceNotReady").await;
    env.delete(INSTANCE, "db").await.unwrap();
    env.until(BINDING, "db", |object| {
        let says = condition(object, "Ready=False ErrorInstanceNotReady");
        says == Some("The ServiceInstance \"db\" is being deleted")
    })
    .await;
    env.broker.go_on();
    env.until_gone(INSTANCE, "db").await;
    env.until_says(BINDING, "db", "Ready=False ReferencesNonexistentInstance").await;
    assert_eq!(env.broker.calls(Endpoint::Bind), 0);
    env.remove(BINDING, "db").await;
    assert_eq!(env.broker.calls(Endpoint::Unbind), 0);
}

#[tokio::test]
async fn a_deletion_does_not_wait_for_an_asynchronous_bind() {
    let env = env().await;
    let slow = json!({"serviceClassExternalName": "cache", "servicePlanExternalName": "cache-slow"});
    env.ready_instance(slow).await;
    env.broker.stall();
    env.binding("db", json!({})).await;
    env.until_says(BINDING, "db", "Ready=False Binding").await;
    env.delete(BINDING, "db").await.unwrap();
    env.until_broker("the broker is called", |broker| broker.calls(Endpoint::Unbind) == 1).await;
    env.broker.go_on();
    env.until_gone(BINDING, "db").await;
    assert!(env.broker.instance().bindings.is_empty());
}

#[tokio::test]
async fn a_deletion_during_a_bind_leaves_nothing() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    let gate = env.broker.hold(When::After, Endpoint::Bind);
    env.binding("db", json!({})).await;
    gate.reached().await;
    env.delete(BINDING, "db").await.unwrap();
    gate.open();
    env.until_gone(BINDING, "db").await;
    assert!(env.broker.instance().bindings.is_empty());
    env.until_gone("Secret", "db").await;
}
