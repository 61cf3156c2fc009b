//! The cost of the operator: writes to the API server, and calls to brokers.

use serde_json::json;

use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{BINDING, INSTANCE, IsolatedEnv, TestEnv, isolated};

const SETTLED: [&str; 3] = ["ServiceBroker", INSTANCE, BINDING];

/// Settled instances and bindings, synchronous and asynchronous ones.
async fn settled(isolated: &IsolatedEnv) -> TestEnv {
    let env = isolated.env().await;
    for (class, plan) in [("database", "small"), ("cache", "cache-slow")] {
        let spec = json!({"serviceClassExternalName": class, "servicePlanExternalName": plan});
        env.instance(class, spec).await;
        env.binding(class, json!({"instanceRef": {"name": class}})).await;
    }
    for name in ["database", "cache"] {
        env.until_ready(INSTANCE, name).await;
        env.until_ready(BINDING, name).await;
    }
    env
}

/// Waits until as many `more` reconciles of each kind have ended.
async fn until_reconciled(isolated: &IsolatedEnv, before: [u64; 3], more: [usize; 3]) {
    eventually("the operator has reconciled all objects", PATIENCE, async || {
        let reconciles = SETTLED.map(|kind| isolated.reconciles(kind));
        let enough = (0..3).all(|kind| reconciles[kind] >= before[kind] + more[kind] as u64);
        if enough { Ok(()) } else { Err(format!("{SETTLED:?}: {reconciles:?}")) }
    })
    .await;
}

#[tokio::test]
async fn an_instance_and_a_binding_cost_three_writes_and_one_call_each() {
    const COUNT: u64 = 20;
    let isolated = isolated(&[]).await;
    let env = isolated.env().await;
    let names: Vec<String> = (0..COUNT).map(|index| format!("db-{index}")).collect();
    let mut before = (isolated.writes(), isolated.calls());
    let mut spent = |what: &str, writes: u64| {
        let now = (isolated.writes(), isolated.calls());
        let spent = (now.0 - before.0, now.1 - before.1);
        assert!(spent.0 <= writes * COUNT, "{what}: {} writes for {COUNT}", spent.0);
        assert_eq!(spent.1, COUNT, "{what}");
        before = now;
    };
    for name in &names {
        env.instance(name, json!({"parameters": {"size": 1}})).await;
    }
    for name in &names {
        env.until_ready(INSTANCE, name).await;
    }
    spent("provision", 3);
    for name in &names {
        env.binding(name, json!({"instanceRef": {"name": name}})).await;
    }
    for name in &names {
        env.until_ready(BINDING, name).await;
    }
    spent("bind", 3);
    for name in &names {
        env.patch(INSTANCE, name, json!({"spec": {"parameters": {"size": 2}}})).await.unwrap();
    }
    for name in &names {
        env.until_ready(INSTANCE, name).await;
    }
    spent("update", 2);
    for (kind, writes) in [(BINDING, 3), (INSTANCE, 2)] {
        for name in &names {
            env.delete(kind, name).await.unwrap();
        }
        for name in &names {
            env.until_gone(kind, name).await;
        }
        spent(kind, writes);
    }
    assert_eq!(isolated.count("controller_runtime_reconcile_total", "result=\"conflict\""), 0);
}

#[tokio::test]
async fn looking_at_settled_objects_costs_nothing() {
    let isolated = isolated(&[]).await;
    let env = settled(&isolated).await;
    let before = (isolated.writes(), isolated.calls());
    let reconciles = SETTLED.map(|kind| isolated.reconciles(kind));
    let look = json!({"metadata": {"annotations": {"look": "here"}}});
    for (kind, name) in
        [("ServiceBroker", "broker"), (INSTANCE, "cache"), (BINDING, "cache"), (BINDING, "database")]
    {
        env.patch(kind, name, look.clone()).await.unwrap();
    }
    until_reconciled(&isolated, reconciles, [1, 1, 2]).await;
    assert_eq!((isolated.writes(), isolated.calls()), before);
}

#[tokio::test]
async fn a_restart_on_settled_objects_costs_nothing() {
    let mut isolated = isolated(&[]).await;
    let env = settled(&isolated).await;
    isolated.kill();
    isolated.start();
    until_reconciled(&isolated, [0; 3], [1, 2, 2]).await;
    // The operator has processed the last object of its queues, too.
    env.instance("later", json!({})).await;
    env.until_ready(INSTANCE, "later").await;
    assert!(isolated.writes() <= 3, "{} writes", isolated.writes());
    assert_eq!(isolated.calls(), 1);
}

/// Bindings are created before their instances are ready, so that caches are stale and reconciles overlap.
#[tokio::test]
async fn the_operator_does_not_get_in_its_own_way() {
    let isolated = isolated(&[]).await;
    let env = isolated.env().await;
    let names: Vec<String> = (0..20).map(|index| format!("db-{index}")).collect();
    for name in &names {
        env.instance(name, json!({})).await;
        env.binding(name, json!({"instanceRef": {"name": name}})).await;
    }
    for name in &names {
        env.until_ready(BINDING, name).await;
    }
    assert_eq!(isolated.count("controller_runtime_reconcile_total", "result=\"conflict\""), 0);
}

#[tokio::test]
async fn a_catalog_that_has_not_changed_costs_a_status_and_a_call() {
    let isolated = isolated(&[]).await;
    // The operator has seen every class and plan in use, so its caches are complete.
    let env = settled(&isolated).await;
    let before = (isolated.writes(), isolated.calls());
    env.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    env.until_ready("ServiceBroker", "broker").await;
    assert_eq!((isolated.writes() - before.0, isolated.calls() - before.1), (1, 1));
}
