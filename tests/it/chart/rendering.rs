//! Rendering without a cluster, for OpenShift, and with other names and labels.

use serde_json::{Value, json};

use super::{
    deployments, helm, is_consoles, is_template_brokers, only, rendered, rendered_with, template_brokers,
};
use crate::cluster::{CHART, NAMESPACE};
use crate::process::text;

/// `helm template`, kustomize and Argo CD render without access to a cluster: the objects must be the same.
#[test]
fn the_apis_of_the_cluster_do_not_change_the_objects() {
    let policies = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy";
    // Once the chart is installed, the cluster serves Templates. The CRD has to stay, or Argo CD would prune it.
    let served = ["v1/Pod", policies, "template.openshift.io/v1", "servicecatalog.k8s.io/v1beta1"];
    assert_eq!(rendered(&served.map(|it| ["--api-versions", it]).concat()), rendered(&[]));
}

/// On OpenShift, each namespace has its own range of IDs, and Templates are served already.
#[test]
fn on_openshift_templates_name_no_ids_and_their_kind_is_not_defined() {
    let texts = |objects: &[Value]| {
        let data = template_brokers(objects, "ConfigMap", "-templates")["data"].clone();
        data.as_object().unwrap().values().map(|text| text.as_str().unwrap().to_owned()).collect::<String>()
    };
    let defines = |objects: &[Value]| {
        objects.iter().any(|object| object["metadata"]["name"] == "templates.template.openshift.io")
    };
    let apis = ["security.openshift.io/v1", "template.openshift.io/v1", "project.openshift.io/v1"];
    let apis = apis.map(|it| ["--api-versions", it]).concat();
    for openshift in [rendered(&apis), rendered(&["--set", "openshift=true"])] {
        for field in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert!(!texts(&openshift).contains(&format!("\"{field}\":")), "{field}");
        }
        assert!(!defines(&openshift));
    }
    let elsewhere = rendered(&[&apis[..], &["--set", "openshift=false"]].concat());
    assert_eq!(elsewhere, rendered(&[]));
    assert!(defines(&elsewhere) && texts(&elsewhere).contains("\"runAsUser\":"));
}

/// The policies compare the user name of the operator, and RBAC its `ServiceAccount`.
#[test]
fn another_service_account_is_followed_everywhere() {
    let values = json!({"serviceAccount": {"create": false, "name": "own"}});
    let objects = rendered_with(&values);
    let everything = serde_json::to_string(&objects).unwrap();
    let former = serde_json::to_string(&rendered(&[])).unwrap();
    let user = |name: &str| format!("system:serviceaccount:{NAMESPACE}:{name}\\\"");
    assert!(former.matches(&user("service-catalog")).count() >= 10);
    assert_eq!(everything.matches(&user("own")).count(), former.matches(&user("service-catalog")).count());
    assert!(!everything.contains(&user("service-catalog")));
    assert_eq!(only(&objects, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"], "own");
    let subject = json!({"kind": "ServiceAccount", "name": "own", "namespace": NAMESPACE});
    for kind in ["ClusterRoleBinding", "RoleBinding"] {
        assert_eq!(only(&objects, kind)["subjects"], json!([subject]), "{kind}");
    }
    let mut accounts = objects.iter().filter(|object| object["kind"] == "ServiceAccount");
    assert!(
        accounts.all(|account| is_template_brokers(account) || is_consoles(account)),
        "it exists already"
    );
}

#[test]
fn common_labels_and_annotations_are_on_every_object() {
    let enabled = json!({"enabled": true});
    let objects = rendered_with(&json!({
        "commonLabels": {"cost-centre": "4711"}, "commonAnnotations": {"contact": "platform"}, "replicas": 2,
        "prometheusScrape": true, "serviceAccount": {"annotations": {"role": "catalog"}},
        "serviceMonitor": enabled, "prometheusRule": enabled, "grafanaDashboard": enabled,
        "console": {
            "ingress": {"enabled": true, "host": "console.example.com"},
            "httpRoute": {"enabled": true, "parentRefs": [{"name": "gateway"}]},
        },
    }));
    for object in &objects {
        let metadata = &object["metadata"];
        assert_eq!(metadata["labels"]["cost-centre"], "4711", "{} {metadata:#}", object["kind"]);
        assert_eq!(metadata["annotations"]["contact"], "platform", "{} {metadata:#}", object["kind"]);
        let template = &object["spec"]["template"]["metadata"];
        assert!(template.is_null() || template["labels"]["cost-centre"] == "4711", "{template:#}");
    }
    assert_eq!(only(&objects, "Service")["metadata"]["annotations"]["prometheus.io/scrape"], "true");
    let accounts: Vec<&Value> =
        objects.iter().filter(|object| object["metadata"]["annotations"]["role"] == "catalog").collect();
    assert!(matches!(accounts[..], [account] if account["kind"] == "ServiceAccount"), "{accounts:#?}");
    for deployment in deployments(&objects) {
        // Selectors are immutable: with other labels, an upgrade would be refused.
        let selector = deployment["spec"]["selector"]["matchLabels"].as_object().unwrap();
        assert_eq!(selector.len(), 2, "{selector:#?}");
    }
}

#[test]
fn every_object_has_the_name_of_the_release_or_of_the_values() {
    let release = "catalog-of-the-platform-team";
    for (name, values) in [
        (format!("{release}-service-catalog"), ""),
        (format!("{release}-broker"), "nameOverride=broker"),
        (release.to_owned(), "nameOverride=platform"),
        ("hub".to_owned(), "fullnameOverride=hub"),
    ] {
        let arguments = ["template", release, CHART, "--namespace", NAMESPACE, "--set", values];
        let output = helm(&arguments);
        assert!(output.status.success(), "{}", text(&output));
        let objects: Vec<Value> =
            serde_saphyr::from_multiple(std::str::from_utf8(&output.stdout).unwrap()).unwrap();
        let deployment = objects.iter().find(|object| object["metadata"]["name"] == name.as_str());
        assert!(deployment.is_some(), "{values}: no object {name}");
        let is_named = |object: &&Value| {
            let found = object["metadata"]["name"].as_str().unwrap();
            found.starts_with(&name)
                || found.ends_with("servicecatalog.k8s.io")
                || found.ends_with("openshift.io")
        };
        let other: Vec<&Value> = objects.iter().filter(|object| !is_named(object)).collect();
        assert!(other.is_empty(), "{values}: {other:#?}");
    }
}
