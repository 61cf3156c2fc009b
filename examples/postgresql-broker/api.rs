//! The endpoints of the Open Service Broker API, version 2.17, and their common middleware.

mod bindings;
mod gate;
mod instances;
mod request;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, put},
};
use serde_json::json;
use service_catalog::osb::{self, ErrorResponse, route};
use uuid::Uuid;

pub use self::gate::Credentials;
use crate::{broker::Broker, catalog, error::Error};

/// The state that handlers share.
type Shared = State<Arc<Broker>>;

/// All routes.
pub fn router(broker: Arc<Broker>, credentials: Credentials) -> Router {
    let instance = put(instances::provision)
        .get(instances::fetch)
        .patch(instances::update)
        .delete(instances::deprovision);
    let binding = put(bindings::bind).get(bindings::fetch).delete(bindings::unbind);
    Router::new()
        .route(route::CATALOG, get(catalog))
        .route(route::INSTANCE, instance)
        .route(route::INSTANCE_LAST_OPERATION, get(instances::last_operation))
        .route(route::BINDING, binding)
        .route(route::BINDING_LAST_OPERATION, get(bindings::last_operation))
        .fallback(async || Error::NotFound("this address"))
        .layer(middleware::from_fn(gate::finish))
        .layer(middleware::from_fn_with_state(Arc::new(credentials), gate::admit))
        .layer(middleware::from_fn(osb::gate::log))
        .route("/healthz", get(healthz))
        .with_state(broker)
}

/// The catalog, or `304` for a platform that has this version of it.
async fn catalog(headers: HeaderMap) -> Response {
    let body = json!(catalog::document());
    let etag = format!("\"{}\"", Uuid::new_v5(&Uuid::NAMESPACE_OID, body.to_string().as_bytes()));
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let tag = [(header::ETAG, etag)];
    if known { (StatusCode::NOT_MODIFIED, tag).into_response() } else { (tag, Json(body)).into_response() }
}

async fn healthz(State(broker): Shared) -> Response {
    match broker.check().await {
        Ok(()) => "ok\n".into_response(),
        Err(error) => {
            let body = ErrorResponse { description: Some(error.to_string()), ..ErrorResponse::default() };
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}
