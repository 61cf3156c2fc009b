//! `service-catalog check` names what is not whole, and what it prints repairs it.

use std::path::Path;
use std::process::Command;

use service_catalog::check::{NEEDED, Place};

use crate::chart::granted;
use crate::cluster::{CHART, Cluster};
use crate::few_namespaces;
use crate::process::text;
use crate::scripted::{IsolatedEnv, isolated};

/// The operator of a test runs outside of the cluster.
const NO_REPLICAS: &str = "deployment/service-catalog in namespace service-catalog has no replicas";

/// What is printed with these arguments and this kubeconfig; it does not succeed.
fn printed(arguments: &[&str], kubeconfig: &Path) -> String {
    let mut check = Command::new(env!("CARGO_BIN_EXE_service-catalog"));
    let output = check.arg("check").args(arguments).arg("--kubeconfig").arg(kubeconfig).output().unwrap();
    let printed = text(&output);
    assert!(!output.status.success(), "{printed}");
    printed
}

/// What is printed about an installation that has, at least, no replicas.
fn check(cluster: &Cluster) -> String {
    let printed = printed(&[], &cluster.kubeconfig("admin"));
    assert!(printed.contains(NO_REPLICAS), "{printed}");
    printed
}

/// The lines of what is wrong, without the Deployment.
fn wrong(printed: &str) -> Vec<&str> {
    let lines = printed.lines().filter_map(|line| line.strip_prefix("WRONG"));
    lines.map(str::trim).filter(|line| !line.starts_with(NO_REPLICAS)).collect()
}

/// Runs the command that is printed as a repair.
fn repair(isolated: &IsolatedEnv, printed: &str) {
    let kubeconfig = isolated.cluster().kubeconfig("admin");
    let begin = format!("> helm --kubeconfig '{}' ", kubeconfig.display());
    let command = printed.lines().find_map(|line| line.trim().strip_prefix(&begin));
    let command = command.unwrap_or_else(|| panic!("no command of helm: {printed}"));
    let arguments =
        command.split(' ').map(|part| if part == "charts/service-catalog" { CHART } else { part });
    let repaired = isolated.cluster().helm(&arguments.collect::<Vec<_>>());
    assert!(repaired.status.success(), "{}", text(&repaired));
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
    assert!(whole.contains("1 WRONG, 0 unknown"), "{whole}");

    isolated.cluster().must_kubectl(&[
        "delete",
        "validatingadmissionpolicybinding",
        "own-secret.servicecatalog.k8s.io",
    ]);
    let verbs =
        r#"[{"op": "replace", "path": "/rules/0/verbs", "value": ["get", "list", "watch", "update"]}]"#;
    isolated.cluster().must_kubectl(&[
        "patch",
        "clusterrole",
        "service-catalog",
        "--type=json",
        "--patch",
        verbs,
    ]);
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/secretName/maxLength";
    let schema = format!(r#"[{{"op": "replace", "path": "{path}", "value": 7}}]"#);
    let definition = "servicebindings.servicecatalog.k8s.io";
    isolated.cluster().must_kubectl(&[
        "patch",
        "customresourcedefinition",
        definition,
        "--type=json",
        "--patch",
        &schema,
    ]);
    isolated.cluster().must_kubectl(&[
        "delete",
        "customresourcedefinition",
        "templates.template.openshift.io",
    ]);
    isolated.kill();

    let printed = check(isolated.cluster());
    let found = wrong(&printed);
    let user = "system:serviceaccount:service-catalog:service-catalog may not patch";
    let path = ".spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.secretName.maxLength";
    for expected in [
        &*format!("customresourcedefinition/{definition} is not that of this version: it differs at {path}"),
        "customresourcedefinition/templates.template.openshift.io is missing",
        "validatingadmissionpolicybinding/own-secret.servicecatalog.k8s.io is missing",
        &format!("{user} serviceinstances.servicecatalog.k8s.io cluster-wide"),
        "lease/service-catalog in namespace service-catalog is not renewed",
    ] {
        assert!(found.iter().any(|line| line.starts_with(expected)), "{expected}: {found:#?}");
    }

    repair(&isolated, &printed);
    isolated.cluster().until_policies_are_in_force();
    isolated.start();
    isolated.operator().until_it_leads().await;
    assert_eq!(wrong(&check(isolated.cluster())), [""; 0]);
}

#[test]
fn what_may_not_be_read_is_unknown_and_no_success() {
    let cluster = few_namespaces::shared();
    let token = cluster.must_kubectl(&["create", "token", "default"]);
    cluster.write_kubeconfig("visitor", text(&token).trim(), &cluster.server());
    let printed = printed(&[], &cluster.kubeconfig("visitor"));
    assert!(printed.contains("0 WRONG, 2 unknown"), "{printed}");
    assert!(printed.contains("cannot get resource \"deployments\""), "{printed}");
}

#[test]
fn a_deployment_of_another_name_is_asked_for() {
    let cluster = few_namespaces::shared();
    let printed = printed(&["--deployment", "other"], &cluster.kubeconfig("admin"));
    assert!(printed.contains("1 WRONG, 1 unknown"), "{printed}");
    assert!(printed.contains("deployment/other in namespace service-catalog is missing"), "{printed}");
}

#[test]
fn a_cluster_that_does_not_answer_is_no_whole_installation() {
    let cluster = few_namespaces::shared();
    cluster.write_kubeconfig("nowhere", "token", "https://127.0.0.1:1");
    let printed = printed(&[], &cluster.kubeconfig("nowhere"));
    assert!(printed.contains("onnection refused"), "{printed}");
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
