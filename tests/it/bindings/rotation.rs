//! Credentials are replaced while they are used.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cluster::cluster;
use crate::operator::operator;
use crate::process::text;
use crate::scripted::{
    BINDING, Endpoint, MARK, Stage, When, condition, reference, refusal, secret_parameters, stage,
};

const FAILED: &str = "Rotated=False RotationFailed";
const DONE: &str = "Rotated=True RotatedSuccessfully";

/// The user wants other credentials.
async fn request(stage: &Stage, value: &str) {
    let annotations = json!({"metadata": {"annotations": {"servicecatalog.k8s.io/rotate": value}}});
    stage.patch(BINDING, "db", annotations).await.unwrap();
}

fn in_class(class: &str, plan: &str) -> Value {
    json!({"serviceClassExternalName": class, "servicePlanExternalName": plan})
}

fn id(object: &Value) -> String {
    object["status"]["bindingID"].as_str().unwrap().to_owned()
}

/// Waits until there are other credentials than `before`; returns the binding.
async fn until_replaced(stage: &Stage, before: &Value) -> Value {
    let object = stage
        .until(BINDING, "db", |object| id(object) != id(before) && condition(object, DONE).is_some())
        .await;
    let instance = stage.broker.instance();
    let credentials = &instance.bindings[&id(&object)].credentials;
    assert_eq!(stage.entries("db").await["password"], credentials["password"].as_str().unwrap());
    object
}

/// When the binding became ready, or ceased to be.
fn ready(object: &Value) -> &Value {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    assert_eq!(ready["status"], "True", "{object:#}");
    &ready["lastTransitionTime"]
}

async fn until_one_is_left(stage: &Stage, id: &str) {
    let is_left = |broker: &crate::scripted::Broker| broker.instance().bindings.keys().eq([id]);
    stage.until_broker("the former binding is gone", is_left).await;
    stage.until(BINDING, "db", |object| condition(object, "OrphanMitigation=True").is_none()).await;
}

#[tokio::test]
async fn credentials_are_replaced_on_request_and_the_former_ones_stay_for_a_while() {
    for (class, plan, is_rotatable) in [("database", "small", false), ("database", "large", true)] {
        let stage = stage().await;
        let parameters = json!({"role": "reader"});
        let before = stage.ready_binding(in_class(class, plan), json!({"parameters": parameters})).await;
        request(&stage, "1").await;
        let after = until_replaced(&stage, &before).await;
        assert_eq!(ready(&after), ready(&before), "it was ready all the time");
        assert_eq!(after["status"]["predecessor"]["bindingID"], id(&before));
        assert_eq!(after["status"]["revision"], 2);

        let asked = stage.broker.requests(Endpoint::Bind).remove(1).body;
        let predecessor = if is_rotatable { json!(id(&before)) } else { Value::Null };
        assert_eq!(asked["predecessor_binding_id"], predecessor);
        assert_eq!(asked["parameters"], if is_rotatable { Value::Null } else { parameters.clone() });
        let there = stage.broker.instance().bindings;
        assert!(there.contains_key(&id(&before)), "it is still used");
        assert!(there.values().all(|binding| binding.parameters == parameters));

        // Nobody knows who has them: as no pod is selected, their time has to be over.
        stage.patch(BINDING, "db", json!({"spec": {"rotation": {"gracePeriod": "0s"}}})).await.unwrap();
        until_one_is_left(&stage, &id(&after)).await;
        let object = stage.get(BINDING, "db").await.unwrap();
        assert_eq!(ready(&object), ready(&before));
        assert_eq!((stage.broker.calls(Endpoint::Bind), stage.broker.calls(Endpoint::Unbind)), (2, 1));
    }
}

#[tokio::test]
async fn credentials_may_be_replaced_asynchronously() {
    let stage = stage().await;
    let before = stage.ready_binding(in_class("cache", "cache-slow"), json!({})).await;
    stage.broker.stall();
    request(&stage, "1").await;
    let says = "Rotated=False Rotating";
    let during = stage.until(BINDING, "db", |object| condition(object, says).is_some()).await;
    assert_eq!(ready(&during), ready(&before));
    stage.broker.go_on();
    let after = until_replaced(&stage, &before).await;
    assert_eq!(ready(&after), ready(&before));
    stage.remove(BINDING, "db").await;
    assert!(stage.broker.instance().bindings.is_empty(), "the former one goes along");
}

#[tokio::test]
async fn a_rotation_that_is_refused_leaves_everything_as_it_is() {
    let stage = stage().await;
    let before = stage.ready_binding(json!({}), json!({})).await;
    let entries = stage.entries("db").await;
    stage.broker.before(Endpoint::Bind, refusal(400, "not today"));
    request(&stage, "1").await;
    let message = stage.until_says(BINDING, "db", FAILED).await;
    assert!(message.contains("status 400: not today; the credentials stay as they are"), "{message}");
    assert_eq!(stage.until_event("db", "RotationFailed").await, message);
    let object = stage.get(BINDING, "db").await.unwrap();
    assert_eq!((id(&object), ready(&object)), (id(&before), ready(&before)));
    assert_eq!(stage.entries("db").await, entries);
    assert_eq!(stage.broker.calls(Endpoint::Unbind), 0);

    request(&stage, "2").await;
    until_replaced(&stage, &before).await;
}

#[tokio::test]
async fn a_successor_with_an_uncertain_end_is_removed_and_the_binding_stays() {
    let stage = stage().await;
    let before = stage.ready_binding(json!({}), json!({})).await;
    stage.broker.after(Endpoint::Bind, refusal(500, "out of order"));
    let gate = stage.broker.hold(When::Before, Endpoint::Unbind);
    request(&stage, "1").await;
    gate.reached().await;
    let object = stage.get(BINDING, "db").await.unwrap();
    assert_eq!((id(&object), ready(&object)), (id(&before), ready(&before)));
    assert!(condition(&object, FAILED).unwrap().contains("out of order"), "{object:#}");
    gate.open();
    let after = until_replaced(&stage, &before).await;
    assert_eq!(ready(&after), ready(&before));
    let removed = stage.broker.only(Endpoint::Unbind).binding;
    assert!(![id(&before), id(&after)].contains(&removed));
}

#[tokio::test]
async fn parameters_are_gathered_anew_for_a_plain_successor() {
    let stage = stage().await;
    stage.secret("role", secret_parameters(json!({"role": MARK}))).await;
    let before = stage.ready_binding(json!({}), json!({"parametersFrom": [reference("role")]})).await;
    stage.remove("Secret", "role").await;
    request(&stage, "1").await;
    let message = stage.until_says(BINDING, "db", FAILED).await;
    assert!(message.contains("the Secret \"role\", which does not exist"), "{message}");
    let newer = json!({"role": format!("{MARK} newer")});
    stage.secret("role", secret_parameters(newer.clone())).await;
    request(&stage, "2").await;
    let after = until_replaced(&stage, &before).await;
    assert_eq!(stage.broker.instance().bindings[&id(&after)].parameters, newer);
}

fn in_minutes(minutes: i64) -> String {
    let time = Timestamp::now() + SignedDuration::from_mins(minutes);
    time.strftime("%Y-%m-%dT%H:%M:%S.0Z").to_string()
}

#[tokio::test]
async fn credentials_are_replaced_when_the_broker_wants_it() {
    let stage = stage().await;
    let expires_at = in_minutes(60);
    stage.broker.lifetime(json!({"expires_at": expires_at, "renew_before": in_minutes(20)}));
    let before = stage.ready_binding(json!({}), json!({})).await;
    let expires = before["status"]["expiresAt"].as_str().unwrap();
    assert_eq!(expires, expires_at.replace(".0Z", "Z"));

    let columns = ["get", BINDING, "db", "--output", "wide", "--namespace", &stage.name];
    let shown = text(&cluster().kubectl(&columns));
    assert!(shown.lines().next().unwrap().contains("EXPIRES") && shown.contains(expires), "{shown}");
    let metrics = operator().metrics();
    let series = "servicecatalog_binding_expiration_timestamp_seconds";
    let series = format!("{series}{{namespace=\"{}\",name=\"db\"}} ", stage.name);
    let told = metrics.lines().find_map(|line| line.strip_prefix(&series)).unwrap();
    let second: Timestamp = expires.parse().unwrap();
    assert_eq!(told.parse::<i64>().unwrap(), second.as_second());

    // The longer they were valid, the sooner they are replaced: up to an hour.
    stage.broker.lifetime(Value::Null);
    let long_ago = json!({"status": {"issuedAt": "2020-01-01T00:00:00Z"}});
    stage.patch_status(BINDING, "db", long_ago).await.unwrap();
    let after = until_replaced(&stage, &before).await;
    assert_eq!(after["status"]["predecessor"]["expiresAt"], expires);
    assert!(after["status"]["expiresAt"].is_null() && after["status"]["renewBefore"].is_null(), "{after:#}");
    assert!(!operator().metrics().contains(&series), "who does not expire is not told of");
}

#[tokio::test]
async fn a_lifetime_that_cannot_be_read_is_told() {
    let stage = stage().await;
    stage.broker.lifetime(json!({"expires_at": "in a while"}));
    stage.ready_binding(json!({}), json!({})).await;
    let note = stage.until_event("db", "UnreadableExpiry").await;
    assert_eq!(note, "The broker's expires_at is no time of RFC 3339: it is ignored");
}
