//! A namespace for each test, and requests in it as plain JSON: the tests control every byte that is sent.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use http::{Method, Request};
use kube::Client;
use kube::config::AuthInfo;
use serde_json::{Value, json};

use crate::cluster::{Cluster, NAMESPACE, cluster};
use crate::few_namespaces;
use crate::leaks;

/// The timeout of every wait, long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A namespace, and the client for its requests. The methods fail with the API server's message.
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// The admin's client, or that of the user of [`as_user`](Self::as_user).
    pub client: Client,
}

/// A fresh namespace of the shared cluster, named after the test.
pub async fn namespace() -> Namespace {
    let cluster = few_namespaces::shared();
    if few_namespaces::is_mode() {
        few_namespaces::unused(cluster).await
    } else {
        namespace_of(cluster).await
    }
}

/// A fresh namespace, named after the test.
pub async fn namespace_of(cluster: &Cluster) -> Namespace {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let client = cluster.client().await;
    let test = std::thread::current().name().unwrap_or_default().replace("::", "-").replace('_', "-");
    let test = test.get(..50).unwrap_or(&test).trim_end_matches('-');
    let name = format!("{test}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let namespace = Namespace { name, client };
    namespace.create(json!({"kind": "Namespace", "metadata": {"name": namespace.name}})).await.unwrap();
    // The API server rejects pods without it.
    eventually("the namespace has its ServiceAccount", PATIENCE, async || {
        namespace.get("ServiceAccount", "default").await
    })
    .await;
    namespace
}

impl Drop for Namespace {
    /// Every test searches for leaked secrets.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            leaks::search();
        }
    }
}

impl Namespace {
    /// The same namespace, for requests of another user.
    pub async fn as_user(&self, user: AuthInfo) -> Self {
        Self { name: self.name.clone(), client: cluster().client_as("admin", user).await }
    }

    /// The same namespace, for requests of the operator.
    pub async fn as_operator(&self) -> Self {
        self.as_user(user(&format!("system:serviceaccount:{NAMESPACE}:service-catalog"))).await
    }

    /// Creates an object; `apiVersion` follows from the kind.
    pub async fn create(&self, object: Value) -> Result<Value, String> {
        let path = self.path(kind(&object), "");
        self.send(Method::POST, &path, "application/json", with_version(object)).await
    }

    /// Dry run of [`create`](Self::create).
    pub async fn try_create(&self, object: Value) -> Result<Value, String> {
        let path = self.path(kind(&object), "?dryRun=All");
        self.send(Method::POST, &path, "application/json", with_version(object)).await
    }

    /// Replaces a whole object (PUT).
    pub async fn replace(&self, object: Value) -> Result<Value, String> {
        let name = object["metadata"]["name"].as_str().unwrap();
        let path = self.path(kind(&object), &format!("/{name}"));
        self.send(Method::PUT, &path, "application/json", with_version(object)).await
    }

    /// Applies an object on the server, as the field manager `apply` and with force.
    pub async fn apply(&self, object: Value) -> Result<Value, String> {
        let name = object["metadata"]["name"].as_str().unwrap();
        let path = self.path(kind(&object), &format!("/{name}?fieldManager=apply&force=true"));
        self.send(Method::PATCH, &path, "application/apply-patch+yaml", with_version(object)).await
    }

    /// Applies a merge patch.
    pub async fn patch(&self, kind: &str, name: &str, patch: Value) -> Result<Value, String> {
        self.send(Method::PATCH, &self.path(kind, &format!("/{name}")), "application/merge-patch+json", patch)
            .await
    }

    /// Applies a merge patch to the status.
    pub async fn patch_status(&self, kind: &str, name: &str, patch: Value) -> Result<Value, String> {
        let path = self.path(kind, &format!("/{name}/status"));
        self.send(Method::PATCH, &path, "application/merge-patch+json", patch).await
    }

    /// Dry run of [`patch`](Self::patch).
    pub async fn try_patch(&self, kind: &str, name: &str, patch: Value) -> Result<Value, String> {
        let path = self.path(kind, &format!("/{name}?dryRun=All"));
        self.send(Method::PATCH, &path, "application/merge-patch+json", patch).await
    }

    /// Reads an object.
    pub async fn get(&self, kind: &str, name: &str) -> Result<Value, String> {
        self.send(Method::GET, &self.path(kind, &format!("/{name}")), "application/json", Value::Null).await
    }

    /// Lists objects.
    pub async fn list(&self, kind: &str) -> Vec<Value> {
        self.list_with(kind, &[]).await
    }

    /// Lists the objects with these labels.
    pub async fn list_with(&self, kind: &str, labels: &[(&str, String)]) -> Vec<Value> {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}%3D{value}")).collect();
        let path = self.path(kind, &format!("?labelSelector={}", labels.join("%2C")));
        let list = self.send(Method::GET, &path, "application/json", Value::Null).await.unwrap();
        list["items"].as_array().unwrap().clone()
    }

    /// Deletes an object.
    pub async fn delete(&self, kind: &str, name: &str) -> Result<Value, String> {
        self.send(Method::DELETE, &self.path(kind, &format!("/{name}")), "application/json", Value::Null)
            .await
    }

    async fn send(&self, method: Method, path: &str, content: &str, body: Value) -> Result<Value, String> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request =
            Request::builder().method(method).uri(path).header("Content-Type", content).body(body).unwrap();
        self.client.request(request).await.map_err(|error| match error {
            kube::Error::Api(status) => status.message,
            error => panic!("{path}: {error}"),
        })
    }

    fn path(&self, kind: &str, rest: &str) -> String {
        let root = match version(kind) {
            "v1" => "/api/v1".to_owned(),
            version => format!("/apis/{version}"),
        };
        let scope = match kind {
            "Broker" | "Namespace" | "Node" | "SubjectAccessReview" | "SelfSubjectRulesReview" => {
                String::new()
            }
            kind if kind.starts_with("Cluster") => String::new(),
            _ => format!("/namespaces/{}", self.name),
        };
        let plural = if kind.ends_with("Class") { "es" } else { "s" };
        format!("{root}{scope}/{}{plural}{rest}", kind.to_lowercase())
    }
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().expect("an object needs its kind")
}

fn version(kind: &str) -> &'static str {
    match kind {
        "ConfigMap"
        | "Event"
        | "Namespace"
        | "Node"
        | "PersistentVolumeClaim"
        | "Pod"
        | "ResourceQuota"
        | "Secret"
        | "Service"
        | "ServiceAccount" => "v1",
        "DaemonSet" | "Deployment" | "ReplicaSet" | "StatefulSet" => "apps/v1",
        "CronJob" | "Job" => "batch/v1",
        "Lease" => "coordination.k8s.io/v1",
        "ClusterRole" | "ClusterRoleBinding" | "Role" | "RoleBinding" => "rbac.authorization.k8s.io/v1",
        "SubjectAccessReview" | "SelfSubjectRulesReview" => "authorization.k8s.io/v1",
        "Template" => "template.openshift.io/v1",
        "Broker" | "Instance" | "Binding" => "servicecatalog.k8s.io/v1alpha1",
        _ => "servicecatalog.k8s.io/v1beta1",
    }
}

fn with_version(mut object: Value) -> Value {
    object["apiVersion"] = version(kind(&object)).into();
    object
}

/// An impersonated user without groups.
pub fn user(name: &str) -> AuthInfo {
    AuthInfo { impersonate: Some(name.to_owned()), ..AuthInfo::default() }
}

/// Repeats `attempt` until it succeeds. Panics with its last error after `patience`.
pub async fn eventually<T>(
    what: &str,
    patience: Duration,
    mut attempt: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let start = Instant::now();
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(seen) if start.elapsed() > patience => {
                panic!("{what}: not within {patience:?}. Last seen:\n{seen}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// For [`eventually`]: the object if it is as wanted, otherwise its text.
pub fn wanted(object: Value, is_as_wanted: impl FnOnce(&Value) -> bool) -> Result<Value, String> {
    if is_as_wanted(&object) { Ok(object) } else { Err(format!("{object:#}")) }
}
