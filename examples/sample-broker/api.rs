//! The endpoints of the Open Service Broker API, version 2.17.

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
use serde::Serialize;
use service_catalog::osb::{
    self, AsyncQuery, BindRequest, BindResponse, DeletionResponse, InstanceResponse, LastOperation,
    PlanQuery, ProvisionRequest, ProvisionResponse, Reply, UpdateRequest, UpdateResponse, header, route,
};

use crate::{
    broker::{Broker, Done},
    catalog::{self, Action},
    error::Error,
    instance::Settings,
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
            route::CATALOG,
            get(async |State(broker): Shared| Json(catalog::document(lock(&broker).services()))),
        )
        .route(route::INSTANCE, instance)
        .route(route::INSTANCE_LAST_OPERATION, get(last_operation))
        .route(route::BINDING, binding)
        .layer(middleware::from_fn(admit))
        .route("/healthz", get(async || "ok\n"))
        .with_state(Arc::new(Mutex::new(broker)))
}

/// Rejects requests of an unsupported API version, and logs the answers.
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
    let version = headers.get(header::API_VERSION).and_then(|version| version.to_str().ok());
    version.is_some_and(|version| version.starts_with("2."))
}

async fn provision(
    State(broker): Shared,
    Path(id): Path<String>,
    Query(query): Query<AsyncQuery>,
    request: Body<ProvisionRequest>,
) -> Result<Response, Error> {
    let ProvisionRequest { service_id, plan_id, parameters, context, .. } = read(request)?;
    // The context identifies the customer.
    let customer = if context.is_null() { id.clone() } else { context.to_string() };
    let settings = (service_id.as_str(), Settings { plan_id, parameters });
    let done = lock(&broker).provision(&id, settings, customer, query.accepts_incomplete, Instant::now())?;
    Ok(answer(done, StatusCode::CREATED, ProvisionResponse::default()))
}

async fn update(
    State(broker): Shared,
    Path(id): Path<String>,
    Query(query): Query<AsyncQuery>,
    request: Body<UpdateRequest>,
) -> Result<Response, Error> {
    let UpdateRequest { service_id, plan_id, parameters, .. } = read(request)?;
    let change = (service_id.as_str(), plan_id, parameters);
    let done = lock(&broker).update(&id, change, query.accepts_incomplete, Instant::now())?;
    Ok(answer(done, StatusCode::OK, UpdateResponse::default()))
}

async fn deprovision(
    State(broker): Shared,
    Path(id): Path<String>,
    Query(plan): Query<PlanQuery>,
    Query(query): Query<AsyncQuery>,
) -> Result<Response, Error> {
    let mut broker = lock(&broker);
    must_name_a_plan(&broker, &plan)?;
    let done = broker.deprovision(&id, query.accepts_incomplete, Instant::now())?;
    Ok(answer(done, StatusCode::OK, DeletionResponse {}))
}

async fn fetch_instance(
    State(broker): Shared,
    Path(id): Path<String>,
) -> Result<Json<InstanceResponse>, Error> {
    let mut broker = lock(&broker);
    let (service_id, settings) = broker.instance(&id, Instant::now())?;
    Ok(Json(InstanceResponse {
        service_id: Some(service_id.to_owned()),
        plan_id: Some(settings.plan_id.clone()),
        parameters: settings.parameters.clone(),
        ..InstanceResponse::default()
    }))
}

async fn last_operation(State(broker): Shared, Path(id): Path<String>) -> Result<Json<LastOperation>, Error> {
    let (action, state) = lock(&broker).last_operation(&id, Instant::now())?;
    let state_text = match state {
        osb::OperationState::InProgress => "is in progress",
        osb::OperationState::Succeeded => "has succeeded",
        osb::OperationState::Failed => "has failed, as this service does by design",
    };
    let description = format!("the {} {state_text}", name(action));
    Ok(Json(LastOperation { description: Some(description), ..LastOperation::from(state) }))
}

async fn bind(
    State(broker): Shared,
    Path((id, binding)): Ids,
    request: Body<BindRequest>,
) -> Result<Response, Error> {
    let BindRequest { service_id, plan_id, parameters, .. } = read(request)?;
    let mut broker = lock(&broker);
    broker.offered(&service_id, &plan_id)?;
    let (done, credentials) = broker.bind(&id, &binding, parameters, Instant::now())?;
    let body = BindResponse { credentials: Some(credentials), ..BindResponse::default() };
    Ok(answer(done, StatusCode::CREATED, body))
}

async fn fetch_binding(State(broker): Shared, Path((id, binding)): Ids) -> Result<Json<BindResponse>, Error> {
    let (parameters, credentials) = lock(&broker).binding(&id, &binding, Instant::now())?;
    Ok(Json(BindResponse { credentials: Some(credentials), parameters, ..BindResponse::default() }))
}

async fn unbind(
    State(broker): Shared,
    Path((id, binding)): Ids,
    Query(plan): Query<PlanQuery>,
) -> Result<Json<DeletionResponse>, Error> {
    let mut broker = lock(&broker);
    must_name_a_plan(&broker, &plan)?;
    broker.unbind(&id, &binding, Instant::now())?;
    Ok(Json(DeletionResponse {}))
}

/// The mutex is never poisoned, because no code panics while it holds it.
fn lock(broker: &Mutex<Broker>) -> MutexGuard<'_, Broker> {
    broker.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(body: Body<T>) -> Result<T, Error> {
    body.map(|Json(body)| body).map_err(|rejection| Error::BadRequest(rejection.body_text()))
}

/// Every deletion has to name service and plan.
fn must_name_a_plan(broker: &Broker, PlanQuery { service_id, plan_id }: &PlanQuery) -> Result<(), Error> {
    if service_id.is_empty() || plan_id.is_empty() {
        return Err(Error::BadRequest("service_id and plan_id are required".to_owned()));
    }
    broker.offered(service_id, plan_id).map(drop)
}

fn answer(done: Done, status: StatusCode, body: impl Serialize) -> Response {
    let (status, reply) = match done {
        Done::Already => (StatusCode::OK, Reply::Done(body)),
        Done::Now => (status, Reply::Done(body)),
        Done::Begun(action) => {
            (StatusCode::ACCEPTED, Reply::InProgress { operation: Some(name(action).to_owned()), body })
        }
    };
    (status, Json(reply)).into_response()
}

fn name(action: Action) -> &'static str {
    match action {
        Action::Provision => "provision",
        Action::Update => "update",
        Action::Deprovision => "deprovision",
        Action::Poll => "poll",
    }
}
