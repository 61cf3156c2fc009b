//! The chart: what it installs, which values it rejects, and what an uninstallation keeps.
//!
//! | file | question |
//! |---|---|
//! | `values`, `effects` | Does every value of the schema have its effect? |
//! | `refused` | Which values and clusters does it refuse? |
//! | `rendering` | Does it render without a cluster, and for OpenShift? Do names and labels reach every object? |
//! | `pods` | What have the pods of all Deployments? |
//! | `template_broker` | Which templates and images does the template broker get? |
//! | `console` | What may the console do, and who may reach it? |
//! | `gitops` | Do the examples for Argo CD and Flux fit? |
//! | `monitoring` | Do alerts and dashboard name what exists? |
//! | `uninstall` | What stays when the release goes? |

mod console;
mod effects;
mod gitops;
mod monitoring;
mod pods;
mod refused;
mod rendering;
mod template_broker;
mod uninstall;
mod values;

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use service_catalog::policies::{MUTATING, VALIDATING};

use crate::cluster::{CHART, NAMESPACE, binary};
use crate::process::{directory, text};

fn helm(arguments: &[&str]) -> Output {
    let mut command = Command::new(binary("helm"));
    command.env("HOME", directory()).env("KUBECONFIG", "/dev/null").args(arguments).output().unwrap()
}

/// Renders the chart without a cluster.
fn template(arguments: &[&str]) -> Output {
    helm(&[&["template", "service-catalog", CHART, "--namespace", NAMESPACE], arguments].concat())
}

/// What Helm prints for these arguments.
fn printed(arguments: &[&str]) -> String {
    let output = template(arguments);
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn rendered(arguments: &[&str]) -> Vec<Value> {
    serde_saphyr::from_multiple(&printed(arguments)).unwrap()
}

/// A file with these values, for the option `--values`.
fn values_file(values: &Value) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let path = directory().join(format!("values-{}.json", COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::write(&path, values.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn rendered_with(values: &Value) -> Vec<Value> {
    rendered(&["--values", &values_file(values)])
}

/// The only object of this kind that is neither the template broker's nor the console's.
fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let is_operators = |object: &&Value| !is_template_brokers(object) && !is_consoles(object);
    let mut found = objects.iter().filter(|object| object["kind"] == kind).filter(is_operators);
    let first = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "more than one {kind}");
    first
}

fn is_template_brokers(object: &Value) -> bool {
    object["metadata"]["labels"]["app.kubernetes.io/name"] == "template-broker"
}

fn is_consoles(object: &Value) -> bool {
    object["metadata"]["labels"]["app.kubernetes.io/name"] == "console"
}

/// The object of the template broker of this kind whose name ends like this.
fn template_brokers<'a>(objects: &'a [Value], kind: &str, end: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| {
        object["kind"] == kind
            && is_template_brokers(object)
            && object["metadata"]["name"].as_str().unwrap().ends_with(end)
    });
    found.next().unwrap_or_else(|| panic!("no {kind} …{end}"))
}

/// The object of the console of this kind.
fn consoles<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind && is_consoles(object));
    found.next().unwrap_or_else(|| panic!("no {kind}"))
}

/// The Deployments of the operator, of the template broker and of the console.
fn deployments(objects: &[Value]) -> [&Value; 3] {
    [
        only(objects, "Deployment"),
        template_brokers(objects, "Deployment", ""),
        consoles(objects, "Deployment"),
    ]
}

/// What a role of the chart grants: API group, resource, name of the object (empty: all), verb.
pub fn granted(arguments: &[&str], kind: &str, name: &str) -> BTreeSet<[String; 4]> {
    let objects = rendered(arguments);
    let role = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    let role = role.unwrap_or_else(|| panic!("no {kind} {name}"));
    let texts = |value: &Value| -> Vec<String> {
        let all =
            value.as_array().map(|all| all.iter().map(|text| text.as_str().unwrap().to_owned()).collect());
        all.unwrap_or_else(|| vec![String::new()])
    };
    let mut granted = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for name in texts(&rule["resourceNames"]) {
                    for verb in texts(&rule["verbs"]) {
                        granted.insert([group.clone(), resource.clone(), name.clone(), verb]);
                    }
                }
            }
        }
    }
    granted
}

fn is_there(objects: &[Value], kind: &str) -> bool {
    objects.iter().any(|object| object["kind"] == kind)
}

fn variable<'a>(container: &'a Value, name: &str) -> &'a Value {
    container["env"].as_array().unwrap().iter().find(|variable| variable["name"] == name).unwrap()
}

#[test]
fn it_has_no_faults() {
    let output = helm(&["lint", "--strict", CHART]);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn the_defaults_install_one_replica() {
    let default = rendered(&[]);
    let deployment = only(&default, "Deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "ghcr.io/service-catalog/service-catalog:0.1.0");
    let arguments = json!([
        "run",
        "--listen=0.0.0.0:8080",
        "--log-format=json",
        "--broker-relist-interval=24h",
        "--osb-api-request-timeout=60s",
        "--max-catalog-plans=5000",
        "--broker-addresses=0.0.0.0/0,::/0"
    ]);
    assert_eq!(container["args"], arguments);
    assert_eq!(only(&default, "Service")["metadata"]["annotations"], Value::Null);
    // A restarted container takes over its predecessor's lease because of this name.
    assert_eq!(variable(container, "POD_NAME")["valueFrom"]["fieldRef"]["fieldPath"], "metadata.name");
    let namespace = "metadata.namespace";
    assert_eq!(variable(container, "POD_NAMESPACE")["valueFrom"]["fieldRef"]["fieldPath"], namespace);
    assert_eq!(deployment["spec"]["strategy"], json!({"type": "RollingUpdate"}));
    for kind in ["ServiceMonitor", "PodMonitor", "PrometheusRule"] {
        assert!(!is_there(&default, kind), "not every cluster has the kind {kind}");
    }
}

/// The operator looks for these by name.
#[test]
fn it_installs_the_policies_that_the_operator_looks_for() {
    let objects = rendered(&[]);
    let installed = |kind: &str| -> BTreeSet<String> {
        let names = objects.iter().filter(|object| object["kind"] == kind && !is_template_brokers(object));
        names.map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    for (kind, policies) in [("Mutating", &MUTATING[..]), ("Validating", &VALIDATING[..])] {
        let wanted: BTreeSet<String> =
            policies.iter().map(|policy| format!("{policy}.servicecatalog.k8s.io")).collect();
        for kind in [format!("{kind}AdmissionPolicy"), format!("{kind}AdmissionPolicyBinding")] {
            assert_eq!(installed(&kind), wanted, "{kind}");
        }
    }
    for object in objects.iter().filter(|object| object["kind"].as_str().unwrap().contains("AdmissionPolicy"))
    {
        let version = &object["metadata"]["labels"]["app.kubernetes.io/version"];
        assert_eq!(version, env!("CARGO_PKG_VERSION"), "{}", object["metadata"]["name"]);
    }
}
