//! The end of a binding.

use serde_json::json;

use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{BINDING, Endpoint, Fault, INSTANCE, When, answer, condition, refusal, stage};

#[tokio::test]
async fn a_deleted_binding_is_unbound_and_its_secret_goes() {
    let stage = stage().await;
    let object = stage.ready_binding(json!({}), json!({})).await;
    stage.remove(BINDING, "db").await;
    assert!(stage.get("Secret", "db").await.is_err(), "it goes before the binding");
    let request = stage.broker.only(Endpoint::Unbind);
    assert_eq!(request.binding, object["status"]["bindingID"].as_str().unwrap());
    assert!(stage.broker.instance().bindings.is_empty());
}

#[tokio::test]
async fn a_secret_that_has_been_taken_over_stays_when_the_binding_goes() {
    let stage = stage().await;
    stage.ready_binding(json!({}), json!({})).await;
    stage.patch("Secret", "db", json!({"metadata": {"ownerReferences": null}})).await.unwrap();
    stage.until_says(BINDING, "db", "Ready=False ErrorInjectingBindResult").await;
    stage.remove(BINDING, "db").await;
    assert!(stage.get("Secret", "db").await.is_ok());
}

#[tokio::test]
async fn unbind_is_retried_until_the_broker_says_gone() {
    let stage = stage().await;
    stage.ready_binding(json!({}), json!({})).await;
    stage.broker.before(Endpoint::Unbind, refusal(500, "out of order"));
    stage.broker.after(Endpoint::Unbind, Fault::Close);
    stage.delete(BINDING, "db").await.unwrap();
    let note = stage.until_event("db", "UnbindCallFailed").await;
    assert!(note.contains("out of order; it is tried again at "), "{note}");
    stage.until_gone(BINDING, "db").await;
    // The last answer is 410: it was unbound when the answer was lost.
    assert_eq!(stage.broker.calls(Endpoint::Unbind), 3);
}

#[tokio::test]
async fn an_unbind_needs_no_body_in_the_answer() {
    let stage = stage().await;
    stage.ready_binding(json!({}), json!({})).await;
    stage.broker.after(Endpoint::Unbind, Fault::Answer(200, String::new()));
    stage.remove(BINDING, "db").await;
    assert_eq!(stage.broker.calls(Endpoint::Unbind), 1);
}

#[tokio::test]
async fn an_asynchronous_unbind_that_fails_is_repeated() {
    let stage = stage().await;
    let slow = json!({"serviceClassExternalName": "cache", "servicePlanExternalName": "cache-slow"});
    stage.ready_binding(slow, json!({})).await;
    let failed = json!({"state": "failed", "description": "in use"});
    stage.broker.before(Endpoint::PollBinding, answer(200, &failed));
    stage.broker.hold(When::Before, Endpoint::Unbind).open();
    let second = stage.broker.hold(When::Before, Endpoint::Unbind);
    stage.delete(BINDING, "db").await.unwrap();
    let message = stage.until_says(BINDING, "db", "Ready=Unknown UnbindCallFailed").await;
    assert!(message.contains("in use; it is tried again at "), "{message}");
    second.open();
    stage.until_gone(BINDING, "db").await;
    assert!(stage.broker.instance().bindings.is_empty());
    assert_eq!(stage.broker.calls(Endpoint::Unbind), 2);
}

#[tokio::test]
async fn nobody_is_bound_to_an_instance_that_goes() {
    let stage = stage().await;
    stage.ready_binding(json!({}), json!({})).await;
    stage.delete(INSTANCE, "db").await.unwrap();
    let another =
        json!({"kind": BINDING, "metadata": {"name": "x"}, "spec": {"instanceRef": {"name": "db"}}});
    let why = format!(
        "ServiceBinding {0}/x references a ServiceInstance that is being deleted: {0}/db",
        stage.name
    );
    eventually("a binding is refused", PATIENCE, async || match stage.try_create(another.clone()).await {
        Err(message) if message.contains(&why) => Ok(()),
        answer => Err(format!("{answer:#?}")),
    })
    .await;
    let mut of_another = another.clone();
    of_another["spec"]["instanceRef"]["name"] = "other".into();
    stage.try_create(of_another).await.unwrap();
    stage.patch(BINDING, "db", json!({"metadata": {"labels": {"a": "b"}}})).await.unwrap();

    stage.remove(BINDING, "db").await;
    stage.until_gone(INSTANCE, "db").await;
    eventually("there is nothing to be refused for", PATIENCE, async || {
        stage.try_create(another.clone()).await
    })
    .await;
}

#[tokio::test]
async fn a_binding_that_was_never_bound_does_not_hold_the_instance_up() {
    let stage = stage().await;
    stage.broker.stall();
    stage.instance("db", json!({"servicePlanExternalName": "slow"})).await;
    stage.binding("db", json!({})).await;
    stage.until_says(BINDING, "db", "Ready=False ErrorInstanceNotReady").await;
    stage.delete(INSTANCE, "db").await.unwrap();
    stage
        .until(BINDING, "db", |object| {
            let says = condition(object, "Ready=False ErrorInstanceNotReady");
            says == Some("The ServiceInstance \"db\" is being deleted")
        })
        .await;
    stage.broker.go_on();
    stage.until_gone(INSTANCE, "db").await;
    stage.until_says(BINDING, "db", "Ready=False ReferencesNonexistentInstance").await;
    assert_eq!(stage.broker.calls(Endpoint::Bind), 0);
    stage.remove(BINDING, "db").await;
    assert_eq!(stage.broker.calls(Endpoint::Unbind), 0);
}

#[tokio::test]
async fn a_deletion_does_not_wait_for_an_asynchronous_bind() {
    let stage = stage().await;
    let slow = json!({"serviceClassExternalName": "cache", "servicePlanExternalName": "cache-slow"});
    stage.ready_instance(slow).await;
    stage.broker.stall();
    stage.binding("db", json!({})).await;
    stage.until_says(BINDING, "db", "Ready=False Binding").await;
    stage.delete(BINDING, "db").await.unwrap();
    stage.until_broker("it is told", |broker| broker.calls(Endpoint::Unbind) == 1).await;
    stage.broker.go_on();
    stage.until_gone(BINDING, "db").await;
    assert!(stage.broker.instance().bindings.is_empty());
}

#[tokio::test]
async fn a_deletion_during_a_bind_leaves_nothing() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    let gate = stage.broker.hold(When::After, Endpoint::Bind);
    stage.binding("db", json!({})).await;
    gate.reached().await;
    stage.delete(BINDING, "db").await.unwrap();
    gate.open();
    stage.until_gone(BINDING, "db").await;
    assert!(stage.broker.instance().bindings.is_empty());
    stage.until_gone("Secret", "db").await;
}
