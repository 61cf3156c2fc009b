//! Several operators: one works, another takes over, and who has led and does not any more leaves everything alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::operator::Operator;
use crate::scripted::{Alone, BINDING, Endpoint, INSTANCE, Stage, When, alone, versions};

/// What somebody who acts would change: the calls that the broker has got, and the versions of all objects and events.
async fn traces(stage: &Stage) -> (usize, Vec<BTreeMap<String, String>>) {
    let mut objects = Vec::new();
    for kind in [INSTANCE, BINDING, "Secret", "ServiceBroker", "Event"] {
        objects.push(versions(&stage.list(kind).await));
    }
    (stage.broker.all_calls(), objects)
}

/// Whether the lease is held by an operator in this pod.
fn is_held_by(lease: &Value, pod: &str) -> bool {
    lease["spec"]["holderIdentity"].as_str().unwrap().starts_with(&format!("{pod}_"))
}

/// The operator of `alone`, and another one that stands by.
async fn two() -> (Alone, Operator) {
    let alone = alone(&[]).await;
    alone.operator().until_it_leads().await;
    let another = alone.another("another");
    (alone, another)
}

/// Seen to fail without `candidate.release()` in `run`, and when `requests` in `queue.rs` does not wait for the fence.
#[tokio::test]
async fn one_of_two_works_and_when_it_is_told_to_stop_the_other_may_at_once() {
    let (mut alone, another) = two().await;
    let stage = alone.stage().await;
    stage.ready_binding(json!({}), json!({})).await;
    assert!(!another.leads());
    assert_eq!(another.count("servicecatalog_osb_request_count", ""), 0);
    assert_eq!(another.count("servicecatalog_api_write_count_total", ""), 0);
    let before = alone.lease().await;
    assert!(is_held_by(&before, "operator"), "{before:#}");

    let operator = alone.give_up();
    operator.signal("TERM");
    let (well, log) = operator.end().await;
    assert!(well, "{log}");
    let lease = alone.lease().await;
    assert!(
        lease["spec"]["holderIdentity"] == "" || is_held_by(&lease, "another"),
        "not released: {lease:#}"
    );
    another.until_it_leads().await;
    let lease = alone.lease().await;
    assert!(is_held_by(&lease, "another"), "{lease:#}");
    let transitions = |lease: &Value| lease["spec"]["leaseTransitions"].as_i64().unwrap();
    assert_eq!(transitions(&lease), transitions(&before) + 1);
    stage.instance("next", json!({})).await;
    stage.until_ready(INSTANCE, "next").await;
    stage.remove(BINDING, "db").await;
}

#[tokio::test]
async fn when_the_leader_dies_in_the_middle_of_its_work_another_finishes_it() {
    let (mut alone, another) = two().await;
    let stage = alone.stage().await;
    let gate = stage.broker.hold(When::After, Endpoint::Provision);
    stage.instance("db", json!({})).await;
    stage.binding("db", json!({})).await;
    gate.reached().await;
    alone.kill();
    drop(gate);
    another.until_it_leads().await;
    stage.until_ready(BINDING, "db").await;
    stage.until_ready(INSTANCE, "db").await;
    assert_eq!(stage.broker.instances().len(), 1);
}

/// When it goes on, polls are due, and the answer to a call of its own is there, of which it would tell with an event.
/// Seen to fail with the fence removed from `Connection::call` (it polls), and from the client in `run/client.rs` (it
/// writes the event); and with `Move::Lost` left out (it goes on waiting).
#[tokio::test]
async fn a_leader_that_was_stopped_and_goes_on_after_another_has_taken_over_leaves_everything_alone() {
    const COUNT: usize = 20;
    let (mut alone, another) = two().await;
    let stage = alone.stage().await;
    stage.broker.stall();
    let slow = json!({"servicePlanExternalName": "slow"});
    let mut names: Vec<String> = (0..COUNT).map(|index| format!("polled-{index}")).collect();
    for name in &names {
        stage.instance(name, slow.clone()).await;
    }
    let polled =
        |count| move |broker: &crate::scripted::Broker| broker.calls(Endpoint::PollInstance) >= count;
    stage.until_broker("all are polled", polled(COUNT)).await;
    let gate = stage.broker.hold(When::Before, Endpoint::Provision);
    stage.instance("called", slow).await;
    names.push("called".to_owned());
    gate.reached().await;

    let former = alone.give_up();
    former.signal("STOP");
    gate.open();
    another.until_it_leads().await;
    stage.broker.go_on();
    for name in &names {
        stage.until_ready(INSTANCE, name).await;
    }
    let before = traces(&stage).await;
    former.signal("CONT");
    let (well, log) = former.end().await;
    assert!(!well && log.contains("is held by another_"), "{log}");
    assert_eq!(traces(&stage).await, before);
    assert!(another.leads());
    for name in &names {
        stage.remove(INSTANCE, name).await;
    }
    assert!(stage.broker.instances().is_empty());
}
