//! The Open Service Broker API, version 2.17: routes, requests and answers.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    broker::{Broker, Done},
    catalog::{self, Action},
    error::Error,
    instance::{Stand, Wish},
};

type Shared = State<Arc<Mutex<Broker>>>;
type Ids = Path<(String, String)>;
type Body<T> = Result<Json<T>, JsonRejection>;

/// All routes.
pub fn router(broker: Broker) -> Router {
    let instance = put(provision).get(fetch_instance).patch(update).delete(deprovision);
    let binding = put(bind).get(fetch_binding).delete(unbind);
    Router::new()
        .route(
            "/v2/catalog",
            get(async |State(broker): Shared| Json(catalog::document(lock(&broker).services()))),
        )
        .route("/v2/service_instances/{instance_id}", instance)
        .route("/v2/service_instances/{instance_id}/last_operation", get(last_operation))
        .route("/v2/service_instances/{instance_id}/service_bindings/{binding_id}", binding)
        .layer(middleware::from_fn(admit))
        .route("/healthz", get(async || "ok\n"))
        .with_state(Arc::new(Mutex::new(broker)))
}

/// Lets in who speaks a version of the API that we understand, and logs what is answered.
async fn admit(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = if speaks_our_version(request.headers()) {
        next.run(request).await
    } else {
        Error::Version.into_response()
    };
    tracing::info!(%method, path, status = response.status().as_u16(), "answered");
    response
}

fn speaks_our_version(headers: &HeaderMap) -> bool {
    let version = headers.get("X-Broker-API-Version").and_then(|version| version.to_str().ok());
    version.is_some_and(|version| version.starts_with("2."))
}

/// What platforms add to the address.
#[derive(Deserialize)]
struct Options {
    service_id: Option<String>,
    plan_id: Option<String>,
    #[serde(default)]
    accepts_incomplete: bool,
}

#[derive(Deserialize)]
struct ProvisionRequest {
    service_id: String,
    plan_id: String,
    #[serde(default)]
    parameters: Value,
    context: Option<Value>,
}

#[derive(Deserialize)]
struct UpdateRequest {
    service_id: String,
    plan_id: Option<String>,
    parameters: Option<Value>,
}

#[derive(Deserialize)]
struct BindRequest {
    service_id: String,
    plan_id: String,
    #[serde(default)]
    parameters: Value,
}

async fn provision(
    State(broker): Shared,
    Path(id): Path<String>,
    Query(options): Query<Options>,
    request: Body<ProvisionRequest>,
) -> Result<Response, Error> {
    let ProvisionRequest { service_id, plan_id, parameters, context } = read(request)?;
    // The context says for whom it is.
    let customer = context.map_or_else(|| id.clone(), |context| context.to_string());
    let wish = (service_id.as_str(), Wish { plan_id, parameters });
    let done = lock(&broker).provision(&id, wish, customer, options.accepts_incomplete, Instant::now())?;
    Ok(answer(done, StatusCode::CREATED, json!({})))
}

async fn update(
    State(broker): Shared,
    Path(id): Path<String>,
    Query(options): Query<Options>,
    request: Body<UpdateRequest>,
) -> Result<Response, Error> {
    let UpdateRequest { service_id, plan_id, parameters } = read(request)?;
    let change = (service_id.as_str(), plan_id, parameters);
    let done = lock(&broker).update(&id, change, options.accepts_incomplete, Instant::now())?;
    Ok(answer(done, StatusCode::OK, json!({})))
}

async fn deprovision(
    State(broker): Shared,
    Path(id): Path<String>,
    Query(options): Query<Options>,
) -> Result<Response, Error> {
    let mut broker = lock(&broker);
    must_name_a_plan(&broker, &options)?;
    let done = broker.deprovision(&id, options.accepts_incomplete, Instant::now())?;
    Ok(answer(done, StatusCode::OK, json!({})))
}

async fn fetch_instance(State(broker): Shared, Path(id): Path<String>) -> Result<Json<Value>, Error> {
    let mut broker = lock(&broker);
    let (service_id, wish) = broker.instance(&id, Instant::now())?;
    let body = json!({ "service_id": service_id, "plan_id": wish.plan_id, "parameters": wish.parameters });
    Ok(Json(body))
}

async fn last_operation(State(broker): Shared, Path(id): Path<String>) -> Result<Json<Value>, Error> {
    let (action, stand) = lock(&broker).last_operation(&id, Instant::now())?;
    let (state, said) = match stand {
        Stand::InProgress => ("in progress", "is in progress"),
        Stand::Succeeded => ("succeeded", "has succeeded"),
        Stand::Failed => ("failed", "has failed, as it was made to"),
    };
    Ok(Json(json!({ "state": state, "description": format!("the {} {said}", name(action)) })))
}

async fn bind(
    State(broker): Shared,
    Path((id, binding)): Ids,
    request: Body<BindRequest>,
) -> Result<Response, Error> {
    let BindRequest { service_id, plan_id, parameters } = read(request)?;
    let mut broker = lock(&broker);
    broker.offered(&service_id, &plan_id)?;
    let (done, credentials) = broker.bind(&id, &binding, parameters, Instant::now())?;
    Ok(answer(done, StatusCode::CREATED, json!({ "credentials": credentials })))
}

async fn fetch_binding(State(broker): Shared, Path((id, binding)): Ids) -> Result<Json<Value>, Error> {
    let (parameters, credentials) = lock(&broker).binding(&id, &binding, Instant::now())?;
    Ok(Json(json!({ "credentials": credentials, "parameters": parameters })))
}

async fn unbind(
    State(broker): Shared,
    Path((id, binding)): Ids,
    Query(options): Query<Options>,
) -> Result<Json<Value>, Error> {
    let mut broker = lock(&broker);
    must_name_a_plan(&broker, &options)?;
    broker.unbind(&id, &binding, Instant::now())?;
    Ok(Json(json!({})))
}

/// Nobody panics while they hold it.
fn lock(broker: &Mutex<Broker>) -> MutexGuard<'_, Broker> {
    broker.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(body: Body<T>) -> Result<T, Error> {
    body.map(|Json(body)| body).map_err(|rejection| Error::BadRequest(rejection.body_text()))
}

/// Every deletion has to.
fn must_name_a_plan(broker: &Broker, options: &Options) -> Result<(), Error> {
    let (Some(service_id), Some(plan_id)) = (&options.service_id, &options.plan_id) else {
        return Err(Error::BadRequest("service_id and plan_id are required".to_owned()));
    };
    broker.offered(service_id, plan_id).map(drop)
}

fn answer(done: Done, status: StatusCode, mut body: Value) -> Response {
    let status = match done {
        Done::Already => StatusCode::OK,
        Done::Now => status,
        Done::Begun(action) => {
            body = json!({ "operation": name(action) });
            StatusCode::ACCEPTED
        }
    };
    (status, Json(body)).into_response()
}

fn name(action: Action) -> &'static str {
    match action {
        Action::Provision => "provision",
        Action::Update => "update",
        Action::Deprovision => "deprovision",
        Action::Poll => "poll",
    }
}
