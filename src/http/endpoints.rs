//! Which endpoints does the operator serve? A new one is a line in [`endpoints`].

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::{Mutex, SetOnce};

use crate::metrics::Metrics;

/// The state that the endpoints report.
#[derive(Clone)]
struct Reported {
    metrics: Arc<Metrics>,
    /// One scrape at a time: it counts all objects.
    scrape: Arc<Mutex<()>>,
    ready: Arc<SetOnce<()>>,
}

/// The operator's probes and metrics. `/readyz` succeeds once `ready` is set.
pub fn endpoints(metrics: Arc<Metrics>, ready: Arc<SetOnce<()>>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(Reported { metrics, scrape: Arc::default(), ready })
}

/// On a thread of its own, so that probes are answered meanwhile.
async fn scrape(State(reported): State<Reported>) -> Result<String, StatusCode> {
    let turn = Arc::clone(&reported.scrape).lock_owned().await;
    let text = tokio::task::spawn_blocking(move || {
        let text = reported.metrics.text();
        drop(turn);
        text
    });
    text.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn readyz(State(reported): State<Reported>) -> (StatusCode, &'static str) {
    if reported.ready.initialized() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "caches are not synced yet\n")
    }
}
