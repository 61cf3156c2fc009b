//! The floor: how fast a bare client makes the writes that the operator makes.
//!
//! What these are is learned in a rehearsal with one object, in which the operator reaches the API server through a
//! recorder. Later, without an operator, the same requests are made again for other objects.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use kube::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::load::{Phase, REQUESTS, Write, each};
use crate::operator::Operator;
use crate::process::directory;
use crate::{Stage, catalog};

/// The name of the objects of the rehearsal.
const REHEARSED: &str = "rehearsal";
/// How long a phase of the rehearsal has to be over for all of it to be recorded.
const AFTERMATH: Duration = Duration::from_millis(500);

/// How many requests are made at once: as many as by the users and the operator together.
const AT_ONCE: usize = 2 * REQUESTS;

/// What the operator writes in each phase.
pub struct Script(Vec<Scene>);

struct Scene {
    phase: Phase,
    uid: String,
    writes: Vec<Write>,
}

/// Rehearses.
pub async fn rehearse(stage: &Stage) -> Script {
    let recorder = Recorder::start(stage.operator.clone()).await;
    let _operator = Operator::start(&recorder.kubeconfig()).await;
    catalog::publish(&stage.user, "small", &stage.broker.url(1, 1)).await;
    let mut scenes = Vec::new();
    for phase in Phase::ALL {
        recorder.take();
        let object = phase.request(REHEARSED).send(&stage.user).await;
        stage.watch.until(phase, 1).await;
        tokio::time::sleep(AFTERMATH).await;
        scenes.push(Scene { phase, uid: text(&object, "/metadata/uid"), writes: recorder.take() });
    }
    Script(scenes)
}

impl Script {
    /// Plays it for so many objects whose names begin with `name`; returns how long each phase takes.
    pub async fn play(&self, stage: &Stage, name: &str, objects: u32) -> Vec<Duration> {
        let mut durations = Vec::new();
        for scene in &self.0 {
            let began = Instant::now();
            let all =
                each(objects, AT_ONCE, async |number| scene.play(stage, &format!("{name}-{number}")).await);
            tokio::join!(all, stage.watch.until(scene.phase, objects));
            durations.push(began.elapsed());
        }
        durations
    }
}

impl Scene {
    async fn play(&self, stage: &Stage, name: &str) {
        let object = self.phase.request(name).send(&stage.user).await;
        let uid = text(&object, "/metadata/uid");
        let mut version = text(&object, "/metadata/resourceVersion");
        for write in &self.writes {
            let rename = |text: &str| text.replace(REHEARSED, name).replace(&self.uid, &uid);
            let mut body: Value = serde_json::from_str(&rename(&write.body)).unwrap();
            if let Some(expected) = body.pointer_mut("/metadata/resourceVersion") {
                *expected = version.as_str().into();
            }
            // What is deleted is another object than in the rehearsal.
            if let Some(body) = body.as_object_mut() {
                body.remove("preconditions");
            }
            let write = Write { path: rename(&write.path), body: body.to_string(), ..write.clone() };
            let answer = write.send(&stage.operator).await;
            if text(&answer, "/metadata/uid") == uid {
                version = text(&answer, "/metadata/resourceVersion");
            }
        }
    }
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A way to the API server on which all that is written is recorded.
#[derive(Clone)]
struct Recorder {
    address: SocketAddr,
    client: Client,
    writes: Arc<Mutex<Vec<Write>>>,
}

impl Recorder {
    async fn start(client: Client) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let recorder = Self { address: listener.local_addr().unwrap(), client, writes: Arc::default() };
        let router = Router::new().fallback(record).with_state(recorder.clone());
        tokio::spawn(async { axum::serve(listener, router).await });
        recorder
    }

    fn kubeconfig(&self) -> PathBuf {
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "recorder",
            "contexts": [{"name": "recorder", "context": {"cluster": "recorder", "user": "recorder"}}],
            "clusters": [{"name": "recorder", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "recorder", "user": {}}],
        });
        let path = directory().join("recorder.kubeconfig");
        std::fs::write(&path, kubeconfig.to_string()).unwrap();
        path
    }

    /// What was recorded since the last time.
    fn take(&self) -> Vec<Write> {
        std::mem::take(&mut self.writes.lock().unwrap())
    }
}

/// Passes a request on. The client knows who the operator is.
async fn record(State(recorder): State<Recorder>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    if !parts.method.is_safe() {
        let content = parts.headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
        recorder.writes.lock().unwrap().push(Write {
            method: parts.method.clone(),
            path: parts.uri.path_and_query().unwrap().to_string(),
            content: content.unwrap_or_default(),
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
    }
    parts.headers.remove(HOST);
    parts.headers.remove(AUTHORIZATION);
    let request = Request::from_parts(parts, kube::client::Body::from(body.to_vec()));
    let mut answer = recorder.client.send(request).await.unwrap();
    answer.headers_mut().remove(TRANSFER_ENCODING);
    answer.map(Body::new)
}
