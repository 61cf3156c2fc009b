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
    const COUNT: u64 = 20;
    let alone = alone(&[]).await;
    let stage = alone.stage().await;
    let names: Vec<String> = (0..COUNT).map(|index| format!("db-{index}")).collect();
    let mut before = (alone.writes(), alone.calls());
    let mut spent = |what: &str, writes: u64| {
        let now = (alone.writes(), alone.calls());
        let spent = (now.0 - before.0, now.1 - before.1);
        assert!(spent.0 <= writes * COUNT, "{what}: {} writes for {COUNT}", spent.0);
        assert_eq!(spent.1, COUNT, "{what}");
        before = now;
    };
    for name in &names {
        stage.instance(name, json!({"parameters": {"size": 1}})).await;
    }
    for name in &names {
        stage.until_ready(INSTANCE, name).await;
    }
    spent("provision", 3);
    for name in &names {
        stage.binding(name, json!({"instanceRef": {"name": name}})).await;
    }
    for name in &names {
        stage.until_ready(BINDING, name).await;
    }
    spent("bind", 3);
    for name in &names {
        stage.patch(INSTANCE, name, json!({"spec": {"parameters": {"size": 2}}})).await.unwrap();
    }
    for name in &names {
        stage.until_ready(INSTANCE, name).await;
    }
    spent("update", 2);
    for (kind, writes) in [(BINDING, 3), (INSTANCE, 2)] {
        for name in &names {
            stage.delete(kind, name).await.unwrap();
        }
        for name in &names {
            stage.until_gone(kind, name).await;
        }
        spent(kind, writes);
    }
    assert_eq!(alone.count("controller_runtime_reconcile_total", "result=\"conflict\""), 0);
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

/// Bindings are created while their instances are not ready, so that caches are behind and passes meet.
#[tokio::test]
async fn the_operator_does_not_get_in_its_own_way() {
    let alone = alone(&[]).await;
    let stage = alone.stage().await;
    let names: Vec<String> = (0..20).map(|index| format!("db-{index}")).collect();
    for name in &names {
        stage.instance(name, json!({})).await;
        stage.binding(name, json!({"instanceRef": {"name": name}})).await;
    }
    for name in &names {
        stage.until_ready(BINDING, name).await;
    }
    assert_eq!(alone.count("controller_runtime_reconcile_total", "result=\"conflict\""), 0);
}

#[tokio::test]
async fn a_catalog_that_has_not_changed_costs_a_status_and_a_call() {
    let alone = alone(&[]).await;
    // Whatever is in use has been seen by the operator, so that its picture of the catalog is complete.
    let stage = settled(&alone).await;
    let before = (alone.writes(), alone.calls());
    stage.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    stage.until_ready("ServiceBroker", "broker").await;
    assert_eq!((alone.writes() - before.0, alone.calls() - before.1), (1, 1));
}
