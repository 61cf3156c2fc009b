//! What the operator costs: requests that change something at the API server, and requests to brokers.

use serde_json::json;

use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{Alone, BINDING, INSTANCE, Stage, alone};

const SETTLED: [&str; 3] = ["ServiceBroker", INSTANCE, BINDING];

/// An instance and a binding of each way to make them.
async fn settled(alone: &Alone) -> Stage {
    let stage = alone.stage().await;
    for (class, plan) in [("database", "small"), ("cache", "cache-slow")] {
        let spec = json!({"serviceClassExternalName": class, "servicePlanExternalName": plan});
        stage.instance(class, spec).await;
        stage.binding(class, json!({"instanceRef": {"name": class}})).await;
    }
    for name in ["database", "cache"] {
        stage.until_ready(INSTANCE, name).await;
        stage.until_ready(BINDING, name).await;
    }
    stage
}

/// Waits until so many more passes over objects of each kind have come to their end.
async fn until_passed(alone: &Alone, before: [u64; 3], more: [usize; 3]) {
    eventually("the operator has looked at all objects", PATIENCE, async || {
        let passes = SETTLED.map(|kind| alone.passes(kind));
        let enough = (0..3).all(|kind| passes[kind] >= before[kind] + more[kind] as u64);
        if enough { Ok(()) } else { Err(format!("{SETTLED:?}: {passes:?}")) }
    })
    .await;
}

#[tokio::test]
async fn an_instance_and_a_binding_cost_three_writes_and_one_call_each() {
    let alone = alone(&[]).await;
    let stage = alone.stage().await;
    let mut before = (alone.writes(), alone.calls());
    let mut spent = |what: &str, writes: u64, calls: u64| {
        let now = (alone.writes(), alone.calls());
        let spent = (now.0 - before.0, now.1 - before.1);
        assert!(spent.0 <= writes, "{what}: {} writes", spent.0);
        assert_eq!(spent.1, calls, "{what}");
        before = now;
    };
    stage.ready_instance(json!({"parameters": {"size": 1}})).await;
    spent("provision", 3, 1);
    stage.binding("db", json!({})).await;
    stage.until_ready(BINDING, "db").await;
    spent("bind", 3, 1);
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 2}}})).await.unwrap();
    stage.until_ready(INSTANCE, "db").await;
    spent("update", 2, 1);
    stage.remove(BINDING, "db").await;
    spent("unbind", 2, 1);
    stage.remove(INSTANCE, "db").await;
    spent("deprovision", 2, 1);
}

#[tokio::test]
async fn looking_at_settled_objects_costs_nothing() {
    let alone = alone(&[]).await;
    let stage = settled(&alone).await;
    let before = (alone.writes(), alone.calls());
    let passes = SETTLED.map(|kind| alone.passes(kind));
    let look = json!({"metadata": {"annotations": {"look": "here"}}});
    for (kind, name) in
        [("ServiceBroker", "broker"), (INSTANCE, "cache"), (BINDING, "cache"), (BINDING, "database")]
    {
        stage.patch(kind, name, look.clone()).await.unwrap();
    }
    until_passed(&alone, passes, [1, 1, 2]).await;
    assert_eq!((alone.writes(), alone.calls()), before);
}

#[tokio::test]
async fn a_restart_on_settled_objects_costs_nothing() {
    let mut alone = alone(&[]).await;
    let stage = settled(&alone).await;
    alone.kill();
    alone.start();
    until_passed(&alone, [0; 3], [1, 2, 2]).await;
    // What comes last in the queues has been worked on, too.
    stage.instance("later", json!({})).await;
    stage.until_ready(INSTANCE, "later").await;
    assert!(alone.writes() <= 3, "{} writes", alone.writes());
    assert_eq!(alone.calls(), 1);
}
