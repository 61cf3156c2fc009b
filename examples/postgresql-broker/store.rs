//! What the broker remembers: instances and bindings, in the schema `service_broker` of the database that it
//! connects to. It is in the server that it is about, so that creating a role and remembering it is one
//! transaction.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use service_catalog::osb::OperationState;
use tokio_postgres::{Client, Transaction, error::SqlState};
use uuid::Uuid;

use crate::{
    catalog::{BindingParameters, InstanceParameters},
    error::Error,
    naming::Identifier,
    postgres::{Server, drop_roles},
};

const TABLES: &str = "
    CREATE SCHEMA IF NOT EXISTS service_broker;
    CREATE TABLE IF NOT EXISTS service_broker.instances (
        id text PRIMARY KEY,
        document jsonb NOT NULL
    );
    CREATE TABLE IF NOT EXISTS service_broker.bindings (
        instance_id text NOT NULL REFERENCES service_broker.instances ON DELETE CASCADE,
        id text NOT NULL,
        document jsonb NOT NULL,
        PRIMARY KEY (instance_id, id)
    );";

/// An instance, from the moment that it was asked for until it is gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    pub settings: Settings,
    /// Whether it is ready for use: not before it is provisioned, and not from when it is to go.
    pub provisioned: bool,
    /// The version of the plan's setup that it has.
    pub maintenance_version: Option<String>,
    /// What is being done with it, or was done last.
    pub operation: Operation,
}

/// What shapes an instance: two requests with the same settings are the same request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub service_id: String,
    pub plan_id: String,
    pub parameters: InstanceParameters,
}

/// Something that is done with an instance. It is saved before it begins and saved again when it has ended:
/// what is found in progress without anybody working on it is simply begun again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Operation {
    pub task: Task,
    pub state: OperationState,
    /// What platforms poll with.
    pub key: String,
    /// Why it failed.
    pub failure: Option<String>,
}

/// What an operation is to achieve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Provision,
    /// To these settings; the instance keeps its own until then.
    Update(Settings),
    Deprovision,
}

/// How the key of every deprovisioning begins, so that it is known when nothing else is left of the instance.
pub const DEPROVISION: &str = "deprovision";

impl Operation {
    /// An operation that is about to begin.
    pub fn new(task: Task) -> Self {
        let name = match task {
            Task::Provision => "provision",
            Task::Update(_) => "update",
            Task::Deprovision => DEPROVISION,
        };
        Self {
            task,
            state: OperationState::InProgress,
            key: format!("{name}-{}", Uuid::new_v4()),
            failure: None,
        }
    }

    /// The task, while it is in progress.
    pub fn running(&self) -> Option<&Task> {
        (self.state == OperationState::InProgress).then_some(&self.task)
    }
}

/// A binding. There is no half of one: its role and this record appear and disappear together. It has no
/// `Debug`, so that the password is never logged.
#[derive(Clone, Serialize, Deserialize)]
pub struct Binding {
    pub parameters: BindingParameters,
    /// The binding that it was rotated from.
    pub predecessor: Option<String>,
    /// Kept because platforms may ask for the credentials again.
    pub password: String,
}

/// Makes the tables.
pub async fn prepare(admin: &Client) -> Result<(), Error> {
    Ok(admin.batch_execute(TABLES).await?)
}

/// The instances with an operation that began and never ended.
pub async fn unfinished(admin: &Client) -> Result<Vec<String>, Error> {
    let query =
        "SELECT id FROM service_broker.instances WHERE document->'operation'->>'state' = 'in progress'";
    let rows = admin.query(query, &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The instance, if there is one.
pub async fn instance(admin: &Client, id: &str) -> Result<Option<Instance>, Error> {
    let query = "SELECT document::text FROM service_broker.instances WHERE id = $1";
    let row = admin.query_opt(query, &[&id]).await?;
    row.map(|row| parse(row.try_get(0)?)).transpose()
}

/// The binding, if there is one.
pub async fn binding(admin: &Client, instance_id: &str, id: &str) -> Result<Option<Binding>, Error> {
    let query = "SELECT document::text FROM service_broker.bindings WHERE instance_id = $1 AND id = $2";
    let row = admin.query_opt(query, &[&instance_id, &id]).await?;
    row.map(|row| parse(row.try_get(0)?)).transpose()
}

/// An instance that nobody else changes until this is dropped, neither in this process nor in another copy of
/// the broker: the lock belongs to the connection, and goes with it even if the broker is killed.
pub struct Locked {
    pub admin: Client,
    pub id: String,
}

impl Locked {
    /// Waits for whoever works on the instance, but not for ever.
    pub async fn new(server: &Server, id: &str) -> Result<Self, Error> {
        let admin = server.admin().await?;
        let lock = admin.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", &[&id]).await;
        match lock {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Err(Error::Concurrency),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(Self { admin, id: id.to_owned() }),
        }
    }

    pub async fn instance(&self) -> Result<Option<Instance>, Error> {
        instance(&self.admin, &self.id).await
    }

    pub async fn binding(&self, id: &str) -> Result<Option<Binding>, Error> {
        binding(&self.admin, &self.id, id).await
    }

    /// The roles of all bindings.
    pub async fn binding_roles(&self) -> Result<Vec<Identifier>, Error> {
        let query = "SELECT id FROM service_broker.bindings WHERE instance_id = $1";
        let rows = self.admin.query(query, &[&self.id]).await?;
        rows.iter().map(|row| Ok(Identifier::of_binding(&self.id, row.try_get(0)?))).collect()
    }

    pub async fn save(&self, instance: &Instance) -> Result<(), Error> {
        let statement = "INSERT INTO service_broker.instances VALUES ($1, $2::text::jsonb)
            ON CONFLICT (id) DO UPDATE SET document = excluded.document";
        self.admin.execute(statement, &[&self.id, &text(instance)?]).await?;
        Ok(())
    }

    /// Remembers the binding and makes its role, or neither.
    pub async fn create_binding(&mut self, id: &str, binding: &Binding, role: &str) -> Result<(), Error> {
        let transaction = self.admin.transaction().await?;
        let statement = "INSERT INTO service_broker.bindings VALUES ($1, $2, $3::text::jsonb)";
        transaction.execute(statement, &[&self.id, &id, &text(binding)?]).await?;
        transaction.batch_execute(role).await?;
        Ok(transaction.commit().await?)
    }

    /// Forgets the binding and drops its role, or neither.
    pub async fn delete_binding(&mut self, id: &str, role: &Identifier) -> Result<(), Error> {
        let transaction = self.admin.transaction().await?;
        let statement = "DELETE FROM service_broker.bindings WHERE instance_id = $1 AND id = $2";
        transaction.execute(statement, &[&self.id, &id]).await?;
        finish(transaction, std::slice::from_ref(role)).await
    }

    /// Forgets the instance and its bindings and drops these roles, or nothing of it.
    pub async fn delete(&mut self, roles: &[Identifier]) -> Result<(), Error> {
        let transaction = self.admin.transaction().await?;
        transaction.execute("DELETE FROM service_broker.instances WHERE id = $1", &[&self.id]).await?;
        finish(transaction, roles).await
    }
}

async fn finish(transaction: Transaction<'_>, roles: &[Identifier]) -> Result<(), Error> {
    drop_roles(&transaction, roles).await?;
    Ok(transaction.commit().await?)
}

fn text(document: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(document)
        .map_err(|error| Error::Internal(format!("cannot write a record: {error}")))
}

fn parse<T: DeserializeOwned>(document: &str) -> Result<T, Error> {
    serde_json::from_str(document).map_err(|error| Error::Internal(format!("cannot read a record: {error}")))
}
