//! Before the broker is asked to remove a binding, pods that have it are restarted.

use serde_json::{Value, json};

use super::{recreate, rolled_out, stamp, template, web, workload};
use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{BINDING, Endpoint, Stage, When, stage};

#[tokio::test]
async fn pods_are_without_the_binding_before_the_broker_is_asked() {
    let stage = stage().await;
    let binding = rolled_out(&stage, web()).await;
    stage.running(workload("Deployment", "web", recreate())).await;
    stage.until_stamped(&binding, Some("1")).await;
    let unbind = stage.broker.hold(When::Before, Endpoint::Unbind);
    stage.delete(BINDING, "db").await.unwrap();
    eventually("the broker is asked", PATIENCE, async || match stage.broker.calls(Endpoint::Unbind) {
        0 => Err(format!("{:#}", stage.get(BINDING, "db").await?)),
        _ => Ok(()),
    })
    .await;
    for pod in stage.list("Pod").await {
        assert_eq!(stamp(&pod, &binding), None, "{pod:#}");
    }
    unbind.open();
    stage.until_gone(BINDING, "db").await;
}

/// A Deployment whose pods stay until somebody lets them go.
pub(super) fn staying() -> Value {
    let mut deployment = workload("Deployment", "web", recreate());
    deployment["spec"]["template"]["metadata"]["finalizers"] = json!(["example.com/stays"]);
    deployment
}

/// Lets them go.
pub(super) async fn let_go(stage: &Stage) {
    for pod in stage.list("Pod").await {
        let name = pod["metadata"]["name"].as_str().unwrap();
        // It may be gone by now.
        let _ = stage.patch("Pod", name, json!({"metadata": {"finalizers": null}})).await;
    }
}

#[tokio::test]
async fn a_deletion_that_waits_for_pods_says_so() {
    let stage = stage().await;
    let binding = rolled_out(&stage, web()).await;
    stage.running(staying()).await;
    stage.until_stamped(&binding, Some("1")).await;
    stage.delete(BINDING, "db").await.unwrap();
    let message = stage.until_says(BINDING, "db", "Ready=False WaitingForPods").await;
    assert!(message.contains("at the latest"), "{message}");
    assert_eq!(stage.broker.calls(Endpoint::Unbind), 0);
    let_go(&stage).await;
    stage.until_gone(BINDING, "db").await;
}

#[tokio::test]
async fn nobody_waits_for_a_pod_that_is_not_replaced() {
    let stage = stage().await;
    let binding = rolled_out(&stage, web()).await;
    let mut bare = template();
    (bare["kind"], bare["metadata"]["name"]) = ("Pod".into(), "bare".into());
    stage.create(bare).await.unwrap();
    stage.until_stamped(&binding, Some("1")).await;
    stage.remove(BINDING, "db").await;
    stage.get("Pod", "bare").await.unwrap();
}

#[tokio::test]
async fn a_binding_that_restarts_nobody_is_unbound_at_once() {
    let stage = stage().await;
    let mut spec = web();
    spec["injection"] = json!({"restart": "Never"});
    let binding = rolled_out(&stage, spec).await;
    let before = stage.running(workload("Deployment", "web", recreate())).await;
    stage.until_stamped(&binding, Some("1")).await;
    stage.remove(BINDING, "db").await;
    let after = stage.get("Deployment", "web").await.unwrap();
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
}

/// Its pods go as well; before the bindings, unless somebody deletes these.
#[tokio::test]
async fn nobody_is_waited_for_in_a_namespace_that_goes() {
    let stage = stage().await;
    let binding = rolled_out(&stage, web()).await;
    stage.running(staying()).await;
    stage.until_stamped(&binding, Some("1")).await;
    stage.delete(BINDING, "db").await.unwrap();
    stage.until_says(BINDING, "db", "Ready=False WaitingForPods").await;
    stage.delete("Namespace", &stage.name).await.unwrap();
    stage.until_gone(BINDING, "db").await;
    let_go(&stage).await;
}
