//! The deletion of an instance.

use serde_json::json;
use service_catalog::crd::names::escaped;

use crate::namespace::namespace;
use crate::operator::operator;
use crate::scripted::{Broker, Endpoint, Fault, INSTANCE, TestEnv, When, answer, catalog, env, refusal};

#[tokio::test]
async fn a_deleted_instance_is_removed_at_the_broker() {
    let env = env().await;
    let object = env.ready_instance(json!({})).await;
    env.remove(INSTANCE, "db").await;
    let request = env.broker.only(Endpoint::Deprovision);
    assert_eq!(request.instance, object["status"]["instanceID"].as_str().unwrap());
    assert_eq!((request.query("service_id"), request.query("plan_id")), ("database-ID", "small"));
    assert!(env.broker.instances().is_empty());
}

#[tokio::test]
async fn a_deletion_may_take_a_while() {
    let env = env().await;
    env.ready_instance(json!({"servicePlanExternalName": "slow"})).await;
    env.broker.stall();
    env.delete(INSTANCE, "db").await.unwrap();
    let message = env.until_says(INSTANCE, "db", "Ready=False Deprovisioning").await;
    assert!(message.contains("being deprovisioned asynchronously"), "{message}");
    env.broker.go_on();
    env.until_gone(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 1);
}

#[tokio::test]
async fn a_deletion_is_retried_until_the_broker_says_gone() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    env.broker.before(Endpoint::Deprovision, refusal(500, "out of order"));
    env.broker.after(Endpoint::Deprovision, Fault::Close);
    env.delete(INSTANCE, "db").await.unwrap();
    let note = env.until_event("db", "DeprovisionCallFailed").await;
    assert!(note.contains("out of order; next attempt at "), "{note}");
    env.until_gone(INSTANCE, "db").await;
    // The last answer is 410: the broker had removed it when the answer was lost.
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 3);
    assert!(env.broker.instances().is_empty());
}

#[tokio::test]
async fn an_asynchronous_deletion_ends_when_the_broker_has_forgotten_it() {
    let env = env().await;
    env.ready_instance(json!({"servicePlanExternalName": "slow"})).await;
    env.broker.after(Endpoint::PollInstance, answer(410, &json!({})));
    env.remove(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
}

#[tokio::test]
async fn an_asynchronous_deletion_that_fails_is_repeated() {
    let env = env().await;
    env.ready_instance(json!({"servicePlanExternalName": "slow"})).await;
    let failed = json!({"state": "failed", "description": "in use"});
    env.broker.before(Endpoint::PollInstance, answer(200, &failed));
    env.broker.hold(When::Before, Endpoint::Deprovision).open();
    let second = env.broker.hold(When::Before, Endpoint::Deprovision);
    env.delete(INSTANCE, "db").await.unwrap();
    let message = env.until_says(INSTANCE, "db", "Ready=Unknown DeprovisionCallFailed").await;
    assert!(message.contains("in use; next attempt at "), "{message}");
    second.open();
    env.until_gone(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 2);
}

#[tokio::test]
async fn a_deletion_does_not_wait_for_an_asynchronous_provision() {
    let env = env().await;
    env.broker.stall();
    env.instance("db", json!({"servicePlanExternalName": "slow"})).await;
    env.until_says(INSTANCE, "db", "Ready=False Provisioning").await;
    env.delete(INSTANCE, "db").await.unwrap();
    env.until_broker("the broker is called", |broker| broker.calls(Endpoint::Deprovision) == 1).await;
    env.broker.go_on();
    env.until_gone(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
}

#[tokio::test]
async fn a_deletion_during_a_provision_leaves_nothing() {
    let env = env().await;
    let gate = env.broker.hold(When::After, Endpoint::Provision);
    env.instance("db", json!({})).await;
    gate.reached().await;
    env.delete(INSTANCE, "db").await.unwrap();
    gate.open();
    env.until_gone(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
}

#[tokio::test]
async fn a_deletion_removes_also_what_may_be_left() {
    let env = env().await;
    env.broker.after(Endpoint::Provision, refusal(500, "out of order"));
    let gate = env.broker.hold(When::Before, Endpoint::Deprovision);
    env.instance("db", json!({})).await;
    gate.reached().await;
    env.delete(INSTANCE, "db").await.unwrap();
    gate.open();
    env.until_gone(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
    assert_eq!(env.broker.calls(Endpoint::Provision), 1);
}

#[tokio::test]
async fn a_deletion_needs_neither_class_nor_plan() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    env.remove("ServicePlan", "small").await;
    env.remove("ServiceClass", &escaped("database-ID")).await;
    env.remove(INSTANCE, "db").await;
    let request = env.broker.only(Endpoint::Deprovision);
    assert_eq!((request.query("service_id"), request.query("plan_id")), ("database-ID", "small"));
    assert!(env.broker.instances().is_empty());
}

#[tokio::test]
async fn a_retained_instance_stays_at_the_broker() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    let retain = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/deletion-policy": "Retain"}}});
    env.patch(INSTANCE, "db", retain).await.unwrap();
    env.remove(INSTANCE, "db").await;
    assert_eq!(env.broker.instances().len(), 1);
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 0);
}

#[tokio::test]
async fn a_deletion_waits_for_the_bindings_and_names_them() {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    env.binding("other", json!({})).await;
    env.until_ready("ServiceBinding", "other").await;
    env.delete(INSTANCE, "db").await.unwrap();
    let says = "Ready=False DeprovisionBlockedByExistingCredentials";
    let message = env.until_says(INSTANCE, "db", says).await;
    assert!(message.ends_with(": db, other"), "{message}");
    env.remove("ServiceBinding", "db").await;
    let remaining = env
        .until(INSTANCE, "db", |object| {
            crate::scripted::condition(object, says).is_some_and(|message| message.ends_with(": other"))
        })
        .await;
    assert_eq!(env.broker.instances().len(), 1, "{remaining:#}");
    env.remove("ServiceBinding", "other").await;
    env.until_gone(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
}

#[tokio::test]
async fn a_deletion_takes_the_bindings_along_with_the_policy_cascade() {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    let gate = env.broker.hold(When::Before, Endpoint::Unbind);
    env.delete(INSTANCE, "db").await.unwrap();
    env.until_says(INSTANCE, "db", "Ready=False DeprovisionBlockedByExistingCredentials").await;
    let cascade = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/deletion-policy": "Cascade"}}});
    env.patch(INSTANCE, "db", cascade).await.unwrap();
    let message = env.until_says(INSTANCE, "db", "Ready=False ServiceBindingsDeletion").await;
    assert!(message.ends_with(": db"), "{message}");
    gate.open();
    env.until_gone("ServiceBinding", "db").await;
    env.until_gone(INSTANCE, "db").await;
    assert!(env.broker.instances().is_empty());
}

/// Seen to hang when the operator dropped its connection to a broker whose Secret is missing, whatever the reason.
#[tokio::test]
async fn a_namespace_goes_even_if_the_credentials_of_the_broker_go_first() {
    operator();
    let namespace = namespace().await;
    let name = namespace.name.clone();
    let env = TestEnv::new(namespace, Broker::offering(catalog(&format!("{name}-"))));
    env.secret("auth", json!({"username": "user", "password": "secret"})).await;
    env.broker.require("Basic dXNlcjpzZWNyZXQ=");
    let auth = json!({"basic": {"secretRef": {"namespace": name, "name": "auth"}}});
    let spec = json!({"url": env.broker.url, "authInfo": auth});
    let broker = json!({"kind": "ClusterServiceBroker", "metadata": {"name": name}, "spec": spec});
    env.create(broker).await.unwrap();
    env.until_ready("ClusterServiceBroker", &name).await;
    let class = escaped(&format!("{name}-database-ID"));
    let plan = escaped(&format!("{name}-slow"));
    let spec = json!({"clusterServiceClassName": class, "clusterServicePlanName": plan});
    env.create(json!({"kind": INSTANCE, "metadata": {"name": "db"}, "spec": spec})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;

    env.broker.stall();
    env.delete("Namespace", &name).await.unwrap();
    env.until_gone("Secret", "auth").await;
    env.until_says("ClusterServiceBroker", &name, "Ready=False ErrorFetchingCatalog").await;
    env.broker.go_on();
    env.until_gone("Namespace", &name).await;
    assert!(env.broker.instances().is_empty());
    env.remove("ClusterServiceBroker", &name).await;
}
