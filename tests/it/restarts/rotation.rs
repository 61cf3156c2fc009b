//! New credentials reach the pods before the former ones are removed.

use serde_json::{Value, json};

use super::{recreate, restart, rolled_out, stamp, web, workload};
use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{BINDING, Endpoint, Stage, When, stage};

async fn rotate(stage: &Stage) {
    let request = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/rotate": "now"}}});
    stage.patch(BINDING, "db", request).await.unwrap();
}

fn is_rotated(binding: &Value) -> bool {
    binding["status"]["revision"] == 2 && binding["status"]["predecessor"].is_null()
}

#[tokio::test]
async fn former_credentials_are_removed_when_no_pod_has_them_any_more() {
    let stage = stage().await;
    let binding = rolled_out(&stage, web()).await;
    stage.running(workload("Deployment", "web", recreate())).await;
    stage.until_stamped(&binding, Some("1")).await;
    let unbind = stage.broker.hold(When::Before, Endpoint::Unbind);
    rotate(&stage).await;
    eventually("the broker is asked", PATIENCE, async || match stage.broker.calls(Endpoint::Unbind) {
        0 => Err(format!("{:#}", stage.get(BINDING, "db").await?)),
        _ => Ok(()),
    })
    .await;
    for pod in stage.list("Pod").await {
        assert_eq!(stamp(&pod, &binding), Some("2"), "{pod:#}");
    }
    unbind.open();
    stage.until(BINDING, "db", is_rotated).await;
    stage.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    assert_eq!(stage.broker.only(Endpoint::Unbind).binding, binding["status"]["bindingID"].as_str().unwrap());
}

#[tokio::test]
async fn who_restarts_on_rotation_restarts_for_nothing_else() {
    let stage = stage().await;
    let deployment = stage.running(workload("Deployment", "web", recreate())).await;
    let mut spec = web();
    spec["injection"] = json!({"restart": "OnRotation"});
    let binding = stage.ready_binding(json!({}), spec).await;
    stage.until_says(BINDING, "db", "RolledOut=False RestartsDisabled").await;
    // As kubectl does it.
    let by_hand = json!({"spec": {"template": {"metadata": {"annotations": {"restartedAt": "now"}}}}});
    stage.patch("Deployment", "web", by_hand).await.unwrap();
    stage.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    rotate(&stage).await;
    stage.until_stamped(&binding, Some("2")).await;
    stage.until(BINDING, "db", is_rotated).await;
    let after = stage.get("Deployment", "web").await.unwrap();
    assert_eq!(restart(&after, &binding), Some("2"));
    let generation = |object: &Value| object["metadata"]["generation"].as_i64().unwrap();
    assert_eq!(generation(&after), generation(&deployment) + 2);
}
