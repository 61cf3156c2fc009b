//! What restarts cost.

use serde_json::json;

use super::{recreate, restart, rolled_out, web, workload};
use crate::scripted::{BINDING, alone};

#[tokio::test]
async fn an_operator_that_starts_again_does_nothing_to_what_is_settled() {
    let mut alone = alone(&[]).await;
    let stage = alone.stage().await;
    stage.running(workload("Deployment", "web", recreate())).await;
    let binding = rolled_out(&stage, web()).await;
    let before = stage.get("Deployment", "web").await.unwrap();
    assert_eq!(restart(&before, &binding), Some("1"));
    alone.kill();
    alone.start();
    // What comes last has been worked on, too.
    stage.binding("later", json!({})).await;
    stage.until_ready(BINDING, "later").await;
    assert!(alone.writes() <= 3, "{} writes", alone.writes());
    let after = stage.get("Deployment", "web").await.unwrap();
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
}

/// Intent, Secret, result, and that all pods have it.
#[tokio::test]
async fn a_binding_whose_pods_are_right_costs_one_more_write() {
    let alone = alone(&[]).await;
    let stage = alone.stage().await;
    stage.ready_instance(json!({})).await;
    let before = alone.writes();
    stage.binding("db", web()).await;
    stage.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    assert_eq!(alone.writes() - before, 4);
}
