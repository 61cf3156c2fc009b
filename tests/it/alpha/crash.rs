//! The operator is killed just before or just after each of its writes for objects of the alpha API. For the writes for
//! their children see [`crash`](crate::crash).

use std::cell::Cell;
use std::pin::pin;

use futures::future::join_all;
use serde_json::json;

use super::{BINDING, INSTANCE, with_own_names};
use crate::killpoint::Effect;
use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{Broker, IsolatedEnv, TestEnv, When, isolated_with_killpoints};

/// How many runs stop at once.
const AT_ONCE: usize = 16;

/// Creates, changes and removes an instance and a binding.
async fn run(env: &TestEnv) {
    env.ready_alpha_instance().await;
    env.ready_alpha_binding().await;
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 4}}})).await.unwrap();
    env.patch(BINDING, "db", json!({"spec": {"labels": {"app": "worker"}}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    env.until_ready(BINDING, "db").await;
    assert_eq!(env.broker.instance().parameters["size"], 4);
    let child = env.get("ServiceBinding", "db").await.unwrap();
    assert_eq!(child["spec"]["podSelector"], json!({"matchLabels": {"app": "worker"}}));
    for (kind, child) in [(BINDING, "ServiceBinding"), (INSTANCE, "ServiceInstance")] {
        env.remove(kind, "db").await;
        env.until_gone(child, "db").await;
    }
    assert!(env.broker.instances().is_empty());
    let ids = env.broker.ids();
    assert!(ids.iter().all(|ids| ids.len() == 1), "attempts: {ids:?}");
}

/// A fresh namespace, and a registered broker.
async fn registered(isolated: &IsolatedEnv) -> TestEnv {
    let env = with_own_names(isolated.unregistered(Broker::start()).await);
    env.register_alpha(json!({"url": env.broker.url})).await;
    env
}

/// Whether the effect is a write of the alpha kinds' reconcilers.
fn is_ours((what, _): &Effect) -> bool {
    let children = ["serviceinstances", "servicebindings"]
        .map(|kind| ["POST", "PUT", "DELETE"].map(|verb| format!("{verb} {kind}")));
    let objects = ["instances", "bindings"];
    let resource = what.split([' ', '/']).nth(1).unwrap_or_default();
    children.as_flattened().contains(what) || objects.contains(&resource)
}

/// Runs until the operator reaches the killpoints, and to the end with another operator; returns the number of crashes.
async fn crash(isolated: &mut IsolatedEnv, places: &[(Effect, When)]) -> usize {
    let envs = join_all(places.iter().map(async |place| {
        let env = registered(isolated).await;
        env.broker.killpoint.set(Some(place.clone()));
        (env, Cell::new(false))
    }))
    .await;
    let mut runs = pin!(join_all(envs.iter().map(async |(env, is_over)| {
        run(env).await;
        is_over.set(true);
    })));
    let stopped = join_all(envs.iter().zip(places).map(|((env, is_over), place)| {
        eventually("the operator reaches the killpoint", PATIENCE, async move || {
            let killpoint = &env.broker.killpoint;
            // The number of reconciles that a child's changes cause varies, so the effect may not occur.
            if killpoint.is_reached() || is_over.get() {
                Ok(())
            } else {
                Err(format!("{place:?}: {:?}", killpoint.effects()))
            }
        })
    }));
    tokio::select! {
        _ = &mut runs => {}
        _ = stopped => {
            isolated.kill();
            isolated.start();
            isolated.keep_running(runs).await;
        }
    }
    envs.iter().filter(|(env, _)| env.broker.killpoint.is_reached()).count()
}

#[tokio::test]
async fn a_crash_before_or_after_any_write_changes_nothing_in_the_end() {
    let mut isolated = isolated_with_killpoints().await;
    let env = registered(&isolated).await;
    env.broker.killpoint.set(None);
    run(&env).await;
    let effects = env.broker.killpoint.effects().into_iter().filter(is_ours);
    let places: Vec<(Effect, When)> =
        effects.flat_map(|effect| [(effect.clone(), When::Before), (effect, When::After)]).collect();
    let mut crashes = 0;
    for places in places.chunks(AT_ONCE) {
        crashes += crash(&mut isolated, places).await;
    }
    println!("{crashes} crashes at {} killpoints", places.len());
    assert!(crashes >= 20, "{crashes} crashes at {places:?}");
}
