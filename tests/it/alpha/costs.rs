//! What objects of the alpha API cost besides what stands behind them.

use serde_json::json;

use super::{BINDING, BROKER, INSTANCE, with_own_names};
use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{Alone, Broker, Stage, alone, versions};

/// A broker, an instance and a binding, all ready and at rest.
async fn settled(alone: &Alone) -> Stage {
    let stage = with_own_names(alone.unregistered(Broker::start()).await);
    stage.register_alpha(json!({"url": stage.broker.url})).await;
    stage.ready_alpha_instance().await;
    stage.ready_alpha_binding().await;
    // It has labels, so it also says of its pods how far they are.
    stage.until_says(BINDING, "db", "RolledOut=True RolledOut").await;
    stage
}

#[tokio::test]
async fn a_restart_on_settled_alpha_objects_costs_nothing() {
    let mut alone = alone(&[]).await;
    let stage = settled(&alone).await;
    let objects = async || {
        let mut objects = stage.list(INSTANCE).await;
        objects.extend(stage.list(BINDING).await);
        versions(&objects)
    };
    let before = objects().await;
    alone.kill();
    alone.start();
    eventually("the operator has looked at all of them", PATIENCE, async || {
        let passes = [BROKER, INSTANCE, BINDING].map(|kind| alone.passes(kind));
        if passes.iter().all(|passes| *passes > 0) { Ok(()) } else { Err(format!("{passes:?}")) }
    })
    .await;
    assert_eq!((alone.writes(), alone.calls()), (0, 0));
    assert_eq!(objects().await, before);
}

/// The child's own are three and two, as for any instance.
#[tokio::test]
async fn an_alpha_instance_costs_a_few_writes_more_than_its_child() {
    const COUNT: usize = 10;
    let alone = alone(&[]).await;
    let stage = settled(&alone).await;
    let names: Vec<String> = (0..COUNT).map(|index| format!("db-{index}")).collect();
    let mut before = alone.writes();
    let mut spent = |what: &str, most: usize| {
        let now = alone.writes();
        assert!(now - before <= (most * COUNT) as u64, "{what}: {} writes for {COUNT}", now - before);
        before = now;
    };
    for name in &names {
        stage.create(stage.alpha_instance(name)).await.unwrap();
    }
    for name in &names {
        stage.until_ready(INSTANCE, name).await;
    }
    spent("create", 3 + 3);
    for name in &names {
        stage.delete(INSTANCE, name).await.unwrap();
    }
    for name in &names {
        stage.until_gone(INSTANCE, name).await;
    }
    spent("delete", 2 + 3);
    assert_eq!(alone.count("controller_runtime_reconcile_total", "result=\"conflict\""), 0);
}

/// Who is looked at again at once may find that the child is there already, though the cache does not know it yet.
#[tokio::test]
async fn a_child_that_the_cache_has_not_seen_yet_is_recognised() {
    let alone = alone(&[]).await;
    let stage = settled(&alone).await;
    let names: Vec<String> = (0..20).map(|index| format!("db-{index}")).collect();
    for name in &names {
        stage.create(stage.alpha_instance(name)).await.unwrap();
        for look in 0..3 {
            let edit = json!({"metadata": {"annotations": {"look": look.to_string()}}});
            stage.patch(INSTANCE, name, edit).await.unwrap();
        }
    }
    for name in &names {
        stage.until_ready(INSTANCE, name).await;
    }
    let failed =
        alone.count("controller_runtime_reconcile_total", "controller=\"instance\",result=\"error\"");
    assert_eq!(failed, 0);
}
