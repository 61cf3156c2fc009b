//! Databases, schemas and roles. Every function here is idempotent, even after an interruption at any point.
//!
//! An instance has two roles without a login: one owns everything in it, the other one may read everything. A
//! binding's role is a member of one of them. Its sessions act as the owner from the start, so everything that one
//! binding creates belongs to all of them, and outlives it.

use std::{iter, sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Config, GenericClient, NoTls, error::SqlState};

use crate::{
    catalog::{InstanceParameters, Kind, Plan, Size},
    error::Error,
    naming::Identifier,
};

/// How many requests may use the server at the same time; the others wait.
const REQUESTS_AT_A_TIME: usize = 16;

/// The timeout for connections to the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for locks time out, and the server does not log statements, which contain passwords.
const OPTIONS: &str = "-c lock_timeout=10s -c log_statement=none -c log_min_duration_statement=-1 \
                       -c log_min_error_statement=panic";

/// The PostgreSQL server, as its superuser.
pub struct Server {
    config: Config,
    places: Arc<Semaphore>,
}

/// The place of an instance, and the roles that it belongs to.
pub struct Home {
    pub database: Identifier,
    pub schema: Option<Identifier>,
    owner: Identifier,
    reader: Identifier,
}

impl Home {
    /// The place of an instance, whether it exists or not.
    pub fn new(kind: Kind, instance_id: &str) -> Self {
        let name = Identifier::of_instance(instance_id);
        let (database, schema) = match kind {
            Kind::Database(_) => (name.clone(), None),
            Kind::Schema => (Identifier::shared(), Some(name.clone())),
        };
        Self { database, schema, owner: name, reader: Identifier::of_reader(instance_id) }
    }

    /// The SQL that creates the role of a binding.
    pub fn binding_role(&self, role: &Identifier, password: &str, read_only: bool) -> String {
        let Self { database, schema, owner, reader } = self;
        let group = if read_only { reader } else { owner };
        let path = schema.as_ref().map(|schema| format!("SET search_path TO {schema}"));
        let act_as_owner = (!read_only).then(|| format!("SET role TO {owner}"));
        let create = format!("CREATE ROLE {role} LOGIN PASSWORD '{password}' IN ROLE {group};");
        let settings = [path, act_as_owner].into_iter().flatten();
        let settings = settings.map(|set| format!("ALTER ROLE {role} IN DATABASE {database} {set};"));
        iter::once(create).chain(settings).collect()
    }

    /// The SQL that lets the readers read the owner's future schemas, tables and sequences.
    fn default_privileges(&self) -> String {
        let Self { owner, reader, .. } = self;
        let privileges = ["USAGE ON SCHEMAS", "SELECT ON TABLES", "SELECT ON SEQUENCES"];
        let grant = |it| format!("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT {it} TO {reader};");
        privileges.map(grant).concat()
    }

    /// The roles that belong to the instance rather than to a binding.
    pub fn groups(&self) -> [Identifier; 2] {
        [self.owner.clone(), self.reader.clone()]
    }
}

impl Server {
    pub fn new(mut config: Config) -> Self {
        config.options(OPTIONS).application_name("postgresql-broker");
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        Self { config, places: Arc::new(Semaphore::new(REQUESTS_AT_A_TIME)) }
    }

    /// A connection for one request only: it holds the request's lock, and no session state is left for the next
    /// one.
    pub async fn admin(&self) -> Result<Client, Error> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(connect(&self.config, Some(place)).await?)
    }

    /// A connection to another database, unless that does not exist.
    async fn inside(&self, database: &Identifier) -> Result<Option<Client>, Error> {
        let mut config = self.config.clone();
        config.dbname(database.as_str());
        match connect(&config, None).await {
            Err(error) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME) => Ok(None),
            result => Ok(Some(result?)),
        }
    }

    /// Creates the objects that all instances share.
    pub async fn prepare(&self, admin: &Client) -> Result<(), Error> {
        let shared = Identifier::shared();
        unless_exists(admin, &format!("CREATE ROLE {shared} NOLOGIN")).await?;
        unless_exists(admin, &format!("CREATE DATABASE {shared} TEMPLATE template0")).await?;
        let sql = format!(
            "REVOKE ALL ON DATABASE {shared} FROM PUBLIC;
             GRANT CONNECT, TEMPORARY ON DATABASE {shared} TO {shared};"
        );
        admin.batch_execute(&sql).await?;
        self.execute_inside(&shared, "REVOKE ALL ON SCHEMA public FROM PUBLIC;").await
    }

    /// Creates the instance.
    pub async fn create(&self, admin: &Client, home: &Home) -> Result<(), Error> {
        for role in home.groups() {
            unless_exists(admin, &format!("CREATE ROLE {role} NOLOGIN")).await?;
        }
        let Home { database, owner, reader, .. } = home;
        let inside = match &home.schema {
            None => {
                self.create_database(admin, home).await?;
                format!(
                    "ALTER SCHEMA public OWNER TO {owner}; REVOKE ALL ON SCHEMA public FROM PUBLIC;
                     GRANT USAGE ON SCHEMA public TO {reader};"
                )
            }
            Some(schema) => {
                let shared = Identifier::shared();
                admin.batch_execute(&format!("GRANT {shared} TO {owner}, {reader}")).await?;
                format!(
                    "CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner};
                     GRANT USAGE ON SCHEMA {schema} TO {reader};"
                )
            }
        };
        self.execute_inside(database, &(inside + &home.default_privileges())).await
    }

    async fn create_database(&self, admin: &Client, home: &Home) -> Result<(), Error> {
        let Home { database, owner, reader, .. } = home;
        // `template0`, because it accepts no connections, and an open one would make this fail.
        unless_exists(admin, &format!("CREATE DATABASE {database} OWNER {owner} TEMPLATE template0")).await?;
        let sql = format!(
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC;
             GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {reader};"
        );
        Ok(admin.batch_execute(&sql).await?)
    }

    /// Applies the plan's settings and the user's parameters.
    pub async fn configure(
        &self,
        admin: &Client,
        home: &Home,
        plan: &Plan,
        parameters: InstanceParameters,
    ) -> Result<(), Error> {
        let Kind::Database(Size { connections, work_mem, .. }) = plan.kind else {
            return Ok(());
        };
        let (database, limit) = (&home.database, parameters.connection_limit.unwrap_or(connections));
        let sql = format!(
            "ALTER DATABASE {database} CONNECTION LIMIT {limit};
             ALTER DATABASE {database} SET work_mem TO '{work_mem}';"
        );
        Ok(admin.batch_execute(&sql).await?)
    }

    /// Ends the sessions of these roles, prevents new ones, and reassigns what they own. The roles themselves stay.
    pub async fn retire(&self, admin: &Client, home: &Home, roles: &[Identifier]) -> Result<(), Error> {
        let roles = existing(admin, roles).await?;
        for role in &roles {
            admin.batch_execute(&format!("ALTER ROLE {role} NOLOGIN;")).await?;
            let sql =
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1::text::name";
            admin.query(sql, &[&role.as_str()]).await?;
        }
        let Some(inside) = self.inside(&home.database).await? else {
            return Ok(());
        };
        for role in &roles {
            let sql = format!("REASSIGN OWNED BY {role} TO {}; DROP OWNED BY {role};", home.owner);
            inside.batch_execute(&sql).await?;
        }
        Ok(())
    }

    /// Removes the instance with all its data. The roles stay.
    pub async fn destroy(&self, admin: &Client, home: &Home) -> Result<(), Error> {
        let Some(schema) = &home.schema else {
            let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", home.database);
            return Ok(admin.batch_execute(&sql).await?);
        };
        let groups = existing(admin, &home.groups()).await?;
        let drop_owned: Vec<String> = groups.iter().map(|role| format!("DROP OWNED BY {role};")).collect();
        let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; {}", drop_owned.concat());
        self.execute_inside(&home.database, &sql).await
    }

    async fn execute_inside(&self, database: &Identifier, sql: &str) -> Result<(), Error> {
        let inside = self.inside(database).await?;
        let inside =
            inside.ok_or_else(|| Error::Internal(format!("the database {database} has disappeared")))?;
        Ok(inside.batch_execute(sql).await?)
    }
}

/// Drops those of the roles that exist. They must own nothing any more.
pub async fn drop_roles(admin: &impl GenericClient, roles: &[Identifier]) -> Result<(), Error> {
    for role in existing(admin, roles).await? {
        admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role};")).await?;
    }
    Ok(())
}

async fn existing(admin: &impl GenericClient, roles: &[Identifier]) -> Result<Vec<Identifier>, Error> {
    let names: Vec<&str> = roles.iter().map(Identifier::as_str).collect();
    let query = "SELECT rolname::text FROM pg_roles WHERE rolname = ANY($1::text[])";
    let rows = admin.query(query, &[&names]).await?;
    let found: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(roles.iter().filter(|role| found.iter().any(|name| name == role.as_str())).cloned().collect())
}

/// Runs a `CREATE …`, which has no `IF NOT EXISTS` for roles and databases.
async fn unless_exists(admin: &Client, sql: &str) -> Result<(), Error> {
    const EXISTS: [SqlState; 2] = [SqlState::DUPLICATE_OBJECT, SqlState::DUPLICATE_DATABASE];
    match admin.batch_execute(sql).await {
        Err(error) if !error.code().is_some_and(|code| EXISTS.contains(code)) => Err(error.into()),
        _ => Ok(()),
    }
}

async fn connect(
    config: &Config,
    place: Option<OwnedSemaphorePermit>,
) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to PostgreSQL broke");
        }
    });
    Ok(client)
}
