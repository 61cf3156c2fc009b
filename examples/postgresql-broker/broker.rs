//! The effect of each request. Every function that changes something locks the instance, reads its record, saves
//! the intent and executes it. So it may be repeated, even after a crash.

mod bindings;
mod instances;
mod operations;

use std::{sync::Arc, time::Duration};

pub use self::{bindings::NewBinding, instances::Change};
use crate::{
    catalog::{self, Plan},
    error::Error,
    postgres::{Home, Server},
    store::{self, Instance, Locked},
};

/// The address of the server for applications.
#[derive(Clone, Debug)]
pub struct Address {
    pub host: String,
    pub port: u16,
}

/// The broker.
pub struct Broker {
    server: Server,
    pub public: Address,
    async_delay: Duration,
}

/// The outcome of a successful request.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing had to be changed.
    Unchanged,
    /// The change is done.
    Done,
    /// The change is in progress, in the operation with this key.
    Accepted(String),
}

impl Broker {
    pub fn new(server: Server, public: Address, async_delay: Duration) -> Self {
        Self { server, public, async_delay }
    }

    /// Prepares the server, and resumes interrupted operations.
    pub async fn start(self: &Arc<Self>) -> Result<(), Error> {
        // No instance has an empty id: this lock only keeps two replicas from starting at the same time.
        let start = Locked::new(&self.server, "").await?;
        store::prepare(&start.admin).await?;
        self.server.prepare(&start.admin).await?;
        for id in store::unfinished(&start.admin).await? {
            tracing::info!(instance = id, "resuming");
            self.finish_in_background(id);
        }
        Ok(())
    }

    /// Whether PostgreSQL answers.
    pub async fn check(&self) -> Result<(), Error> {
        self.server.admin().await.map(drop)
    }
}

fn plan_of(record: &Instance) -> Result<&'static Plan, Error> {
    catalog::plan(&record.settings.service_id, &record.settings.plan_id)
}

fn home_of(record: &Instance, id: &str) -> Result<Home, Error> {
    Ok(Home::new(plan_of(record)?.kind, id))
}

fn same_service(record: &Instance, service_id: &str) -> Result<(), Error> {
    if record.settings.service_id == service_id {
        return Ok(());
    }
    Err(Error::BadRequest("the instance has another service_id".to_owned()))
}
