//! The brokers' services, and their faults.

mod test;
mod user_provided;

use axum::http::StatusCode;
use clap::ValueEnum;
use serde_json::json;
use service_catalog::osb::{
    self, InputParametersSchema, Plan, Schemas, ServiceBindingSchema, ServiceInstanceSchema,
};

use crate::error::Error;

/// The two catalogs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Catalog {
    /// The parameters become the credentials.
    UserProvided,
    /// Services that fail as their names say.
    Test,
}

impl Catalog {
    /// The services of this catalog.
    pub fn services(self) -> Vec<Service> {
        match self {
            Self::UserProvided => user_provided::services(),
            Self::Test => test::services(),
        }
    }
}

/// A service, and its behaviour.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its entry in the catalog.
    pub offering: osb::Service,
    /// Whether operations on instances are asynchronous.
    pub asynchronous: bool,
    /// Its faults; every other operation succeeds.
    pub faults: &'static [Fault],
}

/// A platform's request for an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Provision it.
    Provision,
    /// Update it.
    Update,
    /// Deprovision it.
    Deprovision,
    /// Poll its last operation.
    Poll,
}

/// A fault of a service.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The request that fails.
    pub action: Action,
    /// How often.
    pub times: Times,
    /// The status of the answer. An asynchronous operation is accepted, and ends in the state `failed`.
    pub status: StatusCode,
}

/// How often something fails.
#[derive(Clone, Copy, Debug)]
pub enum Times {
    /// At every attempt.
    Always,
    /// At the first attempts, as many as `--failures` says.
    AtFirst,
}

impl Service {
    /// Rejects a platform that does not support asynchronous operations.
    pub fn admit(&self, accepts_incomplete: bool) -> Result<(), Error> {
        if self.asynchronous && !accepts_incomplete { Err(Error::AsyncRequired) } else { Ok(()) }
    }

    /// Its fault at this action, if any.
    pub fn fault(&self, action: Action) -> Option<&'static Fault> {
        self.faults.iter().find(|fault| fault.action == action)
    }
}

/// The body of `GET /v2/catalog`.
pub fn document(services: &[Service]) -> osb::Catalog {
    let services = services.iter().map(|service| service.offering.clone()).collect();
    osb::Catalog { services, ..osb::Catalog::default() }
}

/// An entry with the fields that all services have in common.
fn offering(id: String, name: &str, description: String, plans: Vec<Plan>) -> osb::Service {
    osb::Service {
        id,
        name: name.to_owned(),
        description,
        bindable: true,
        plan_updateable: true,
        instances_retrievable: true,
        bindings_retrievable: true,
        plans,
        ..osb::Service::default()
    }
}

/// The schemas of the plans that have some.
fn schemas() -> Schemas {
    let text = |description: &str| json!({ "description": description, "type": "string" });
    let parameters = json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": { "param-1": text("First input parameter"), "param-2": text("Second input parameter") },
    });
    let schema = Some(InputParametersSchema { parameters: Some(parameters.into()) });
    Schemas {
        service_instance: Some(ServiceInstanceSchema { create: schema.clone(), update: schema.clone() }),
        service_binding: Some(ServiceBindingSchema { create: schema }),
    }
}
