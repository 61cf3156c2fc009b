//! Which values and clusters the chart refuses, and with which words.

use super::template;
use crate::process::text;

#[test]
fn a_cluster_without_the_policies_is_refused_with_the_reason() {
    for old in [["--kube-version", "1.35.4"], ["--set", "kubeVersion=v1.35.4"]] {
        let old = text(&template(&old));
        assert!(
            old.contains("service-catalog needs Kubernetes 1.36 or later; this cluster has v1.35.4"),
            "{old}"
        );
    }
    // As Helm asks a cluster: it lists the kinds, too.
    let without = text(&template(&["--api-versions", "v1/Pod"]));
    let reason = "service-catalog needs admissionregistration.k8s.io/v1/MutatingAdmissionPolicy, which this cluster does not serve";
    assert!(without.contains(reason), "{without}");
}

/// What an old Helm believes to be the version of the cluster.
#[test]
fn a_value_replaces_the_version_of_the_cluster() {
    let output = template(&["--kube-version", "1.31.0", "--set", "kubeVersion=1.36.0"]);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn unknown_and_contradictory_values_are_refused() {
    for (value, complaint) in [
        ("replica=2", "additional properties 'replica' not allowed"),
        ("serviceAccount.nam=x", "additional properties 'nam' not allowed"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("image.digest=latest", "/image/digest"),
        ("brokerRelistInterval=daily", "/brokerRelistInterval"),
        ("openshift=yes", "/openshift"),
        ("watchNamespaces={Shop}", "/watchNamespaces/0"),
        ("watchNamespaces={kube-system}", "/watchNamespaces/0"),
        ("watchNamespaces={shop}", "set clusterID"),
        // Every pod of the namespace would have the operator's permissions.
        ("serviceAccount.name=default", "/serviceAccount/name"),
        ("serviceAccount.create=false", "set serviceAccount.name"),
        // Otherwise a label could add the operator's ClusterRole to the role edit.
        (r"commonLabels.rbac\.authorization\.k8s\.io/aggregate-to-edit=true", "invalid propertyName"),
        (r"commonLabels.app\.kubernetes\.io/name=x", "invalid propertyName"),
        ("serviceMonitor.enabled=true,podMonitor.enabled=true", "only one of serviceMonitor.enabled and"),
        ("prometheusRule.alerts.ServiceObjectRetry.for=1h", "invalid propertyName"),
        // The selectors of two Deployments would be the same.
        ("nameOverride=console", "/nameOverride"),
        ("console.login=none", "/console/login"),
        // They become a part of the page's Content-Security-Policy.
        ("console.imageOrigins={https://example.com/icons}", "/console/imageOrigins/0"),
        ("console.replicas=2", "with console.login=token, sessions are in the memory of one replica"),
        ("console.ingress.enabled=true", "set console.ingress.host"),
        ("console.httpRoute.enabled=true", "set console.httpRoute.parentRefs"),
    ] {
        let output = template(&["--set", value]);
        assert!(!output.status.success(), "{value} was accepted");
        assert!(text(&output).contains(complaint), "{value}: {}", text(&output));
    }
}
