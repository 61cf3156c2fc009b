//! Registers brokers as a browser does, with an API server that answers as scripted.

use axum::http::StatusCode;
use serde_json::json;

use crate::console::testing::{Answer, Api, Browser, Mood, lines, samples};

const BROKERS: &str = "/apis/servicecatalog.k8s.io/v1beta1/clusterservicebrokers";
const OWN_BROKERS: &str = "/apis/servicecatalog.k8s.io/v1beta1/namespaces/team/servicebrokers";
const SECRETS: &str = "/api/v1/namespaces/brokers/secrets";
/// A password. No page may contain it.
const PASSWORD: &str = "correct-horse-battery";
const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";

const BASIC: [(&str, &str); 7] = [
    ("broker-name", "shop"),
    ("url", "https://broker.example"),
    ("login", "basic"),
    ("username", "jane"),
    ("password", PASSWORD),
    ("secret-namespace", "brokers"),
    ("ca-bundle", PEM),
];

async fn submit(browser: &mut Browser, fields: &[(&str, &str)]) -> Answer {
    browser.post_from("/brokers/new", "/brokers/new", fields).await
}

#[tokio::test]
async fn the_secret_is_created_before_the_broker() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    let answer = submit(&mut browser, &BASIC).await;
    assert_eq!(answer.header("location"), "/brokers/shop", "{}", answer.body);
    let calls = api.writes();
    assert_eq!(lines(&calls), [format!("POST {SECRETS}"), format!("POST {BROKERS}")]);
    let reference = json!({"namespace": "brokers", "name": "shop-credentials"});
    assert_eq!(calls[1].body["spec"]["authInfo"], json!({"basic": {"secretRef": reference}}));
    assert_eq!(calls[1].body["spec"]["url"], "https://broker.example");
    assert!(calls[1].body["spec"]["caBundle"].as_str().unwrap().starts_with("LS0tLS1CRUdJTiBDRVJU"));
    assert!(!calls[1].body.to_string().contains(PASSWORD));
    assert_eq!(calls[0].body["data"]["username"], "amFuZQ==");
}

#[tokio::test]
async fn a_broker_of_a_namespace_has_its_secret_there() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    let page = "/ns/team/brokers/new";
    let fields = [
        ("broker-name", "shop"),
        ("url", "https://broker.example"),
        ("login", "bearer"),
        ("token", PASSWORD),
        ("relist-duration", "15m"),
        ("secret-namespace", "other"),
    ];
    let answer = browser.post_from(page, page, &fields).await;
    assert_eq!(answer.header("location"), "/ns/team/brokers/shop", "{}", answer.body);
    let calls = api.writes();
    let expected = ["POST /api/v1/namespaces/team/secrets".to_owned(), format!("POST {OWN_BROKERS}")];
    assert_eq!(lines(&calls), expected);
    let login = json!({"bearer": {"secretRef": {"name": "shop-credentials"}}});
    assert_eq!(calls[1].body["spec"]["authInfo"], login);
    assert_eq!(calls[1].body["spec"]["relistDuration"], "15m");
}

#[tokio::test]
async fn the_secret_is_removed_if_the_broker_is_refused() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    api.refuse(&format!("POST {BROKERS}"), 403, "Forbidden", &[]);
    let answer = submit(&mut browser, &BASIC).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("create clusterservicebrokers.servicecatalog.k8s.io"), "{}", answer.body);
    assert_eq!(lines(&api.writes()).last(), Some(&format!("DELETE {SECRETS}/shop-credentials").as_str()));
}

#[tokio::test]
async fn no_answer_shows_a_secret_again() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    let mut fields = BASIC.to_vec();
    fields[1] = ("url", samples::HOSTILE);
    fields.push(("token", PASSWORD));
    let answer = submit(&mut browser, &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!answer.body.contains(PASSWORD) && !answer.body.contains("<script>alert"));
    // The other fields are.
    assert!(answer.body.contains("value=\"jane\"") && answer.body.contains("BEGIN CERTIFICATE"));
    assert_eq!(lines(&api.writes()), Vec::<&str>::new());
}

#[tokio::test]
async fn what_is_wrong_is_said_at_the_field() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    for (field, value) in [
        ("broker-name", "../x"),
        ("url", "http://broker.example"),
        ("url", "javascript:alert(1)"),
        ("username", ""),
        ("password", ""),
        ("secret-namespace", "A"),
        ("ca-bundle", "no certificate"),
    ] {
        let mut fields = BASIC.to_vec();
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let answer = submit(&mut browser, &fields).await;
        assert!(answer.body.contains(&format!("id=\"{field}-problem\"")), "{field}: {}", answer.body);
        assert_eq!(lines(&api.writes()), Vec::<&str>::new(), "{field}");
    }
}

#[tokio::test]
async fn http_is_accepted_if_the_user_says_so() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    let fields = [("broker-name", "shop"), ("url", "http://broker.example"), ("plain", "true")];
    let answer = submit(&mut browser, &fields).await;
    assert_eq!(answer.header("location"), "/brokers/shop", "{}", answer.body);
    let calls = api.writes();
    assert_eq!(lines(&calls), [format!("POST {BROKERS}")]);
    assert_eq!(calls[0].body["spec"].get("authInfo"), None);
}

#[tokio::test]
async fn what_the_dry_run_objects_to_is_said_at_the_field() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    let causes = [("spec.relistDuration", "interval-words"), ("spec.authInfo.basic", "login-words")];
    api.refuse(&format!("DRY-RUN {BROKERS}"), 422, "Invalid", &causes);
    let answer = submit(&mut browser, &BASIC).await;
    for (field, words) in [("relist-duration", "interval-words"), ("login", "login-words")] {
        assert!(answer.body.contains(&format!("id=\"{field}-problem\"")) && answer.body.contains(words));
    }
    assert_eq!(lines(&api.writes()), Vec::<&str>::new());
}

#[tokio::test]
async fn the_form_is_offered_to_those_who_may_register() {
    let api = Api::default();
    let mut browser = Browser::logged_in(&api).await;
    assert!(browser.get("/brokers").await.body.contains("/ns/team/brokers/new"));
    api.set_mood(Mood::Forbidding);
    assert!(!browser.get("/brokers").await.body.contains("brokers/new"));
}
