//! Rotation: credentials are replaced while they are in use.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cluster::cluster;
use crate::namespace::{PATIENCE, eventually};
use crate::operator::operator;
use crate::process::text;
use crate::scripted::{
    BINDING, Endpoint, MARK, TestEnv, When, condition, env, reference, refusal, secret_parameters,
};

const FAILED: &str = "Rotated=False RotationFailed";
const DONE: &str = "Rotated=True RotatedSuccessfully";

/// Requests a rotation, as the user.
async fn request(env: &TestEnv, value: &str) {
    let annotations = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/rotate": value}}});
    env.patch(BINDING, "db", annotations).await.unwrap();
}

fn in_class(class: &str, plan: &str) -> Value {
    json!({"serviceClassExternalName": class, "servicePlanExternalName": plan})
}

fn id(object: &Value) -> String {
    object["status"]["bindingID"].as_str().unwrap().to_owned()
}

/// Waits until the binding has other credentials than `before`; returns it.
async fn until_replaced(env: &TestEnv, before: &Value) -> Value {
    let object = env
        .until(BINDING, "db", |object| id(object) != id(before) && condition(object, DONE).is_some())
        .await;
    let instance = env.broker.instance();
    let credentials = &instance.bindings[&id(&object)].credentials;
    assert_eq!(env.entries("db").await["password"], credentials["password"].as_str().unwrap());
    object
}

/// The last transition of the binding's `Ready` condition.
fn ready(object: &Value) -> &Value {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    assert_eq!(ready["status"], "True", "{object:#}");
    &ready["lastTransitionTime"]
}

async fn until_one_is_left(env: &TestEnv, id: &str) {
    let is_left = |broker: &crate::scripted::Broker| broker.instance().bindings.keys().eq([id]);
    env.until_broker("the former binding is gone", is_left).await;
    env.until(BINDING, "db", |object| condition(object, "OrphanMitigation=True").is_none()).await;
}

#[tokio::test]
async fn credentials_are_replaced_on_request_and_the_former_ones_stay_for_a_while() {
    for (class, plan, is_rotatable) in [("database", "small", false), ("database", "large", true)] {
        let env = env().await;
        let parameters = json!({"role": "reader"});
        let before = env.ready_binding(in_class(class, plan), json!({"parameters": parameters})).await;
        request(&env, "1").await;
        let after = until_replaced(&env, &before).await;
        assert_eq!(ready(&after), ready(&before), "it was Ready all the time");
        assert_eq!(after["status"]["predecessor"]["bindingID"], id(&before));
        assert_eq!(after["status"]["revision"], 2);

        let body = env.broker.requests(Endpoint::Bind).remove(1).body;
        let predecessor = if is_rotatable { json!(id(&before)) } else { Value::Null };
        assert_eq!(body["predecessor_binding_id"], predecessor);
        assert_eq!(body["parameters"], if is_rotatable { Value::Null } else { parameters.clone() });
        let there = env.broker.instance().bindings;
        assert!(there.contains_key(&id(&before)), "it is still used");
        assert!(there.values().all(|binding| binding.parameters == parameters));

        // Without a pod selector, the operator cannot know whether the former credentials are in use, so it only waits
        // for the end of the grace period.
        env.patch(BINDING, "db", json!({"spec": {"rotation": {"gracePeriod": "0s"}}})).await.unwrap();
        until_one_is_left(&env, &id(&after)).await;
        let object = env.get(BINDING, "db").await.unwrap();
        assert_eq!(ready(&object), ready(&before));
        assert_eq!((env.broker.calls(Endpoint::Bind), env.broker.calls(Endpoint::Unbind)), (2, 1));
    }
}

#[tokio::test]
async fn credentials_may_be_replaced_asynchronously() {
    let env = env().await;
    let before = env.ready_binding(in_class("cache", "cache-slow"), json!({})).await;
    env.broker.stall();
    request(&env, "1").await;
    let says = "Rotated=False Rotating";
    let during = env.until(BINDING, "db", |object| condition(object, says).is_some()).await;
    assert_eq!(ready(&during), ready(&before));
    env.broker.go_on();
    let after = until_replaced(&env, &before).await;
    assert_eq!(ready(&after), ready(&before));
    env.remove(BINDING, "db").await;
    assert!(env.broker.instance().bindings.is_empty(), "the former one goes along");
}

#[tokio::test]
async fn a_rotation_that_is_refused_leaves_everything_as_it_is() {
    let env = env().await;
    let before = env.ready_binding(json!({}), json!({})).await;
    let entries = env.entries("db").await;
    env.broker.before(Endpoint::Bind, refusal(400, "not today"));
    request(&env, "1").await;
    let message = env.until_says(BINDING, "db", FAILED).await;
    assert!(message.contains("status 400: not today; the current credentials stay in place"), "{message}");
    assert_eq!(env.until_event("db", "RotationFailed").await, message);
    let object = env.get(BINDING, "db").await.unwrap();
    assert_eq!((id(&object), ready(&object)), (id(&before), ready(&before)));
    assert_eq!(env.entries("db").await, entries);
    assert_eq!(env.broker.calls(Endpoint::Unbind), 0);

    request(&env, "2").await;
    until_replaced(&env, &before).await;
}

#[tokio::test]
async fn a_successor_with_an_uncertain_end_is_removed_and_the_binding_stays() {
    let env = env().await;
    let before = env.ready_binding(json!({}), json!({})).await;
    env.broker.after(Endpoint::Bind, refusal(500, "out of order"));
    let gate = env.broker.hold(When::Before, Endpoint::Unbind);
    request(&env, "1").await;
    gate.reached().await;
    let object = env.get(BINDING, "db").await.unwrap();
    assert_eq!((id(&object), ready(&object)), (id(&before), ready(&before)));
    assert!(condition(&object, FAILED).unwrap().contains("out of order"), "{object:#}");
    gate.open();
    let after = until_replaced(&env, &before).await;
    assert_eq!(ready(&after), ready(&before));
    let removed = env.broker.only(Endpoint::Unbind).binding;
    assert!(![id(&before), id(&after)].contains(&removed));
}

#[tokio::test]
async fn parameters_are_resolved_again_for_a_plain_successor() {
    let env = env().await;
    env.secret("role", secret_parameters(json!({"role": MARK}))).await;
    let before = env.ready_binding(json!({}), json!({"parametersFrom": [reference("role")]})).await;
    env.remove("Secret", "role").await;
    request(&env, "1").await;
    let message = env.until_says(BINDING, "db", FAILED).await;
    assert!(message.contains("the Secret \"role\", which does not exist"), "{message}");
    let newer = json!({"role": format!("{MARK} newer")});
    env.secret("role", secret_parameters(newer.clone())).await;
    request(&env, "2").await;
    let after = until_replaced(&env, &before).await;
    assert_eq!(env.broker.instance().bindings[&id(&after)].parameters, newer);
}

fn in_minutes(minutes: i64) -> String {
    let time = Timestamp::now() + SignedDuration::from_mins(minutes);
    time.strftime("%Y-%m-%dT%H:%M:%S.0Z").to_string()
}

#[tokio::test]
async fn credentials_are_replaced_when_the_broker_wants_it() {
    let env = env().await;
    let expires_at = in_minutes(60);
    env.broker.lifetime(json!({"expires_at": expires_at, "renew_before": in_minutes(20)}));
    let before = env.ready_binding(json!({}), json!({})).await;
    let expires = before["status"]["expiresAt"].as_str().unwrap();
    assert_eq!(expires, expires_at.replace(".0Z", "Z"));

    let columns = ["get", BINDING, "db", "--output", "wide", "--namespace", &env.name];
    let shown = text(&cluster().kubectl(&columns));
    assert!(shown.lines().next().unwrap().contains("EXPIRES") && shown.contains(expires), "{shown}");
    let metrics = operator().metrics();
    let series = "servicecatalog_binding_expiration_timestamp_seconds";
    let series = format!("{series}{{namespace=\"{}\",name=\"db\"}} ", env.name);
    let value = metrics.lines().find_map(|line| line.strip_prefix(&series)).unwrap();
    let second: Timestamp = expires.parse().unwrap();
    assert_eq!(value.parse::<i64>().unwrap(), second.as_second());

    // The longer the lifetime, the earlier before its end the rotation: up to an hour.
    env.broker.lifetime(Value::Null);
    let long_ago = json!({"status": {"issuedAt": "2020-01-01T00:00:00Z"}});
    env.patch_status(BINDING, "db", long_ago).await.unwrap();
    let after = until_replaced(&env, &before).await;
    assert_eq!(after["status"]["predecessor"]["expiresAt"], expires);
    assert!(after["status"]["expiresAt"].is_null() && after["status"]["renewBefore"].is_null(), "{after:#}");
    // The operator counts what its cache has.
    eventually("there is no series without an expiry", PATIENCE, async || {
        let metrics = operator().metrics();
        if metrics.contains(&series) { Err(metrics) } else { Ok(()) }
    })
    .await;
}

#[tokio::test]
async fn a_lifetime_that_cannot_be_read_is_reported() {
    let env = env().await;
    env.broker.lifetime(json!({"expires_at": "in a while"}));
    env.ready_binding(json!({}), json!({})).await;
    let note = env.until_event("db", "UnreadableExpiry").await;
    assert_eq!(note, "The broker's expires_at is not a time in RFC 3339: it is ignored");
}
