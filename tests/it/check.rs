//! `service-catalog check` names what is not whole, and what it prints repairs it.

use std::process::Command;

use service_catalog::check::{NEEDED, Place};

use crate::chart::granted;
use crate::cluster::{CHART, Cluster, NAMESPACE};
use crate::few_namespaces;
use crate::process::{directory, text};
use crate::scripted::{IsolatedEnv, isolated};

/// The operator of a test runs outside of the cluster.
const NO_REPLICAS: &str = "deployment/service-catalog in namespace service-catalog has no replicas";

/// What is printed about an installation that has, at least, no replicas.
fn check(cluster: &Cluster) -> String {
    let mut check = Command::new(env!("CARGO_BIN_EXE_service-catalog"));
    check.args(["check", "--namespace", NAMESPACE, "--kubeconfig"]).arg(cluster.kubeconfig("admin"));
    let output = check.output().unwrap();
    let printed = text(&output);
    assert!(!output.status.success() && printed.contains(NO_REPLICAS), "{printed}");
    printed
}

/// The lines of what is wrong, without the Deployment.
fn wrong(printed: &str) -> Vec<&str> {
    let lines = printed.lines().filter_map(|line| line.strip_prefix("WRONG"));
    lines.map(str::trim).filter(|line| !line.starts_with(NO_REPLICAS)).collect()
}

fn kubectl(isolated: &IsolatedEnv, arguments: &[&str]) {
    let output = isolated.cluster().kubectl(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
}

/// Does what is printed as repairs.
fn repair(cluster: &Cluster, printed: &str) {
    let apply = "kubectl apply --server-side --force-conflicts --filename -";
    assert!(printed.contains(&format!("service-catalog crds | {apply}")), "{printed}");
    let definitions = Command::new(env!("CARGO_BIN_EXE_service-catalog")).arg("crds").output().unwrap();
    let file = directory().join("definitions.yaml");
    std::fs::write(&file, definitions.stdout).unwrap();
    let file = file.to_str().unwrap();
    let applied = cluster.kubectl(&["apply", "--server-side", "--force-conflicts", "--filename", file]);
    assert!(applied.status.success(), "{}", text(&applied));
    let upgrade = "helm upgrade service-catalog charts/service-catalog --namespace service-catalog \
        --reset-then-reuse-values (Helm 4: and --force-conflicts)";
    assert!(printed.contains(upgrade), "{printed}");
    let arguments = ["upgrade", "service-catalog", CHART, "--namespace", NAMESPACE];
    let upgraded =
        cluster.helm(&[&arguments[..], &["--reset-then-reuse-values", "--force-conflicts"]].concat());
    assert!(upgraded.status.success(), "{}", text(&upgraded));
}

#[tokio::test]
async fn what_is_wrong_is_named_and_repaired_by_what_is_printed() {
    if few_namespaces::is_mode() {
        // Its Deployment is not that of the control plane.
        return;
    }
    let mut isolated = isolated(&[]).await;
    isolated.operator().until_it_leads().await;
    let whole = check(isolated.cluster());
    assert_eq!(wrong(&whole), [""; 0], "{whole}");
    assert!(!whole.contains("unknown"), "{whole}");

    kubectl(&isolated, &["delete", "validatingadmissionpolicybinding", "own-secret.servicecatalog.k8s.io"]);
    let verbs =
        r#"[{"op": "replace", "path": "/rules/0/verbs", "value": ["get", "list", "watch", "update"]}]"#;
    kubectl(&isolated, &["patch", "clusterrole", "service-catalog", "--type=json", "--patch", verbs]);
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/secretName/maxLength";
    let schema = format!(r#"[{{"op": "replace", "path": "{path}", "value": 7}}]"#);
    let definition = "servicebindings.servicecatalog.k8s.io";
    kubectl(&isolated, &["patch", "customresourcedefinition", definition, "--type=json", "--patch", &schema]);
    kubectl(&isolated, &["delete", "customresourcedefinition", "templates.template.openshift.io"]);
    isolated.kill();

    let printed = check(isolated.cluster());
    let found = wrong(&printed);
    let user = "system:serviceaccount:service-catalog:service-catalog may not patch";
    let path = ".spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.secretName.maxLength";
    for expected in [
        &*format!("customresourcedefinition/{definition} is not that of this version: it differs at {path}"),
        "customresourcedefinition/templates.template.openshift.io is missing",
        "validatingadmissionpolicybinding/own-secret.servicecatalog.k8s.io is missing",
        &format!("{user} serviceinstances.servicecatalog.k8s.io in the whole cluster"),
        "lease/service-catalog in namespace service-catalog is not renewed",
    ] {
        assert!(found.iter().any(|line| line.starts_with(expected)), "{expected}: {found:#?}");
    }

    repair(isolated.cluster(), &printed);
    isolated.cluster().until_policies_are_in_force();
    isolated.start();
    isolated.operator().until_it_leads().await;
    assert_eq!(wrong(&check(isolated.cluster())), [""; 0]);
}

#[test]
fn a_cluster_that_does_not_answer_is_no_whole_installation() {
    let kubeconfig = directory().join("nowhere.kubeconfig");
    let nowhere = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": "http://127.0.0.1:1"}}], "users": [{"name": "it", "user": {}}],
    });
    std::fs::write(&kubeconfig, nowhere.to_string()).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_service-catalog"));
    let output = check.args(["check", "--kubeconfig"]).arg(kubeconfig).output().unwrap();
    assert!(!output.status.success() && text(&output).contains("does not answer"), "{}", text(&output));
}

/// Each permission that is asked for is granted by the chart, and none is granted that is not asked for.
#[test]
fn the_chart_grants_what_the_operator_needs() {
    let needed = |places: &[Place]| {
        let all = NEEDED.iter().filter(|needed| places.contains(&needed.place));
        all.flat_map(|needed| {
            needed
                .pairs()
                .map(|(resource, verb)| [needed.group, resource, needed.name, verb].map(str::to_owned))
        })
        .collect()
    };
    let whole = [Place::Watched, Place::Restarts, Place::Cluster];
    assert_eq!(granted(&[], "ClusterRole", "service-catalog"), needed(&whole));
    assert_eq!(granted(&[], "Role", "service-catalog"), needed(&[Place::Own]));
    let few = ["--set", "watchNamespaces={a},clusterID=c"];
    assert_eq!(
        granted(&few, "Role", "service-catalog-namespace"),
        needed(&[Place::Watched, Place::Restarts])
    );
    let without = ["--set", "watchNamespaces={a},clusterID=c,restartWorkloads=false"];
    assert_eq!(granted(&without, "Role", "service-catalog-namespace"), needed(&[Place::Watched]));
}
