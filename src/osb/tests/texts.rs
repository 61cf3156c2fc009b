//! Every text of a broker that is shown or stored has a bound, no secret of the client, and no invisible character.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    broker::{Broker, answer},
    *,
};

const PASSWORD: &str = "s3cret-of-the-client";

/// The longest text that is shown, in characters, with the words around it.
const LONGEST: usize = 700;

/// A text that has everything that must not be shown.
fn hostile() -> String {
    format!("\u{202e}{PASSWORD}\u{2066}\u{200b} \u{0}{}", "long ".repeat(5_000))
}

async fn client_of(status: u16, body: Value) -> Client {
    let broker = Broker::answering([answer(status, &body.to_string())]).await;
    let authentication =
        Authentication::Basic { username: "jane".to_owned(), password: SecretString::from(PASSWORD) };
    Client::new(&Config { authentication, ..config(&broker.url) }).unwrap()
}

fn assert_presentable(text: &str, longest: usize) {
    let start: String = text.chars().take(100).collect();
    assert!(text.chars().count() <= longest, "{} characters: {start}", text.chars().count());
    assert!(!text.contains(PASSWORD), "{start}");
    assert!(!text.chars().any(|character| "\u{202e}\u{2066}\u{200b}\0".contains(character)), "{start:?}");
}

#[tokio::test]
async fn errors_are_presentable() {
    let text = hostile();
    for body in [
        json!({"error": text, "description": text}),
        json!({"Description": text}),
        json!({"message": text}),
        json!(text),
        json!([text]),
    ] {
        let error = client_of(500, body).await.catalog().await.unwrap_err();
        assert_presentable(&error.to_string(), LONGEST);
    }
    let broker = Broker::answering([http::Response::builder()
        .status(302)
        .header("location", format!("http://other/{}", "a".repeat(10_000)))
        .body(axum::body::Body::empty())
        .unwrap()])
    .await;
    assert_presentable(&broker.client().catalog().await.unwrap_err().to_string(), LONGEST);
}

#[tokio::test]
async fn progress_is_presentable() {
    let client = client_of(200, json!({"state": "in progress", "description": hostile()})).await;
    let progress = client.poll_instance("i", &poll_query(None), None).await.unwrap();
    assert_presentable(&progress.description.unwrap(), 501);
}

fn plan(id: &str) -> Value {
    json!({"id": id, "name": id, "description": "d"})
}

fn service(id: &str, plans: &Value) -> Value {
    json!({"id": id, "name": id, "description": "d", "bindable": true, "plans": plans})
}

#[tokio::test]
async fn catalogs_are_presentable() {
    let text = hostile();
    let mut shown = plan("p");
    shown["description"] = json!(text);
    shown["metadata"] = json!({"displayName": format!("by {PASSWORD}"), PASSWORD: 1});
    shown["maintenance_info"] = json!({"version": "1.0.0", "description": text});
    shown["schemas"] = json!({"service_instance": {"create": {"parameters": {"default": PASSWORD}}}});
    let mut offering = service("s", &json!([shown]));
    (offering["description"], offering["tags"]) = (json!(text), json!([text]));
    let catalog = client_of(200, json!({"services": [offering]})).await.catalog().await.unwrap();
    assert_eq!(catalog.rejected.described(), []);
    let service = &catalog.services[0];
    let info = service.plans[0].maintenance_info.as_ref().unwrap();
    for text in [&service.description, &service.plans[0].description, info.description.as_ref().unwrap()] {
        assert_presentable(text, 4001);
        assert!(text.starts_with("<redacted> long long "), "{text}");
    }
    assert_presentable(&service.tags[0], 201);
    let rest = json!(catalog).to_string();
    assert!(!rest.contains(PASSWORD) && rest.contains(r#""displayName":"by <redacted>""#), "{rest}");
}

/// Fails without each of the checks.
#[tokio::test]
async fn entries_that_cannot_be_stored_are_left_out() {
    let [longest, too_long] = [1000, 1001].map(|length| "x".repeat(length));
    let with = |member: &str, value: Value| {
        let mut plan = plan("p");
        plan[member] = value;
        plan
    };
    let big = |kib: usize| json!({"text": "x".repeat(kib << 10)});
    let identifier = "its id, name or version is longer than 1000 bytes";
    let secret = "its id, name or version contains the credentials for the broker";
    let size = "it is larger than 256 KiB";
    for (entry, why) in [
        (with("id", json!(longest)), None),
        (with("id", json!(too_long)), Some(identifier)),
        (with("name", json!(too_long)), Some(identifier)),
        (with("maintenance_info", json!({"version": too_long})), Some(identifier)),
        (with("id", json!(PASSWORD)), Some(secret)),
        (with("name", json!(format!("of {PASSWORD}"))), Some(secret)),
        (with("maintenance_info", json!({"version": PASSWORD})), Some(secret)),
        (with("metadata", big(250)), None),
        (with("metadata", big(257)), Some(size)),
        (with("schemas", json!({"service_instance": {"update": {"parameters": big(257)}}})), Some(size)),
    ] {
        let catalog = json!({"services": [service("s", &json!([plan("other"), entry]))]});
        let catalog = client_of(200, catalog).await.catalog().await.unwrap();
        assert_eq!(catalog.services[0].plans.len(), if why.is_some() { 1 } else { 2 });
        let rejected: Vec<&str> =
            catalog.rejected.described().iter().map(|rejected| &*rejected.why).collect();
        assert_eq!(rejected, why.into_iter().collect::<Vec<_>>());
        for rejected in catalog.rejected.described() {
            assert_presentable(&rejected.what, 301);
        }
    }
    let mut offering = service("s", &json!([plan("p")]));
    offering["metadata"] = big(257);
    let only = service("t", &json!([with("id", json!(too_long))]));
    let catalog = client_of(200, json!({"services": [offering, only]})).await.catalog().await.unwrap();
    assert_eq!(catalog.services, []);
    let rejected: Vec<&str> = catalog.rejected.described().iter().map(|rejected| &*rejected.why).collect();
    assert_eq!(rejected, [size, identifier, "it has no usable plan"]);
}
