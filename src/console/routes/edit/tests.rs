use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::console::testing::{Answer, Api, Browser, lines, offering};

const ADDRESS: &str = "/ns/team/instances/my-db/edit";
const INSTANCE: &str = "/apis/servicecatalog.k8s.io/v1beta1/namespaces/team/serviceinstances/my-db";
const SECRET: &str = "/api/v1/namespaces/team/secrets/my-db-parameters";

fn stored_instance(generation: i64) -> Value {
    let source = |name: &str, key: &str| json!({"secretKeyRef": {"name": name, "key": key}});
    json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
        "metadata": {"name": "my-db", "namespace": "team", "uid": "1", "resourceVersion": "7", "generation": generation},
        "spec": {
            "clusterServiceClassExternalName": "db", "clusterServicePlanExternalName": "small",
            "clusterServiceClassRef": {"name": "db"}, "clusterServicePlanRef": {"name": "small"},
            "parameters": {"size": 1, "zone": {"a": "1", "b": "2"}, "token": "inline-token"},
            "parametersFrom": [source("my-db-parameters", "password.old1")],
        },
    })
}

fn store_instance(api: &Api, generation: i64) {
    api.store(INSTANCE, stored_instance(generation));
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "my-db-parameters", "uid": "2"}});
    api.store(SECRET, secret);
}

async fn start() -> (Api, Browser) {
    let api = Api::default();
    offering::store(&api);
    store_instance(&api, 3);
    let browser = Browser::logged_in(&api).await;
    (api, browser)
}

async fn review(browser: &mut Browser, plan: &str, parameters: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("step", "review"), ("plan", plan), ("shown-plan", plan), ("generation", "3")];
    fields.extend(parameters);
    browser.post_from(ADDRESS, ADDRESS, &fields).await
}

async fn confirm(browser: &mut Browser, review: &Answer) -> Answer {
    browser.post_from(ADDRESS, ADDRESS, &[("step", "confirm"), ("draft", &review.field("draft"))]).await
}

const UNCHANGED: [(&str, &str); 3] =
    [("parameters.size", "1"), ("parameters.zone.a", "1"), ("parameters.zone.b", "2")];

#[tokio::test]
async fn the_form_shows_what_exists_and_no_secret() {
    let (api, mut browser) = start().await;
    let form = browser.get(ADDRESS).await;
    assert_eq!(
        (form.field("parameters.size").as_str(), form.field("parameters.zone.b").as_str()),
        ("1", "2")
    );
    assert_eq!((form.field("generation").as_str(), form.field("parameters.password").as_str()), ("3", ""));
    assert!(!form.body.contains("inline-token"));
    assert!(!api.calls().iter().any(|call| call.line.contains("/secrets")));
}

#[tokio::test]
async fn only_what_changes_is_sent_and_a_parameter_is_replaced_as_a_whole() {
    let (api, mut browser) = start().await;
    let reviewed = review(&mut browser, "large", &[("parameters.zone.a", "9")]).await;
    assert_eq!(reviewed.status, StatusCode::OK, "{}", reviewed.body);
    let asked = api.tried();
    assert!(!asked.is_empty() && asked.iter().all(|call| call.query.contains("dryRun=All")));
    let answer = confirm(&mut browser, &reviewed).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::SEE_OTHER, "/ns/team/instances/my-db")
    );
    let sent = api.tried();
    assert_eq!(sent.len(), 1);
    let expected = json!([
        {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
        {"op": "add", "path": "/spec/clusterServicePlanExternalName", "value": "large"},
        {"op": "add", "path": "/spec/parameters/zone", "value": {"a": "9"}},
        {"op": "remove", "path": "/spec/parameters/size"},
    ]);
    assert_eq!(sent[0].body, expected);
}

#[tokio::test]
async fn a_new_password_gets_a_new_key_and_the_old_one_goes() {
    let (api, mut browser) = start().await;
    let parameters = [UNCHANGED.as_slice(), &[("parameters.password", "hunter2")]].concat();
    let reviewed = review(&mut browser, "small", &parameters).await;
    assert!(!reviewed.body.contains("hunter2"));
    api.calls();
    assert_eq!(confirm(&mut browser, &reviewed).await.status, StatusCode::SEE_OTHER);
    let sent = api.tried();
    let lines: Vec<&str> = sent.iter().map(|call| call.line.as_str()).collect();
    let (secret, instance) = (format!("PATCH {SECRET}"), format!("PATCH {INSTANCE}"));
    assert_eq!(lines, [secret.as_str(), &instance, &secret]);
    let key = sent[0].body["data"].as_object().unwrap().keys().next().unwrap();
    assert_eq!(sent[1].body[1]["value"][0]["secretKeyRef"]["key"], json!(key));
    assert_eq!(sent[2].body, json!({"data": {"password.old1": null}}));
    assert!(!format!("{:?}", sent[1]).contains("hunter2"));
}

#[tokio::test]
async fn a_refused_change_leaves_the_secret_as_it_was() {
    let (api, mut browser) = start().await;
    let parameters = [UNCHANGED.as_slice(), &[("parameters.password", "hunter2")]].concat();
    let reviewed = review(&mut browser, "small", &parameters).await;
    api.refuse(&format!("PATCH {INSTANCE}"), 422, "Invalid", &[]);
    api.calls();
    let answer = confirm(&mut browser, &reviewed).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("refused by a test"));
    let sent = api.tried();
    let key = sent[0].body["data"].as_object().unwrap().keys().next().unwrap().clone();
    assert_eq!(sent[2].body["data"], json!({key: Value::Null}));
}

/// Otherwise the next change finds that there is a Secret of this name.
#[tokio::test]
async fn a_refused_change_leaves_no_secret_that_it_has_created() {
    let api = Api::default();
    offering::store(&api);
    let mut instance = stored_instance(3);
    instance["spec"]["parametersFrom"] = json!([]);
    api.store(INSTANCE, instance);
    let mut browser = Browser::logged_in(&api).await;
    let parameters = [UNCHANGED.as_slice(), &[("parameters.password", "hunter2")]].concat();
    let reviewed = review(&mut browser, "small", &parameters).await;
    api.refuse(&format!("PATCH {INSTANCE}"), 422, "Invalid", &[]);
    api.calls();
    assert_eq!(confirm(&mut browser, &reviewed).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let created = "POST /api/v1/namespaces/team/secrets";
    assert_eq!(lines(&api.tried()), [created, &format!("PATCH {INSTANCE}"), &format!("DELETE {SECRET}")]);
}

/// The second of two equal requests fails after the first one has changed the instance. It must not take its keys back:
/// they are those of the first.
#[tokio::test]
async fn a_change_that_is_sent_twice_keeps_its_secret() {
    let (api, mut browser) = start().await;
    let parameters = [UNCHANGED.as_slice(), &[("parameters.password", "hunter2")]].concat();
    let reviewed = review(&mut browser, "small", &parameters).await;
    api.calls();
    confirm(&mut browser, &reviewed).await;
    let made = api.tried();
    let mut changed = stored_instance(3);
    changed["spec"]["parametersFrom"] = made[1].body[1]["value"].clone();
    api.store(INSTANCE, changed);
    api.refuse(&format!("PATCH {INSTANCE}"), 422, "Invalid", &[]);
    assert_eq!(confirm(&mut browser, &reviewed).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let (secret, instance) = (format!("PATCH {SECRET}"), format!("PATCH {INSTANCE}"));
    assert_eq!(lines(&api.tried()), [secret.as_str(), &instance], "no key is removed");
}

#[tokio::test]
async fn a_spec_that_has_changed_meanwhile_is_not_overwritten() {
    let (api, mut browser) = start().await;
    let reviewed = review(&mut browser, "small", &[("parameters.size", "2")]).await;
    store_instance(&api, 4);
    api.calls();
    let answer = confirm(&mut browser, &reviewed).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("has changed meanwhile"));
    assert_eq!((answer.field("generation").as_str(), answer.field("parameters.size").as_str()), ("4", "2"));
    assert!(api.tried().is_empty());
}

#[tokio::test]
async fn a_status_that_has_changed_meanwhile_does_not_matter_for_ever() {
    let (api, mut browser) = start().await;
    let reviewed = review(&mut browser, "small", &[("parameters.size", "2")]).await;
    api.refuse(&format!("PATCH {INSTANCE}"), 409, "Conflict", &[]);
    api.calls();
    let answer = confirm(&mut browser, &reviewed).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(api.tried().len(), super::change::MAX_ATTEMPTS);
}

#[tokio::test]
async fn without_a_change_nothing_is_sent() {
    let (api, mut browser) = start().await;
    let answer = review(&mut browser, "small", &UNCHANGED).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("changed nothing"), "{}", answer.body);
    assert!(api.tried().is_empty());
}
