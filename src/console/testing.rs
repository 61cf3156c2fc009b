//! Tests only: an API server that answers as scripted, and a browser that keeps cookies.

pub mod offering;
pub mod routes;
pub mod samples;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, BodyDataStream, to_bytes};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use kube::Client;
use kube::client::Body as KubeBody;
use scraper::{Html, Selector};
use serde_json::{Value, json};
use tower::{ServiceExt as _, service_fn};
use url::form_urlencoded;

use crate::console::access::transport::Transport;
use crate::console::access::{Access, Mode, form_token};
use crate::console::request::Console;
use crate::console::server::router;

/// The token that the API server knows. It belongs to Jane.
pub const TOKEN: &str = "token-of-jane";
/// The host by which the browser calls the console.
pub const HOST: &str = "console.example";

/// How the API server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It lets Jane do everything.
    #[default]
    Willing,
    /// It lets Jane do nothing.
    Forbidding,
    /// It does not know Jane's token any more.
    Forgetful,
    /// It has too much to do.
    Busy,
    /// It cannot be reached.
    Away,
}

/// An API server.
#[derive(Clone, Default)]
pub struct Api(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    mood: Mood,
    objects: BTreeMap<String, Value>,
    refusals: BTreeMap<String, Value>,
    calls: Vec<Call>,
    watches: Vec<UnboundedSender<Result<String, std::io::Error>>>,
}

/// A request that the API server has got.
#[derive(Clone, Debug)]
pub struct Call {
    /// Method and path.
    pub line: String,
    /// The header `Authorization`.
    pub authorization: String,
    /// The query; may be empty.
    pub query: String,
    /// The body; null if there is none.
    pub body: Value,
}

impl Api {
    /// How it behaves from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    /// Stores an object at its path, such as `/api/v1/namespaces/team/secrets/db`.
    pub fn store(&self, path: &str, object: Value) {
        self.0.lock().unwrap().objects.insert(path.to_owned(), object);
    }

    /// Answers a request such as `POST /api/v1/namespaces/team/secrets` with this code, reason and causes (path and
    /// words) from now on. A method `DRY-RUN` stands for a POST that only asks.
    pub fn refuse(&self, line: &str, code: u16, reason: &str, causes: &[(&str, &str)]) {
        let causes: Vec<_> =
            causes.iter().map(|(field, message)| json!({"field": field, "message": message})).collect();
        let mut status = failure(code, "refused by a test");
        status["reason"] = reason.into();
        status["details"]["causes"] = causes.into();
        self.0.lock().unwrap().refusals.insert(line.to_owned(), status);
    }

    /// Reports this event on all watches.
    pub fn report(&self, type_: &str) {
        let metadata = json!({"name": "evil", "resourceVersion": "2"});
        let object =
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata});
        let line = format!("{}\n", json!({"type": type_, "object": object}));
        self.0.lock().unwrap().watches.retain(|watch| watch.unbounded_send(Ok(line.clone())).is_ok());
    }

    /// Ends all watches.
    pub fn end_watches(&self) {
        self.0.lock().unwrap().watches.clear();
    }

    /// What it was asked since the last time.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap().calls)
    }

    /// A client without identity.
    pub fn client(&self) -> Client {
        let api = self.clone();
        let service = service_fn(move |request: Request<KubeBody>| {
            let api = api.clone();
            async move { api.answer(request).await }
        });
        Client::new(service, "default")
    }

    async fn answer(&self, request: Request<KubeBody>) -> Result<Response<Body>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut state = self.0.lock().unwrap();
        let authorization = parts.headers.get(header::AUTHORIZATION);
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let path = parts.uri.path();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let line = format!("{} {path}", parts.method);
        state.calls.push(Call {
            line,
            authorization: authorization.clone(),
            query: query.clone(),
            body: body.clone(),
        });
        let is_review = path.contains("/selfsubject");
        let (status, body) = match state.mood {
            Mood::Away => return Err(std::io::ErrorKind::ConnectionRefused.into()),
            Mood::Forgetful => (401, failure(401, "Unauthorized")),
            _ if authorization != format!("Bearer {TOKEN}") => (401, failure(401, "Unauthorized")),
            _ if path.ends_with("/selfsubjectreviews") => (201, review()),
            Mood::Busy => (429, failure(429, "too many requests")),
            Mood::Forbidding if !is_review => (403, failure(403, "jane may not do this")),
            mood if path.ends_with("/selfsubjectrulesreviews") => (201, rules(mood)),
            Mood::Willing if parts.method == Method::POST && !is_review => {
                state.create(path, body, query.contains("dryRun=All"))
            }
            Mood::Willing if query.contains("watch=") => {
                let (sender, events) = unbounded();
                state.watches.push(sender);
                return Ok(Response::new(Body::from_stream(events)));
            }
            Mood::Forbidding | Mood::Willing => state.read(&parts.method, path),
        };
        let response = Response::builder().status(status).header("content-type", "application/json");
        Ok(response.body(Body::from(body.to_string())).unwrap())
    }
}

impl State {
    /// Creates an object below the path of its list, or only says whether it would.
    fn create(&mut self, path: &str, mut object: Value, dry_run: bool) -> (u16, Value) {
        let method = if dry_run { "DRY-RUN" } else { "POST" };
        if let Some(status) = self.refusals.get(&format!("{method} {path}")) {
            return (status["code"].to_string().parse().unwrap(), status.clone());
        }
        let at = format!("{path}/{}", object["metadata"]["name"].as_str().unwrap_or_default());
        if self.objects.contains_key(&at) {
            let mut status = failure(409, "exists already");
            status["reason"] = "AlreadyExists".into();
            return (409, status);
        }
        object["metadata"]["uid"] = format!("uid of {at}").into();
        if !dry_run {
            self.objects.insert(at, object.clone());
        }
        (201, object)
    }

    /// The object of this path, or the objects below it if it is that of a list: those of tests end with another letter.
    fn read(&self, method: &Method, path: &str) -> (u16, Value) {
        if let Some(status) = self.refusals.get(&format!("{method} {path}")) {
            return (status["code"].to_string().parse().unwrap(), status.clone());
        }
        if let Some(object) = self.objects.get(path) {
            return (200, object.clone());
        }
        if method != Method::GET || !path.ends_with('s') {
            return (404, failure(404, "not found"));
        }
        let prefix = format!("{path}/");
        let items: Vec<_> =
            self.objects.iter().filter(|(at, _)| at.starts_with(&prefix)).map(|(_, object)| object).collect();
        (
            200,
            json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}),
        )
    }
}

fn failure(code: u16, message: &str) -> Value {
    let details = json!({"retryAfterSeconds": 7});
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": "",
           "details": details})
}

fn review() -> Value {
    let user = json!({"username": "jane", "uid": "7", "groups": ["system:authenticated", "team"]});
    json!({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
           "status": {"userInfo": user}})
}

fn rules(mood: Mood) -> Value {
    let all = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]);
    let rules = if mood == Mood::Willing { all } else { json!([]) };
    json!({"kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": {},
           "status": {"resourceRules": rules, "nonResourceRules": [], "incomplete": false}})
}

/// An answer of the console.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
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
        let selector = format!("input[name={}]", form_token::FIELD);
        let html = self.html();
        let field = html.select(&Selector::parse(&selector).unwrap()).next();
        field.and_then(|field| field.attr("value")).unwrap_or_default().to_owned()
    }
}

/// A browser with one console.
pub struct Browser {
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
        Self {
            router: router(Arc::new(console)),
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
