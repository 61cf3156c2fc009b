//! The cost and the limits of rollouts.

use serde_json::{Value, json};

use super::{recreate, restart, rolled_out, web, workload};
use crate::namespace::{Namespace, PATIENCE, eventually};
use crate::scripted::{BINDING, isolated};

#[tokio::test]
async fn an_operator_that_starts_again_does_nothing_to_what_is_settled() {
    let mut isolated = isolated(&[]).await;
    let env = isolated.env().await;
    env.running(workload("Deployment", "web", recreate())).await;
    let binding = rolled_out(&env, web()).await;
    let before = env.get("Deployment", "web").await.unwrap();
    assert_eq!(restart(&before, &binding), Some("1"));
    isolated.kill();
    isolated.start();
    // The operator has processed the last binding, too.
    env.binding("later", json!({})).await;
    env.until_ready(BINDING, "later").await;
    assert!(isolated.writes() <= 3, "{} writes", isolated.writes());
    let after = env.get("Deployment", "web").await.unwrap();
    assert_eq!(after["metadata"]["generation"], before["metadata"]["generation"]);
}

/// The writes are the intent, the Secret, the outcome, and the condition `RolledOut`; of the namespace's first binding
/// that injects also the label of the namespace.
#[tokio::test]
async fn a_binding_whose_pods_are_right_costs_one_more_write() {
    let isolated = isolated(&[]).await;
    let env = isolated.env().await;
    env.ready_instance(json!({})).await;
    let before = isolated.writes();
    env.binding("db", web()).await;
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    assert_eq!(isolated.writes() - before, 5);
}

/// The number of watches of pods in one namespace. Only the operator has any.
async fn watches(namespace: &Namespace) -> f64 {
    let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let metrics = namespace.client.request_text(request).await.unwrap();
    let is_one = |line: &&str| {
        ["apiserver_longrunning_requests{", "resource=\"pods\"", "scope=\"namespace\"", "verb=\"WATCH\""]
            .iter()
            .all(|part| line.contains(part))
    };
    let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    metrics.lines().filter(is_one).map(count).sum()
}

async fn until_watches(namespace: &Namespace, wanted: f64) {
    eventually("only the necessary watches of pods exist", PATIENCE, async || {
        let seen = watches(namespace).await;
        if (seen - wanted).abs() < 0.5 { Ok(()) } else { Err(format!("{seen} watches")) }
    })
    .await;
}

#[tokio::test]
async fn pods_are_watched_only_while_they_may_not_have_what_they_should() {
    let isolated = isolated(&[]).await;
    let env = isolated.env().await;
    until_watches(&env, 0.0).await;
    env.running(workload("Deployment", "web", recreate())).await;
    let mut spec = web();
    spec["injection"] = json!({"restart": "Never"});
    env.ready_binding(json!({}), spec).await;
    env.until_says(BINDING, "db", "RolledOut=False RestartsDisabled").await;
    until_watches(&env, 1.0).await;
    env.patch(BINDING, "db", json!({"spec": {"injection": null}})).await.unwrap();
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    until_watches(&env, 0.0).await;
}

/// The rollouts of a namespace may never end. Those of another one do not wait for them.
#[tokio::test]
async fn a_namespace_restarts_only_so_many_workloads_at_once() {
    const SHARE: usize = 4;
    let isolated = isolated(&[]).await;
    let (many, one) = (isolated.env().await, isolated.env().await);
    for index in 0..SHARE + 2 {
        let mut deployment = super::deletion::staying();
        deployment["metadata"]["name"] = format!("web-{index}").into();
        let name = format!("web-{index}");
        deployment["spec"]["selector"]["matchLabels"]["name"] = name.clone().into();
        deployment["spec"]["template"]["metadata"]["labels"]["name"] = name.into();
        many.create(deployment).await.unwrap();
    }
    many.until_pods("there are pods of each", |pods| pods.len() == SHARE + 2).await;
    let before = one.running(workload("Deployment", "web", recreate())).await;
    many.ready_binding(json!({}), web()).await;
    let going =
        |pods: &[Value]| pods.iter().filter(|pod| !pod["metadata"]["deletionTimestamp"].is_null()).count();
    many.until_pods("some of them go", |pods| going(pods) == SHARE).await;
    let binding = one.ready_binding(json!({}), web()).await;
    one.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    assert_eq!(going(&many.list("Pod").await), SHARE);
    super::deletion::let_go(&many).await;
    many.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    let after = one.get("Deployment", "web").await.unwrap();
    assert_eq!((restart(&before, &binding), restart(&after, &binding)), (None, Some("1")));
}
