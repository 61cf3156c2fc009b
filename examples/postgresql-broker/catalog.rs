//! The services and plans of this broker. Ids must never change: platforms identify services and plans by them alone.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service_catalog::osb::{
    self, Catalog, InputParametersSchema, MaintenanceInfo, Schemas, Service, ServiceBindingSchema,
    ServiceInstanceSchema,
};

use service_catalog::raw_json::RawJson;

use crate::error::Error;

/// The kind of a plan's instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An own database.
    Database(Size),
    /// A schema in the shared database.
    Schema,
}

/// The limits of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The default limit of connections.
    pub connections: u32,
    /// The highest limit that a user may choose.
    pub connections_at_most: u32,
    /// `work_mem` of its sessions.
    pub work_mem: &'static str,
}

/// The part of a plan that the broker acts on; the rest is only for display ([`document`]).
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    pub service_id: &'static str,
    pub id: &'static str,
    pub kind: Kind,
    /// Whether operations on instances are asynchronous.
    pub asynchronous: bool,
    /// Whether instances may change to another plan of the service.
    pub updateable: bool,
    /// The version of the plan's setup; instances of an older version can be upgraded.
    pub maintenance_version: Option<&'static str>,
}

/// The service of databases.
pub const POSTGRESQL: &str = "cd17e389-fe20-4767-bfe0-33bc6c124f00";
/// The service of schemas.
pub const POSTGRESQL_SCHEMA: &str = "829968ff-f190-44af-9c75-a27a2402b2e5";

/// A database of moderate size.
pub static SMALL: Plan = Plan {
    service_id: POSTGRESQL,
    id: "fec349c1-f63e-4e6f-b4a9-a282e6937edc",
    kind: Kind::Database(Size { connections: 20, connections_at_most: 100, work_mem: "4MB" }),
    asynchronous: false,
    updateable: true,
    maintenance_version: None,
};
/// A larger database.
pub static LARGE: Plan = Plan {
    service_id: POSTGRESQL,
    id: "90cf174e-b34e-4d58-a707-7ad42ffb03de",
    kind: Kind::Database(Size { connections: 200, connections_at_most: 1000, work_mem: "32MB" }),
    asynchronous: true,
    updateable: true,
    maintenance_version: Some("1.1.0"),
};
/// A schema in the shared database.
pub static SHARED: Plan = Plan {
    service_id: POSTGRESQL_SCHEMA,
    id: "3a1b7156-df3c-4090-a20a-7e492f29e096",
    kind: Kind::Schema,
    asynchronous: false,
    updateable: false,
    maintenance_version: None,
};

/// The plan with these ids.
pub fn plan(service_id: &str, plan_id: &str) -> Result<&'static Plan, Error> {
    [&SMALL, &LARGE, &SHARED]
        .into_iter()
        .find(|plan| plan.service_id == service_id && plan.id == plan_id)
        .ok_or_else(|| Error::BadRequest("the catalog has no such service_id and plan_id".to_owned()))
}

impl Plan {
    /// Checks the parameters against the plan; [`document`] has the same rules as a JSON schema.
    pub fn check(&self, parameters: InstanceParameters) -> Result<(), Error> {
        let reason = match (self.kind, parameters.connection_limit) {
            (_, None) => return Ok(()),
            (Kind::Database(size), Some(limit)) if (1..=size.connections_at_most).contains(&limit) => {
                return Ok(());
            }
            (Kind::Database(size), Some(_)) => {
                format!("connectionLimit must be between 1 and {}", size.connections_at_most)
            }
            (Kind::Schema, Some(_)) => "this plan has no parameter connectionLimit".to_owned(),
        };
        Err(Error::BadRequest(reason))
    }

    /// Checks that the platform, if it sends a version, has the current one of the plan.
    pub fn check_maintenance(&self, version: Option<&str>) -> Result<(), Error> {
        if version.is_none() || version == self.maintenance_version {
            return Ok(());
        }
        Err(Error::MaintenanceInfoConflict)
    }
}

/// The parameters of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceParameters {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_limit: Option<u32>,
}

/// The parameters of a binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BindingParameters {
    #[serde(default)]
    pub read_only: bool,
}

/// The body of `GET /v2/catalog`.
pub fn document() -> Catalog {
    let databases = Service {
        id: POSTGRESQL.to_owned(),
        name: "postgresql".to_owned(),
        description: "A PostgreSQL database of your own".to_owned(),
        plan_updateable: true,
        metadata: Some(metadata("PostgreSQL", "A database of your own, with a role for each binding.")),
        plans: vec![small(), large()],
        ..service()
    };
    let schemas = Service {
        id: POSTGRESQL_SCHEMA.to_owned(),
        name: "postgresql-schema".to_owned(),
        description: "A schema in a PostgreSQL database that is shared with others".to_owned(),
        metadata: Some(metadata("PostgreSQL schema", "A schema of your own, with a role for each binding.")),
        plans: vec![shared()],
        ..service()
    };
    Catalog { services: vec![databases, schemas], ..Catalog::default() }
}

/// A service with the fields that all have in common.
fn service() -> Service {
    Service {
        tags: ["postgresql", "relational", "sql"].map(str::to_owned).into(),
        bindable: true,
        instances_retrievable: true,
        bindings_retrievable: true,
        ..Service::default()
    }
}

fn small() -> osb::Plan {
    osb::Plan {
        name: "small".to_owned(),
        description: "A database for up to 100 connections, provisioned synchronously".to_owned(),
        metadata: Some(RawJson::from(json!({
            "displayName": "Small",
            "bullets": ["20 to 100 connections", "Ready at once"],
        }))),
        ..offered(&SMALL)
    }
}

fn large() -> osb::Plan {
    osb::Plan {
        name: "large".to_owned(),
        description: "A database for up to 1000 connections, provisioned asynchronously".to_owned(),
        free: false,
        plan_updateable: Some(LARGE.updateable),
        maximum_polling_duration: Some(600),
        maintenance_info: LARGE.maintenance_version.map(|version| MaintenanceInfo {
            version: version.to_owned(),
            description: Some("Sorting and hashing may use 32 MB instead of 4 MB.".to_owned()),
        }),
        metadata: Some(RawJson::from(json!({
            "displayName": "Large",
            "bullets": ["200 to 1000 connections", "More memory for each query"],
            "costs": [{ "amount": { "usd": 49.0, "eur": 45.0 }, "unit": "MONTHLY" }],
        }))),
        ..offered(&LARGE)
    }
}

fn shared() -> osb::Plan {
    osb::Plan {
        name: "shared".to_owned(),
        description: "A schema in a shared database".to_owned(),
        metadata: Some(RawJson::from(json!({
            "displayName": "Shared",
            "bullets": ["For tests and small things", "Ready at once"],
        }))),
        ..offered(&SHARED)
    }
}

/// A plan with the fields that all have in common.
fn offered(plan: &Plan) -> osb::Plan {
    osb::Plan {
        id: plan.id.to_owned(),
        binding_rotatable: Some(true),
        schemas: Some(schemas(plan)),
        ..osb::Plan::default()
    }
}

fn schemas(plan: &Plan) -> Schemas {
    let instance = match plan.kind {
        Kind::Database(size) => json!({ "connectionLimit": {
            "description": format!("The limit of concurrent connections. Default: {}", size.connections),
            "type": "integer",
            "minimum": 1,
            "maximum": size.connections_at_most,
        }}),
        Kind::Schema => json!({}),
    };
    let binding = json!({ "readOnly": {
        "description": "The role can read but not change anything",
        "type": "boolean",
        "default": false,
    }});
    Schemas {
        service_instance: Some(ServiceInstanceSchema {
            create: Some(schema(&instance)),
            update: Some(schema(&instance)),
        }),
        service_binding: Some(ServiceBindingSchema { create: Some(schema(&binding)) }),
    }
}

fn schema(properties: &Value) -> InputParametersSchema {
    let parameters = json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    InputParametersSchema { parameters: Some(parameters.into()) }
}

fn metadata(display_name: &str, long_description: &str) -> RawJson {
    RawJson::from(json!({
        "displayName": display_name,
        "longDescription": long_description,
        "providerDisplayName": "The example broker of the service catalog",
        "documentationUrl": "https://www.postgresql.org/docs/",
        "supportUrl": "https://www.postgresql.org/support/",
        "imageUrl": icon(),
    }))
}

/// The usual icon of a database: three disks.
fn icon() -> String {
    let mut svg =
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="#336791">"##.to_owned();
    for y in [3, 12, 21] {
        // Writing to a `String` cannot fail.
        let _ = write!(svg, r#"<rect x="4" y="{y}" width="24" height="8" rx="4"/>"#);
    }
    svg.push_str("</svg>");
    format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(svg))
}
