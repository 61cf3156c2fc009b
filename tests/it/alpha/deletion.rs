//! How an object of the alpha API goes, and whether what stands behind it goes, too.

use serde_json::{Value, json};

use super::{BINDING, BROKER, INSTANCE, stage, unregistered};
use crate::cluster::cluster;
use crate::scripted::{Endpoint, When};

#[tokio::test]
async fn an_instance_that_is_to_be_retained_stays_at_the_broker() {
    let stage = stage().await;
    stage.ready_alpha_instance().await;
    let retain = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/deletion-policy": "Retain"}}});
    stage.patch(INSTANCE, "db", retain).await.unwrap();
    stage.remove(INSTANCE, "db").await;
    stage.until_gone("ServiceInstance", "db").await;
    assert_eq!(stage.broker.instances().len(), 1);
}

#[tokio::test]
async fn an_instance_takes_its_bindings_along_if_it_is_told_to() {
    let stage = stage().await;
    stage.ready_alpha_instance().await;
    stage.ready_alpha_binding().await;
    let calls = stage.broker.all_calls();
    let cascade = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/deletion-policy": "Cascade"}}});
    stage.patch(INSTANCE, "db", cascade).await.unwrap();
    stage.remove(INSTANCE, "db").await;
    stage.until_gone(BINDING, "db").await;
    stage.until_gone("ServiceBinding", "db").await;
    assert!(stage.broker.instances().is_empty());
    assert_eq!(stage.broker.all_calls(), calls + 2, "one to unbind, one to deprovision");
}

/// This is how one leaves the alpha API.
#[tokio::test]
async fn a_child_that_is_orphaned_lives_on() {
    let stage = stage().await;
    stage.ready_alpha_instance().await;
    let instance = "instances.servicecatalog.k8s.io/db";
    let output = cluster().kubectl(&["delete", instance, "-n", &stage.name, "--cascade=orphan"]);
    assert!(output.status.success(), "{output:?}");
    let child = stage.until_ready("ServiceInstance", "db").await;
    assert_eq!(child["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(child["metadata"]["deletionTimestamp"], Value::Null);
    assert_eq!(stage.broker.calls(Endpoint::Deprovision), 0);
}

#[tokio::test]
async fn an_object_that_is_abandoned_goes_at_once_and_its_child_follows() {
    let stage = stage().await;
    stage.ready_alpha_instance().await;
    let gate = stage.broker.hold(When::Before, Endpoint::Deprovision);
    stage.patch(INSTANCE, "db", json!({"metadata": {"finalizers": null}})).await.unwrap();
    stage.remove(INSTANCE, "db").await;
    assert_eq!(stage.broker.instances().len(), 1);
    gate.open();
    stage.until_gone("ServiceInstance", "db").await;
    assert!(stage.broker.instances().is_empty());
}

/// It stops trying when the object is gone.
#[tokio::test]
async fn an_object_whose_broker_is_not_there_can_be_deleted() {
    let stage = unregistered().await;
    stage.create(stage.alpha_instance("db")).await.unwrap();
    stage.until_says(INSTANCE, "db", "Ready=False ReferencesNonexistentServiceClass").await;
    stage.remove(INSTANCE, "db").await;
    stage.until_gone("ServiceInstance", "db").await;
}

#[tokio::test]
async fn a_namespace_goes_with_all_that_is_in_it() {
    let stage = stage().await;
    stage.ready_alpha_instance().await;
    stage.ready_alpha_binding().await;
    stage.remove("Namespace", &stage.name).await;
    assert!(stage.broker.instances().is_empty());
    stage.remove(BROKER, &stage.name).await;
}
