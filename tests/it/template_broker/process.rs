//! The process of the template broker, and a user who orders from it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use kube::config::AuthInfo;
use serde_json::{Value, json};

use crate::cluster::{Cluster, NAMESPACE, cluster};
use crate::leaks;
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, user};
use crate::operator::operator;
use crate::process::{Process, directory, free_address, text};
use crate::scripted::{BINDING, Broker, INSTANCE, TestEnv};

/// The `ServiceAccount` of the broker.
const ACCOUNT: &str = "service-catalog-template-broker";

/// A running template broker. Dropping it kills the process.
pub struct TemplateBroker {
    /// Where it listens.
    pub address: SocketAddr,
    _process: Process,
}

/// The broker that the tests share.
static BROKER: LazyLock<TemplateBroker> = LazyLock::new(|| TemplateBroker::start(cluster()));

/// Where the shared broker listens.
pub fn address() -> SocketAddr {
    BROKER.address
}

impl TemplateBroker {
    /// Starts the broker with the files and permissions of the chart.
    pub fn start(cluster: &Cluster) -> Self {
        Self::start_behind(cluster, &cluster.server(), None)
    }

    /// The same, for a broker that reaches the API server at `server`, and listens at an address of its choice.
    pub fn start_behind(cluster: &Cluster, server: &str, address: Option<SocketAddr>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let token =
            cluster.kubectl(&["create", "token", ACCOUNT, "--namespace", NAMESPACE, "--duration=24h"]);
        cluster.write_kubeconfig("template-broker", text(&token).trim(), server);
        let [templates, images] = ["templates", "images"].map(|part| files(cluster, part));
        let address = address.unwrap_or_else(free_address);
        let account = format!("system:serviceaccount:{NAMESPACE}:{ACCOUNT}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_service-catalog"));
        command
            .args(["template-broker", "--listen", &address.to_string()])
            .args(["--public-url", &format!("https://localhost:{}", address.port())])
            .arg("--templates")
            .arg(templates)
            .arg("--images")
            .arg(images.join("images.yaml"))
            .args(["--cleanup", &format!("{account}-cleanup")])
            .args(["--administrators", &format!("{account}-administrators")])
            .env("KUBECONFIG", cluster.kubeconfig("template-broker"))
            .env("POD_NAMESPACE", NAMESPACE)
            .env("RUST_LOG", "info,service_catalog=debug");
        // Users may read logs of operators: the tests search this one for secrets, too.
        let log = directory().join(format!("template-broker-{}.log", COUNT.fetch_add(1, Ordering::Relaxed)));
        let process = Process::start(&command, log.clone());
        leaks::watch(log);
        Self { address, _process: process }
    }
}

/// Writes the files of a ConfigMap of the chart to a directory.
fn files(cluster: &Cluster, part: &str) -> PathBuf {
    let name = format!("{ACCOUNT}-{part}");
    let found = cluster.kubectl(&["get", "configmap", &name, "--namespace", NAMESPACE, "--output=json"]);
    let map: Value = serde_json::from_slice(&found.stdout).unwrap_or_else(|_| panic!("{}", text(&found)));
    let path = directory().join(name);
    std::fs::create_dir_all(&path).unwrap();
    for (file, content) in map["data"].as_object().unwrap() {
        std::fs::write(path.join(file), content.as_str().unwrap()).unwrap();
    }
    path
}

/// A namespace in which a user may edit.
pub struct Desk {
    /// As an administrator.
    pub env: TestEnv,
    /// As the user.
    pub user: Namespace,
}

/// The shared operator and template broker, and a fresh namespace with a user who has the role `edit`.
pub async fn desk() -> Desk {
    desk_of("edit").await
}

/// The same for a user with another role; without any, if it is empty.
pub async fn desk_of(role: &str) -> Desk {
    operator();
    LazyLock::force(&BROKER);
    let env = TestEnv::new(namespace().await, Broker::start());
    if !role.is_empty() {
        give(&env, "jane", role).await;
    }
    let user = env.as_user(user_of(&env, "jane")).await;
    until_offered(&env, "postgresql").await;
    Desk { env, user }
}

/// A user of this namespace only: a test must not depend on the rights of another one.
fn user_of(env: &Namespace, name: &str) -> AuthInfo {
    user(&format!("{name}@{}", env.name))
}

/// Gives a user a cluster role in the namespace.
pub async fn give(env: &Namespace, name: &str, role: &str) {
    give_of(env, name, ("ClusterRole", role)).await;
}

/// Gives a user a role of this kind in the namespace.
pub async fn give_of(env: &Namespace, name: &str, (kind, role): (&str, &str)) {
    let binding = json!({
        "kind": "RoleBinding", "metadata": {"name": format!("{name}-{role}")},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": format!("{name}@{}", env.name)}],
    });
    env.create(binding).await.unwrap();
}

/// Waits until a template is offered.
pub async fn until_offered(namespace: &Namespace, template: &str) {
    eventually(&format!("{template} is offered"), PATIENCE, async || {
        let classes = classes_of(namespace).await;
        if classes.contains(&template.to_owned()) { Ok(()) } else { Err(format!("{classes:?}")) }
    })
    .await;
}

/// The external names of the classes of the template broker.
async fn classes_of(env: &Namespace) -> Vec<String> {
    let classes = env.list("ClusterServiceClass").await;
    let own =
        classes.iter().filter(|class| class["spec"]["clusterServiceBrokerName"] == "template-service-broker");
    own.map(|class| class["spec"]["externalName"].as_str().unwrap().to_owned()).collect()
}

impl Desk {
    /// The external names of the classes of the template broker.
    pub async fn classes(&self) -> Vec<String> {
        classes_of(&self.env).await
    }

    /// Creates an instance, as the user.
    pub async fn order(&self, name: &str, spec: Value) {
        self.user.create(json!({"kind": INSTANCE, "metadata": {"name": name}, "spec": spec})).await.unwrap();
    }

    /// Binds an instance by a binding of the same name, as the user, and waits for the credentials.
    pub async fn bind(&self, name: &str) {
        self.bind_to(name, name).await;
    }

    /// The same by a binding of another name.
    pub async fn bind_to(&self, instance: &str, name: &str) {
        let spec = json!({"instanceRef": {"name": instance}});
        let binding = json!({"kind": BINDING, "metadata": {"name": name}, "spec": spec});
        self.user.create(binding).await.unwrap();
        self.env.until_ready(BINDING, name).await;
    }

    /// Waits until an instance says how far it is; returns the message.
    pub async fn until_progress(&self, name: &str, text: &str) -> String {
        let instance = self.env.until(INSTANCE, name, |instance| instance.to_string().contains(text)).await;
        instance["status"]["conditions"].to_string()
    }

    /// Says that all pods run and are ready, once there are some.
    pub async fn run_pods(&self) {
        eventually("all pods run", PATIENCE, async || {
            let deployments = self.env.list("Deployment").await;
            for pod in self.env.list("Pod").await {
                if pod["status"]["phase"] != "Running" && pod["metadata"]["deletionTimestamp"].is_null() {
                    let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
                    let name = pod["metadata"]["name"].as_str().unwrap();
                    self.env.patch_status("Pod", name, status).await?;
                }
            }
            let is_available = |deployment: &Value| {
                deployment["status"]["availableReplicas"] == 1
                    && deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"]
                    && deployment["status"]["updatedReplicas"] == 1
            };
            if deployments.iter().all(is_available) { Ok(()) } else { Err(format!("{deployments:#?}")) }
        })
        .await;
    }

    /// Waits until an instance is gone. Without a kubelet, pods that are deleted have to be removed.
    pub async fn until_deleted(&self, name: &str) {
        eventually(&format!("{name} is deleted"), PATIENCE, async || {
            let namespace = format!("--namespace={}", self.env.name);
            cluster().kubectl(&["delete", "pods", "--all", "--force", "--grace-period=0", &namespace]);
            match self.env.get(INSTANCE, name).await {
                Ok(object) => Err(format!("{object:#}")),
                Err(_) => Ok(()),
            }
        })
        .await;
    }

    /// Nothing of any instance is left in the namespace.
    pub async fn nothing_is_left(&self) {
        nothing_is_left(&self.env, "at the end").await;
    }
}

/// Nothing of any instance is left in a namespace. `when` is for the message.
pub async fn nothing_is_left(namespace: &Namespace, when: &str) {
    for kind in ["ConfigMap", "Secret", "Service", "Deployment", "PersistentVolumeClaim"] {
        let left = namespace.list(kind).await;
        let is_of_instance =
            |it: &&Value| !it["metadata"]["labels"]["servicecatalog.k8s.io/template-instance"].is_null();
        let left: Vec<_> = left.iter().filter(is_of_instance).collect();
        assert!(left.is_empty(), "{when}: {left:#?}");
    }
}
