//! A broker that repeats all secrets that it knows, in every text of every answer.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Endpoint, Request};

fn hex(text: &str) -> String {
    let mut hex = String::new();
    for byte in text.bytes() {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// How the secrets are written.
const FORMS: [fn(&str) -> String; 6] = [
    str::to_owned,
    |text| STANDARD.encode(text),
    |text| URL_SAFE_NO_PAD.encode(text),
    hex,
    |text| url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
    |text| json!({"log": json!({"text": text}).to_string()}).to_string(),
];

/// Repeats secrets, in another form each time.
#[derive(Debug, Default)]
pub struct Echo(usize);

impl Echo {
    /// A text with the secrets of a request and of its binding.
    pub fn text(&mut self, request: &Request, credentials: &Value) -> String {
        self.0 += 1;
        let authorization = request.header("Authorization").unwrap_or_default();
        let encoded = authorization.split(' ').next_back().unwrap_or_default();
        let decoded = STANDARD.decode(encoded).unwrap_or_default();
        let parameters = &request.body["parameters"];
        let text = format!(
            "{authorization} {} {} {}",
            String::from_utf8_lossy(&decoded),
            if parameters.is_null() { String::new() } else { parameters.to_string() },
            credentials["password"].as_str().unwrap_or_default(),
        );
        FORMS[self.0 % FORMS.len()](&text)
    }

    /// Adds such texts to an answer, wherever it may have one.
    pub fn fill(&mut self, request: &Request, credentials: &Value, (status, body): &mut (u16, Value)) {
        let mut text = || self.text(request, credentials);
        if request.endpoint == Endpoint::Catalog {
            for service in body["services"].as_array_mut().unwrap() {
                service["description"] = text().into();
                service["tags"] = json!([text()]);
                service["metadata"] = json!({"displayName": text(), text(): [text()]});
                service["plans"][0]["description"] = text().into();
                service["plans"][0]["metadata"] = json!({"bullets": [text()]});
                let schema = json!({"parameters": {"type": "object", "title": text()}});
                service["plans"][0]["schemas"] = json!({"service_instance": {"create": schema}});
            }
            // An entry with a name that cannot be redacted.
            let mut leaking = body["services"][1].clone();
            (leaking["id"], leaking["name"]) = ("leaking".into(), text().into());
            leaking["plans"][0]["id"] = "leaking".into();
            body["services"].as_array_mut().unwrap().push(leaking);
            return;
        }
        if matches!(request.endpoint, Endpoint::Provision | Endpoint::Update) {
            let text: String = url::form_urlencoded::byte_serialize(text().as_bytes()).collect();
            body["dashboard_url"] = format!("https://dashboard/?{text}").into();
        }
        if *status == 202 {
            body["operation"] = format!("{} {}", body["operation"].as_str().unwrap(), text()).into();
        }
        body["description"] = text().into();
        body["error"] = text().into();
    }
}
