//! A browser without JavaScript.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use reqwest::{Client, RequestBuilder, redirect};

/// The form field by which the console recognises its own pages.
const FORM_TOKEN: &str = "form-token";

/// A browser that is on one console.
pub struct Browser {
    client: Client,
    url: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// What the console answers.
#[derive(Debug)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    headers: reqwest::header::HeaderMap,
}

impl Browser {
    /// A browser without cookies.
    pub fn new(url: &str) -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        Self { client, url: url.to_owned(), cookies: Mutex::default() }
    }

    /// Opens a page.
    pub async fn get(&self, path: &str) -> Page {
        self.send(self.client.get(format!("{}{path}", self.url))).await
    }

    /// Submits a form with these fields, as from a page that the console has shown.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.submit("/about", path, fields).await
    }

    /// Logs in with a bearer token.
    pub async fn log_in(&self, token: &str) -> Page {
        self.submit("/login", "/login", &[("token", token)]).await
    }

    async fn submit(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let form_token = self.get(page).await.hidden(FORM_TOKEN);
        let fields: Vec<(&str, &str)> =
            fields.iter().copied().chain([(FORM_TOKEN, form_token.as_str())]).collect();
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(format!("{}{path}", self.url)).body(body);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        self.send(request.header("Sec-Fetch-Site", "same-origin")).await
    }

    async fn send(&self, request: RequestBuilder) -> Page {
        let cookies: Vec<String> =
            self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header("Cookie", cookies.join("; ")).send().await.unwrap();
        for set in answer.headers().get_all("Set-Cookie") {
            let (name, rest) = set.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
        }
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Page { status, headers, body: answer.text().await.unwrap() }
    }
}

impl Page {
    /// Whether this text is in the page.
    pub fn says(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    /// A header; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The value of the first hidden field of this name; empty if there is none.
    fn hidden(&self, name: &str) -> String {
        let field = self.body.split_once(&format!("name=\"{name}\" value=\""));
        field
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(value, _)| value.to_owned())
            .unwrap_or_default()
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.body)
    }
}
