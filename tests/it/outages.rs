//! The API server or a broker is away for a while: the operator goes on by itself when it is back.

use futures::future::join_all;
use serde_json::json;

use crate::life::{
    Bind, Create, Delete, Life, Quick, Register, Relist, Rotate, Slow, Unbind, Unregister, Update,
};
use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{Alone, BINDING, Endpoint, Stage, When, alone};
use crate::wire::Wire;

/// An API server that has just started finds the kinds that policies refer to after up to half a minute.
async fn until_bindings_are_admitted(alone: &Alone) {
    let stage = alone.stage().await;
    let binding =
        json!({"kind": BINDING, "metadata": {"name": "probe"}, "spec": {"instanceRef": {"name": "db"}}});
    eventually("bindings are admitted", PATIENCE, async || stage.try_create(binding.clone()).await).await;
}

/// The broker's endpoint that is asked for the deed itself.
fn asked(life: Life) -> Endpoint {
    match life.deed {
        Register | Relist | Unregister => Endpoint::Catalog,
        Create => Endpoint::Provision,
        Update => Endpoint::Update,
        Delete => Endpoint::Deprovision,
        Bind | Rotate => Endpoint::Bind,
        Unbind => Endpoint::Unbind,
    }
}

/// All lives in which a broker is asked.
fn lives() -> Vec<Life> {
    Life::all().into_iter().filter(|life| life.deed != Unregister).collect()
}

/// A life whose broker is on a wire.
async fn prepare(life: Life, alone: &Alone) -> (Stage, Wire) {
    let mut broker = Life::broker();
    let wire = broker.wire();
    (life.prepare(alone, broker).await, wire)
}

/// Seen to fail: with the attempt given up, as refused, when nobody listens.
#[tokio::test]
async fn a_broker_may_be_away_before_it_is_asked() {
    let alone = alone(&[]).await;
    join_all(lives().into_iter().map(async |life| {
        let (stage, wire) = prepare(life, &alone).await;
        wire.cut().await;
        life.begin(&stage).await;
        stage.until_trouble().await;
        wire.mend();
        life.settle(&stage).await;
        let asked = stage.broker.ids();
        let is_as_needed = asked.iter().zip(life.ids()).all(|(ids, needed)| ids.len() <= needed);
        assert!(is_as_needed, "{life}: nothing was asked: {asked:?}");
        life.end(&stage).await;
    }))
    .await;
}

/// Seen to fail: with an update taken for refused when there is no answer.
#[tokio::test]
async fn a_broker_may_go_away_while_it_is_asked() {
    let alone = alone(&[]).await;
    let moments = lives().into_iter().flat_map(|life| [When::Before, When::After].map(|when| (life, when)));
    join_all(moments.map(async |(life, when)| {
        let (stage, wire) = prepare(life, &alone).await;
        let gate = stage.broker.hold(when, asked(life));
        life.begin(&stage).await;
        gate.reached().await;
        wire.cut().await;
        gate.open();
        stage.until_trouble().await;
        wire.mend();
        life.settle(&stage).await;
        life.end(&stage).await;
    }))
    .await;
}

/// What the broker answers cannot be written down. Seen to fail: with neither a pass repeated that failed,
/// nor a watch begun anew that was interrupted.
#[tokio::test]
async fn the_api_server_may_be_away_while_brokers_are_asked() {
    let mut alone = alone(&[]).await;
    let moments = lives().into_iter().flat_map(|life| [When::Before, When::After].map(|when| (life, when)));
    let held = join_all(moments.map(async |(life, when)| {
        let stage = life.prepare(&alone, Life::broker()).await;
        let gate = stage.broker.hold(when, asked(life));
        life.begin(&stage).await;
        gate.reached().await;
        (life, stage, gate)
    }))
    .await;
    alone.cluster().stop_api_server();
    for (_, _, gate) in &held {
        gate.open();
    }
    alone.cluster().start_api_server();
    let ends = held.iter().map(async |(life, stage, _)| {
        life.settle(stage).await;
        let asked = stage.broker.ids();
        let is_as_needed = asked.iter().zip(life.ids()).all(|(ids, needed)| ids.len() <= needed);
        assert!(is_as_needed, "{life}: nothing was lost: {asked:?}");
        life.end(stage).await;
    });
    alone.keep(join_all(ends)).await;
    until_bindings_are_admitted(&alone).await;
}

/// Watches break, and what happens meanwhile is seen afterwards. Seen to fail: as above.
#[tokio::test]
async fn the_api_server_may_be_away_while_operations_go_on() {
    let mut alone = alone(&[]).await;
    let slow = lives().into_iter().filter(|life| life.class == Slow);
    let going_on = join_all(slow.map(async |life| {
        let stage = life.prepare(&alone, Life::broker()).await;
        stage.broker.stall();
        life.begin(&stage).await;
        stage.until_broker("it is asked", |broker| broker.calls(asked(life)) > 0).await;
        (life, stage)
    }))
    .await;
    alone.cluster().stop_api_server();
    for (_, stage) in &going_on {
        stage.broker.go_on();
    }
    alone.cluster().start_api_server();
    let ends = going_on.iter().map(async |(life, stage)| {
        life.settle(stage).await;
        life.end(stage).await;
    });
    alone.keep(join_all(ends)).await;
    until_bindings_are_admitted(&alone).await;
    // What is new is seen, too.
    let life = Life { deed: Create, class: Quick };
    let stage = life.prepare(&alone, Life::broker()).await;
    life.begin(&stage).await;
    life.settle(&stage).await;
}
