//! The end of an instance.

use serde_json::json;
use service_catalog::crd::names::escaped;

use crate::namespace::namespace;
use crate::operator::operator;
use crate::scripted::{Broker, Endpoint, Fault, INSTANCE, Stage, When, answer, catalog, refusal, stage};

#[tokio::test]
async fn a_deleted_instance_is_removed_at_the_broker() {
    let stage = stage().await;
    let object = stage.ready_instance(json!({})).await;
    stage.remove(INSTANCE, "db").await;
    let request = stage.broker.only(Endpoint::Deprovision);
    assert_eq!(request.instance, object["status"]["instanceID"].as_str().unwrap());
    assert_eq!((request.query("service_id"), request.query("plan_id")), ("database-ID", "small"));
    assert!(stage.broker.instances().is_empty());
}

#[tokio::test]
async fn a_deletion_may_take_a_while() {
    let stage = stage().await;
    stage.ready_instance(json!({"servicePlanExternalName": "slow"})).await;
    stage.broker.stall();
    stage.delete(INSTANCE, "db").await.unwrap();
    let message = stage.until_says(INSTANCE, "db", "Ready=False Deprovisioning").await;
    assert!(message.contains("being deprovisioned asynchronously"), "{message}");
    stage.broker.go_on();
    stage.until_gone(INSTANCE, "db").await;
    assert!(stage.broker.instances().is_empty());
    assert_eq!(stage.broker.calls(Endpoint::Deprovision), 1);
}

#[tokio::test]
async fn a_deletion_is_retried_until_the_broker_says_gone() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    stage.broker.before(Endpoint::Deprovision, refusal(500, "out of order"));
    stage.broker.after(Endpoint::Deprovision, Fault::Close);
    stage.delete(INSTANCE, "db").await.unwrap();
    let note = stage.until_event("db", "DeprovisionCallFailed").await;
    assert!(note.contains("out of order; it is tried again at "), "{note}");
    stage.until_gone(INSTANCE, "db").await;
    // The last answer is 410: it was removed when the answer was lost.
    assert_eq!(stage.broker.calls(Endpoint::Deprovision), 3);
    assert!(stage.broker.instances().is_empty());
}

#[tokio::test]
async fn an_asynchronous_deletion_ends_when_the_broker_has_forgotten_it() {
    let stage = stage().await;
    stage.ready_instance(json!({"servicePlanExternalName": "slow"})).await;
    stage.broker.after(Endpoint::PollInstance, answer(410, &json!({})));
    stage.remove(INSTANCE, "db").await;
    assert!(stage.broker.instances().is_empty());
}

#[tokio::test]
async fn an_asynchronous_deletion_that_fails_is_repeated() {
    let stage = stage().await;
    stage.ready_instance(json!({"servicePlanExternalName": "slow"})).await;
    let failed = json!({"state": "failed", "description": "in use"});
    stage.broker.before(Endpoint::PollInstance, answer(200, &failed));
    stage.broker.hold(When::Before, Endpoint::Deprovision).open();
    let second = stage.broker.hold(When::Before, Endpoint::Deprovision);
    stage.delete(INSTANCE, "db").await.unwrap();
    let message = stage.until_says(INSTANCE, "db", "Ready=Unknown DeprovisionCallFailed").await;
    assert!(message.contains("in use; it is tried again at "), "{message}");
    second.open();
    stage.until_gone(INSTANCE, "db").await;
    assert!(stage.broker.instances().is_empty());
    assert_eq!(stage.broker.calls(Endpoint::Deprovision), 2);
}

#[tokio::test]
async fn a_deletion_does_not_wait_for_an_asynchronous_provision() {
    let stage = stage().await;
    stage.broker.stall();
    stage.instance("db", json!({"servicePlanExternalName": "slow"})).await;
    stage.until_says(INSTANCE, "db", "Ready=False Provisioning").await;
    stage.delete(INSTANCE, "db").await.unwrap();
    stage.until_broker("it is told", |broker| broker.calls(Endpoint::Deprovision) == 1).await;
    stage.broker.go_on();
    stage.until_gone(INSTANCE, "db").await;
    assert!(stage.broker.instances().is_empty());
}

#[tokio::test]
async fn a_deletion_during_a_provision_leaves_nothing() {
    let stage = stage().await;
    let gate = stage.broker.hold(When::After, Endpoint::Provision);
    stage.instance("db", json!({})).await;
    gate.reached().await;
    stage.delete(INSTANCE, "db").await.unwrap();
    gate.open();
    stage.until_gone(INSTANCE, "db").await;
    assert!(stage.broker.instances().is_empty());
}

#[tokio::test]
async fn a_deletion_removes_also_what_may_be_left() {
    let stage = stage().await;
    stage.broker.after(Endpoint::Provision, refusal(500, "out of order"));
    let gate = stage.broker.hold(When::Before, Endpoint::Deprovision);
    stage.instance("db", json!({})).await;
    gate.reached().await;
    stage.delete(INSTANCE, "db").await.unwrap();
    gate.open();
    stage.until_gone(INSTANCE, "db").await;
    assert!(stage.broker.instances().is_empty());
    assert_eq!(stage.broker.calls(Endpoint::Provision), 1);
}

#[tokio::test]
async fn a_deletion_needs_neither_class_nor_plan() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    stage.remove("ServicePlan", "small").await;
    stage.remove("ServiceClass", &escaped("database-ID")).await;
    stage.remove(INSTANCE, "db").await;
    let request = stage.broker.only(Endpoint::Deprovision);
    assert_eq!((request.query("service_id"), request.query("plan_id")), ("database-ID", "small"));
    assert!(stage.broker.instances().is_empty());
}

#[tokio::test]
async fn a_retained_instance_stays_at_the_broker() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    let retain = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/deletion-policy": "Retain"}}});
    stage.patch(INSTANCE, "db", retain).await.unwrap();
    stage.remove(INSTANCE, "db").await;
    assert_eq!(stage.broker.instances().len(), 1);
    assert_eq!(stage.broker.calls(Endpoint::Deprovision), 0);
}

#[tokio::test]
async fn a_deletion_waits_for_the_bindings_and_names_them() {
    let stage = stage().await;
    stage.ready_binding(json!({}), json!({})).await;
    stage.binding("other", json!({})).await;
    stage.until_ready("ServiceBinding", "other").await;
    stage.delete(INSTANCE, "db").await.unwrap();
    let says = "Ready=False DeprovisionBlockedByExistingCredentials";
    let message = stage.until_says(INSTANCE, "db", says).await;
    assert!(message.ends_with(": db, other"), "{message}");
    stage.remove("ServiceBinding", "db").await;
    let remaining = stage
        .until(INSTANCE, "db", |object| {
            crate::scripted::condition(object, says).is_some_and(|message| message.ends_with(": other"))
        })
        .await;
    assert_eq!(stage.broker.instances().len(), 1, "{remaining:#}");
    stage.remove("ServiceBinding", "other").await;
    stage.until_gone(INSTANCE, "db").await;
    assert!(stage.broker.instances().is_empty());
}

#[tokio::test]
async fn a_deletion_takes_the_bindings_along_if_it_is_told_to() {
    let stage = stage().await;
    stage.ready_binding(json!({}), json!({})).await;
    let gate = stage.broker.hold(When::Before, Endpoint::Unbind);
    stage.delete(INSTANCE, "db").await.unwrap();
    stage.until_says(INSTANCE, "db", "Ready=False DeprovisionBlockedByExistingCredentials").await;
    let cascade = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/deletion-policy": "Cascade"}}});
    stage.patch(INSTANCE, "db", cascade).await.unwrap();
    let message = stage.until_says(INSTANCE, "db", "Ready=False ServiceBindingsDeletion").await;
    assert!(message.ends_with(": db"), "{message}");
    gate.open();
    stage.until_gone("ServiceBinding", "db").await;
    stage.until_gone(INSTANCE, "db").await;
    assert!(stage.broker.instances().is_empty());
}

/// Seen to hang when a broker whose Secret is missing was forgotten whatever the reason.
#[tokio::test]
async fn a_namespace_goes_even_if_the_credentials_of_the_broker_go_first() {
    operator();
    let namespace = namespace().await;
    let name = namespace.name.clone();
    let stage = Stage::new(namespace, Broker::offering(catalog(&format!("{name}-"))));
    stage.secret("auth", json!({"username": "user", "password": "secret"})).await;
    stage.broker.require("Basic dXNlcjpzZWNyZXQ=");
    let auth = json!({"basic": {"secretRef": {"namespace": name, "name": "auth"}}});
    let spec = json!({"url": stage.broker.url, "authInfo": auth});
    let broker = json!({"kind": "ClusterServiceBroker", "metadata": {"name": name}, "spec": spec});
    stage.create(broker).await.unwrap();
    stage.until_ready("ClusterServiceBroker", &name).await;
    let class = escaped(&format!("{name}-database-ID"));
    let plan = escaped(&format!("{name}-slow"));
    let spec = json!({"clusterServiceClassName": class, "clusterServicePlanName": plan});
    stage.create(json!({"kind": INSTANCE, "metadata": {"name": "db"}, "spec": spec})).await.unwrap();
    stage.until_ready(INSTANCE, "db").await;

    stage.broker.stall();
    stage.delete("Namespace", &name).await.unwrap();
    stage.until_gone("Secret", "auth").await;
    stage.until_says("ClusterServiceBroker", &name, "Ready=False ErrorFetchingCatalog").await;
    stage.broker.go_on();
    stage.until_gone("Namespace", &name).await;
    assert!(stage.broker.instances().is_empty());
    stage.remove("ClusterServiceBroker", &name).await;
}
