//! Failed binds, and orphan mitigation.

use std::collections::BTreeSet;

use serde_json::json;

use super::assert_in_step;
use crate::scripted::{BINDING, Endpoint, Fault, When, answer, condition, env, refusal};

#[tokio::test]
async fn a_refused_binding_is_not_tried_again() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    env.broker.before(Endpoint::Bind, refusal(400, "no such role"));
    env.binding("db", json!({})).await;
    let message = env.until_says(BINDING, "db", "Failed=True ServiceBindingReturnedFailure").await;
    assert!(message.contains("status 400: no such role"), "{message}");
    assert_eq!(env.until_event("db", "BindCallFailed").await, message);
    env.patch(BINDING, "db", json!({"metadata": {"labels": {"looked": "at"}}})).await.unwrap();
    env.remove(BINDING, "db").await;
    assert_eq!((env.broker.calls(Endpoint::Bind), env.broker.calls(Endpoint::Unbind)), (1, 0));
}

/// OSB, “Orphan Mitigation”: the binding may or may not exist.
#[tokio::test]
async fn an_attempt_with_an_uncertain_end_is_unbound_before_there_is_another() {
    let env = env().await;
    let faults = [
        (When::Before, refusal(500, "out of order")),
        (When::After, refusal(500, "out of order")),
        (When::After, Fault::Close),
        (When::After, Fault::Answer(201, "<html>".to_owned())),
        (When::After, Fault::Answer(204, String::new())),
        (When::After, answer(202, &json!({}))),
    ];
    for index in 0..faults.len() {
        env.instance(&format!("db-{index}"), json!({})).await;
        env.until_ready("ServiceInstance", &format!("db-{index}")).await;
    }
    let count = faults.len();
    // What the broker never had is tried again under the same id.
    let executed = faults.iter().filter(|(when, _)| matches!(when, When::After)).count();
    for (when, fault) in faults {
        match when {
            When::Before => env.broker.before(Endpoint::Bind, fault),
            When::After => env.broker.after(Endpoint::Bind, fault),
        }
    }
    for index in 0..count {
        let name = format!("db-{index}");
        env.binding(&name, json!({"instanceRef": {"name": name}})).await;
    }
    let mut live = BTreeSet::new();
    for index in 0..count {
        let object = env.until_ready(BINDING, &format!("db-{index}")).await;
        assert_eq!(condition(&object, "OrphanMitigation=True"), None, "{object:#}");
        live.insert(object["status"]["bindingID"].as_str().unwrap().to_owned());
    }
    let instances = env.broker.instances();
    let bindings: BTreeSet<_> =
        instances.values().flat_map(|instance| instance.bindings.keys().cloned()).collect();
    assert_eq!(bindings, live);
    let ids = |endpoint| {
        let requests = env.broker.requests(endpoint).into_iter();
        requests.map(|request| request.binding).collect::<BTreeSet<_>>()
    };
    assert_eq!(env.broker.calls(Endpoint::Bind), 2 * count);
    assert_eq!(env.broker.calls(Endpoint::Unbind), count);
    let first: BTreeSet<_> = ids(Endpoint::Bind).difference(&live).cloned().collect();
    assert_eq!(first.len(), executed);
    assert!(ids(Endpoint::Unbind).is_superset(&first));
}

#[tokio::test]
async fn an_asynchronous_binding_that_fails_is_removed() {
    let env = env().await;
    let slow = json!({"serviceClassExternalName": "cache", "servicePlanExternalName": "cache-slow"});
    env.ready_instance(slow).await;
    let failed = json!({"state": "failed", "description": "too many users"});
    env.broker.before(Endpoint::PollBinding, answer(200, &failed));
    env.binding("db", json!({})).await;
    let message = env.until_says(BINDING, "db", "Failed=True").await;
    assert!(message.contains("too many users"), "{message}");
    env.until_broker("nothing is left", |broker| broker.instance().bindings.is_empty()).await;
}

#[tokio::test]
async fn credentials_that_cannot_be_fetched_yet_are_fetched_later() {
    let env = env().await;
    let slow = json!({"serviceClassExternalName": "cache", "servicePlanExternalName": "cache-slow"});
    env.ready_instance(slow).await;
    env.broker.before(Endpoint::FetchBinding, refusal(404, "not yet"));
    env.binding("db", json!({})).await;
    env.until_ready(BINDING, "db").await;
    assert_in_step(&env, "db").await;
    assert_eq!((env.broker.calls(Endpoint::Bind), env.broker.calls(Endpoint::Unbind)), (1, 0));
}

#[tokio::test]
async fn a_busy_broker_is_asked_again_with_the_same_binding() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    let busy = json!({"error": "ConcurrencyError", "description": "one at a time"});
    env.broker.before(Endpoint::Bind, answer(422, &busy));
    env.binding("db", json!({})).await;
    env.until_ready(BINDING, "db").await;
    let requests = env.broker.requests(Endpoint::Bind);
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].binding, requests[1].binding);
    assert_eq!(env.broker.calls(Endpoint::Unbind), 0);
}

#[tokio::test]
async fn credentials_that_do_not_fit_into_a_secret_are_given_back() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    let huge = json!({"credentials": {"key": "x".repeat(1_100_000)}});
    env.broker.after(Endpoint::Bind, answer(201, &huge));
    env.binding("db", json!({})).await;
    let note = env.until_event("db", "ErrorInjectingBindResult").await;
    assert!(note.contains("more than the 1048576 bytes that fit into a Secret"), "{note}");
    env.until_ready(BINDING, "db").await;
    assert_in_step(&env, "db").await;
    assert_eq!(env.broker.calls(Endpoint::Unbind), 1);
}
