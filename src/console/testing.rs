//! Tests only: a browser that keeps cookies, and an API server that answers as scripted.

mod api;
pub mod offering;
pub mod routes;
pub mod samples;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use scraper::{Html, Selector};
use tower::ServiceExt as _;
use url::form_urlencoded;

use crate::console::access::transport::Transport;
use crate::console::access::{Access, Mode, form_token};
use crate::console::request::Console;
use crate::console::server::router;

pub use api::{Api, Mood, TOKEN, lines};

/// The host by which the browser calls the console.
pub const HOST: &str = "console.example";

/// An answer of the console.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
    /// Its size in bytes.
    pub size: usize,
}

impl Answer {
    /// A header; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The page.
    pub fn html(&self) -> Html {
        Html::parse_document(&self.body)
    }

    /// The value of the first field of this name; empty if there is none.
    pub fn field(&self, name: &str) -> String {
        let html = self.html();
        let field = html.select(&Selector::parse(&format!("input[name='{name}']")).unwrap()).next();
        field.and_then(|field| field.attr("value")).unwrap_or_default().to_owned()
    }

    /// The first form token of the page.
    pub fn form_token(&self) -> String {
        self.field(form_token::FIELD)
    }
}

/// A browser with one console.
pub struct Browser {
    /// What the requests of the console share.
    pub console: Arc<Console>,
    router: Router,
    cookies: BTreeMap<String, String>,
    /// Headers of every request beside those that browsers send.
    pub headers: Vec<(&'static str, String)>,
    /// The header `Host`.
    pub host: String,
    /// The header `Sec-Fetch-Site`.
    pub fetch_site: &'static str,
}

impl Browser {
    /// A browser with a console of this mode.
    pub fn new(access: Access) -> Self {
        let origins = vec!["https://icons.example".to_owned()];
        let console = Console::new(access, "test-cluster".to_owned(), "team".to_owned(), origins);
        let console = Arc::new(console);
        Self {
            router: router(Arc::clone(&console)),
            console,
            cookies: BTreeMap::new(),
            headers: Vec::new(),
            host: HOST.to_owned(),
            fetch_site: "same-origin",
        }
    }

    /// A browser with a console at which users log in with tokens.
    pub fn with_login(api: &Api) -> Self {
        Self::new(Access::new(Mode::Token(Transport::from_client(api.client()))).unwrap())
    }

    /// The same, logged in as Jane.
    pub async fn logged_in(api: &Api) -> Self {
        let mut browser = Self::with_login(api);
        let answer = browser.log_in(TOKEN, "/catalog").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        api.calls();
        browser
    }

    /// Sends the login form.
    pub async fn log_in(&mut self, token: &str, next: &str) -> Answer {
        let form = self.get("/login").await;
        let form_token = form.form_token();
        self.post("/login", &[(form_token::FIELD, &form_token), ("token", token), ("next", next)]).await
    }

    /// The cookies with secrets, by name.
    pub fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    /// Sets a cookie.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Opens a page.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, Body::empty()).await
    }

    /// Sends a form.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, path, Body::from(body)).await
    }

    /// Sends a form with the token that the page has.
    pub async fn post_from(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.get(page).await.form_token();
        let mut fields = fields.to_vec();
        fields.push((form_token::FIELD, &token));
        self.post(path, &fields).await
    }

    async fn send(&mut self, method: Method, path: &str, body: Body) -> Answer {
        let (parts, body) = self.request(method, path, body).await.into_parts();
        self.keep_cookies(&parts.headers);
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            size: bytes.len(),
        }
    }

    /// Opens a stream: its status and its body.
    pub async fn stream(&self, path: &str) -> (StatusCode, BodyDataStream) {
        let answer = self.request(Method::GET, path, Body::empty()).await;
        (answer.status(), answer.into_body().into_data_stream())
    }

    async fn request(&self, method: Method, path: &str, body: Body) -> Response<Body> {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let mut request = Request::builder()
            .method(&method)
            .uri(path)
            .header("host", &self.host)
            .header("cookie", cookies.join("; "))
            .header("content-type", "application/x-www-form-urlencoded");
        if !self.fetch_site.is_empty() {
            request = request.header("sec-fetch-site", self.fetch_site);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap()
    }

    fn keep_cookies(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.set_cookie(name, value);
            }
        }
    }
}
