//! What a request means for what is already there. Every function that changes something locks the instance,
//! looks at its record, saves what it is going to do and does it; so it may be repeated, also after a crash.

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

/// Where applications find the server.
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

/// What became of a request that was fulfilled.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// It was so already.
    Unchanged,
    /// It is done.
    Done,
    /// It is being done, in the operation of this key.
    Accepted(String),
}

impl Broker {
    pub fn new(server: Server, public: Address, async_delay: Duration) -> Self {
        Self { server, public, async_delay }
    }

    /// Makes what is missing, and goes on with what was interrupted.
    pub async fn start(self: &Arc<Self>) -> Result<(), Error> {
        // No instance has an empty id: this lock only keeps two copies of the broker from starting at once.
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
    Err(Error::BadRequest("the instance is of another service_id".to_owned()))
}
