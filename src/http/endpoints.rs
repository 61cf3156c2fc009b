//! Which endpoints does the operator serve? A new one is a line in [`endpoints`].

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::SetOnce;

use crate::metrics::Metrics;

/// The state that the endpoints report.
#[derive(Clone)]
struct Reported {
    metrics: Arc<Metrics>,
    ready: Arc<SetOnce<()>>,
}

/// The operator's probes and metrics. `/readyz` succeeds once `ready` is set.
pub fn endpoints(metrics: Arc<Metrics>, ready: Arc<SetOnce<()>>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(async |State(reported): State<Reported>| reported.metrics.text()))
        .with_state(Reported { metrics, ready })
}

async fn readyz(State(reported): State<Reported>) -> (StatusCode, &'static str) {
    if reported.ready.initialized() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "caches are not synced yet\n")
    }
}
