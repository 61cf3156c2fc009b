//! The sample broker as a process, and the manifests of the walkthrough.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::namespace::Namespace;
use crate::process::{Process, directory, free_address, run, until};

/// The sample broker. It is killed when this is dropped.
pub struct Sample {
    url: String,
    _process: Process,
}

impl Sample {
    /// Starts it with one of its catalogs: `user-provided` or `test`.
    pub fn start(name: &str, options: &[&str]) -> Self {
        static PROGRAM: LazyLock<PathBuf> = LazyLock::new(build);
        let address = free_address();
        let mut command = Command::new(&*PROGRAM);
        command.args(["--catalog", name, "--listen", &address.to_string()]).args(options);
        let mut process =
            Process::start(&command, directory().join(format!("{name}-{}.log", address.port())));
        until("the sample broker listens", || {
            process.must_live();
            std::net::TcpStream::connect(address).map(drop).map_err(|error| error.to_string())
        });
        Self { url: format!("http://{address}"), _process: process }
    }

    /// Registers it with a manifest, and waits until its catalog is published.
    pub async fn register(&self, namespace: &Namespace, file: &str) -> Value {
        let mut broker = only(file);
        broker["spec"]["url"] = self.url.as_str().into();
        create(namespace, broker.clone()).await;
        let [kind, name] = [&broker["kind"], &broker["metadata"]["name"]].map(|text| text.as_str().unwrap());
        namespace.until_ready(kind, name).await
    }
}

/// Builds the sample broker: for integration tests Cargo builds no examples.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let profile = target.file_name().unwrap().to_str().unwrap().replace("debug", "dev");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--locked", "--quiet", "--profile", &profile, "--example", "sample-broker"]);
    // With the variables that Cargo sets for tests it would build the dependencies again.
    let names = std::env::vars().map(|(name, _)| name);
    for name in names.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
        command.env_remove(name);
    }
    run(&mut command);
    target.join("examples/sample-broker")
}

fn manifests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/walkthrough")
}

/// The objects of a manifest.
pub fn manifest(file: &str) -> Vec<Value> {
    let text =
        std::fs::read_to_string(manifests().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_saphyr::from_multiple(&text).unwrap()
}

/// The only object of a manifest.
pub fn only(file: &str) -> Value {
    let mut objects = manifest(file);
    assert_eq!(objects.len(), 1, "{file}");
    objects.remove(0)
}

/// Creates an object of a manifest in the test's own namespace; returns its name.
pub async fn create(namespace: &Namespace, mut object: Value) -> String {
    if object["metadata"]["namespace"].is_string() {
        object["metadata"]["namespace"] = namespace.name.as_str().into();
    }
    let created = namespace.create(object).await.unwrap();
    created["metadata"]["name"].as_str().unwrap().to_owned()
}
