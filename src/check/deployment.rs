//! How is the operator installed? Its Deployment says so: the namespaces, the account, the tool.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus};
use kube::{Api, Client, ResourceExt as _};

use super::commands::Commands;
use super::finding::Finding;
use crate::reconcilers::policies::LABEL_VERSION;

/// The version of this program, and of what it expects in the cluster.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The annotation that Helm writes into what it installs, and not into what it only renders.
pub const HELM_RELEASE: &str = "meta.helm.sh/release-name";
/// The label that Flux adds.
const FLUX_RELEASE: &str = "helm.toolkit.fluxcd.io/name";

/// How the operator is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The namespace that the operator runs in.
    pub namespace: String,
    /// Its Deployment.
    pub deployment: String,
    /// Its `ServiceAccount`.
    pub account: String,
    /// The namespaces that it works in; empty if it works in the whole cluster.
    pub watched: Vec<String>,
    /// Whether it restarts workloads.
    pub restarts_workloads: bool,
    /// For the reader.
    pub commands: Commands,
    tool: Tool,
}

/// What has installed the chart.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Tool {
    Helm {
        release: String,
    },
    Flux {
        release: String,
    },
    /// For example Argo CD, or `kubectl`.
    Another,
}

impl Installation {
    fn new(deployment: &Deployment, namespace: &str, commands: Commands) -> Self {
        let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
        let arguments = arguments(deployment);
        let watched = arguments.iter().filter_map(|argument| argument.strip_prefix("--watch-namespace="));
        let account = pod.and_then(|pod| pod.service_account_name.clone());
        Self {
            namespace: namespace.to_owned(),
            deployment: deployment.name_any(),
            account: account.unwrap_or_else(|| "default".to_owned()),
            watched: watched.map(str::to_owned).collect(),
            restarts_workloads: !arguments.contains(&"--restart-workloads=false"),
            commands,
            tool: Tool::new(deployment.labels(), deployment.annotations()),
        }
    }

    /// How the chart's objects are put back.
    pub fn upgrade(&self) -> String {
        let namespace = &self.namespace;
        match &self.tool {
            Tool::Helm { release } => {
                let upgrade = format!(
                    "upgrade {release} charts/service-catalog --namespace {namespace} --reset-then-reuse-values \
                     --server-side=true --force-conflicts"
                );
                let upgrade = self.commands.helm(&upgrade);
                format!("{upgrade}\n(with Helm 3, leave out --server-side=true --force-conflicts)")
            }
            Tool::Flux { release } => format!("reconcile the HelmRelease {release} with --force"),
            Tool::Another => "apply the chart again with the tool that has installed it".to_owned(),
        }
    }

    /// The operator's user name at the API server.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.account)
    }

    /// The groups of that user.
    pub fn groups(&self) -> Vec<String> {
        let of_namespace = format!("system:serviceaccounts:{}", self.namespace);
        ["system:serviceaccounts", &of_namespace, "system:authenticated"].map(str::to_owned).into()
    }
}

impl Tool {
    fn new(labels: &BTreeMap<String, String>, annotations: &BTreeMap<String, String>) -> Self {
        match (labels.get(FLUX_RELEASE), annotations.get(HELM_RELEASE)) {
            (Some(release), _) => Self::Flux { release: release.clone() },
            (None, Some(release)) => Self::Helm { release: release.clone() },
            (None, None) => Self::Another,
        }
    }
}

/// What was found of the operator's Deployment, and how the operator is installed: unless that is unknown, or it has another
/// version, so that nothing of this version is expected.
pub async fn check(
    client: &Client,
    (namespace, name): (&str, &str),
    commands: Commands,
) -> (Finding, Option<Installation>) {
    let part = format!("deployment/{name} in namespace {namespace}");
    match Api::<Deployment>::namespaced(client.clone(), namespace).get_opt(name).await {
        Ok(Some(deployment)) => {
            let installation = Installation::new(&deployment, namespace, commands);
            match not_expected(&part, &deployment) {
                Some(wrong) => (wrong, None),
                None => (progress(part, &deployment, &installation), Some(installation)),
            }
        }
        Ok(None) => {
            let list = commands.kubectl(
                "get deployments --all-namespaces --selector app.kubernetes.io/name=service-catalog",
            );
            let repair = format!("name it with --namespace and --deployment, or install the chart\n{list}");
            (Finding::wrong(part, "is missing", repair), None)
        }
        Err(error) => (Finding::not_shown(part, &error), None),
    }
}

/// What is wrong with a Deployment that is not that of an operator of this version.
fn not_expected(part: &str, deployment: &Deployment) -> Option<Finding> {
    if arguments(deployment).first() != Some(&"run") {
        return Some(Finding::wrong(part, "is not the operator's", "name the operator's with --deployment"));
    }
    let version = deployment.labels().get(LABEL_VERSION).filter(|other| *other != VERSION)?;
    let what = format!("has version {version}, and this program is {VERSION}, which expects other objects");
    let repair = format!("run service-catalog check of version {version}, or upgrade the operator");
    Some(Finding::wrong(part, what, repair))
}

fn arguments(deployment: &Deployment) -> Vec<&str> {
    let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let containers = pod.map(|pod| pod.containers.as_slice()).unwrap_or_default();
    let arguments = containers.iter().flat_map(|container| container.args.iter().flatten());
    arguments.map(String::as_str).collect()
}

fn progress(part: String, deployment: &Deployment, installation: &Installation) -> Finding {
    let Installation { namespace, commands, .. } = installation;
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    if wanted == 0 {
        let scale =
            format!("scale deployment {} --namespace {namespace} --replicas 1", deployment.name_any());
        let what = "has no replicas: no broker is called, and deletions wait";
        let repair = format!(
            "{}\n(the value replicas of the chart sets it at the next upgrade)",
            commands.kubectl(&scale)
        );
        return Finding::wrong(part, what, repair);
    }
    let status = deployment.status.clone().unwrap_or_default();
    let DeploymentStatus { observed_generation, replicas, ready_replicas, updated_replicas, .. } = status;
    let [all, ready, updated] = [replicas, ready_replicas, updated_replicas].map(|count| count.unwrap_or(0));
    let describe = commands.kubectl(&format!("describe pods --namespace {namespace}"));
    if observed_generation < deployment.metadata.generation || updated < wanted || updated < all {
        let what = format!("is being rolled out: {updated} of {wanted} replicas are new, and {all} exist");
        return Finding::wrong(part, what, describe);
    }
    if ready < wanted {
        return Finding::wrong(part, format!("has {wanted} replicas, of which {ready} are ready"), describe);
    }
    Finding::whole(format!("{part}: chart of version {VERSION}, {ready} of {wanted} replicas ready"))
}

#[cfg(test)]
pub mod tests {
    use serde_json::{Value, json};

    use super::super::finding::State;
    use super::*;

    fn deployment(
        metadata: &Value,
        arguments: &Value,
        (replicas, all, ready, updated): (i32, i32, i32, i32),
    ) -> Deployment {
        serde_json::from_value(json!({
            "metadata": metadata,
            "spec": {"replicas": replicas, "selector": {}, "template": {"spec": {
                "serviceAccountName": "account", "containers": [{"name": "operator", "args": arguments}],
            }}},
            "status": {"replicas": all, "readyReplicas": ready, "updatedReplicas": updated},
        }))
        .unwrap()
    }

    /// An installation by Helm in the namespace `own`.
    pub fn installation(watched: &[&str], restarts_workloads: bool) -> Installation {
        let watched = watched.iter().map(|namespace| format!("--watch-namespace={namespace}"));
        let mut arguments: Vec<String> = std::iter::once("run".to_owned()).chain(watched).collect();
        arguments.push(format!("--restart-workloads={restarts_workloads}"));
        let metadata = json!({"name": "hub", "annotations": {"meta.helm.sh/release-name": "release"}});
        Installation::new(&deployment(&metadata, &arguments.into(), (1, 1, 1, 1)), "own", Commands::default())
    }

    #[test]
    fn the_deployment_says_how_the_operator_is_installed() {
        let few = installation(&["a", "b"], false);
        assert_eq!(few.user(), "system:serviceaccount:own:account");
        assert_eq!((few.watched.len(), few.restarts_workloads), (2, false));
        assert_eq!(
            (installation(&[], true).watched.len(), installation(&[], true).restarts_workloads),
            (0, true)
        );
        // What only renders the chart sets the label that names Helm, too.
        let labels = json!({"app.kubernetes.io/managed-by": "Helm"});
        let flux = json!({"helm.toolkit.fluxcd.io/name": "flux"});
        for (metadata, begin) in [
            (
                json!({"annotations": {"meta.helm.sh/release-name": "release"}}),
                "helm upgrade release charts/",
            ),
            (
                json!({"annotations": {"meta.helm.sh/release-name": "release"}, "labels": flux}),
                "reconcile the",
            ),
            (json!({"labels": labels}), "apply the chart again"),
        ] {
            let deployment = deployment(&metadata, &json!(["run"]), (1, 1, 1, 1));
            let upgrade = Installation::new(&deployment, "own", Commands::default()).upgrade();
            assert!(upgrade.starts_with(begin), "{upgrade}");
        }
    }

    #[test]
    fn an_operator_that_does_not_run_or_is_of_another_version_is_wrong() {
        let found = |version: &str, replicas| {
            let metadata = json!({"name": "hub", "labels": {"app.kubernetes.io/version": version}});
            let deployment = deployment(&metadata, &json!(["run"]), replicas);
            let found = not_expected("it", &deployment)
                .unwrap_or_else(|| progress("it".to_owned(), &deployment, &installation(&[], true)));
            match found.state {
                State::Wrong { what, .. } => what,
                state => format!("{state:?}"),
            }
        };
        for (version, replicas, what) in [
            (VERSION, (2, 2, 2, 2), "Whole"),
            ("0.0.1", (2, 2, 2, 2), "has version 0.0.1"),
            (VERSION, (0, 0, 0, 0), "has no replicas"),
            (VERSION, (2, 2, 1, 2), "has 2 replicas, of which 1 are ready"),
            (VERSION, (2, 2, 1, 1), "is being rolled out: 1 of 2"),
            // The new pod does not start, and the old one leads.
            (VERSION, (1, 2, 1, 1), "is being rolled out: 1 of 1 replicas are new, and 2 exist"),
        ] {
            assert!(found(version, replicas).starts_with(what), "{what}: {}", found(version, replicas));
        }
    }
}
