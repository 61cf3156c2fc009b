use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::console::testing::{Answer, Api, Browser, Mood, offering};

const ADDRESS: &str = "/ns/team/new?class=cluster/db&plan=small";
const INSTANCES: &str = "/apis/servicecatalog.k8s.io/v1beta1/namespaces/team/serviceinstances";
const SECRETS: &str = "/api/v1/namespaces/team/secrets";

async fn start() -> (Api, Browser) {
    let api = Api::default();
    offering::store(&api);
    let browser = Browser::logged_in(&api).await;
    (api, browser)
}

async fn post(browser: &mut Browser, fields: &[(&str, &str)]) -> Answer {
    browser.post_from(ADDRESS, ADDRESS, fields).await
}

async fn review(browser: &mut Browser, parameters: &[(&str, &str)]) -> Answer {
    let mut fields = vec![("step", "review"), ("name", "my-db"), ("plan", "small"), ("shown-plan", "small")];
    fields.extend(parameters);
    post(browser, &fields).await
}

async fn confirm(browser: &mut Browser, review: &Answer) -> Answer {
    post(browser, &[("step", "confirm"), ("draft", &review.field("draft"))]).await
}

#[tokio::test]
async fn an_instance_is_created_after_a_review_and_only_the_secret_has_the_password() {
    let (api, mut browser) = start().await;
    let parameters = [("parameters.size", "3"), ("parameters.password", "hunter2")];
    let reviewed = review(&mut browser, &parameters).await;
    assert_eq!(reviewed.status, StatusCode::OK);
    assert!(
        reviewed.body.contains("size: 3") && reviewed.body.contains("&lt;redacted&gt;"),
        "{}",
        reviewed.body
    );
    let asked = api.tried();
    assert!(!asked.is_empty() && asked.iter().all(|call| call.query.contains("dryRun=All")), "{asked:?}");
    let answer = confirm(&mut browser, &reviewed).await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (StatusCode::SEE_OTHER, "/ns/team/instances/my-db")
    );
    let sent = api.tried();
    let lines: Vec<&str> = sent.iter().map(|call| call.line.as_str()).collect();
    let owned = format!("PATCH {SECRETS}/my-db-parameters");
    assert_eq!(lines, [format!("POST {SECRETS}").as_str(), &format!("POST {INSTANCES}"), &owned]);
    let spec = &sent[1].body["spec"];
    assert_eq!(
        (&spec["clusterServiceClassExternalName"], &spec["clusterServicePlanExternalName"]),
        (&json!("db"), &json!("small"))
    );
    assert_eq!(spec["parameters"], json!({"size": 3}));
    let key = spec["parametersFrom"][0]["secretKeyRef"]["key"].as_str().unwrap();
    assert_eq!(spec["parametersFrom"][0]["secretKeyRef"]["name"], "my-db-parameters");
    assert_eq!(sent[0].body["data"][key], STANDARD.encode(r#"{"password":"hunter2"}"#));
    assert_eq!(sent[2].body["metadata"]["ownerReferences"][0]["name"], "my-db");
    let encoded = STANDARD.encode(r#"{"password":"hunter2"}"#);
    for call in asked.iter().chain(&sent).filter(|call| !call.line.ends_with("/secrets")) {
        let text = format!("{call:?}");
        assert!(!text.contains("hunter2") && !text.contains(&encoded), "{}", call.line);
    }
    for page in [reviewed, answer] {
        assert!(!page.body.contains("hunter2") && !page.body.contains(&encoded));
    }
}

#[tokio::test]
async fn back_at_the_form_a_password_need_not_be_entered_again() {
    let (api, mut browser) = start().await;
    let reviewed = review(&mut browser, &[("parameters.password", "hunter2")]).await;
    let form = post(&mut browser, &[("step", "change"), ("draft", &reviewed.field("draft"))]).await;
    assert_eq!(form.status, StatusCode::OK);
    assert!(!form.body.contains("hunter2"));
    assert_eq!(form.field("name"), "my-db");
    let reviewed = review(&mut browser, &[("parameters.size", "2"), ("draft", &form.field("draft"))]).await;
    api.calls();
    assert_eq!(confirm(&mut browser, &reviewed).await.status, StatusCode::SEE_OTHER);
    let sent = api.tried();
    let data = sent[0].body["data"].as_object().unwrap();
    assert!(data.values().any(|value| *value == STANDARD.encode(r#"{"password":"hunter2"}"#)), "{data:?}");
    assert_eq!(sent[1].body["spec"]["parameters"], json!({"size": 2}));
}

#[tokio::test]
async fn all_parameters_can_be_kept_in_the_secret() {
    let (api, mut browser) = start().await;
    let reviewed = review(&mut browser, &[("parameters.size", "3"), ("all-in-secret", "yes")]).await;
    assert!(!reviewed.body.contains("size: 3"));
    api.calls();
    confirm(&mut browser, &reviewed).await;
    let sent = api.tried();
    assert_eq!(sent[1].body["spec"]["parameters"], Value::Null);
    assert!(sent[0].body["data"].as_object().unwrap().keys().all(|key| key.starts_with("size.")));
}

#[tokio::test]
async fn without_secrets_no_secret_is_created() {
    let (api, mut browser) = start().await;
    let reviewed = review(&mut browser, &[]).await;
    api.calls();
    assert_eq!(confirm(&mut browser, &reviewed).await.status, StatusCode::SEE_OTHER);
    assert_eq!(api.tried().len(), 1);
}

#[tokio::test]
async fn what_the_operator_would_refuse_is_shown_at_the_field() {
    let (api, mut browser) = start().await;
    let answer = review(&mut browser, &[("parameters.size", "9")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.body.contains("href=\"#parameters.size\"") && answer.body.contains("must be at most 5"),
        "{}",
        answer.body
    );
    assert!(api.tried().is_empty());
}

#[tokio::test]
async fn what_the_api_server_would_refuse_is_shown_at_the_field() {
    let (api, mut browser) = start().await;
    let causes = [("spec.parameters.size", "no such size"), ("metadata.name", "no such name")];
    api.refuse(&format!("DRY-RUN {INSTANCES}"), 422, "Invalid", &causes);
    let answer = review(&mut browser, &[("parameters.size", "3")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("href=\"#parameters.size\"") && answer.body.contains("no such size"));
    assert!(answer.body.contains("id=\"name-problem\"") && answer.body.contains("no such name"));
    assert_eq!(answer.field("parameters.size"), "3");
}

#[tokio::test]
async fn a_quota_is_shown_in_the_words_of_the_api_server() {
    let (api, mut browser) = start().await;
    api.refuse(&format!("DRY-RUN {INSTANCES}"), 403, "Forbidden", &[]);
    let answer = review(&mut browser, &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("refused by a test"));
}

#[tokio::test]
async fn a_taken_name_is_a_problem_of_the_name() {
    let (api, mut browser) = start().await;
    api.store(&format!("{INSTANCES}/my-db"), json!({}));
    let answer = review(&mut browser, &[]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("id=\"name-problem\""));
    assert!(answer.body.contains("href=\"/ns/team/instances/my-db\""));
}

#[tokio::test]
async fn a_double_click_creates_one_instance() {
    let (api, mut browser) = start().await;
    let reviewed = review(&mut browser, &[("parameters.password", "hunter2")]).await;
    assert_eq!(confirm(&mut browser, &reviewed).await.status, StatusCode::SEE_OTHER);
    api.calls();
    let second = confirm(&mut browser, &reviewed).await;
    assert_eq!(second.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(second.body.contains("href=\"/ns/team/instances/my-db\""), "{}", second.body);
    assert!(!api.tried().iter().any(|call| call.line.starts_with("DELETE ")));
}

#[tokio::test]
async fn the_secret_of_a_refused_instance_is_deleted_and_that_of_another_is_not() {
    let (api, mut browser) = start().await;
    let reviewed = review(&mut browser, &[("parameters.password", "hunter2")]).await;
    api.refuse(&format!("POST {INSTANCES}"), 403, "Forbidden", &[]);
    api.calls();
    let answer = confirm(&mut browser, &reviewed).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let sent = api.tried();
    let deletion =
        sent.iter().find(|call| call.line == format!("DELETE {SECRETS}/my-db-parameters")).unwrap();
    assert_eq!(deletion.body["preconditions"]["uid"], format!("uid of {SECRETS}/my-db-parameters"));
    // The scripted API server still has the Secret, as if the console had been killed: it is used, and stays.
    api.calls();
    let answer = confirm(&mut browser, &reviewed).await;
    assert!(!answer.body.contains("id=\"name-problem\""));
    assert!(api.tried().iter().any(|call| call.line == format!("POST {INSTANCES}")));
    let of_another =
        json!({"metadata": {"name": "my-db-parameters", "namespace": "team"}, "data": {"a": "Yg=="}});
    api.store(&format!("{SECRETS}/my-db-parameters"), of_another);
    let answer = confirm(&mut browser, &reviewed).await;
    assert!(answer.body.contains("id=\"name-problem\"") && answer.body.contains("my-db-parameters"));
    assert!(!api.tried().iter().any(|call| call.line.starts_with("DELETE ")));
}

#[tokio::test]
async fn the_secret_is_deleted_if_another_instance_has_the_name() {
    let (api, mut browser) = start().await;
    let reviewed = review(&mut browser, &[("parameters.password", "hunter2")]).await;
    api.store(
        &format!("{INSTANCES}/my-db"),
        json!({"metadata": {"name": "my-db", "namespace": "team"}, "spec": {}}),
    );
    api.calls();
    let answer = confirm(&mut browser, &reviewed).await;
    assert!(answer.body.contains("href=\"/ns/team/instances/my-db\""), "{}", answer.body);
    assert!(api.tried().iter().any(|call| call.line == format!("DELETE {SECRETS}/my-db-parameters")));
}

#[tokio::test]
async fn another_plan_shows_its_own_parameters() {
    let (_, mut browser) = start().await;
    let fields = [
        ("step", "review"),
        ("name", "mine"),
        ("plan", "large"),
        ("shown-plan", "small"),
        ("parameters.size", "3"),
    ];
    let answer = post(&mut browser, &fields).await;
    assert_eq!((answer.status, answer.field("shown-plan").as_str()), (StatusCode::OK, "large"));
    assert_eq!((answer.field("name").as_str(), answer.field("parameters.size").as_str()), ("mine", ""));
}

#[tokio::test]
async fn a_plan_that_has_vanished_is_a_problem() {
    let (_, mut browser) = start().await;
    let answer = browser.get("/ns/team/new?class=cluster/db&plan=gone").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("does not offer this plan any more"));
}

#[tokio::test]
async fn a_draft_of_elsewhere_does_not_open() {
    let (api, mut browser) = start().await;
    let reviewed = review(&mut browser, &[("parameters.password", "hunter2")]).await;
    let mut other = Browser::logged_in(&api).await;
    let answer = confirm(&mut other, &reviewed).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        !api.calls().iter().any(|call| call.line == format!("POST {INSTANCES}") && call.query.is_empty())
    );
}

#[tokio::test]
async fn only_those_who_may_are_offered_the_form() {
    let (api, mut browser) = start().await;
    let class = "/catalog/cluster/db";
    assert!(browser.get(class).await.body.contains("/ns/team/new?class=cluster%2Fdb&amp;plan=small"));
    assert_eq!(browser.get("/ns/team/new").await.header("location"), "/catalog");
    assert_eq!(browser.get("/ns/other/new?class=ns.team/db").await.status, StatusCode::NOT_FOUND);
    api.set_mood(Mood::Forbidding);
    assert_eq!(browser.get(ADDRESS).await.status, StatusCode::FORBIDDEN);
}
