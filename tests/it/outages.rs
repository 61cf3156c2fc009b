//! The API server or a broker is unreachable for a while: the operator continues by itself when it is back.

use futures::future::join_all;
use serde_json::json;

use crate::namespace::{PATIENCE, eventually};
use crate::scenario::{
    Bind, Create, Delete, Quick, Register, Relist, Rotate, Scenario, Slow, Unbind, Unregister, Update,
};
use crate::scripted::{BINDING, Endpoint, IsolatedEnv, TestEnv, When, isolated};
use crate::wire::Wire;

/// A restarted API server takes up to half a minute to discover the kinds that policies refer to.
async fn until_bindings_are_admitted(isolated: &IsolatedEnv) {
    let env = isolated.env().await;
    let binding =
        json!({"kind": BINDING, "metadata": {"name": "probe"}, "spec": {"instanceRef": {"name": "db"}}});
    eventually("bindings are admitted", PATIENCE, async || env.try_create(binding.clone()).await).await;
}

/// The broker's endpoint that carries out the action.
fn endpoint(scenario: Scenario) -> Endpoint {
    match scenario.action {
        Register | Relist | Unregister => Endpoint::Catalog,
        Create => Endpoint::Provision,
        Update => Endpoint::Update,
        Delete => Endpoint::Deprovision,
        Bind | Rotate => Endpoint::Bind,
        Unbind => Endpoint::Unbind,
    }
}

/// The scenarios that call a broker.
fn scenarios() -> Vec<Scenario> {
    Scenario::all().into_iter().filter(|scenario| scenario.action != Unregister).collect()
}

/// Prepares a scenario whose broker is behind a wire.
async fn prepare(scenario: Scenario, isolated: &IsolatedEnv) -> (TestEnv, Wire) {
    let mut broker = Scenario::broker();
    let wire = broker.wire();
    (scenario.prepare(isolated, broker).await, wire)
}

/// Seen to fail when a refused connection counts as a refusal by the broker, and ends the attempt.
#[tokio::test]
async fn a_broker_may_be_away_before_it_is_asked() {
    let isolated = isolated(&[]).await;
    join_all(scenarios().into_iter().map(async |scenario| {
        let (env, wire) = prepare(scenario, &isolated).await;
        wire.cut().await;
        scenario.begin(&env).await;
        env.until_warning_event().await;
        wire.mend();
        scenario.settle(&env).await;
        let ids = env.broker.ids();
        let is_as_needed = ids.iter().zip(scenario.ids()).all(|(ids, needed)| ids.len() <= needed);
        assert!(is_as_needed, "{scenario}: the broker was not called, but there are more attempts: {ids:?}");
        scenario.end(&env).await;
    }))
    .await;
}

/// Seen to fail when an update without an answer counts as refused.
#[tokio::test]
async fn a_broker_may_go_away_while_it_is_asked() {
    let isolated = isolated(&[]).await;
    let moments =
        scenarios().into_iter().flat_map(|scenario| [When::Before, When::After].map(|when| (scenario, when)));
    join_all(moments.map(async |(scenario, when)| {
        let (env, wire) = prepare(scenario, &isolated).await;
        let gate = env.broker.hold(when, endpoint(scenario));
        scenario.begin(&env).await;
        gate.reached().await;
        wire.cut().await;
        gate.open();
        env.until_warning_event().await;
        wire.mend();
        scenario.settle(&env).await;
        scenario.end(&env).await;
    }))
    .await;
}

/// The operator cannot write the broker's answer. Seen to fail without retries of failed reconciles and without
/// restarts of interrupted watches.
#[tokio::test]
async fn the_api_server_may_be_away_while_brokers_are_asked() {
    let mut isolated = isolated(&[]).await;
    let moments =
        scenarios().into_iter().flat_map(|scenario| [When::Before, When::After].map(|when| (scenario, when)));
    let held = join_all(moments.map(async |(scenario, when)| {
        let env = scenario.prepare(&isolated, Scenario::broker()).await;
        let gate = env.broker.hold(when, endpoint(scenario));
        scenario.begin(&env).await;
        gate.reached().await;
        (scenario, env, gate)
    }))
    .await;
    isolated.cluster().stop_api_server();
    for (_, _, gate) in &held {
        gate.open();
    }
    isolated.cluster().start_api_server();
    let ends = held.iter().map(async |(scenario, env, _)| {
        scenario.settle(env).await;
        let ids = env.broker.ids();
        let is_as_needed = ids.iter().zip(scenario.ids()).all(|(ids, needed)| ids.len() <= needed);
        assert!(is_as_needed, "{scenario}: no answer was lost, but there are more attempts: {ids:?}");
        scenario.end(env).await;
    });
    isolated.keep_running(join_all(ends)).await;
    until_bindings_are_admitted(&isolated).await;
}

/// Watches are interrupted; the operator sees later what happened meanwhile. Seen to fail as the test before.
#[tokio::test]
async fn the_api_server_may_be_away_while_operations_go_on() {
    let mut isolated = isolated(&[]).await;
    let slow = scenarios().into_iter().filter(|scenario| scenario.class == Slow);
    let going_on = join_all(slow.map(async |scenario| {
        let env = scenario.prepare(&isolated, Scenario::broker()).await;
        env.broker.stall();
        scenario.begin(&env).await;
        env.until_broker("it is called", |broker| broker.calls(endpoint(scenario)) > 0).await;
        (scenario, env)
    }))
    .await;
    isolated.cluster().stop_api_server();
    for (_, env) in &going_on {
        env.broker.go_on();
    }
    isolated.cluster().start_api_server();
    let ends = going_on.iter().map(async |(scenario, env)| {
        scenario.settle(env).await;
        scenario.end(env).await;
    });
    isolated.keep_running(join_all(ends)).await;
    until_bindings_are_admitted(&isolated).await;
    // The watches deliver new objects, too.
    let scenario = Scenario { action: Create, class: Quick };
    let env = scenario.prepare(&isolated, Scenario::broker()).await;
    scenario.begin(&env).await;
    scenario.settle(&env).await;
}
