//! A rotation reaches all pods before the operator deletes the predecessor.

use serde_json::{Value, json};

use super::{recreate, restart, rolled_out, stamp, web, workload};
use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{BINDING, Endpoint, TestEnv, When, env};

async fn rotate(env: &TestEnv) {
    let request = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/rotate": "now"}}});
    env.patch(BINDING, "db", request).await.unwrap();
}

fn is_rotated(binding: &Value) -> bool {
    binding["status"]["revision"] == 2 && binding["status"]["predecessor"].is_null()
}

#[tokio::test]
async fn former_credentials_are_removed_when_no_pod_has_them_any_more() {
    let env = env().await;
    let binding = rolled_out(&env, web()).await;
    env.running(workload("Deployment", "web", recreate())).await;
    env.until_stamped(&binding, Some("1")).await;
    let unbind = env.broker.hold(When::Before, Endpoint::Unbind);
    rotate(&env).await;
    eventually("the broker is called", PATIENCE, async || match env.broker.calls(Endpoint::Unbind) {
        0 => Err(format!("{:#}", env.get(BINDING, "db").await?)),
        _ => Ok(()),
    })
    .await;
    for pod in env.list("Pod").await {
        assert_eq!(stamp(&pod, &binding), Some("2"), "{pod:#}");
    }
    unbind.open();
    env.until(BINDING, "db", is_rotated).await;
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    assert_eq!(env.broker.only(Endpoint::Unbind).binding, binding["status"]["bindingID"].as_str().unwrap());
}

#[tokio::test]
async fn who_restarts_on_rotation_restarts_for_nothing_else() {
    let env = env().await;
    let deployment = env.running(workload("Deployment", "web", recreate())).await;
    let mut spec = web();
    spec["injection"] = json!({"restart": "OnRotation"});
    let binding = env.ready_binding(json!({}), spec).await;
    env.until_says(BINDING, "db", "RolledOut=False RestartsDisabled").await;
    // The annotation that `kubectl rollout restart` sets.
    let by_hand = json!({"spec": {"template": {"metadata": {"annotations": {"restartedAt": "now"}}}}});
    env.patch("Deployment", "web", by_hand).await.unwrap();
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    rotate(&env).await;
    env.until_stamped(&binding, Some("2")).await;
    env.until(BINDING, "db", is_rotated).await;
    let after = env.get("Deployment", "web").await.unwrap();
    assert_eq!(restart(&after, &binding), Some("2"));
    let generation = |object: &Value| object["metadata"]["generation"].as_i64().unwrap();
    assert_eq!(generation(&after), generation(&deployment) + 2);
}
