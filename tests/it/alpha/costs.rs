//! The cost of alpha objects in addition to that of their children.

use serde_json::json;

use super::{BINDING, BROKER, INSTANCE, with_own_names};
use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{Broker, IsolatedEnv, TestEnv, isolated, versions};

/// A broker, an instance and a binding, all ready and settled.
async fn settled(isolated: &IsolatedEnv) -> TestEnv {
    let env = with_own_names(isolated.unregistered(Broker::start()).await);
    env.register_alpha(json!({"url": env.broker.url})).await;
    env.ready_alpha_instance().await;
    env.ready_alpha_binding().await;
    // The binding selects pods, so it also reports their rollout.
    env.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    env
}

#[tokio::test]
async fn a_restart_on_settled_alpha_objects_costs_nothing() {
    let mut isolated = isolated(&[]).await;
    let env = settled(&isolated).await;
    let objects = async || {
        let mut objects = env.list(INSTANCE).await;
        objects.extend(env.list(BINDING).await);
        versions(&objects)
    };
    let before = objects().await;
    isolated.kill();
    isolated.start();
    eventually("the operator has reconciled all of them", PATIENCE, async || {
        let reconciles = [BROKER, INSTANCE, BINDING].map(|kind| isolated.reconciles(kind));
        if reconciles.iter().all(|reconciles| *reconciles > 0) {
            Ok(())
        } else {
            Err(format!("{reconciles:?}"))
        }
    })
    .await;
    assert_eq!((isolated.writes(), isolated.calls()), (0, 0));
    assert_eq!(objects().await, before);
}

/// The writes for the children are not counted: three and two, as for any instance and binding.
#[tokio::test]
async fn an_alpha_instance_costs_a_few_writes_more_than_its_child() {
    const COUNT: usize = 10;
    let isolated = isolated(&[]).await;
    let env = settled(&isolated).await;
    let names: Vec<String> = (0..COUNT).map(|index| format!("db-{index}")).collect();
    let mut before = isolated.writes();
    let mut spent = |what: &str, most: usize| {
        let now = isolated.writes();
        assert!(now - before <= (most * COUNT) as u64, "{what}: {} writes for {COUNT}", now - before);
        before = now;
    };
    for name in &names {
        env.create(env.alpha_instance(name)).await.unwrap();
    }
    for name in &names {
        env.until_ready(INSTANCE, name).await;
    }
    spent("create", 3 + 3);
    for name in &names {
        env.delete(INSTANCE, name).await.unwrap();
    }
    for name in &names {
        env.until_gone(INSTANCE, name).await;
    }
    spent("delete", 2 + 3);
    assert_eq!(isolated.count("controller_runtime_reconcile_total", "result=\"conflict\""), 0);
}

/// An immediate requeue may find that the child exists already although the cache does not contain it yet.
#[tokio::test]
async fn a_child_that_the_cache_has_not_seen_yet_is_recognised() {
    let isolated = isolated(&[]).await;
    let env = settled(&isolated).await;
    let names: Vec<String> = (0..20).map(|index| format!("db-{index}")).collect();
    for name in &names {
        env.create(env.alpha_instance(name)).await.unwrap();
        for look in 0..3 {
            let edit = json!({"metadata": {"annotations": {"look": look.to_string()}}});
            env.patch(INSTANCE, name, edit).await.unwrap();
        }
    }
    for name in &names {
        env.until_ready(INSTANCE, name).await;
    }
    let failed =
        isolated.count("controller_runtime_reconcile_total", "controller=\"instance\",result=\"error\"");
    assert_eq!(failed, 0);
}
