//! An API server that answers as scripted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Method, Request, Response, header};
use futures::channel::mpsc::{UnboundedSender, unbounded};
use kube::Client;
use kube::client::Body as KubeBody;
use serde_json::{Value, json};
use tower::service_fn;

/// The token that the API server knows. It belongs to Jane.
pub const TOKEN: &str = "token-of-jane";

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
    /// The request whose answer gets lost.
    lost: String,
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

/// Methods and paths of these requests.
pub fn lines(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.line.as_str()).collect()
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

    /// Carries out a request such as `POST /api/v1/namespaces/team/secrets`, but its answer gets lost.
    pub fn lose_answer(&self, line: &str) {
        self.0.lock().unwrap().lost = line.to_owned();
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

    /// The changes since the last time, with those that were only tried.
    pub fn tried(&self) -> Vec<Call> {
        let is_read = |call: &Call| call.line.starts_with("GET ") || call.line.contains("/selfsubject");
        self.calls().into_iter().filter(|call| !is_read(call)).collect()
    }

    /// The changes since the last time.
    pub fn writes(&self) -> Vec<Call> {
        self.tried().into_iter().filter(|call| !call.query.contains("dryRun")).collect()
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
        let is_lost = line == state.lost && !query.contains("dryRun");
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
        if is_lost {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
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
