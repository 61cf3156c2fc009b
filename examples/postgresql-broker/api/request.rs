//! The parts of requests. Whatever is wrong with one is answered with `400` and a sentence.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::request::Parts,
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    catalog::{self, Plan},
    error::Error,
};

/// The body, as JSON.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let body = Json::from_request(request, state).await;
        body.map(|Json(body)| Self(body)).map_err(|rejection| Error::BadRequest(rejection.body_text()))
    }
}

/// The ids in the path.
pub struct Ids {
    pub instance: String,
    /// Empty on the routes of instances.
    pub binding: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let path = Path::<BTreeMap<String, String>>::from_request_parts(parts, state).await;
        let Path(mut ids) = path.map_err(|rejection| Error::BadRequest(rejection.body_text()))?;
        // PostgreSQL cannot store it, and no platform has a reason to send it.
        if ids.values().any(|id| id.contains('\0')) {
            return Err(Error::BadRequest("an id contains a NUL character".to_owned()));
        }
        let mut take = |name| ids.remove(name).unwrap_or_default();
        Ok(Self { instance: take("instance_id"), binding: take("binding_id") })
    }
}

/// What platforms add to the address.
#[derive(Default, Deserialize)]
pub struct Options {
    pub service_id: Option<String>,
    pub plan_id: Option<String>,
    pub operation: Option<String>,
    #[serde(default)]
    pub accepts_incomplete: bool,
}

impl Options {
    /// The plan that every deletion must name.
    pub fn plan(&self) -> Result<&'static Plan, Error> {
        plan(self.service_id.as_deref(), self.plan_id.as_deref())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Options {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(options)| options).map_err(|rejection| Error::BadRequest(rejection.body_text()))
    }
}

/// `maintenance_info`; nothing else of it counts.
#[derive(Deserialize)]
pub struct MaintenanceInfo {
    pub version: String,
}

/// The plan of the catalog with these ids, which must be there.
pub fn plan(service_id: Option<&str>, plan_id: Option<&str>) -> Result<&'static Plan, Error> {
    let (Some(service_id), Some(plan_id)) = (service_id, plan_id) else {
        return Err(Error::BadRequest("service_id and plan_id are required".to_owned()));
    };
    catalog::plan(service_id, plan_id)
}
