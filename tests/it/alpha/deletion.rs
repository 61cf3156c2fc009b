//! The deletion of alpha objects, with or without their children.

use serde_json::{Value, json};

use super::{BINDING, BROKER, INSTANCE, env, unregistered};
use crate::cluster::cluster;
use crate::scripted::{Endpoint, When};

#[tokio::test]
async fn an_instance_that_is_to_be_retained_stays_at_the_broker() {
    let env = env().await;
    env.ready_alpha_instance().await;
    let retain = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/deletion-policy": "Retain"}}});
    env.patch(INSTANCE, "db", retain).await.unwrap();
    env.remove(INSTANCE, "db").await;
    env.until_gone("ServiceInstance", "db").await;
    assert_eq!(env.broker.instances().len(), 1);
}

#[tokio::test]
async fn an_instance_takes_its_bindings_along_with_the_policy_cascade() {
    let env = env().await;
    env.ready_alpha_instance().await;
    env.ready_alpha_binding().await;
    let calls = env.broker.all_calls();
    let cascade = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/deletion-policy": "Cascade"}}});
    env.patch(INSTANCE, "db", cascade).await.unwrap();
    env.remove(INSTANCE, "db").await;
    env.until_gone(BINDING, "db").await;
    env.until_gone("ServiceBinding", "db").await;
    assert!(env.broker.instances().is_empty());
    assert_eq!(env.broker.all_calls(), calls + 2, "one to unbind, one to deprovision");
}

/// The way to leave the alpha API.
#[tokio::test]
async fn a_child_that_is_orphaned_lives_on() {
    let env = env().await;
    env.ready_alpha_instance().await;
    let instance = "instances.servicecatalog.k8s.io/db";
    let output = cluster().kubectl(&["delete", instance, "-n", &env.name, "--cascade=orphan"]);
    assert!(output.status.success(), "{output:?}");
    let child = env.until_ready("ServiceInstance", "db").await;
    assert_eq!(child["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(child["metadata"]["deletionTimestamp"], Value::Null);
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 0);
}

#[tokio::test]
async fn an_object_that_is_abandoned_goes_at_once_and_its_child_follows() {
    let env = env().await;
    env.ready_alpha_instance().await;
    let gate = env.broker.hold(When::Before, Endpoint::Deprovision);
    env.patch(INSTANCE, "db", json!({"metadata": {"finalizers": null}})).await.unwrap();
    env.remove(INSTANCE, "db").await;
    assert_eq!(env.broker.instances().len(), 1);
    gate.open();
    env.until_gone("ServiceInstance", "db").await;
    assert!(env.broker.instances().is_empty());
}

/// The retries end when the object is gone.
#[tokio::test]
async fn an_object_whose_broker_is_not_there_can_be_deleted() {
    let env = unregistered().await;
    env.create(env.alpha_instance("db")).await.unwrap();
    env.until_says(INSTANCE, "db", "Ready=False ReferencesNonexistentServiceClass").await;
    env.remove(INSTANCE, "db").await;
    env.until_gone("ServiceInstance", "db").await;
}

#[tokio::test]
async fn a_namespace_goes_with_all_that_is_in_it() {
    let env = env().await;
    env.ready_alpha_instance().await;
    env.ready_alpha_binding().await;
    env.remove("Namespace", &env.name).await;
    assert!(env.broker.instances().is_empty());
    env.remove(BROKER, &env.name).await;
}
