//! The API server or a broker is away for a while: the operator goes on by itself when it is back.

use futures::future::join_all;
use serde_json::json;

use crate::namespace::{PATIENCE, eventually};
use crate::scenario::{
    Bind, Create, Delete, Quick, Register, Relist, Rotate, Scenario, Slow, Unbind, Unregister, Update,
};
use crate::scripted::{BINDING, Endpoint, IsolatedEnv, TestEnv, When, isolated};
use crate::wire::Wire;

/// An API server that has just started finds the kinds that policies refer to after up to half a minute.
async fn until_bindings_are_admitted(isolated: &IsolatedEnv) {
    let env = isolated.env().await;
    let binding =
        json!({"kind": BINDING, "metadata": {"name": "probe"}, "spec": {"instanceRef": {"name": "db"}}});
    eventually("bindings are admitted", PATIENCE, async || env.try_create(binding.clone()).await).await;
}

/// The broker's endpoint that is asked for the action itself.
fn asked(life: Scenario) -> Endpoint {
    match life.action {
        Register | Relist | Unregister => Endpoint::Catalog,
        Create => Endpoint::Provision,
        Update => Endpoint::Update,
        Delete => Endpoint::Deprovision,
        Bind | Rotate => Endpoint::Bind,
        Unbind => Endpoint::Unbind,
    }
}

/// All lives in which a broker is asked.
fn lives() -> Vec<Scenario> {
    Scenario::all().into_iter().filter(|life| life.action != Unregister).collect()
}

/// A life whose broker is on a wire.
async fn prepare(life: Scenario, isolated: &IsolatedEnv) -> (TestEnv, Wire) {
    let mut broker = Scenario::broker();
    let wire = broker.wire();
    (life.prepare(isolated, broker).await, wire)
}

/// Seen to fail: with the attempt given up, as refused, when nobody listens.
#[tokio::test]
async fn a_broker_may_be_away_before_it_is_asked() {
    let isolated = isolated(&[]).await;
    join_all(lives().into_iter().map(async |life| {
        let (env, wire) = prepare(life, &isolated).await;
        wire.cut().await;
        life.begin(&env).await;
        env.until_trouble().await;
        wire.mend();
        life.settle(&env).await;
        let asked = env.broker.ids();
        let is_as_needed = asked.iter().zip(life.ids()).all(|(ids, needed)| ids.len() <= needed);
        assert!(is_as_needed, "{life}: nothing was asked: {asked:?}");
        life.end(&env).await;
    }))
    .await;
}

/// Seen to fail: with an update taken for refused when there is no answer.
#[tokio::test]
async fn a_broker_may_go_away_while_it_is_asked() {
    let isolated = isolated(&[]).await;
    let moments = lives().into_iter().flat_map(|life| [When::Before, When::After].map(|when| (life, when)));
    join_all(moments.map(async |(life, when)| {
        let (env, wire) = prepare(life, &isolated).await;
        let gate = env.broker.hold(when, asked(life));
        life.begin(&env).await;
        gate.reached().await;
        wire.cut().await;
        gate.open();
        env.until_trouble().await;
        wire.mend();
        life.settle(&env).await;
        life.end(&env).await;
    }))
    .await;
}

/// What the broker answers cannot be written down. Seen to fail: with neither a pass repeated that failed,
/// nor a watch begun anew that was interrupted.
#[tokio::test]
async fn the_api_server_may_be_away_while_brokers_are_asked() {
    let mut isolated = isolated(&[]).await;
    let moments = lives().into_iter().flat_map(|life| [When::Before, When::After].map(|when| (life, when)));
    let held = join_all(moments.map(async |(life, when)| {
        let env = life.prepare(&isolated, Scenario::broker()).await;
        let gate = env.broker.hold(when, asked(life));
        life.begin(&env).await;
        gate.reached().await;
        (life, env, gate)
    }))
    .await;
    isolated.cluster().stop_api_server();
    for (_, _, gate) in &held {
        gate.open();
    }
    isolated.cluster().start_api_server();
    let ends = held.iter().map(async |(life, env, _)| {
        life.settle(env).await;
        let asked = env.broker.ids();
        let is_as_needed = asked.iter().zip(life.ids()).all(|(ids, needed)| ids.len() <= needed);
        assert!(is_as_needed, "{life}: nothing was lost: {asked:?}");
        life.end(env).await;
    });
    isolated.keep(join_all(ends)).await;
    until_bindings_are_admitted(&isolated).await;
}

/// Watches break, and what happens meanwhile is seen afterwards. Seen to fail: as above.
#[tokio::test]
async fn the_api_server_may_be_away_while_operations_go_on() {
    let mut isolated = isolated(&[]).await;
    let slow = lives().into_iter().filter(|life| life.class == Slow);
    let going_on = join_all(slow.map(async |life| {
        let env = life.prepare(&isolated, Scenario::broker()).await;
        env.broker.stall();
        life.begin(&env).await;
        env.until_broker("it is asked", |broker| broker.calls(asked(life)) > 0).await;
        (life, env)
    }))
    .await;
    isolated.cluster().stop_api_server();
    for (_, env) in &going_on {
        env.broker.go_on();
    }
    isolated.cluster().start_api_server();
    let ends = going_on.iter().map(async |(life, env)| {
        life.settle(env).await;
        life.end(env).await;
    });
    isolated.keep(join_all(ends)).await;
    until_bindings_are_admitted(&isolated).await;
    // What is new is seen, too.
    let life = Scenario { action: Create, class: Quick };
    let env = life.prepare(&isolated, Scenario::broker()).await;
    life.begin(&env).await;
    life.settle(&env).await;
}
