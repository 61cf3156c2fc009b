//! Binds as a browser does, with an API server that answers as scripted.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::console::testing::{Answer, Api, Browser, Mood, lines, samples};

const PAGE: &str = "/ns/team/instances/evil/bind";
const BINDINGS: &str = "/apis/servicecatalog.k8s.io/v1beta1/namespaces/team/servicebindings";
const SECRETS: &str = "/api/v1/namespaces/team/secrets";
/// A secret parameter. No page may contain it.
const PASSWORD: &str = "correct-horse-battery";

/// An instance with a plan that has a schema for bindings, a Deployment `web`, and one of its pods.
async fn browser(api: &Api) -> Browser {
    samples::store(api);
    let plan = json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ClusterServicePlan", "metadata": {"name": "evil"},
        "spec": {
            "clusterServiceBrokerName": "evil", "externalName": samples::HOSTILE, "externalID": "1",
            "clusterServiceClassRef": {"name": "evil"}, "description": "", "free": true,
            "serviceBindingCreateParameterSchema": {
                "$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
                "properties": {
                    "role": {"type": "string", "maxLength": 5},
                    "size": {"type": "integer"},
                    "password": {"type": "string", "title": samples::HOSTILE},
                },
            },
        },
    });
    api.store("/apis/servicecatalog.k8s.io/v1beta1/clusterserviceplans/evil", plan);
    let labels = json!({"app": "web"});
    let deployment = json!({
        "metadata": {"name": "web", "namespace": "team"},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}},
    });
    api.store("/apis/apps/v1/namespaces/team/deployments/web", deployment);
    let pod = json!({
        "metadata": {"name": "web-0", "namespace": "team", "labels": labels},
        "spec": {"containers": [{"name": "main"}]}, "status": {"phase": "Running"},
    });
    api.store("/api/v1/namespaces/team/pods/web-0", pod);
    Browser::logged_in(api).await
}

async fn submit(browser: &mut Browser, fields: &[(&str, &str)]) -> Answer {
    browser.post_from(PAGE, PAGE, fields).await
}

#[tokio::test]
async fn a_binding_is_created_after_a_dry_run_and_shown() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    let fields = [
        ("binding-name", "db"),
        ("secret-name", "login"),
        ("application", "Deployment/web"),
        ("variables", "true"),
        ("prefix", "DB_"),
        ("restart", "OnRotation"),
        ("parameters.role", "admin"),
    ];
    let answer = submit(&mut browser, &fields).await;
    assert_eq!(answer.header("location"), "/ns/team/bindings/db", "{}", answer.body);
    let calls = api.calls();
    let dry_run = calls.iter().find(|call| call.query.contains("dryRun=All")).unwrap();
    let created = calls.iter().rfind(|call| call.line == format!("POST {BINDINGS}")).unwrap();
    assert_eq!(dry_run.body, created.body);
    assert_eq!(
        created.body["spec"],
        json!({
            "instanceRef": {"name": "evil"}, "secretName": "login", "parameters": {"role": "admin"},
            "podSelector": {"matchLabels": {"app": "web"}},
            "injection": {"envFrom": {"prefix": "DB_"}, "restart": "OnRotation"},
        })
    );
}

#[tokio::test]
async fn a_binding_for_the_secret_only_says_nothing_about_pods() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    submit(&mut browser, &[("binding-name", "db"), ("variables", "true"), ("restart", "Never")]).await;
    let calls = api.writes();
    assert_eq!(lines(&calls), [format!("POST {BINDINGS}")]);
    assert_eq!(calls[0].body["spec"], json!({"instanceRef": {"name": "evil"}}));
}

#[tokio::test]
async fn the_preview_names_the_pods_and_creates_nothing() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    let fields =
        [("binding-name", "db"), ("application", "Deployment/web"), ("do", "preview"), ("variables", "true")];
    let answer = submit(&mut browser, &fields).await;
    assert_eq!(answer.status, StatusCode::OK);
    for text in ["app=web", "/bindings/db", "web-0"] {
        assert!(answer.body.contains(text), "{text}: {}", answer.body);
    }
    let calls = api.calls();
    assert!(calls.iter().any(|call| call.line.ends_with("/pods") && call.query.contains("app%3Dweb")));
    assert!(calls.iter().all(|call| call.line.starts_with("GET ") || call.line.contains("/selfsubject")));
}

#[tokio::test]
async fn a_secret_parameter_goes_to_a_secret_of_the_binding_and_into_no_page() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    let fields = [("binding-name", "db"), ("parameters.password", PASSWORD), ("do", "preview")];
    assert!(!submit(&mut browser, &fields).await.body.contains(PASSWORD));
    api.calls();
    let answer = submit(&mut browser, &fields[..2]).await;
    assert_eq!(answer.header("location"), "/ns/team/bindings/db", "{}", answer.body);
    let calls = api.writes();
    let expected =
        [format!("POST {SECRETS}"), format!("POST {BINDINGS}"), format!("PATCH {SECRETS}/db-parameters")];
    assert_eq!(lines(&calls), expected);
    let source = json!([{"secretKeyRef": {"name": "db-parameters", "key": "parameters"}}]);
    assert_eq!(calls[1].body["spec"]["parametersFrom"], source);
    assert_eq!(calls[1].body["spec"].get("parameters"), None);
    assert!(!calls[1].body.to_string().contains(PASSWORD));
    let owner = &calls[2].body["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["name"]), (&json!("ServiceBinding"), &json!("db")));
}

#[tokio::test]
async fn the_secret_is_removed_if_the_binding_is_refused() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    api.refuse(&format!("POST {BINDINGS}"), 403, "Forbidden", &[]);
    let answer = submit(&mut browser, &[("binding-name", "db"), ("parameters.password", PASSWORD)]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("create servicebindings.servicecatalog.k8s.io"), "{}", answer.body);
    assert!(!answer.body.contains(PASSWORD));
    let calls = api.writes();
    assert_eq!(lines(&calls).last(), Some(&format!("DELETE {SECRETS}/db-parameters").as_str()));
}

/// The text at a field.
fn problem_at(answer: &Answer, field: &str) -> String {
    let selector = scraper::Selector::parse(&format!("[id='{field}-problem']")).unwrap();
    let html = answer.html();
    let found = html.select(&selector).next();
    found.map(|element| element.text().collect()).unwrap_or_default()
}

#[tokio::test]
async fn what_is_wrong_is_said_at_the_field_and_nothing_is_created() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    let wrong: [(&str, &[(&str, &str)]); 6] = [
        ("binding-name", &[("binding-name", "../x")]),
        ("binding-name", &[("binding-name", "evil"), ("secret-name", "other")]),
        ("secret-name", &[("binding-name", "db"), ("secret-name", "evil")]),
        ("secret-name", &[("binding-name", "db"), ("secret-name", samples::HOSTILE)]),
        ("application", &[("binding-name", "db"), ("application", "Deployment/gone")]),
        ("parameters.role", &[("binding-name", "db"), ("parameters.role", "administrator")]),
    ];
    for (field, fields) in wrong {
        let answer = submit(&mut browser, fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        if !field.starts_with("parameters") {
            assert_ne!(problem_at(&answer, field), "", "{fields:?}: {}", answer.body);
        }
        assert!(answer.body.contains(&format!("href=\"#{field}\"")), "{fields:?}: {}", answer.body);
        assert_eq!(lines(&api.writes()), Vec::<&str>::new(), "{fields:?}");
    }
}

#[tokio::test]
async fn a_secret_parameter_is_entered_once_however_often_the_form_is_shown_again() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    let name = ("binding-name", "db");
    let mut shown = submit(&mut browser, &[name, ("parameters.password", "first"), ("do", "preview")]).await;
    // Another one, together with a value that is no number: neither is sent instead of the other.
    let draft = shown.field("draft");
    let fields = [name, ("parameters.password", "second"), ("parameters.size", "abc"), ("draft", &draft)];
    shown = submit(&mut browser, &fields).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!shown.body.contains("A value is stored."), "{}", shown.body);
    let draft = shown.field("draft");
    shown = submit(
        &mut browser,
        &[name, ("parameters.password", PASSWORD), ("draft", &draft), ("do", "preview")],
    )
    .await;
    // The preview again, a value against the schema, and a name that another binding has.
    for fields in [
        vec![name, ("do", "preview")],
        vec![name, ("parameters.role", "administrator")],
        vec![("binding-name", "evil")],
    ] {
        assert!(!shown.body.contains(PASSWORD));
        let draft = shown.field("draft");
        shown = submit(&mut browser, &[fields, vec![("draft", &draft)]].concat()).await;
        assert_eq!(lines(&api.writes()), Vec::<&str>::new());
    }
    let draft = shown.field("draft");
    let answer = submit(&mut browser, &[name, ("draft", &draft)]).await;
    assert_eq!(answer.header("location"), "/ns/team/bindings/db", "{}", answer.body);
    let secret = api.writes().into_iter().find(|call| call.line == format!("POST {SECRETS}")).unwrap();
    let stored = STANDARD.decode(secret.body["data"]["parameters"].as_str().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&stored).unwrap(), json!({"password": PASSWORD}));
}

#[tokio::test]
async fn what_the_api_server_objects_to_in_the_dry_run_is_said_at_the_field() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    let causes: [(&str, &str); 4] = [
        ("metadata.name", "name-words"),
        ("spec.injection.envFrom.prefix", "prefix-words"),
        ("spec.podSelector", "selector-words"),
        ("", samples::HOSTILE),
    ];
    api.refuse(&format!("DRY-RUN {BINDINGS}"), 422, "Invalid", &causes);
    let answer = submit(&mut browser, &[("binding-name", "db"), ("parameters.password", PASSWORD)]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for (field, words) in
        [("binding-name", "name-words"), ("prefix", "prefix-words"), ("application", "selector-words")]
    {
        assert_eq!(problem_at(&answer, field), words);
    }
    assert_eq!(lines(&api.writes()), Vec::<&str>::new());
    assert!(!answer.body.contains(PASSWORD) && !answer.body.contains("<script>alert"));
}

/// Seen to fail when the Secret is deleted after any failure: the binding that exists has lost its parameters.
#[tokio::test]
async fn the_secret_stays_when_the_answer_about_its_binding_gets_lost() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    api.lose_answer(&format!("POST {BINDINGS}"));
    let answer = submit(&mut browser, &[("binding-name", "db"), ("parameters.password", PASSWORD)]).await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
    assert_eq!(lines(&api.writes()), [format!("POST {SECRETS}"), format!("POST {BINDINGS}")]);
}

#[tokio::test]
async fn a_double_click_makes_one_binding() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    let fields = [("binding-name", "db"), ("parameters.password", PASSWORD)];
    submit(&mut browser, &fields).await;
    api.calls();
    let answer = submit(&mut browser, &fields).await;
    assert_ne!(problem_at(&answer, "binding-name"), "");
    assert_eq!(lines(&api.writes()), Vec::<&str>::new());
}

#[tokio::test]
async fn the_form_proposes_a_name_that_is_free() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    let name = |answer: &Answer| {
        let selector = scraper::Selector::parse("#binding-name").unwrap();
        answer.html().select(&selector).next().unwrap().attr("value").unwrap().to_owned()
    };
    let proposed = name(&browser.get(PAGE).await);
    assert!(proposed.starts_with("evil-") && proposed.len() == "evil-".len() + 4, "{proposed}");
    let instance = json!({"metadata": {"name": "shop", "namespace": "team"}, "spec": {}});
    api.store("/apis/servicecatalog.k8s.io/v1beta1/namespaces/team/serviceinstances/shop", instance);
    assert_eq!(name(&browser.get("/ns/team/instances/shop/bind").await), "shop");
}

#[tokio::test]
async fn the_instance_offers_bind_once_it_is_ready() {
    let api = Api::default();
    let mut browser = browser(&api).await;
    let link = format!("href=\"{PAGE}\"");
    assert!(!browser.get("/ns/team/instances/evil").await.body.contains(&link));
    let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let instance: Value = json!({
        "metadata": {"name": "evil", "namespace": "team"}, "spec": {},
        "status": {"conditions": [ready]},
    });
    api.store("/apis/servicecatalog.k8s.io/v1beta1/namespaces/team/serviceinstances/evil", instance);
    assert!(browser.get("/ns/team/instances/evil").await.body.contains(&link));
    api.set_mood(Mood::Forbidding);
    assert_eq!(browser.get(PAGE).await.status, StatusCode::FORBIDDEN);
}
