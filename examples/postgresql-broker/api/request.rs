//! The extractors of requests. An invalid part is answered with `400` and a description.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{self, FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use service_catalog::osb::SecretObject;

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
        // PostgreSQL cannot store a NUL character, and no platform has a reason to send one.
        if ids.values().any(|id| id.contains('\0')) {
            return Err(Error::BadRequest("an id contains a NUL character".to_owned()));
        }
        let mut take = |name| ids.remove(name).unwrap_or_default();
        Ok(Self { instance: take("instance_id"), binding: take("binding_id") })
    }
}

/// The query, or a part of it.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = extract::Query::from_request_parts(parts, state).await;
        query
            .map(|extract::Query(query)| Self(query))
            .map_err(|rejection| Error::BadRequest(rejection.body_text()))
    }
}

/// The user's parameters; the schemas of the catalog describe them.
pub fn parameters<T: DeserializeOwned>(given: Option<SecretObject>) -> Result<Option<T>, Error> {
    let read = |given: SecretObject| serde_json::from_value(Value::Object(given.0));
    given.map(read).transpose().map_err(|error| Error::BadRequest(format!("parameters: {error}")))
}

/// A value as the JSON object of an answer.
pub fn object(value: impl Serialize) -> Option<SecretObject> {
    serde_json::from_value(json!(value)).ok()
}

/// The catalog's plan with these ids, which must not be empty.
pub fn plan(service_id: &str, plan_id: &str) -> Result<&'static Plan, Error> {
    if service_id.is_empty() || plan_id.is_empty() {
        return Err(Error::BadRequest("service_id and plan_id are required".to_owned()));
    }
    catalog::plan(service_id, plan_id)
}
