//! Requests about instances.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use service_catalog::osb::{
    self, AsyncQuery, DeletionResponse, InstanceMetadata, InstanceResponse, LastOperation,
    LastOperationQuery, MaintenanceInfo, PlanQuery, ProvisionRequest, ProvisionResponse, Reply,
    UpdateRequest, UpdateResponse,
};

use super::{
    Shared,
    request::{self, Body, Ids, Query},
};
use crate::{
    broker::{Change, Progress},
    catalog::{self, Plan},
    error::Error,
    postgres::Home,
    store::{Settings, Task},
};

/// The delay between polls that platforms should use, in seconds.
const POLL_AFTER: &str = "1";

pub async fn provision(
    State(broker): Shared,
    ids: Ids,
    Query(query): Query<AsyncQuery>,
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
        parameters: request::parameters(request.parameters)?.unwrap_or_default(),
    };
    let progress = broker.provision(&ids.instance, settings, query.accepts_incomplete).await?;
    let metadata = Some(described(plan, &ids.instance));
    Ok(answer(progress, StatusCode::CREATED, ProvisionResponse { metadata, ..ProvisionResponse::default() }))
}

pub async fn update(
    State(broker): Shared,
    ids: Ids,
    Query(query): Query<AsyncQuery>,
    Body(request): Body<UpdateRequest>,
) -> Result<Response, Error> {
    let change = Change {
        service_id: request.service_id,
        plan_id: request.plan_id,
        parameters: request::parameters(request.parameters)?,
        maintenance_version: request.maintenance_info.map(|info| info.version),
    };
    let progress = broker.update(&ids.instance, change, query.accepts_incomplete).await?;
    Ok(answer(progress, StatusCode::OK, UpdateResponse::default()))
}

pub async fn deprovision(
    State(broker): Shared,
    ids: Ids,
    Query(plan): Query<PlanQuery>,
    Query(query): Query<AsyncQuery>,
) -> Result<Response, Error> {
    let plan = request::plan(&plan.service_id, &plan.plan_id)?;
    let progress = broker.deprovision(&ids.instance, plan.service_id, query.accepts_incomplete).await?;
    Ok(answer(progress, StatusCode::OK, DeletionResponse {}))
}

pub async fn fetch(State(broker): Shared, ids: Ids) -> Result<Json<InstanceResponse>, Error> {
    let record = broker.fetch(&ids.instance).await?;
    let plan = catalog::plan(&record.settings.service_id, &record.settings.plan_id)?;
    let version = |version| MaintenanceInfo { version, description: None };
    Ok(Json(InstanceResponse {
        service_id: Some(plan.service_id.to_owned()),
        plan_id: Some(plan.id.to_owned()),
        parameters: request::object(record.settings.parameters),
        maintenance_info: record.maintenance_version.map(version),
        metadata: Some(described(plan, &ids.instance)),
        ..InstanceResponse::default()
    }))
}

pub async fn last_operation(
    State(broker): Shared,
    ids: Ids,
    Query(query): Query<LastOperationQuery>,
) -> Result<Response, Error> {
    let record = broker.last_operation(&ids.instance, query.operation.as_deref()).await?;
    let operation = record.operation;
    let name = match operation.task {
        Task::Provision => "provisioning",
        Task::Update(_) => "the update",
        Task::Deprovision => "deprovisioning",
    };
    let description = match (operation.state, operation.failure) {
        (osb::OperationState::InProgress, _) => format!("{name} is in progress"),
        (osb::OperationState::Succeeded, _) => format!("{name} has succeeded"),
        (osb::OperationState::Failed, failure) => {
            format!("{name} has failed: {}", failure.unwrap_or_default())
        }
    };
    let answer = LastOperation { description: Some(description), ..LastOperation::from(operation.state) };
    if operation.state == osb::OperationState::InProgress {
        return Ok(([(header::RETRY_AFTER, POLL_AFTER)], Json(answer)).into_response());
    }
    Ok(Json(LastOperation { instance_usable: Some(record.provisioned), ..answer }).into_response())
}

fn answer(progress: Progress, done: StatusCode, body: impl Serialize) -> Response {
    let (status, reply) = match progress {
        Progress::Unchanged => (StatusCode::OK, Reply::Done(body)),
        Progress::Done => (done, Reply::Done(body)),
        Progress::Accepted(key) => (StatusCode::ACCEPTED, Reply::InProgress { operation: Some(key), body }),
    };
    (status, Json(reply)).into_response()
}

/// The metadata of an instance, which follows from its id and plan.
fn described(plan: &Plan, instance_id: &str) -> InstanceMetadata {
    let home = Home::new(plan.kind, instance_id);
    let database = ("database".to_owned(), home.database.as_str().into());
    let schema = home.schema.iter().map(|schema| ("schema".to_owned(), schema.as_str().into()));
    InstanceMetadata {
        attributes: [database].into_iter().chain(schema).collect(),
        ..InstanceMetadata::default()
    }
}
