//! Which endpoints does the operator serve? A new one is a line in [`endpoints`].

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, SetOnce};

use crate::metrics::Metrics;

/// How many texts with all metrics are in memory at once, at most: a client may read one as slowly as the server lets
/// it.
pub(super) const MAX_TEXTS: usize = 4;

/// The state that the endpoints report.
#[derive(Clone)]
struct Reported {
    metrics: Arc<Metrics>,
    /// The latest text. One scrape at a time: it counts all objects.
    latest: Arc<Mutex<Bytes>>,
    /// A permit for each text that is in memory.
    texts: Arc<Semaphore>,
    ready: Arc<SetOnce<()>>,
}

/// The operator's probes and metrics. `/readyz` succeeds once `ready` is set.
pub fn endpoints(metrics: Arc<Metrics>, ready: Arc<SetOnce<()>>) -> Router {
    let (latest, texts) = (Arc::default(), Arc::new(Semaphore::new(MAX_TEXTS)));
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(Reported { metrics, latest, texts, ready })
}

/// A text with all metrics. It has its permit until the last client has read it.
struct Text {
    text: String,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

/// Counts on a thread of its own, so that probes are answered meanwhile. While clients are slow to read as many texts
/// as there may be, others share the latest one.
async fn scrape(State(reported): State<Reported>) -> Response {
    let mut latest = reported.latest.lock_owned().await;
    let text = match reported.texts.try_acquire_owned() {
        Err(_) => Ok(latest.clone()),
        Ok(permit) => {
            tokio::task::spawn_blocking(move || {
                *latest = Bytes::from_owner(Text { text: reported.metrics.text(), _permit: permit });
                latest.clone()
            })
            .await
        }
    };
    match text {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn readyz(State(reported): State<Reported>) -> (StatusCode, &'static str) {
    if reported.ready.initialized() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "caches are not synced yet\n")
    }
}
