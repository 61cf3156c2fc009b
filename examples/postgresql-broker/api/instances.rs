//! Requests about instances.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Shared,
    request::{Body, Ids, MaintenanceInfo, Options},
};
use crate::{
    broker::{Change, Progress},
    catalog::{self, InstanceParameters, Plan},
    error::Error,
    postgres::Home,
    store::{self, Settings, Task},
};

/// How many seconds platforms should wait before they ask again.
const POLL_AFTER: &str = "1";

/// The body of a provision request; what we have no use for is left out.
#[derive(Deserialize)]
pub struct ProvisionRequest {
    service_id: String,
    plan_id: String,
    organization_guid: String,
    space_guid: String,
    parameters: Option<InstanceParameters>,
    maintenance_info: Option<MaintenanceInfo>,
}

/// The body of an update request.
#[derive(Deserialize)]
pub struct UpdateRequest {
    service_id: String,
    plan_id: Option<String>,
    parameters: Option<InstanceParameters>,
    maintenance_info: Option<MaintenanceInfo>,
}

pub async fn provision(
    State(broker): Shared,
    ids: Ids,
    options: Options,
    Body(request): Body<ProvisionRequest>,
) -> Result<Response, Error> {
    if request.organization_guid.is_empty() || request.space_guid.is_empty() {
        return Err(Error::BadRequest("organization_guid and space_guid must not be empty".to_owned()));
    }
    let plan = catalog::plan(&request.service_id, &request.plan_id)?;
    plan.check_maintenance(request.maintenance_info.as_ref().map(|info| info.version.as_str()))?;
    let settings = Settings {
        service_id: request.service_id,
        plan_id: request.plan_id,
        parameters: request.parameters.unwrap_or_default(),
    };
    let progress = broker.provision(&ids.instance, settings, options.accepts_incomplete).await?;
    Ok(answer(progress, StatusCode::CREATED, described(plan, &ids.instance)))
}

pub async fn update(
    State(broker): Shared,
    ids: Ids,
    options: Options,
    Body(request): Body<UpdateRequest>,
) -> Result<Response, Error> {
    let change = Change {
        service_id: request.service_id,
        plan_id: request.plan_id,
        parameters: request.parameters,
        maintenance_version: request.maintenance_info.map(|info| info.version),
    };
    let progress = broker.update(&ids.instance, change, options.accepts_incomplete).await?;
    Ok(answer(progress, StatusCode::OK, Map::new()))
}

pub async fn deprovision(State(broker): Shared, ids: Ids, options: Options) -> Result<Response, Error> {
    let plan = options.plan()?;
    let progress = broker.deprovision(&ids.instance, plan.service_id, options.accepts_incomplete).await?;
    Ok(answer(progress, StatusCode::OK, Map::new()))
}

pub async fn fetch(State(broker): Shared, ids: Ids) -> Result<Json<Map<String, Value>>, Error> {
    let record = broker.fetch(&ids.instance).await?;
    let plan = catalog::plan(&record.settings.service_id, &record.settings.plan_id)?;
    let mut body = described(plan, &ids.instance);
    body.insert("service_id".to_owned(), plan.service_id.into());
    body.insert("plan_id".to_owned(), plan.id.into());
    body.insert("parameters".to_owned(), json!(record.settings.parameters));
    if let Some(version) = record.maintenance_version {
        body.insert("maintenance_info".to_owned(), json!({ "version": version }));
    }
    Ok(Json(body))
}

pub async fn last_operation(State(broker): Shared, ids: Ids, options: Options) -> Result<Response, Error> {
    let record = broker.last_operation(&ids.instance, options.operation.as_deref()).await?;
    let operation = record.operation;
    let name = match operation.task {
        Task::Provision => "provisioning",
        Task::Update(_) => "the update",
        Task::Deprovision => "deprovisioning",
    };
    let description = match (operation.state, operation.failure) {
        (store::State::InProgress, _) => {
            let body = json!({ "state": operation.state, "description": format!("{name} is in progress") });
            return Ok(([(header::RETRY_AFTER, POLL_AFTER)], Json(body)).into_response());
        }
        (store::State::Succeeded, _) => format!("{name} has succeeded"),
        (store::State::Failed, failure) => format!("{name} has failed: {}", failure.unwrap_or_default()),
    };
    let usable = record.provisioned;
    let body = json!({ "state": operation.state, "description": description, "instance_usable": usable });
    Ok(Json(body).into_response())
}

fn answer(progress: Progress, done: StatusCode, mut body: Map<String, Value>) -> Response {
    let status = match progress {
        Progress::Unchanged => StatusCode::OK,
        Progress::Done => done,
        Progress::Accepted(key) => {
            body.insert("operation".to_owned(), key.into());
            StatusCode::ACCEPTED
        }
    };
    (status, Json(body)).into_response()
}

/// What there is to know about an instance without its record.
fn described(plan: &Plan, instance_id: &str) -> Map<String, Value> {
    let home = Home::new(plan.kind, instance_id);
    let attributes = match &home.schema {
        None => json!({ "database": home.database.as_str() }),
        Some(schema) => json!({ "database": home.database.as_str(), "schema": schema.as_str() }),
    };
    Map::from_iter([("metadata".to_owned(), json!({ "attributes": attributes }))])
}
