//! What the brokers offer, and how it fails.

mod test;
mod user_provided;

use axum::http::StatusCode;
use clap::ValueEnum;
use serde_json::json;
use service_catalog::osb::{
    self, InputParametersSchema, Plan, Schemas, ServiceBindingSchema, ServiceInstanceSchema,
};

use crate::error::Error;

/// Which of the two brokers this is.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Catalog {
    /// What goes in as parameters comes out as credentials.
    UserProvided,
    /// Services that fail as their names say.
    Test,
}

impl Catalog {
    /// What it offers.
    pub fn services(self) -> Vec<Service> {
        match self {
            Self::UserProvided => user_provided::services(),
            Self::Test => test::services(),
        }
    }
}

/// A service, and how it behaves.
#[derive(Clone, Debug)]
pub struct Service {
    /// What the catalog says of it.
    pub offering: osb::Service,
    /// Operations on instances take a while.
    pub asynchronous: bool,
    /// What fails; everything else succeeds.
    pub faults: &'static [Fault],
}

/// What a platform asks of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// To be made.
    Provision,
    /// To be changed.
    Update,
    /// To be removed.
    Deprovision,
    /// How far it is.
    Poll,
}

/// A failure that belongs to a service.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What fails.
    pub action: Action,
    /// How often.
    pub times: Times,
    /// The status of the answer. An asynchronous operation is accepted, and said to have failed when it is over.
    pub status: StatusCode,
}

/// How often something fails.
#[derive(Clone, Copy, Debug)]
pub enum Times {
    /// As often as it is tried.
    Always,
    /// As often as the broker was told at its start, and then no more.
    AtFirst,
}

impl Service {
    /// Refuses a platform that will not wait.
    pub fn admit(&self, accepts_incomplete: bool) -> Result<(), Error> {
        if self.asynchronous && !accepts_incomplete { Err(Error::AsyncRequired) } else { Ok(()) }
    }

    /// How it fails in this respect, if it does.
    pub fn fault(&self, action: Action) -> Option<&'static Fault> {
        self.faults.iter().find(|fault| fault.action == action)
    }
}

/// The body of `GET /v2/catalog`.
pub fn document(services: &[Service]) -> osb::Catalog {
    let services = services.iter().map(|service| service.offering.clone()).collect();
    osb::Catalog { services, ..osb::Catalog::default() }
}

/// What all services have in common.
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

/// The schemas of plans that say which parameters they take.
fn schemas() -> Schemas {
    let text = |description: &str| json!({ "description": description, "type": "string" });
    let parameters = json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": { "param-1": text("First input parameter"), "param-2": text("Second input parameter") },
    });
    let schema = Some(InputParametersSchema { parameters: Some(parameters) });
    Schemas {
        service_instance: Some(ServiceInstanceSchema { create: schema.clone(), update: schema.clone() }),
        service_binding: Some(ServiceBindingSchema { create: schema }),
    }
}
