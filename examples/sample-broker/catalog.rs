//! What the brokers offer, and how it fails.

mod test;
mod user_provided;

use axum::http::StatusCode;
use clap::ValueEnum;
use serde_json::{Value, json};

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
    /// What platforms know it by.
    pub id: String,
    /// What users know it by.
    pub name: &'static str,
    /// A sentence.
    pub description: String,
    /// Its plans.
    pub plans: Vec<Plan>,
    /// Operations on instances take a while.
    pub asynchronous: bool,
    /// What fails; everything else succeeds.
    pub faults: &'static [Fault],
}

/// A plan of a service.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What platforms know it by.
    pub id: String,
    /// What users know it by.
    pub name: &'static str,
    /// A sentence.
    pub description: &'static str,
    /// Whether it costs nothing.
    pub free: bool,
    /// Whether it says which parameters it takes.
    pub schemas: bool,
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
pub fn document(services: &[Service]) -> Value {
    json!({ "services": services.iter().map(service).collect::<Vec<_>>() })
}

fn service(service: &Service) -> Value {
    json!({
        "id": service.id,
        "name": service.name,
        "description": service.description,
        "bindable": true,
        "plan_updateable": true,
        "instances_retrievable": true,
        "bindings_retrievable": true,
        "plans": service.plans.iter().map(plan).collect::<Vec<_>>(),
    })
}

fn plan(plan: &Plan) -> Value {
    let mut document = json!({
        "id": plan.id, "name": plan.name, "description": plan.description, "free": plan.free,
    });
    if let (true, Some(members)) = (plan.schemas, document.as_object_mut()) {
        members.insert("schemas".to_owned(), schemas());
    }
    document
}

fn schemas() -> Value {
    let text = |description: &str| json!({ "description": description, "type": "string" });
    let schema = json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": { "param-1": text("First input parameter"), "param-2": text("Second input parameter") },
    });
    json!({
        "service_instance": { "create": { "parameters": schema }, "update": { "parameters": schema } },
        "service_binding": { "create": { "parameters": schema } },
    })
}
