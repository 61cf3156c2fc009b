//! Requests to the broker by someone who has its bearer token, and by a platform that repeats itself.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::process::{Desk, address, desk};
use crate::cluster::{NAMESPACE, cluster};
use crate::few_namespaces;
use crate::namespace::Namespace;
use crate::scripted::{BINDING, INSTANCE};

/// A client of the broker with its token.
struct Thief {
    client: reqwest::Client,
    token: String,
}

impl Thief {
    async fn new() -> Self {
        let release = Namespace { name: NAMESPACE.to_owned(), client: cluster().client().await };
        let secret = release.get("Secret", "template-broker-identity").await.unwrap();
        let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
        Self { client, token: crate::scripted::json_secret(&secret)["token"].clone() }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Value,
        identity: Option<&str>,
    ) -> (StatusCode, Value) {
        let url = format!("https://localhost:{}{path}", address().port());
        let request = self.client.request(method, url).bearer_auth(&self.token);
        let request = request.header("X-Broker-API-Version", "2.17").body(body.to_string());
        let request = request.header("Content-Type", "application/json");
        let request = match identity {
            Some(name) => {
                use base64::Engine as _;
                let value = json!({"username": name, "uid": "", "groups": [], "extra": {}}).to_string();
                let value = base64::prelude::BASE64_STANDARD.encode(value);
                request.header("X-Broker-API-Originating-Identity", format!("kubernetes {value}"))
            }
            None => request,
        };
        let answer = request.send().await.unwrap();
        (answer.status(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }
}

/// The provision request of an instance, as the operator sends it.
fn provision(desk: &Desk, instance: &Value, name: &str, parameters: Value) -> Value {
    let status = &instance["status"]["externalProperties"];
    json!({
        "service_id": status["serviceID"], "plan_id": status["clusterServicePlanExternalID"],
        "context": {"platform": "kubernetes", "namespace": desk.env.name, "instance_name": name},
        "organization_guid": "o", "space_guid": "s", "parameters": parameters,
    })
}

#[tokio::test]
async fn a_stolen_token_makes_its_holder_no_other_user() {
    if few_namespaces::is_mode() {
        return;
    }
    let (desk, thief) = (desk().await, Thief::new().await);
    let spec =
        json!({"clusterServiceClassExternalName": "redis", "clusterServicePlanExternalName": "ephemeral"});
    desk.order("db", spec.clone()).await;
    desk.until_progress("db", "Deployment db").await;
    desk.run_pods().await;
    let instance = desk.env.until_ready(INSTANCE, "db").await;
    desk.bind("db").await;
    let id = instance["status"]["instanceID"].as_str().unwrap();
    let binding = desk.env.get(BINDING, "db").await.unwrap();
    let binding = binding["status"]["bindingID"].as_str().unwrap();
    let path = format!("/v2/service_instances/{id}");
    let query = "accepts_incomplete=true";
    let request = provision(&desk, &instance, "db", json!({}));
    let mut elsewhere = request.clone();
    elsewhere["context"]["namespace"] = "default".into();
    let mut another = request.clone();
    another["service_id"] = "another".into();
    let user = format!("jane@{}", desk.env.name);
    for (method, path, body, identity, expected) in [
        // An instance that does not exist, one of another namespace, and another service.
        (Method::PUT, format!("/v2/service_instances/new?{query}"), request.clone(), None, 400),
        (Method::PUT, format!("{path}?{query}"), elsewhere, None, 400),
        (Method::PUT, format!("{path}?{query}"), another.clone(), None, 409),
        (Method::PATCH, format!("{path}?{query}"), another, None, 400),
        // A forged identity, also that of an administrator.
        (Method::PATCH, format!("{path}?{query}"), request.clone(), Some("admin"), 422),
        // What exists, and is not being deleted.
        (Method::DELETE, format!("{path}?{query}"), json!({}), None, 400),
        (Method::DELETE, format!("{path}/service_bindings/{binding}?{query}"), json!({}), None, 400),
        (Method::GET, format!("{path}/service_bindings/another"), json!({}), None, 404),
        // The platform itself.
        (Method::PUT, format!("{path}?{query}"), request.clone(), Some(&*user), 200),
        (Method::GET, path.clone(), json!({}), None, 200),
        (Method::PUT, path.clone(), request, None, 422),
        (Method::GET, "/v2/service_instances/none/last_operation".to_owned(), json!({}), None, 410),
    ] {
        let (status, answer) = thief.send(method.clone(), &path, body, identity).await;
        assert_eq!(status, expected, "{method} {path} {identity:?}: {answer}");
        assert!(!answer.to_string().contains("password"), "{answer}");
    }
    let wrong = Thief { token: "wrong".to_owned(), ..Thief::new().await };
    assert_eq!(wrong.send(Method::GET, "/v2/catalog", json!({}), None).await.0, 401);

    desk.user.delete(BINDING, "db").await.unwrap();
    desk.env.until_gone(BINDING, "db").await;
    desk.user.delete(INSTANCE, "db").await.unwrap();
    desk.until_deleted("db").await;
    desk.nothing_is_left().await;
}
