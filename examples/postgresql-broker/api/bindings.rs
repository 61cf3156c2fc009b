//! Requests about bindings.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Shared,
    request::{self, Body, Ids, Options},
};
use crate::{
    broker::{Address, Progress, Wish},
    catalog::BindingParameters,
    error::Error,
    naming::Identifier,
    postgres::Home,
    store::{Binding, State as OperationState},
};

/// The body of a bind request; what we have no use for is left out.
#[derive(Deserialize)]
pub struct BindRequest {
    service_id: Option<String>,
    plan_id: Option<String>,
    parameters: Option<BindingParameters>,
    predecessor_binding_id: Option<String>,
}

impl BindRequest {
    fn into_wish(self) -> Result<Wish, Error> {
        let rotation = self.predecessor_binding_id.is_some();
        if rotation && self.parameters.is_some() {
            return Err(Error::BadRequest("a binding is rotated with the parameters that it has".to_owned()));
        }
        // A rotation is not obliged to name the plan.
        if !rotation || self.service_id.is_some() || self.plan_id.is_some() {
            request::plan(self.service_id.as_deref(), self.plan_id.as_deref())?;
        }
        Ok(Wish {
            service_id: self.service_id,
            parameters: self.parameters.unwrap_or_default(),
            predecessor: self.predecessor_binding_id,
        })
    }
}

pub async fn bind(
    State(broker): Shared,
    ids: Ids,
    Body(request): Body<BindRequest>,
) -> Result<Response, Error> {
    let (progress, home, binding) = broker.bind(&ids.instance, &ids.binding, request.into_wish()?).await?;
    let status = if progress == Progress::Unchanged { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(described(&broker.public, &home, &ids, &binding))).into_response())
}

pub async fn fetch(State(broker): Shared, ids: Ids) -> Result<Json<Value>, Error> {
    let (home, binding) = broker.fetch_binding(&ids.instance, &ids.binding).await?;
    let mut body = described(&broker.public, &home, &ids, &binding);
    if let Some(body) = body.as_object_mut() {
        body.insert("parameters".to_owned(), json!(binding.parameters));
    }
    Ok(Json(body))
}

pub async fn unbind(State(broker): Shared, ids: Ids, options: Options) -> Result<Json<Value>, Error> {
    broker.unbind(&ids.instance, &ids.binding, options.plan()?.service_id).await?;
    Ok(Json(json!({})))
}

/// A binding is there or not, never in the making; a platform that lost an answer can still ask.
pub async fn last_operation(State(broker): Shared, ids: Ids) -> Result<Json<Value>, Error> {
    broker.fetch_binding(&ids.instance, &ids.binding).await?;
    Ok(Json(json!({ "state": OperationState::Succeeded, "description": "the role can log in" })))
}

fn described(public: &Address, home: &Home, ids: &Ids, binding: &Binding) -> Value {
    let Address { host, port } = public;
    let username = Identifier::of_binding(&ids.instance, &ids.binding);
    let (username, password, database) = (username.as_str(), &binding.password, home.database.as_str());
    let mut credentials = json!({
        "host": host,
        "port": port,
        "username": username,
        "password": password,
        "database": database,
        "uri": uri(public, username, password, database),
    });
    if let (Some(schema), Some(credentials)) = (&home.schema, credentials.as_object_mut()) {
        credentials.insert("schema".to_owned(), schema.as_str().into());
    }
    json!({
        "credentials": credentials,
        "endpoints": [{ "host": host, "ports": [port.to_string()], "protocol": "tcp" }],
    })
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
