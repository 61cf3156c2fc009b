//! What stays when the release goes.

use serde_json::{Value, json};
use service_catalog::crd;

use super::rendered;
use crate::cluster::{CHART, Cluster, NAMESPACE};
use crate::process::{directory, text};

/// Helm deletes the rest of a release; see also [`uninstalling_keeps_what_users_made`].
#[test]
fn the_definitions_are_kept_when_the_release_goes() {
    let objects = rendered(&[]);
    let definitions: Vec<&Value> =
        objects.iter().filter(|object| object["kind"] == "CustomResourceDefinition").collect();
    assert_eq!(definitions.len(), crd::all().len());
    for definition in definitions {
        assert_eq!(definition["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
        let is_ours = definition["spec"]["group"] == crd::GROUP;
        assert_eq!(definition["metadata"]["labels"]["svcat"] == "true", is_ours);
    }
}

/// On its own control plane, because it removes the policies.
#[test]
fn uninstalling_keeps_what_users_made() {
    let cluster = Cluster::start("uninstall");
    cluster.install();
    let helm = |arguments: &[&str]| {
        let output = cluster.helm(&[arguments, &["--namespace", NAMESPACE]].concat());
        assert!(output.status.success(), "{}", text(&output));
    };
    let kubectl = |arguments: &[&str]| {
        let output = cluster.kubectl(arguments);
        assert!(output.status.success(), "{}", text(&output));
        text(&output)
    };
    helm(&["upgrade", "service-catalog", CHART, "--set", "replicas=0"]);
    let file = directory().join("instance.json");
    let instance = json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance", "metadata": {"name": "kept"},
        "spec": {"clusterServiceClassName": "class"},
    });
    std::fs::write(&file, instance.to_string()).unwrap();
    kubectl(&["create", "-f", file.to_str().unwrap()]);
    let find = ["get", "serviceinstance", "kept", "-o", "jsonpath={.metadata.uid}"];
    let before = kubectl(&find);

    helm(&["uninstall", "service-catalog"]);
    assert_eq!(kubectl(&find), before);
    let policies =
        kubectl(&["get", "mutatingadmissionpolicies,validatingadmissionpolicies,clusterroles", "-o", "name"]);
    assert!(!policies.contains("servicecatalog"), "{policies}");

    cluster.install();
    assert_eq!(kubectl(&find), before);
}
