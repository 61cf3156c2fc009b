//! A PostgreSQL server for one test, from Debian's package: in a temporary directory, on a free port.

use std::{
    env, fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use super::free_port::free_port;

/// The superuser needs no password, because checking it is slow in unoptimised programs. Bindings do.
const AUTHENTICATION: &str =
    "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
const DEADLINE: Duration = Duration::from_mins(1);

pub struct Postgres {
    process: Child,
    directory: PathBuf,
    port: u16,
}

impl Postgres {
    pub async fn start() -> Self {
        let directory = env::temp_dir().join(format!("postgresql-broker-{}", Uuid::new_v4()));
        let mut initdb = unprivileged("initdb");
        initdb.arg("--pgdata").arg(&directory);
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        let output = initdb.output().unwrap();
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        fs::write(directory.join("pg_hba.conf"), AUTHENTICATION).unwrap();

        let port = free_port();
        let mut postgres = unprivileged("postgres");
        postgres.arg("-D").arg(&directory).arg("-k").arg(&directory).args(["-p", &port.to_string()]);
        for setting in
            ["fsync=off", "listen_addresses=127.0.0.1", "shared_buffers=16MB", "max_connections=60"]
        {
            postgres.args(["-c", setting]);
        }
        let log = fs::File::create(directory.with_extension("log")).unwrap();
        let process = postgres.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut server = Self { process, directory, port };
        server.wait_until_ready().await;
        server
    }

    /// The superuser's connection.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user("postgres").dbname("postgres");
        config
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The single value that a query of the superuser returns.
    pub async fn query(&self, query: &str) -> String {
        let client = connect(&self.config()).await.unwrap();
        client.query_one(&format!("SELECT ({query})::text"), &[]).await.unwrap().get(0)
    }

    /// The names of all objects in the server that belong to an instance or a binding.
    pub async fn leftovers(&self) -> String {
        self.query(
            "SELECT coalesce(string_agg(name, ' '), '') FROM (
                 SELECT rolname FROM pg_roles
                 UNION ALL SELECT datname FROM pg_database
                 UNION ALL SELECT id FROM service_broker.instances
                 UNION ALL SELECT id FROM service_broker.bindings
             ) AS everything(name)
             WHERE name !~ '^(pg_.*|template.|postgres|osb_shared)$'",
        )
        .await
    }

    async fn wait_until_ready(&mut self) {
        let begin = Instant::now();
        while let Err(error) = connect(&self.config()).await {
            let log = || fs::read_to_string(self.directory.with_extension("log")).unwrap_or_default();
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("postgres ended with {status}: {}", log());
            }
            assert!(begin.elapsed() < DEADLINE, "postgres is not ready: {error}: {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Not `kill()`, which would leave processes and shared memory behind.
        let _ = unprivileged("pg_ctl").args(["stop", "-m", "immediate", "-D"]).arg(&self.directory).output();
        let _ = self.process.wait();
        let _ = fs::remove_file(self.directory.with_extension("log"));
        let _ = fs::remove_dir_all(&self.directory);
    }
}

pub async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A program of PostgreSQL, which ends when the tests end for any reason. It refuses to run as root, so then it runs
/// as the user `nobody`.
fn unprivileged(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=KILL").current_dir("/");
    if fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    }
    command.arg(find(program));
    command
}

/// The newest version of the program from Debian's directories, or else from the path.
fn find(program: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let version = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse::<u32>().ok();
    let mut versions: Vec<u32> = versions.filter_map(version).collect();
    versions.sort_unstable();
    let debian =
        versions.iter().rev().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin")));
    let path = env::var_os("PATH").unwrap_or_default();
    debian
        .chain(env::split_paths(&path))
        .map(|directory| directory.join(program))
        .find(|file| Path::new(file).is_file())
        .unwrap_or_else(|| panic!("{program} is missing: install PostgreSQL, Debian's package `postgresql`"))
}
