//! Failed provisions, and orphan mitigation.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::namespace::{namespace, wanted};
use crate::operator::operator;
use crate::scripted::{
    Broker, Endpoint, Fault, INSTANCE, MARK, TestEnv, When, answer, condition, env, isolated, refusal,
};

#[tokio::test]
async fn a_refusal_is_final_until_the_spec_changes() {
    let env = env().await;
    env.broker.before(Endpoint::Provision, refusal(400, "size must be odd"));
    env.instance("db", json!({"parameters": {"size": 2}})).await;
    let message = env.until_says(INSTANCE, "db", "Failed=True ClusterServiceBrokerReturnedFailure").await;
    assert!(message.contains("status 400: size must be odd"), "{message}");
    assert_eq!(env.until_says(INSTANCE, "db", "Ready=False ProvisionCallFailed").await, message);
    assert_eq!(env.until_event("db", "ProvisionCallFailed").await, message);

    env.patch(INSTANCE, "db", json!({"metadata": {"labels": {"looked": "at"}}})).await.unwrap();
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 3}}})).await.unwrap();
    let object = env.until_ready(INSTANCE, "db").await;
    assert_eq!(condition(&object, "Failed=True"), None);
    assert_eq!((env.broker.calls(Endpoint::Provision), env.broker.calls(Endpoint::Deprovision)), (2, 0));
}

#[tokio::test]
async fn a_refused_instance_is_provisioned_once_more_on_request() {
    let env = env().await;
    env.broker.before(Endpoint::Provision, refusal(422, "over quota"));
    env.instance("db", json!({})).await;
    env.until_says(INSTANCE, "db", "Failed=True").await;
    env.patch(INSTANCE, "db", json!({"spec": {"updateRequests": 1}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
}

#[tokio::test]
async fn an_instance_that_was_refused_is_deleted_without_the_broker() {
    let env = env().await;
    env.broker.before(Endpoint::Provision, refusal(400, "no"));
    env.instance("db", json!({})).await;
    env.until_says(INSTANCE, "db", "Failed=True").await;
    env.remove(INSTANCE, "db").await;
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 0);
}

/// OSB, “Orphan Mitigation”: the instance may or may not exist.
#[tokio::test]
async fn an_attempt_with_an_uncertain_end_is_removed_before_there_is_another() {
    let env = env().await;
    let faults = [
        (When::Before, refusal(500, "out of order")),
        (When::After, refusal(503, "out of order")),
        (When::Before, Fault::Close),
        (When::After, Fault::Close),
        (When::After, Fault::Answer(201, "<html>".to_owned())),
        (When::After, Fault::Answer(202, "{".to_owned())),
        (When::After, Fault::Answer(204, String::new())),
    ];
    let count = faults.len();
    // What the broker never had is tried again under the same id.
    let executed = faults.iter().filter(|(when, _)| matches!(when, When::After)).count();
    for (when, fault) in faults {
        match when {
            When::Before => env.broker.before(Endpoint::Provision, fault),
            When::After => env.broker.after(Endpoint::Provision, fault),
        }
    }
    for index in 0..count {
        env.instance(&format!("db-{index}"), json!({})).await;
    }
    let mut live = BTreeSet::new();
    for index in 0..count {
        let object = env.until_ready(INSTANCE, &format!("db-{index}")).await;
        assert_eq!(condition(&object, "OrphanMitigation=True"), None, "{object:#}");
        live.insert(object["status"]["instanceID"].as_str().unwrap().to_owned());
    }
    let ids = |endpoint| {
        let requests = env.broker.requests(endpoint).into_iter();
        requests.map(|request| request.instance).collect::<BTreeSet<_>>()
    };
    assert_eq!(env.broker.instances().into_keys().collect::<BTreeSet<_>>(), live);
    assert_eq!(env.broker.calls(Endpoint::Provision), 2 * count);
    assert_eq!(env.broker.calls(Endpoint::Deprovision), count);
    let first: BTreeSet<_> = ids(Endpoint::Provision).difference(&live).cloned().collect();
    assert_eq!(first.len(), executed);
    assert!(ids(Endpoint::Deprovision).is_superset(&first));
}

/// The intent is taken back: nothing was sent.
#[tokio::test]
async fn what_was_never_sent_is_deleted_without_the_broker() {
    operator();
    let env = TestEnv::new(namespace().await, Broker::start());
    env.secret("auth", json!({"username": "user", "password": MARK})).await;
    env.register(json!({"authInfo": {"basic": {"secretRef": {"name": "auth"}}}})).await;
    env.until_ready("ServiceBroker", "broker").await;
    env.delete("Secret", "auth").await.unwrap();
    env.until_says("ServiceBroker", "broker", "Ready=False").await;
    env.instance("db", json!({})).await;
    let message = env.until_says(INSTANCE, "db", "Ready=False ReferencesNonexistentBroker").await;
    assert!(message.contains("auth does not exist; next attempt at"), "{message}");
    env.remove(INSTANCE, "db").await;
    assert_eq!((env.broker.calls(Endpoint::Provision), env.broker.calls(Endpoint::Deprovision)), (0, 0));
}

#[tokio::test]
async fn what_may_be_left_is_named_until_the_broker_has_removed_it() {
    let env = env().await;
    env.broker.after(Endpoint::Provision, refusal(500, "out of order"));
    let gate = env.broker.hold(When::Before, Endpoint::Deprovision);
    env.instance("db", json!({})).await;
    gate.reached().await;
    let id = env.broker.only(Endpoint::Provision).instance;
    let message = env.until_says(INSTANCE, "db", "OrphanMitigation=True").await;
    assert!(message.contains(&id) && message.contains("out of order"), "{message}");
    let object = env.get(INSTANCE, "db").await.unwrap();
    assert_eq!(object["status"]["orphans"][0]["id"], id.as_str());
    gate.open();
    env.until_ready(INSTANCE, "db").await;
    assert!(!env.broker.instances().contains_key(&id));
}

#[tokio::test]
async fn the_removal_of_what_may_be_left_is_retried_and_may_be_asynchronous() {
    let env = env().await;
    env.broker.after(Endpoint::Provision, refusal(500, "out of order"));
    env.broker.before(Endpoint::Deprovision, refusal(500, "still out of order"));
    let retry = env.broker.hold(When::Before, Endpoint::Deprovision);
    env.instance("db", json!({"servicePlanExternalName": "slow"})).await;
    let message = env.until_says(INSTANCE, "db", "OrphanMitigation=True OrphanMitigationFailed").await;
    assert!(message.contains("still out of order"), "{message}");
    retry.open();
    let object = env.until_ready(INSTANCE, "db").await;
    let removed: BTreeSet<_> =
        env.broker.requests(Endpoint::Deprovision).into_iter().map(|request| request.instance).collect();
    assert_eq!(removed.len(), 1);
    assert!(!removed.contains(object["status"]["instanceID"].as_str().unwrap()), "{object:#}");
    assert_eq!(env.broker.instances().len(), 1);
}

#[tokio::test]
async fn an_asynchronous_provision_that_fails_is_removed_and_not_repeated() {
    let env = env().await;
    let failed = json!({"state": "failed", "description": "no disk left"});
    env.broker.before(Endpoint::PollInstance, answer(200, &failed));
    env.instance("db", json!({"servicePlanExternalName": "slow"})).await;
    let message = env.until_says(INSTANCE, "db", "Failed=True").await;
    assert!(message.contains("no disk left"), "{message}");
    env.until_broker("nothing is left", |broker| broker.instances().is_empty()).await;
    env.until(INSTANCE, "db", |object| condition(object, "OrphanMitigation=True").is_none()).await;
    assert_eq!(env.broker.calls(Endpoint::Provision), 1);

    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 1}}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
}

#[tokio::test]
async fn polls_that_fail_do_not_end_the_operation() {
    let env = env().await;
    env.broker.before(Endpoint::PollInstance, refusal(500, "out of order"));
    env.broker.before(Endpoint::PollInstance, answer(200, &json!({"state": "unheard of"})));
    let third = env.broker.hold(When::Before, Endpoint::PollInstance);
    env.instance("db", json!({"servicePlanExternalName": "slow"})).await;
    let message = env.until_says(INSTANCE, "db", "Ready=False ErrorPollingLastOperation").await;
    assert!(message.contains("polling continues"), "{message}");
    third.open();
    env.until_ready(INSTANCE, "db").await;
    assert_eq!((env.broker.calls(Endpoint::Provision), env.broker.calls(Endpoint::PollInstance)), (1, 3));
}

#[tokio::test]
async fn a_busy_broker_is_asked_again_with_the_same_request() {
    let env = env().await;
    let busy = json!({"error": "ConcurrencyError", "description": "one at a time"});
    env.broker.before(Endpoint::Provision, answer(422, &busy));
    env.broker.before(Endpoint::Provision, refusal(401, "wrong credentials"));
    let object = env.ready_instance(json!({})).await;
    let requests = env.broker.requests(Endpoint::Provision);
    assert_eq!(requests.len(), 3);
    assert!(
        requests.iter().all(|request| request.instance == object["status"]["instanceID"].as_str().unwrap())
    );
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 0);
}

#[tokio::test]
async fn a_broker_gets_the_time_it_asks_for_unless_its_own_object_changes() {
    let env = env().await;
    env.broker.before(Endpoint::Provision, Fault::Later(429, 1000));
    env.instance("db", json!({})).await;
    env.until_says(INSTANCE, "db", "Ready=False ProvisionCallFailed").await;
    let object = env.get(INSTANCE, "db").await.unwrap();
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let next = time(&object["status"]["operation"]["nextAttemptTime"]);
    let delay = next.duration_since(time(&object["metadata"]["creationTimestamp"])).as_secs();
    assert!(delay >= 1000, "{object:#}");
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 1}}})).await.unwrap();
    env.until_says(INSTANCE, "db", "Ready=False WaitingForBroker").await;
    assert_eq!(env.broker.calls(Endpoint::Provision), 1);
    env.patch("ServiceBroker", "broker", json!({"spec": {"relistRequests": 1}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
}

#[tokio::test]
async fn an_id_that_belongs_to_another_platform_is_left_alone() {
    let env = env().await;
    // Another cluster has created it.
    let body = json!({"service_id": "database-ID", "plan_id": "small", "parameters": {"size": 1}});
    env.broker.execute("PUT", "/v2/service_instances/taken", body).await;
    env.instance("other", json!({"externalID": "taken", "parameters": {"size": 2}})).await;
    let message = env.until_says(INSTANCE, "other", "Failed=True").await;
    assert!(message.contains("status 409"), "{message}");
    env.remove(INSTANCE, "other").await;
    assert_eq!(env.broker.calls(Endpoint::Deprovision), 0);
    assert_eq!(env.broker.instance().parameters, json!({"size": 1}));
}

#[tokio::test]
async fn an_edit_while_the_end_is_uncertain_starts_over() {
    let env = env().await;
    let gate = env.broker.hold(When::After, Endpoint::Provision);
    env.instance("db", json!({"parameters": {"size": 1}})).await;
    gate.reached().await;
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 2}}})).await.unwrap();
    gate.open();
    let object = env.until_ready(INSTANCE, "db").await;
    wanted(object, |object| object["status"]["observedGeneration"] == object["metadata"]["generation"])
        .unwrap();
    assert_eq!(env.broker.instance().parameters, json!({"size": 2}));
}

#[tokio::test]
async fn a_broker_that_hangs_times_out_and_keeps_no_other_waiting() {
    let isolated = isolated(&["--osb-api-request-timeout", "2s"]).await;
    let (hanging, other) = (isolated.env().await, isolated.env().await);
    let gates = [When::Before, When::After].map(|when| hanging.broker.hold(when, Endpoint::Provision));
    for name in ["one", "two"] {
        hanging.instance(name, json!({})).await;
    }
    gates[0].reached().await;
    other.ready_instance(json!({})).await;
    for name in ["one", "two"] {
        let note = hanging.until_event(name, "StartingInstanceOrphanMitigation").await;
        assert!(note.contains("timed out after 2s"), "{note}");
        hanging.until_ready(INSTANCE, name).await;
    }
    assert_eq!(hanging.broker.instances().len(), 2);
    assert_eq!(hanging.broker.calls(Endpoint::Provision), 4);
}
