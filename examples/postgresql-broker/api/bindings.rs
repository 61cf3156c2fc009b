//! Requests about bindings.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use service_catalog::osb::{
    self, BindRequest, BindResponse, DeletionResponse, Endpoint, LastOperation, PlanQuery,
};

use super::{
    Shared,
    request::{self, Body, Ids, Query},
};
use crate::{
    broker::{Address, NewBinding, Progress},
    error::Error,
    naming::Identifier,
    postgres::Home,
    store::Binding,
};

fn new_binding(request: BindRequest) -> Result<NewBinding, Error> {
    let BindRequest { service_id, plan_id, parameters, predecessor_binding_id: predecessor, .. } = request;
    if predecessor.is_some() && parameters.is_some() {
        return Err(Error::BadRequest(
            "a rotation keeps the parameters of the binding: parameters must be absent".to_owned(),
        ));
    }
    // A rotation need not name service and plan.
    let names_plan = predecessor.is_none() || !service_id.is_empty() || !plan_id.is_empty();
    if names_plan {
        request::plan(&service_id, &plan_id)?;
    }
    Ok(NewBinding {
        service_id: names_plan.then_some(service_id),
        parameters: request::parameters(parameters)?.unwrap_or_default(),
        predecessor,
    })
}

pub async fn bind(
    State(broker): Shared,
    ids: Ids,
    Body(request): Body<BindRequest>,
) -> Result<Response, Error> {
    let (progress, home, binding) = broker.bind(&ids.instance, &ids.binding, new_binding(request)?).await?;
    let status = if progress == Progress::Unchanged { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(described(&broker.public, &home, &ids, &binding))).into_response())
}

pub async fn fetch(State(broker): Shared, ids: Ids) -> Result<Json<BindResponse>, Error> {
    let (home, binding) = broker.fetch_binding(&ids.instance, &ids.binding).await?;
    let parameters = request::object(binding.parameters);
    Ok(Json(BindResponse { parameters, ..described(&broker.public, &home, &ids, &binding) }))
}

pub async fn unbind(
    State(broker): Shared,
    ids: Ids,
    Query(plan): Query<PlanQuery>,
) -> Result<Json<DeletionResponse>, Error> {
    let plan = request::plan(&plan.service_id, &plan.plan_id)?;
    broker.unbind(&ids.instance, &ids.binding, plan.service_id).await?;
    Ok(Json(DeletionResponse {}))
}

/// Bindings are synchronous, so one exists or does not. A platform that lost an answer can still poll.
pub async fn last_operation(State(broker): Shared, ids: Ids) -> Result<Json<LastOperation>, Error> {
    broker.fetch_binding(&ids.instance, &ids.binding).await?;
    let description = Some("the role can log in".to_owned());
    Ok(Json(LastOperation { description, ..LastOperation::from(osb::OperationState::Succeeded) }))
}

fn described(public: &Address, home: &Home, ids: &Ids, binding: &Binding) -> BindResponse {
    let Address { host, port } = public;
    let username = Identifier::of_binding(&ids.instance, &ids.binding);
    let (username, password, database) = (username.as_str(), &binding.password, home.database.as_str());
    let uri = uri(public, username, password, database);
    let credentials = Credentials {
        host,
        port: *port,
        username,
        password,
        database,
        schema: home.schema.as_ref().map(Identifier::as_str),
        uri,
    };
    let endpoint =
        Endpoint { host: host.clone(), ports: vec![port.to_string()], protocol: Some("tcp".to_owned()) };
    BindResponse {
        credentials: request::object(credentials),
        endpoints: vec![endpoint],
        ..BindResponse::default()
    }
}

/// The credentials that an application needs to log in.
#[derive(Serialize)]
struct Credentials<'a> {
    host: &'a str,
    port: u16,
    username: &'a str,
    password: &'a str,
    database: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a str>,
    uri: String,
}

fn uri(public: &Address, username: &str, password: &str, database: &str) -> String {
    let Address { host, port } = public;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let [username, password, database] = [username, password, database].map(percent_encoded);
    format!("postgresql://{username}:{password}@{host}:{port}/{database}")
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::{Address, uri};

    #[test]
    fn a_uri_can_hold_any_text() {
        let address = |host: &str| Address { host: host.to_owned(), port: 5432 };
        let plain = uri(&address("db.example"), "user", "secret", "data");
        assert_eq!(plain, "postgresql://user:secret@db.example:5432/data");
        let odd = uri(&address("::1"), "a b", "p@ss:/?#%", "ü");
        assert_eq!(odd, "postgresql://a%20b:p%40ss%3A%2F%3F%23%25@[::1]:5432/%C3%BC");
    }
}
