//! How is the operator installed? Its Deployment says so: the namespaces, the account, the release.

use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client, ResourceExt as _};

use super::finding::Finding;

/// The version of this program, and of what it expects in the cluster.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How the operator is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The namespace that the operator runs in.
    pub namespace: String,
    /// Its `ServiceAccount`.
    pub account: String,
    /// The namespaces that it works in; empty if it works in the whole cluster.
    pub watched: Vec<String>,
    /// Whether it restarts workloads.
    pub restarts_workloads: bool,
    /// The release of Helm; none if another tool has installed it.
    release: Option<String>,
}

impl Installation {
    /// An installation with the chart's defaults.
    pub fn presumed(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            account: name.to_owned(),
            watched: Vec::new(),
            restarts_workloads: true,
            release: Some(name.to_owned()),
        }
    }

    fn of(deployment: &Deployment, namespace: &str) -> Self {
        let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
        let containers = pod.map(|pod| pod.containers.as_slice()).unwrap_or_default();
        let arguments: Vec<&str> = containers
            .iter()
            .flat_map(|container| container.args.iter().flatten())
            .map(String::as_str)
            .collect();
        let watched = arguments.iter().filter_map(|argument| argument.strip_prefix("--watch-namespace="));
        let labels = deployment.labels();
        let is_helms = labels.get("app.kubernetes.io/managed-by").is_some_and(|tool| tool == "Helm");
        let release = labels.get("app.kubernetes.io/instance").filter(|_| is_helms);
        Self {
            namespace: namespace.to_owned(),
            account: pod
                .and_then(|pod| pod.service_account_name.clone())
                .unwrap_or_else(|| "default".to_owned()),
            watched: watched.map(str::to_owned).collect(),
            restarts_workloads: !arguments.contains(&"--restart-workloads=false"),
            release: release.cloned(),
        }
    }

    /// The command that puts the chart's objects back.
    pub fn upgrade(&self) -> String {
        match &self.release {
            Some(release) => format!(
                "helm upgrade {release} charts/service-catalog --namespace {} --reset-then-reuse-values",
                self.namespace
            ),
            None => "apply the chart again with the tool that installed it".to_owned(),
        }
    }

    /// As [`Self::upgrade`], also for objects that another client has changed.
    pub fn restore(&self) -> String {
        let upgrade = self.upgrade();
        if self.release.is_some() { format!("{upgrade} (Helm 4: and --force-conflicts)") } else { upgrade }
    }

    /// The operator's user name at the API server.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.account)
    }
}

/// How the operator is installed, and what was found of its Deployment. If that cannot be read, the rest is checked against
/// the chart's defaults.
pub async fn check(client: &Client, namespace: &str, name: &str) -> (Installation, Finding) {
    let part = format!("deployment/{name} in namespace {namespace}");
    let presumed = Installation::presumed(namespace, name);
    match Api::<Deployment>::namespaced(client.clone(), namespace).get_opt(name).await {
        Ok(Some(deployment)) => {
            let installation = Installation::of(&deployment, namespace);
            let found = state(part, &deployment, &installation);
            (installation, found)
        }
        Ok(None) => {
            let repair = "name the operator's with --namespace and --deployment, or install the chart";
            (presumed, Finding::wrong(part, "is missing", repair))
        }
        Err(error) => (presumed, Finding::unknown(part, &error)),
    }
}

fn state(part: String, deployment: &Deployment, installation: &Installation) -> Finding {
    let Installation { namespace, .. } = installation;
    let name = deployment.name_any();
    if let Some(version) =
        deployment.labels().get("app.kubernetes.io/version").filter(|other| *other != VERSION)
    {
        let what = format!("has version {version}, and this program is {VERSION}");
        let repair =
            format!("upgrade the operator ({}), or run the check of its version", installation.upgrade());
        return Finding::wrong(part, what, repair);
    }
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    match (wanted, ready) {
        (0, _) => {
            let repair = format!("kubectl scale deployment {name} --namespace {namespace} --replicas 1");
            Finding::wrong(part, "has no replicas: no broker is called, and deletions wait", repair)
        }
        (_, 0) => {
            let repair = format!("kubectl describe pods --namespace {namespace} says why");
            Finding::wrong(part, format!("has {wanted} replicas, of which none is ready"), repair)
        }
        _ => Finding::whole(format!("{part}: version {VERSION}, {ready} of {wanted} replicas ready")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::finding::Verdict;
    use super::*;

    fn deployment(labels: &Value, arguments: &Value, replicas: i32, ready: i32) -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"name": "hub", "namespace": "catalog", "labels": labels},
            "spec": {"replicas": replicas, "selector": {}, "template": {"spec": {
                "serviceAccountName": "account", "containers": [{"name": "operator", "args": arguments}],
            }}},
            "status": {"readyReplicas": ready},
        }))
        .unwrap()
    }

    #[test]
    fn the_deployment_says_how_the_operator_is_installed() {
        let helms = json!({"app.kubernetes.io/managed-by": "Helm", "app.kubernetes.io/instance": "release"});
        let arguments =
            json!(["run", "--watch-namespace=a", "--watch-namespace=b", "--restart-workloads=false"]);
        let installation = Installation::of(&deployment(&helms, &arguments, 1, 1), "catalog");
        assert_eq!(installation.user(), "system:serviceaccount:catalog:account");
        assert_eq!(installation.watched, ["a", "b"]);
        assert!(!installation.restarts_workloads);
        assert!(installation.upgrade().starts_with("helm upgrade release "), "{}", installation.upgrade());
        let others = json!({"app.kubernetes.io/managed-by": "Argo", "app.kubernetes.io/instance": "release"});
        let installation = Installation::of(&deployment(&others, &json!(["run"]), 1, 1), "catalog");
        assert_eq!((installation.watched.len(), installation.restarts_workloads), (0, true));
        assert!(!installation.upgrade().contains("helm"), "{}", installation.upgrade());
    }

    #[test]
    fn an_operator_that_does_not_run_or_is_of_another_version_is_wrong() {
        let found = |version: &str, replicas, ready| {
            let labels = json!({"app.kubernetes.io/version": version});
            let deployment = deployment(&labels, &json!(["run"]), replicas, ready);
            let installation = Installation::of(&deployment, "catalog");
            match state("it".to_owned(), &deployment, &installation).verdict {
                Verdict::Wrong { what, .. } => what,
                verdict => format!("{verdict:?}"),
            }
        };
        assert_eq!(found(VERSION, 2, 1), "Whole");
        assert!(found("0.0.1", 2, 1).starts_with("has version 0.0.1"));
        assert!(found(VERSION, 0, 0).starts_with("has no replicas"));
        assert!(found(VERSION, 2, 0).ends_with("none is ready"));
    }
}
