//! The control plane: etcd, API server and controller manager. The first test that needs it starts it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{LazyLock, Mutex};
use std::time::Instant;

use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

use crate::process::{Process, directory, free_address, run, text, until};

/// The namespace of the chart.
pub const NAMESPACE: &str = "service-catalog";
/// The directory of the chart.
pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/service-catalog");

/// A control plane.
pub struct Cluster {
    directory: PathBuf,
    processes: Vec<Process>,
    api_server: Mutex<Option<Process>>,
}

/// The control plane that the tests share, with the chart installed.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| Cluster::with_chart("cluster"));
    &CLUSTER
}

impl Cluster {
    /// Starts a control plane with the chart installed.
    pub fn with_chart(name: &str) -> Self {
        let cluster = Self::start(name);
        cluster.install();
        cluster.give_operator("operator", &cluster.server());
        cluster
    }

    /// Writes the kubeconfig `name` for an operator that reaches the API server at `server`.
    pub fn give_operator(&self, name: &str, server: &str) {
        self.write_kubeconfig(name, &self.token_of_operator(), server);
    }

    /// The API server's audit log of the operators' writes.
    pub fn audit_log(&self) -> PathBuf {
        self.path("audit.log")
    }

    /// The URL of the API server.
    pub fn server(&self) -> String {
        std::fs::read_to_string(self.path("server")).unwrap()
    }

    /// The socket of etcd.
    pub fn etcd(&self) -> PathBuf {
        self.path("etcd.sock")
    }

    /// The CA certificate of the API server, in PEM format.
    pub fn certificate(&self) -> Vec<u8> {
        std::fs::read(self.path("api.crt")).unwrap()
    }

    /// Starts a control plane; its files are in the run's directory, below `name`.
    pub fn start(name: &str) -> Self {
        Self::start_with_audit(name, include_str!("audit.yaml"))
    }

    /// Starts a control plane with this audit policy.
    pub fn start_with_audit(name: &str, audit: &str) -> Self {
        let began = Instant::now();
        let directory = directory().join(name);
        std::fs::create_dir(&directory).unwrap();
        let mut cluster = Self { directory, processes: Vec::new(), api_server: Mutex::new(None) };
        cluster.write_certificates();
        std::fs::write(cluster.path("audit.yaml"), audit).unwrap();
        cluster.start_etcd();
        cluster.start_api_server();
        cluster.start_controller_manager();
        eprintln!("control plane ready after {:?}; logs in {}", began.elapsed(), cluster.directory.display());
        cluster
    }

    /// Writes the certificates of the API server and of its admin.
    fn write_certificates(&self) {
        // One key serves TLS and ServiceAccount tokens. Its self-signed certificate is the CA of both.
        run(self.command("openssl").args([
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-subj",
            "/CN=kube-apiserver",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            "api.key",
            "-out",
            "api.crt",
        ]));
        let token = uuid::Uuid::new_v4().to_string();
        std::fs::write(self.path("tokens.csv"), format!("{token},admin,admin,system:masters\n")).unwrap();
        std::fs::write(self.path("server"), format!("https://{}", free_address())).unwrap();
        self.write_kubeconfig("admin", &token, &self.server());
    }

    fn start_etcd(&mut self) {
        // Unix sockets keep clusters apart. Their paths are relative because they must be short.
        let flags = [
            "--data-dir=etcd",
            "--unsafe-no-fsync",
            "--log-level=warn",
            "--listen-client-urls=unix://etcd.sock",
            "--advertise-client-urls=unix://etcd.sock",
            "--listen-peer-urls=unix://peer.sock",
            "--initial-advertise-peer-urls=unix://peer.sock",
            "--initial-cluster=default=unix://peer.sock",
        ];
        let etcd = self.component("etcd", &flags);
        self.processes.push(etcd);
    }

    /// Starts the API server, or restarts it at the same address with the same data.
    pub fn start_api_server(&self) {
        let server = self.server();
        let port = server.rsplit(':').next().unwrap();
        // Strict clusters enable OwnerReferencesPermissionEnforcement.
        let flags = [
            "--etcd-servers=unix://etcd.sock",
            "--bind-address=127.0.0.1",
            &format!("--secure-port={port}"),
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            "--tls-cert-file=api.crt",
            "--tls-private-key-file=api.key",
            "--cert-dir=certs",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=api.crt",
            "--service-account-signing-key-file=api.key",
            "--authorization-mode=RBAC",
            "--token-auth-file=tokens.csv",
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
            "--audit-policy-file=audit.yaml",
            "--audit-log-path=audit.log",
            "--audit-log-maxsize=10000",
            "--profiling=false",
        ];
        *self.api_server.lock().unwrap() = Some(self.component("kube-apiserver", &flags));
        until("the API server is ready", || {
            self.api_server.lock().unwrap().as_mut().unwrap().must_live();
            let output = self.kubectl(&["get", "--raw=/readyz"]);
            if output.status.success() { Ok(()) } else { Err(text(&output)) }
        });
    }

    /// Kills the API server: `kill -9`.
    pub fn stop_api_server(&self) {
        *self.api_server.lock().unwrap() = None;
    }

    fn start_controller_manager(&mut self) {
        let flags = [
            "--kubeconfig=admin.kubeconfig",
            "--secure-port=0",
            "--leader-elect=false",
            "--root-ca-file=api.crt",
            "--service-account-private-key-file=api.key",
            // Without a kubelet, podgc marks every deleted pod as failed, even one that still has a finalizer.
            "--controllers=*,-nodeipam,-podgc",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
            "--profiling=false",
        ];
        let manager = self.component("kube-controller-manager", &flags);
        self.processes.push(manager);
        self.until_kubectl("the controller manager works", &["get", "serviceaccount", "default"]);
    }

    /// Kills the controller manager: `kill -9`.
    pub fn stop_controller_manager(&mut self) {
        self.processes.truncate(1);
    }

    /// Installs the chart without the operator's pod, and waits until its policies are in force.
    pub fn install(&self) {
        let output = self.helm(&[
            "install",
            "service-catalog",
            CHART,
            "--namespace",
            NAMESPACE,
            "--create-namespace",
            "--set",
            "replicas=0,templateBroker.replicas=0,console.replicas=0",
        ]);
        assert!(output.status.success(), "{}", text(&output));
        let output = self.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=30s"]);
        assert!(output.status.success(), "{}", text(&output));
        self.until_policies_are_in_force();
    }

    /// The API server takes up to a second to apply new policies, and may apply some before others. So this tries each
    /// of them.
    pub fn until_policies_are_in_force(&self) {
        let [probe, probing, as_user] = [
            ("probe.yaml", include_str!("probe.yaml")),
            ("probing.yaml", include_str!("probing.yaml")),
            ("probing-as-user.yaml", include_str!("probing-as-user.yaml")),
        ]
        .map(|(name, content)| {
            let path = directory().join(name);
            std::fs::write(&path, content).unwrap();
            path.to_str().unwrap().to_owned()
        });
        let (probe, probing, as_user) = (probe.as_str(), probing.as_str(), as_user.as_str());
        let user = "--as=system:serviceaccount:default:probe";
        let operator = &format!("--as=system:serviceaccount:{NAMESPACE}:service-catalog");
        until("all admission policies are in force", || {
            let _ = self.kubectl(&["delete", "--wait=false", "--ignore-not-found", "-f", probe]);
            let _ = self.kubectl(&["create", "-f", probe]);
            let edit =
                r#"{"spec": {"relistRequests": 0, "updateRequests": 0, "userInfo": {"username": "forged"}}}"#;
            let seen: String = ["clusterservicebroker", "serviceinstance", "servicebinding"]
                .map(|kind| {
                    text(&self.kubectl(&["patch", kind, "probe", "--type=merge", "-p", edit, "-o", "json"]))
                })
                .concat();
            let _ = self.kubectl(&["delete", "--wait=false", "serviceinstance", "going"]);
            let label =
                ["label", "serviceinstance", "going", "servicecatalog.k8s.io/deleting=true", operator];
            let _ = self.kubectl(&label);
            let tried = text(&self.kubectl(&["create", "--dry-run=server", "-o", "json", "-f", probing]));
            let elsewhere = ["-p", r#"{"spec": {"url": "http://elsewhere"}}"#, "--dry-run=server", user];
            let patch = ["patch", "clusterservicebroker", "probe", "--type=merge"];
            let forged = self.kubectl(&[&patch[..], &elsewhere].concat());
            let refused = text(&self.kubectl(&["create", "--dry-run=server", user, "-f", as_user]));
            let secret = ["create", "secret", "generic", "probe", "--dry-run=server", operator];
            let secret = text(&self.kubectl(&secret));
            let none = r#"{"metadata": {"finalizers": []}}"#;
            let _ = self.kubectl(&["patch", "-f", probe, "--type=merge", "-p", none]);
            let in_force = seen.matches("kubernetes-incubator/service-catalog").count() == 3
                && seen.contains("\"secretName\": \"probe\"")
                && seen.contains("\"relistRequests\": 1")
                && seen.contains("\"updateRequests\": 1")
                && !seen.contains("forged")
                && text(&forged).contains("is not allowed to get Secret")
                && refused.contains("is not allowed to set spec.externalID")
                && refused.contains("which spec.parametersFrom references")
                && secret.contains("the operator may create, change and delete only Secrets")
                && tried.contains("references a ServiceInstance that is being deleted")
                && tried.contains("\"osb-");
            if in_force { Ok(()) } else { Err(seen + &tried + &text(&forged) + &refused + &secret) }
        });
        let _ = self.kubectl(&["delete", "--ignore-not-found", "-f", probe]);
    }

    /// A client with all rights. Each test needs its own: a client belongs to the runtime that created it.
    pub async fn client(&self) -> Client {
        self.client_as("admin", AuthInfo::default()).await
    }

    /// A client with the kubeconfig `name` that impersonates `user`.
    pub async fn client_as(&self, name: &str, user: AuthInfo) -> Client {
        // Another test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig(name)).unwrap();
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
        config.auth_info.impersonate = user.impersonate;
        config.auth_info.impersonate_uid = user.impersonate_uid;
        config.auth_info.impersonate_groups = user.impersonate_groups;
        config.auth_info.impersonate_user_extra = user.impersonate_user_extra;
        Client::try_from(config).unwrap()
    }

    /// The kubeconfig of `admin`, with all rights, or of `operator`, with those of its `ServiceAccount`.
    pub fn kubeconfig(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.kubeconfig"))
    }

    /// Runs kubectl as admin.
    pub fn kubectl(&self, arguments: &[&str]) -> Output {
        self.command(binary("kubectl")).args(arguments).output().unwrap()
    }

    /// Runs kubectl as admin, which has to succeed.
    pub fn must_kubectl(&self, arguments: &[&str]) -> Output {
        let output = self.kubectl(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        output
    }

    /// Saves an object as it was created, and returns the file.
    pub fn save(&self, object: &str) -> String {
        let saved = self.must_kubectl(&["get", object, "--output=json"]);
        let mut saved: Value = serde_json::from_slice(&saved.stdout).unwrap();
        as_created(&mut saved);
        let file = self.path(&format!("{}.json", object.replace('/', "-")));
        std::fs::write(&file, saved.to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// Runs helm as admin.
    pub fn helm(&self, arguments: &[&str]) -> Output {
        self.command(binary("helm")).args(arguments).output().unwrap()
    }

    fn token_of_operator(&self) -> String {
        let arguments = ["create", "token", "service-catalog", "--namespace", NAMESPACE, "--duration=24h"];
        run(self.command(binary("kubectl")).args(arguments)).trim().to_owned()
    }

    /// Writes the kubeconfig `name` with a bearer token.
    pub fn write_kubeconfig(&self, name: &str, token: &str, server: &str) {
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": {"server": server, "certificate-authority": self.path("api.crt")}}],
            "users": [{"name": "it", "user": {"token": token}}],
        });
        std::fs::write(self.kubeconfig(name), kubeconfig.to_string()).unwrap();
    }

    fn component(&self, name: &str, flags: &[&str]) -> Process {
        let mut command = self.command(binary(name));
        Process::start(command.args(flags), self.path(&format!("{name}.log")))
    }

    fn until_kubectl(&mut self, what: &str, arguments: &[&str]) {
        let mut processes = std::mem::take(&mut self.processes);
        until(what, || {
            processes.iter_mut().for_each(Process::must_live);
            let output = self.kubectl(arguments);
            if output.status.success() { Ok(()) } else { Err(text(&output)) }
        });
        self.processes = processes;
    }

    /// A command in the cluster's directory, which is also its `HOME`.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.directory)
            .env("HOME", &self.directory)
            .env("KUBECONFIG", self.kubeconfig("admin"));
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Removes what the API server and controllers have added to an object.
pub fn as_created(object: &mut Value) {
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| ["name", "labels", "annotations"].contains(&key.as_str()));
    object.as_object_mut().unwrap().remove("status");
}

/// The path of a program of the control plane, or of a client.
pub fn binary(name: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/cluster/bin");
    let given = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    given
        .into_iter()
        .chain([built])
        .map(|directory| directory.join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| {
            panic!("{name} is missing in $KUBEBUILDER_ASSETS or target/cluster/bin: run `make cluster`")
        })
}
