//! Status codes and error codes, request by request, as the specification lists them.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use super::platform::{Answer, Platform, binding, instance};
use crate::catalog::{self, LARGE, Plan, SHARED, SMALL};

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let platform = Platform::new(Duration::ZERO).await;
    let (unknown, other) = (json!("x"), json!(SHARED.id));
    let (schema_with_limit, long) = (instance(&SHARED, &limit(&json!(1))), instance(&LARGE, &json!({})));
    // The change of a valid request (`null` removes a member), and the expected answer.
    let cases = [
        (json!({ "service_id": null }), "400"),
        (json!({ "plan_id": null }), "400"),
        (json!({ "organization_guid": null }), "400"),
        (json!({ "space_guid": null }), "400"),
        (json!({ "space_guid": "" }), "400"),
        (json!({ "service_id": unknown }), "400"),
        (json!({ "plan_id": unknown }), "400"),
        (json!({ "plan_id": other }), "400"),
        (json!({ "parameters": 1 }), "400"),
        (json!({ "parameters": { "x": 1 } }), "400"),
        (json!({ "parameters": limit(&json!(0)) }), "400"),
        (json!({ "parameters": limit(&json!(101)) }), "400"),
        (json!({ "parameters": limit(&json!("9")) }), "400"),
        (json!({ "maintenance_info": {} }), "400"),
        (json!({ "maintenance_info": { "version": "1.1.0" } }), "422 MaintenanceInfoConflict"),
        (schema_with_limit, "400"),
        (long, "422 AsyncRequired"),
    ];
    for (change, expected) in cases {
        let mut request = instance(&SMALL, &json!({}));
        let members = request.as_object_mut().unwrap();
        members.extend(change.as_object().unwrap().clone());
        members.retain(|_, value| !value.is_null());
        let answer = platform.put("new", &request).await;
        assert_error(&answer, expected, &change.to_string());
    }
    assert_eq!(platform.get("new").await.status, 404, "nothing was provisioned");
}

#[tokio::test]
async fn requests_for_the_wrong_thing_are_answered_as_specified() {
    let platform = Platform::new(Duration::ZERO).await;
    platform.put("one", &instance(&SMALL, &json!({}))).await;
    let change = |plan| json!({ "service_id": SMALL.service_id, "plan_id": plan });
    let bind = |plan, parameters| binding(plan, &parameters);
    let cases = [
        ("PUT a%00b", instance(&SMALL, &json!({})), "400"),
        ("PUT %FF", instance(&SMALL, &json!({})), "400"),
        ("PUT new", Value::Null, "400"),
        ("PUT new?accepts_incomplete=perhaps", instance(&SMALL, &json!({})), "400"),
        ("PATCH one", json!({}), "400"),
        ("PATCH one", change(json!("x")), "400"),
        ("PATCH one", change(json!(SHARED.id)), "400"),
        ("PATCH one", change(json!(LARGE.id)), "422 AsyncRequired"),
        ("PATCH nowhere", change(Value::Null), "404"),
        ("PUT nowhere/service_bindings/b", bind(&SMALL, json!({})), "404"),
        ("PUT one/service_bindings/b", bind(&SHARED, json!({})), "400"),
        ("PUT one/service_bindings/b", bind(&SMALL, json!({ "x": 1 })), "400"),
        ("PUT one/service_bindings/b", json!({}), "400"),
        ("PUT one/service_bindings/b", json!({ "predecessor_binding_id": "x", "parameters": {} }), "400"),
        ("GET nowhere", Value::Null, "404"),
        ("GET nowhere/last_operation", Value::Null, "404"),
        ("GET nowhere/last_operation?operation=deprovision-1", Value::Null, "410"),
        ("GET one/service_bindings/b", Value::Null, "404"),
        ("GET one/service_bindings/b/last_operation", Value::Null, "404"),
        ("GET one/nonsense", Value::Null, "404"),
        ("DELETE one/service_bindings/b", Value::Null, "400"),
        ("DELETE one/service_bindings/b?{small}", Value::Null, "410"),
        ("DELETE nowhere/service_bindings/b?{small}", Value::Null, "410"),
        ("DELETE one", Value::Null, "400"),
        ("DELETE one?{small}-not", Value::Null, "400"),
        ("DELETE one?{schema}", Value::Null, "400"),
        ("DELETE nowhere?{small}", Value::Null, "410"),
    ];
    for (request, body, expected) in cases {
        let (method, path) = request.split_once(' ').unwrap();
        let path = path.replace("{small}", &ids(&SMALL)).replace("{schema}", &ids(&SHARED));
        let body = (!body.is_null()).then_some(&body);
        let answer = platform.send(method.parse().unwrap(), &path, body).await;
        assert_error(&answer, expected, request);
    }
}

fn limit(value: &Value) -> Value {
    json!({ "connectionLimit": value })
}

fn ids(plan: &Plan) -> String {
    format!("service_id={}&plan_id={}", plan.service_id, plan.id)
}

fn assert_error(answer: &Answer, expected: &str, request: &str) {
    let (status, code) = answer.error();
    let actual =
        [status.to_string()].into_iter().chain(code.map(str::to_owned)).collect::<Vec<_>>().join(" ");
    assert_eq!(actual, expected, "{request}: {}", answer.body);
    assert!(answer.body["description"].is_string(), "{request}: {}", answer.body);
}

#[tokio::test]
async fn every_request_needs_a_password_and_a_version() {
    let platform = Platform::new(Duration::ZERO).await;
    let (url, right) = (format!("{}/v2/catalog", platform.url), Some("password"));
    let cases = [
        (right, Some("2.17"), 200),
        (right, Some("2.13"), 200),
        (right, None, 400),
        (right, Some("3.0"), 412),
        (Some("wrong"), Some("2.17"), 401),
        (None, Some("2.17"), 401),
    ];
    for (password, version, expected) in cases {
        let mut request = platform.http.get(&url).header("X-Broker-API-Request-Identity", "request-1");
        request = password
            .into_iter()
            .fold(request, |request, password| request.basic_auth("user", Some(password)));
        request = version
            .into_iter()
            .fold(request, |request, version| request.header("X-Broker-API-Version", version));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), expected, "{password:?} {version:?}");
        assert_eq!(response.headers()["X-Broker-API-Request-Identity"], "request-1");
    }
    let health = platform.http.get(format!("{}/healthz", platform.url)).send().await.unwrap();
    assert_eq!(health.status(), 200, "needs neither");
}

#[tokio::test]
async fn a_platform_that_has_the_catalog_is_not_sent_it_again() {
    let platform = Platform::new(Duration::ZERO).await;
    let request = || {
        let request = platform.http.get(format!("{}/v2/catalog", platform.url));
        request.basic_auth("user", Some("password")).header("X-Broker-API-Version", "2.17")
    };
    let first = request().send().await.unwrap();
    let etag = first.headers()["ETag"].clone();
    let body: Value = serde_json::from_str(&first.text().await.unwrap()).unwrap();
    assert_eq!(body, json!(catalog::document()));
    assert_eq!(request().header("If-None-Match", etag).send().await.unwrap().status(), 304);
    assert_eq!(request().header("If-None-Match", "\"old\"").send().await.unwrap().status(), 200);
}

#[test]
fn the_catalog_keeps_the_rules() {
    let catalog = json!(catalog::document());
    let services = catalog["services"].as_array().unwrap();
    let plans: Vec<&Value> =
        services.iter().flat_map(|service| service["plans"].as_array().unwrap()).collect();
    assert_eq!((services.len(), plans.len()), (2, 3));
    let mut ids = BTreeSet::new();
    for it in services.iter().chain(plans.iter().copied()) {
        let id = it["id"].as_str().unwrap();
        assert_eq!(id.parse::<uuid::Uuid>().unwrap().to_string(), id);
        assert!(ids.insert(id), "{id} is used twice");
        assert!(it["name"].as_str().unwrap().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        assert!(!it["description"].as_str().unwrap().is_empty());
        assert!(it["metadata"]["displayName"].is_string());
    }
    for plan in plans {
        for kind in
            [&plan["schemas"]["service_instance"]["create"], &plan["schemas"]["service_instance"]["update"]]
        {
            assert!(kind["parameters"]["$schema"].is_string());
        }
        assert!(plan["schemas"]["service_binding"]["create"]["parameters"]["$schema"].is_string());
    }
    for service in services {
        for plan in service["plans"].as_array().unwrap() {
            catalog::plan(service["id"].as_str().unwrap(), plan["id"].as_str().unwrap()).unwrap();
        }
        assert!(service["metadata"]["imageUrl"].as_str().unwrap().starts_with("data:image/svg+xml;base64,"));
    }
}
