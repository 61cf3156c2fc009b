//! The endpoints of the broker: what do requests and answers look like?

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router, middleware};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use super::broker::{Accepted, Broker, Progress};
use super::certificate::Served;
use super::error::Error;
use super::gate;
use crate::osb::header::ORIGINATING_IDENTITY;
use crate::osb::{
    self, AsyncQuery, BindRequest, BindResponse, DeletionResponse, InstanceResponse, LastOperation,
    LastOperationQuery, OperationState, OriginatingIdentity, ProvisionRequest, ProvisionResponse, Reply,
    UpdateRequest, UpdateResponse, route,
};

/// The delay between polls that platforms should use, in seconds.
const POLL_AFTER: &str = "1";
/// How many requests are processed at once, at most. Each has some objects in memory.
const MAX_REQUESTS: usize = 16;

/// The state that handlers share.
type Shared = State<Arc<Broker>>;

/// All routes.
pub fn router(broker: Arc<Broker>, identity: Arc<Served>) -> Router {
    let instance = put(provision).get(fetch).patch(update).delete(deprovision);
    let binding = put(bind).get(fetch_binding).delete(unbind);
    Router::new()
        .route(route::CATALOG, get(catalog))
        .route(route::INSTANCE, instance)
        .route(route::INSTANCE_LAST_OPERATION, get(last_operation))
        .route(route::BINDING, binding)
        .route(route::BINDING_LAST_OPERATION, get(last_binding_operation))
        .fallback(async || Error::NotFound("this address"))
        .layer(middleware::from_fn_with_state(Arc::new(Semaphore::new(MAX_REQUESTS)), gate::finish))
        .layer(middleware::from_fn_with_state(identity, gate::admit))
        .layer(middleware::from_fn(osb::gate::log))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .with_state(broker)
}

async fn readyz(State(broker): Shared) -> (StatusCode, &'static str) {
    if broker.is_ready() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the templates are not listed yet\n")
    }
}

/// The catalog, or 304 for a platform that has this version of it.
async fn catalog(State(broker): Shared, headers: HeaderMap) -> Result<Response, Error> {
    let (etag, body) = broker.catalog()?;
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let tag = [(header::ETAG, etag)];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((tag, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

async fn provision(
    State(broker): Shared,
    ids: Ids,
    Claimed(user): Claimed,
    Parameters(query): Parameters<AsyncQuery>,
    Body(request): Body<ProvisionRequest>,
) -> Result<Response, Error> {
    let accepted = broker.provision(&ids.instance, request, user, query.accepts_incomplete).await?;
    let is_new = matches!(accepted, Accepted::Done);
    let answer = answer(accepted, ProvisionResponse::default());
    Ok(if is_new { (StatusCode::CREATED, answer).into_response() } else { answer })
}

async fn update(
    State(broker): Shared,
    ids: Ids,
    Claimed(user): Claimed,
    Parameters(query): Parameters<AsyncQuery>,
    Body(request): Body<UpdateRequest>,
) -> Result<Response, Error> {
    let accepted = broker.update(&ids.instance, request, user, query.accepts_incomplete).await?;
    Ok(answer(accepted, UpdateResponse::default()))
}

async fn deprovision(
    State(broker): Shared,
    ids: Ids,
    Parameters(query): Parameters<AsyncQuery>,
) -> Result<Response, Error> {
    let accepted = broker.deprovision(&ids.instance, query.accepts_incomplete).await?;
    Ok(answer(accepted, DeletionResponse {}))
}

async fn fetch(State(broker): Shared, ids: Ids) -> Result<Json<InstanceResponse>, Error> {
    broker.fetch(&ids.instance).await.map(Json)
}

async fn last_operation(
    State(broker): Shared,
    ids: Ids,
    Parameters(query): Parameters<LastOperationQuery>,
) -> Result<Response, Error> {
    broker.last_operation(&ids.instance, query.operation.as_deref()).await.map(progress)
}

async fn bind(
    State(broker): Shared,
    ids: Ids,
    Claimed(user): Claimed,
    Parameters(query): Parameters<AsyncQuery>,
    Body(request): Body<BindRequest>,
) -> Result<Response, Error> {
    let bound = broker.bind(&ids.instance, &ids.binding, request, user, query.accepts_incomplete).await?;
    Ok(match bound {
        (Accepted::Unchanged, credentials) => (StatusCode::OK, Json(credentials)).into_response(),
        (Accepted::Done, credentials) => (StatusCode::CREATED, Json(credentials)).into_response(),
        (accepted @ Accepted::InProgress(_), _) => answer(accepted, DeletionResponse {}),
    })
}

async fn fetch_binding(State(broker): Shared, ids: Ids) -> Result<Json<BindResponse>, Error> {
    broker.fetch_binding(&ids.instance, &ids.binding).await.map(Json)
}

async fn unbind(
    State(broker): Shared,
    ids: Ids,
    Parameters(query): Parameters<AsyncQuery>,
) -> Result<Response, Error> {
    let accepted = broker.unbind(&ids.instance, &ids.binding, query.accepts_incomplete).await?;
    Ok(answer(accepted, DeletionResponse {}))
}

async fn last_binding_operation(State(broker): Shared, ids: Ids) -> Result<Response, Error> {
    broker.last_binding_operation(&ids.instance, &ids.binding).await.map(progress)
}

fn answer(accepted: Accepted, body: impl Serialize) -> Response {
    let (status, reply) = match accepted {
        Accepted::Unchanged | Accepted::Done => (StatusCode::OK, Reply::Done(body)),
        Accepted::InProgress(operation) => {
            (StatusCode::ACCEPTED, Reply::InProgress { operation: Some(operation), body })
        }
    };
    (status, Json(reply)).into_response()
}

fn progress(progress: Progress) -> Response {
    let Progress { state, description, is_usable } = progress;
    let description = Some(description).filter(|description| !description.is_empty());
    let operation = LastOperation { description, ..LastOperation::from(state) };
    match state {
        OperationState::InProgress => ([(header::RETRY_AFTER, POLL_AFTER)], Json(operation)).into_response(),
        OperationState::Succeeded => Json(operation).into_response(),
        OperationState::Failed => {
            let (instance_usable, update_repeatable) = (is_usable, is_usable.and(Some(true)));
            Json(LastOperation { instance_usable, update_repeatable, ..operation }).into_response()
        }
    }
}

/// The IDs in the path.
struct Ids {
    instance: String,
    /// Empty on the routes of instances.
    binding: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let path = Path::<BTreeMap<String, String>>::from_request_parts(parts, state).await;
        let Path(mut ids) = path.map_err(|rejection| Error::BadRequest(rejection.body_text()))?;
        let mut take = |name| ids.remove(name).unwrap_or_default();
        Ok(Self { instance: take("instance_id"), binding: take("binding_id") })
    }
}

/// The query.
struct Parameters<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(query)| Self(query)).map_err(|rejection| Error::BadRequest(rejection.body_text()))
    }
}

/// The user whom the platform names. It proves nothing: see [`requester`](super::requester).
struct Claimed(Option<OriginatingIdentity>);

impl<S: Send + Sync> FromRequestParts<S> for Claimed {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let value = parts.headers.get(ORIGINATING_IDENTITY).and_then(|value| value.to_str().ok());
        Ok(Self(value.and_then(OriginatingIdentity::from_header)))
    }
}

/// The body, as JSON. The message about an invalid one does not quote it.
struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let invalid = || Error::BadRequest("the body is not as the specification demands".to_owned());
        let Json(body) = Json::from_request(request, state).await.map_err(|_| invalid())?;
        Ok(Self(body))
    }
}
