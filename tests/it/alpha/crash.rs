//! The operator dies just before or just after each thing that it writes for objects of the alpha API. What stands behind
//! them dies in [`crash`](crate::crash).

use std::cell::Cell;
use std::pin::pin;

use futures::future::join_all;
use serde_json::json;

use super::{BINDING, INSTANCE, with_own_names};
use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{Alone, Broker, Stage, When, alone_with_traps};
use crate::trap::Effect;

/// How many lives come to a stop at once.
const AT_ONCE: usize = 16;

/// An instance and a binding are made, changed and removed.
async fn live(stage: &Stage) {
    stage.ready_alpha_instance().await;
    stage.ready_alpha_binding().await;
    stage.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 4}}})).await.unwrap();
    stage.patch(BINDING, "db", json!({"spec": {"labels": {"app": "worker"}}})).await.unwrap();
    stage.until_ready(INSTANCE, "db").await;
    stage.until_ready(BINDING, "db").await;
    assert_eq!(stage.broker.instance().parameters["size"], 4);
    let child = stage.get("ServiceBinding", "db").await.unwrap();
    assert_eq!(child["spec"]["podSelector"], json!({"matchLabels": {"app": "worker"}}));
    for (kind, child) in [(BINDING, "ServiceBinding"), (INSTANCE, "ServiceInstance")] {
        stage.remove(kind, "db").await;
        stage.until_gone(child, "db").await;
    }
    assert!(stage.broker.instances().is_empty());
    let asked = stage.broker.ids();
    assert!(asked.iter().all(|ids| ids.len() == 1), "given up: {asked:?}");
}

/// A namespace, and a broker that is known.
async fn registered(alone: &Alone) -> Stage {
    let stage = with_own_names(alone.unregistered(Broker::start()).await);
    stage.register_alpha(json!({"url": stage.broker.url})).await;
    stage
}

/// Whether it is what the reconcilers of the alpha kinds do.
fn is_ours((what, _): &Effect) -> bool {
    let children = ["serviceinstances", "servicebindings"]
        .map(|kind| ["POST", "PUT", "DELETE"].map(|verb| format!("{verb} {kind}")));
    let objects = ["instances", "bindings"];
    let resource = what.split([' ', '/']).nth(1).unwrap_or_default();
    children.as_flattened().contains(what) || objects.contains(&resource)
}

/// Lives until the operator stands in the trap, and on when there is another.
async fn crash(alone: &mut Alone, places: &[(Effect, When)]) -> usize {
    let stages = join_all(places.iter().map(async |place| {
        let stage = registered(alone).await;
        stage.broker.trap.set(Some(place.clone()));
        (stage, Cell::new(false))
    }))
    .await;
    let mut lives = pin!(join_all(stages.iter().map(async |(stage, is_over)| {
        live(stage).await;
        is_over.set(true);
    })));
    let stopped = join_all(stages.iter().zip(places).map(|((stage, is_over), place)| {
        eventually("the operator stands in the trap", PATIENCE, async move || {
            let trap = &stage.broker.trap;
            // How often the child is seen to change is not always the same.
            if trap.is_sprung() || is_over.get() {
                Ok(())
            } else {
                Err(format!("{place:?}: {:?}", trap.effects()))
            }
        })
    }));
    tokio::select! {
        _ = &mut lives => {}
        _ = stopped => {
            alone.kill();
            alone.start();
            alone.keep(lives).await;
        }
    }
    stages.iter().filter(|(stage, _)| stage.broker.trap.is_sprung()).count()
}

#[tokio::test]
async fn a_crash_before_or_after_any_write_changes_nothing_in_the_end() {
    let mut alone = alone_with_traps().await;
    let stage = registered(&alone).await;
    stage.broker.trap.set(None);
    live(&stage).await;
    let effects = stage.broker.trap.effects().into_iter().filter(is_ours);
    let places: Vec<(Effect, When)> =
        effects.flat_map(|effect| [(effect.clone(), When::Before), (effect, When::After)]).collect();
    let mut crashes = 0;
    for places in places.chunks(AT_ONCE) {
        crashes += crash(&mut alone, places).await;
    }
    println!("{crashes} crashes at {} places", places.len());
    assert!(crashes >= 20, "{crashes} crashes at {places:?}");
}
