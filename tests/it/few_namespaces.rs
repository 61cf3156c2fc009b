//! A control plane on which the operator works only in a few namespaces, without cluster-wide permissions and without
//! restarts: the reduced installation of `docs/security.md`.
//!
//! `tests/it/watch_namespaces.rs` tests what is different there. With `IT_FEW_NAMESPACES` set, the tests of the other
//! modules use it, too: `make reduced`.
//!
//! The chart is installed for the whole cluster first, and a namespace that is not watched afterwards gets objects. Then
//! the release is upgraded.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::cluster::{self, CHART, Cluster, NAMESPACE};
use crate::crash::AT_ONCE;
use crate::namespace::{Namespace, PATIENCE, eventually};
use crate::process::{text, until};

/// A namespace in which the operator does not work.
pub const FOREIGN: &str = "foreign";

/// The most namespaces that the chart accepts.
const MAX: usize = 50;

/// Whether all tests use such a control plane.
pub fn is_mode() -> bool {
    std::env::var_os("IT_FEW_NAMESPACES").is_some()
}

/// Whether the operator restarts workloads in this mode: for the tests of restarts.
fn restarts_workloads() -> bool {
    std::env::var("IT_FEW_NAMESPACES").is_ok_and(|mode| mode == "restarts")
}

/// One more namespace in which the operator works, for a test that takes its permissions there.
pub const SPARE: &str = "watched-spare";

/// The namespaces in which the operator of [`isolated`] works: enough for the scenarios that run at once.
pub fn watched() -> Vec<String> {
    let mut watched = named(AT_ONCE);
    watched.push(SPARE.to_owned());
    watched
}

fn named(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("watched-{index}")).collect()
}

/// The control plane that the tests share.
pub fn shared() -> &'static Cluster {
    static NARROWED: Once = Once::new();
    let cluster = cluster::cluster();
    if is_mode() {
        NARROWED.call_once(|| narrow(cluster, &named(MAX)));
    }
    cluster
}

/// A namespace of it that no test has used.
pub async fn unused(cluster: &Cluster) -> Namespace {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let index = COUNT.fetch_add(1, Ordering::Relaxed);
    assert!(index < MAX, "these tests need more namespaces than the chart accepts: select fewer tests");
    Namespace { name: named(MAX)[index].clone(), client: cluster.client().await }
}

/// A control plane for one test at a time.
pub fn isolated() -> Cluster {
    let cluster = Cluster::start_with_audit("few-namespaces", include_str!("audit-all.yaml"));
    cluster.install();
    cluster.give_operator("operator", &cluster.server());
    narrow(&cluster, &watched());
    cluster
}

/// Creates these namespaces and a foreign one, and upgrades the release, so that its operator works only in them.
fn narrow(cluster: &Cluster, watched: &[String]) {
    for namespace in watched.iter().map(String::as_str).chain([FOREIGN]) {
        must(cluster, &["create", "namespace", namespace]);
    }
    create_foreign_objects(cluster);
    upgrade(cluster, watched);
    until("the policies are in force", || {
        let seen = text(&cluster.kubectl(&["delete", "namespace", &watched[0], "--dry-run=server"]));
        if seen.contains("take the namespace out of watchNamespaces") { Ok(()) } else { Err(seen) }
    });
}

fn create_foreign_objects(cluster: &Cluster) {
    let foreign = [
        json!({"kind": "ServiceBroker", "metadata": {"name": "broker"}, "spec": {"url": "http://127.0.0.1:1"}}),
        json!({"kind": "ServiceInstance", "metadata": {"name": "db"}, "spec": {"serviceClassExternalName": "database"}}),
        json!({"kind": "ServiceBinding", "metadata": {"name": "db"}, "spec": {"instanceRef": {"name": "db"}}}),
    ];
    let version = "servicecatalog.k8s.io/v1beta1";
    let items: Vec<Value> = foreign
        .into_iter()
        .map(|mut object| {
            object["apiVersion"] = version.into();
            object
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let file = crate::process::directory().join("foreign.json");
    std::fs::write(&file, list.to_string()).unwrap();
    must(cluster, &["create", "--namespace", FOREIGN, "-f", file.to_str().unwrap()]);
}

/// Upgrades the release, so that its operator works only in these namespaces.
pub fn upgrade(cluster: &Cluster, watched: &[String]) {
    let (restarts, watched) = (restarts_workloads(), watched.join(","));
    let values =
        format!("replicas=0,console.replicas=0,restartWorkloads={restarts},watchNamespaces={{{watched}}}");
    let output =
        cluster.helm(&["upgrade", "service-catalog", CHART, "--namespace", NAMESPACE, "--set", &values]);
    assert!(output.status.success(), "{}", text(&output));
}

/// The options that the chart gives such an operator.
pub fn options(cluster: &Cluster) -> Vec<String> {
    let deployment = must(cluster, &["get", "deployment", "service-catalog", "-n", NAMESPACE, "-o", "json"]);
    let deployment: Value = serde_json::from_str(&deployment).unwrap();
    let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap();
    let arguments = arguments.iter().map(|argument| argument.as_str().unwrap().to_owned());
    let ours = ["--cluster-id=", "--watch-namespace=", "--restart-workloads="];
    arguments.filter(|argument| ours.iter().any(|option| argument.starts_with(option))).collect()
}

/// The next one of the namespaces of [`isolated`], in turn. Its last test must have deleted what it has made; the Secrets
/// of bindings may be left.
pub async fn next(cluster: &Cluster) -> Namespace {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = named(AT_ONCE).swap_remove(COUNT.fetch_add(1, Ordering::Relaxed) % AT_ONCE);
    let namespace = Namespace { name, client: cluster.client().await };
    eventually("the garbage collector has removed the Secrets of bindings", PATIENCE, async || {
        let secrets = namespace.list_with("Secret", &[]).await;
        let of_bindings = secrets
            .iter()
            .filter(|secret| secret["metadata"]["ownerReferences"][0]["kind"] == "ServiceBinding");
        if of_bindings.count() == 0 { Ok(()) } else { Err(format!("{secrets:#?}")) }
    })
    .await;
    namespace
}

fn must(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = cluster.kubectl(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}
