//! An application: it has the credentials of a binding and uses the database.

use serde_json::Value;
use tokio_postgres::{Client, Config, error::SqlState};

use super::server::connect;

/// The credentials of a binding.
pub struct Credentials(pub Value);

impl Credentials {
    /// Logs in.
    pub async fn connect(&self) -> Result<Application, SqlState> {
        self.connect_to(self.text("database")).await
    }

    /// Logs in to another database than the one that the credentials are for.
    pub async fn connect_to(&self, database: &str) -> Result<Application, SqlState> {
        let mut config: Config = self.text("uri").parse().unwrap();
        let client = connect(config.dbname(database)).await;
        client.map(Application).map_err(|error| error.code().unwrap().clone())
    }

    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }
}

/// A session with the database.
pub struct Application(Client);

impl Application {
    /// Executes SQL that must succeed.
    pub async fn run(&self, sql: &str) {
        self.0.batch_execute(sql).await.unwrap();
    }

    /// The number of rows that a query returns.
    pub async fn rows(&self, sql: &str) -> usize {
        self.0.query(sql, &[]).await.unwrap().len()
    }

    /// Executes SQL that must be forbidden.
    pub async fn is_denied(&self, sql: &str) {
        let error = self.0.batch_execute(sql).await.expect_err(sql);
        assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error:?}");
    }

    /// Asserts that the server has ended the session.
    pub async fn is_over(&self) {
        self.0.batch_execute("SELECT 1").await.expect_err("the session goes on");
    }
}
