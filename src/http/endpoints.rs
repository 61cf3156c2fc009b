//! Which endpoints does the operator have? A new one is a line in [`endpoints`].

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::SetOnce;

use crate::metrics::Metrics;

/// What the endpoints show.
#[derive(Clone)]
struct Shown {
    metrics: Arc<Metrics>,
    ready: Arc<SetOnce<()>>,
}

/// The operator's probes and metrics. It is ready once `ready` is set.
pub fn endpoints(metrics: Arc<Metrics>, ready: Arc<SetOnce<()>>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(async |State(shown): State<Shown>| shown.metrics.text()))
        .with_state(Shown { metrics, ready })
}

async fn readyz(State(shown): State<Shown>) -> (StatusCode, &'static str) {
    if shown.ready.initialized() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "what there is has not been read yet\n")
    }
}
