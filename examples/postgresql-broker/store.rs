//! The records of instances and bindings, in the schema `service_broker` of the database that the broker connects
//! to. They are in the server that they describe, so that creating a role and its record is one transaction.

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

/// An instance, from the request to provision it until it is removed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    pub settings: Settings,
    /// Whether it is ready for use: from the end of its provision to the request to deprovision it.
    pub provisioned: bool,
    /// The version of its plan's setup.
    pub maintenance_version: Option<String>,
    /// Its current or last operation.
    pub operation: Operation,
}

/// The settings of an instance: a request with the same settings is a repetition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub service_id: String,
    pub plan_id: String,
    pub parameters: InstanceParameters,
}

/// An operation on an instance. It is saved before it begins, and again when it has ended. An interrupted one is
/// still in progress, and simply begins again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Operation {
    pub task: Task,
    pub state: OperationState,
    /// The key that platforms poll with.
    pub key: String,
    /// Why it failed.
    pub failure: Option<String>,
}

/// The goal of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    Provision,
    /// To these settings; the instance keeps its own until the end.
    Update(Settings),
    Deprovision,
}

/// The prefix of a deprovision's key, which identifies it when the record of the instance is gone.
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

/// A binding. One transaction creates, and another one removes, its role and this record. It has no `Debug`, so that
/// the password is never logged.
#[derive(Clone, Serialize, Deserialize)]
pub struct Binding {
    pub parameters: BindingParameters,
    /// Its predecessor, if it is from a rotation.
    pub predecessor: Option<String>,
    /// Stored because platforms may fetch the credentials again.
    pub password: String,
}

/// Creates the tables.
pub async fn prepare(admin: &Client) -> Result<(), Error> {
    Ok(admin.batch_execute(TABLES).await?)
}

/// The ids of instances whose operation was interrupted.
pub async fn unfinished(admin: &Client) -> Result<Vec<String>, Error> {
    let query =
        "SELECT id FROM service_broker.instances WHERE document->'operation'->>'state' = 'in progress'";
    let rows = admin.query(query, &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The instance, if it exists.
pub async fn instance(admin: &Client, id: &str) -> Result<Option<Instance>, Error> {
    let query = "SELECT document::text FROM service_broker.instances WHERE id = $1";
    let row = admin.query_opt(query, &[&id]).await?;
    row.map(|row| parse(row.try_get(0)?)).transpose()
}

/// The binding, if it exists.
pub async fn binding(admin: &Client, instance_id: &str, id: &str) -> Result<Option<Binding>, Error> {
    let query = "SELECT document::text FROM service_broker.bindings WHERE instance_id = $1 AND id = $2";
    let row = admin.query_opt(query, &[&instance_id, &id]).await?;
    row.map(|row| parse(row.try_get(0)?)).transpose()
}

/// An exclusive lock on an instance, against other requests of this process and of other replicas. It belongs to the
/// database connection, so it is released even if the broker is killed.
pub struct Locked {
    pub admin: Client,
    pub id: String,
}

impl Locked {
    /// Waits for the lock, with a timeout.
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

    /// Saves the binding and creates its role, in one transaction.
    pub async fn create_binding(&mut self, id: &str, binding: &Binding, role: &str) -> Result<(), Error> {
        let transaction = self.admin.transaction().await?;
        let statement = "INSERT INTO service_broker.bindings VALUES ($1, $2, $3::text::jsonb)";
        transaction.execute(statement, &[&self.id, &id, &text(binding)?]).await?;
        transaction.batch_execute(role).await?;
        Ok(transaction.commit().await?)
    }

    /// Deletes the binding's record and drops its role, in one transaction.
    pub async fn delete_binding(&mut self, id: &str, role: &Identifier) -> Result<(), Error> {
        let transaction = self.admin.transaction().await?;
        let statement = "DELETE FROM service_broker.bindings WHERE instance_id = $1 AND id = $2";
        transaction.execute(statement, &[&self.id, &id]).await?;
        finish(transaction, std::slice::from_ref(role)).await
    }

    /// Deletes the records of the instance and its bindings and drops these roles, in one transaction.
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
        .map_err(|error| Error::Internal(format!("cannot serialise a record: {error}")))
}

fn parse<T: DeserializeOwned>(document: &str) -> Result<T, Error> {
    serde_json::from_str(document).map_err(|error| Error::Internal(format!("cannot parse a record: {error}")))
}
