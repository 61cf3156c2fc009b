//! The floor: how fast a bare client makes the operator's writes.
//!
//! First the operator works on one object through a recording proxy. Later, without an operator, a client replays the
//! recorded writes for other objects.

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
use crate::{BenchEnv, catalog};

/// The name of the recorded objects.
const RECORDED: &str = "floor-sample";
/// How long after the end of a phase late writes are still recorded.
const RECORDING_TAIL: Duration = Duration::from_millis(500);

/// How many requests are in flight at once: as many as those of the users and the operator together.
const AT_ONCE: usize = 2 * REQUESTS;

/// The operator's writes in each phase.
pub struct Recording(Vec<RecordedPhase>);

struct RecordedPhase {
    phase: Phase,
    uid: String,
    writes: Vec<Write>,
}

/// Records the operator's writes for one object.
pub async fn record_writes(env: &BenchEnv) -> Recording {
    let recorder = Recorder::start(env.operator.clone()).await;
    let _operator = Operator::start(&recorder.kubeconfig()).await;
    catalog::publish(&env.user, "small", &env.broker.url(1, 1)).await;
    let mut phases = Vec::new();
    for phase in Phase::ALL {
        recorder.take();
        let object = phase.request(RECORDED).send(&env.user).await;
        env.watch.until(phase, 1).await;
        tokio::time::sleep(RECORDING_TAIL).await;
        phases.push(RecordedPhase { phase, uid: text(&object, "/metadata/uid"), writes: recorder.take() });
    }
    Recording(phases)
}

impl Recording {
    /// Replays the recording for `objects` objects whose names begin with `name`; returns the duration of each phase.
    pub async fn replay(&self, env: &BenchEnv, name: &str, objects: u32) -> Vec<Duration> {
        let mut durations = Vec::new();
        for recorded in &self.0 {
            let began = Instant::now();
            let all = each(objects, AT_ONCE, async |number| {
                recorded.replay(env, &format!("{name}-{number}")).await;
            });
            tokio::join!(all, env.watch.until(recorded.phase, objects));
            durations.push(began.elapsed());
        }
        durations
    }
}

impl RecordedPhase {
    async fn replay(&self, env: &BenchEnv, name: &str) {
        let object = self.phase.request(name).send(&env.user).await;
        let uid = text(&object, "/metadata/uid");
        let mut version = text(&object, "/metadata/resourceVersion");
        for write in &self.writes {
            let rename = |text: &str| text.replace(RECORDED, name).replace(&self.uid, &uid);
            let mut body: Value = serde_json::from_str(&rename(&write.body)).unwrap();
            if let Some(expected) = body.pointer_mut("/metadata/resourceVersion") {
                *expected = version.as_str().into();
            }
            // The deleted object is not the recorded one, so its preconditions cannot hold.
            if let Some(body) = body.as_object_mut() {
                body.remove("preconditions");
            }
            let write = Write { path: rename(&write.path), body: body.to_string(), ..write.clone() };
            let answer = write.send(&env.operator).await;
            if text(&answer, "/metadata/uid") == uid {
                version = text(&answer, "/metadata/resourceVersion");
            }
        }
    }
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A proxy to the API server that records all writes.
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

    /// Takes the writes since the last call.
    fn take(&self) -> Vec<Write> {
        std::mem::take(&mut self.writes.lock().unwrap())
    }
}

/// Records and forwards a request. The client authenticates as the operator.
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
