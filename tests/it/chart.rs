//! The chart: what it installs, which values it rejects, and what an uninstallation keeps.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::{Value, json};
use service_catalog::crd;
use service_catalog::policies::{MUTATING, VALIDATING};

use crate::cluster::{CHART, Cluster, NAMESPACE, binary};
use crate::namespace::namespace;
use crate::process::{directory, text};

fn helm(arguments: &[&str]) -> Output {
    let mut command = Command::new(binary("helm"));
    command.env("HOME", directory()).env("KUBECONFIG", "/dev/null").args(arguments).output().unwrap()
}

/// Renders the chart for a cluster that meets its requirements.
fn template(arguments: &[&str]) -> Output {
    let policies = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy";
    let rest = ["template", "service-catalog", CHART, "--namespace", NAMESPACE, "--api-versions", policies];
    helm(&[&rest, arguments].concat())
}

fn rendered(arguments: &[&str]) -> Vec<Value> {
    let output = template(arguments);
    assert!(output.status.success(), "{}", text(&output));
    serde_saphyr::from_multiple(std::str::from_utf8(&output.stdout).unwrap()).unwrap()
}

/// The only object of this kind, but for those of the template broker.
fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind && !is_template_brokers(object));
    let first = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "more than one {kind}");
    first
}

fn is_template_brokers(object: &Value) -> bool {
    object["metadata"]["labels"]["app.kubernetes.io/name"] == "template-broker"
}

/// The only object of the template broker of this kind whose name ends like this.
fn template_brokers<'a>(objects: &'a [Value], kind: &str, end: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| {
        object["kind"] == kind
            && is_template_brokers(object)
            && object["metadata"]["name"].as_str().unwrap().ends_with(end)
    });
    found.next().unwrap_or_else(|| panic!("no {kind} …{end}"))
}

#[test]
fn it_has_no_faults() {
    let output = helm(&["lint", "--strict", CHART]);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn a_cluster_without_the_policies_is_refused_with_the_reason() {
    let old = text(&template(&["--kube-version", "1.35.4"]));
    assert!(
        old.contains("service-catalog needs Kubernetes 1.36 or later; this cluster has v1.35.4"),
        "{old}"
    );
    let without = text(&helm(&["template", "service-catalog", CHART, "--kube-version", "1.36.0"]));
    let reason = "service-catalog needs admissionregistration.k8s.io/v1/MutatingAdmissionPolicy, which this cluster does not serve";
    assert!(without.contains(reason), "{without}");
}

#[test]
fn unknown_values_are_refused() {
    for (value, complaint) in [
        ("replica=2", "additional properties 'replica' not allowed"),
        ("image.pullPolicy=Sometimes", "/image/pullPolicy"),
        ("brokerRelistInterval=daily", "/brokerRelistInterval"),
        ("watchNamespaces={Shop}", "/watchNamespaces/0"),
        ("watchNamespaces={kube-system}", "/watchNamespaces/0"),
        ("watchNamespaces={shop}", "set clusterID"),
    ] {
        let output = template(&["--set", value]);
        assert!(!output.status.success(), "{value} was accepted");
        assert!(text(&output).contains(complaint), "{value}: {}", text(&output));
    }
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
    assert!(!aggregates_adopt(&default));
}

/// Other values than the defaults.
fn other_values() -> Value {
    json!({
        "image": {"repository": "registry/catalog", "tag": "test", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "registry"}], "replicas": 3, "clusterID": "c-1",
        "watchNamespaces": ["shop"], "restartWorkloads": false, "brokerRelistInterval": "1h30m",
        "osbApiRequestTimeout": "5s", "maxCatalogPlans": 10,
        "brokerAddresses": ["10.0.0.0/8", "*.example.com"], "logLevel": "debug",
        "proxy": {"http": "http://proxy:1", "https": "http://proxy:2", "noProxy": ".svc"},
        "editorsMayAdopt": true, "webhookKeys": ["example.com/team"], "prometheusScrape": true,
        "networkPolicy": {
            "enabled": true, "ingressFrom": [{"namespaceSelector": {}}], "egress": [{"ports": [{"port": 443}]}],
        },
        "resources": {"limits": {"memory": "1Gi"}}, "priorityClassName": "high", "nodeSelector": {"a": "b"},
        "tolerations": [{"operator": "Exists"}], "affinity": {"nodeAffinity": {}},
        "podLabels": {"team": "platform"}, "podAnnotations": {"note": "x"},
    })
}

#[test]
fn every_value_has_its_effect() {
    let values = other_values();
    let file = directory().join("values.json");
    std::fs::write(&file, values.to_string()).unwrap();
    let given = rendered(&["--values", file.to_str().unwrap()]);
    let deployment = only(&given, "Deployment");
    let pod = &deployment["spec"]["template"];
    let container = &pod["spec"]["containers"][0];
    let defaults: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(format!("{CHART}/values.yaml")).unwrap()).unwrap();
    let network = &only(&given, "NetworkPolicy")["spec"];
    let seen = json!({
        "image": {
            "repository": container["image"].as_str().unwrap().split(':').next(),
            "tag": container["image"].as_str().unwrap().split(':').next_back(),
            "pullPolicy": container["imagePullPolicy"],
        },
        "imagePullSecrets": pod["spec"]["imagePullSecrets"], "replicas": deployment["spec"]["replicas"],
        "clusterID": flag(container, "--cluster-id"),
        "watchNamespaces": [flag(container, "--watch-namespace")],
        "restartWorkloads": flag(container, "--restart-workloads") == "true",
        "brokerRelistInterval": flag(container, "--broker-relist-interval"),
        "osbApiRequestTimeout": flag(container, "--osb-api-request-timeout"),
        "maxCatalogPlans": flag(container, "--max-catalog-plans").parse::<u64>().unwrap(),
        "brokerAddresses": flag(container, "--broker-addresses").split(',').collect::<Vec<_>>(),
        "logLevel": variable(container, "RUST_LOG")["value"],
        "proxy": {
            "http": variable(container, "HTTP_PROXY")["value"], "https": variable(container, "HTTPS_PROXY")["value"],
            "noProxy": variable(container, "NO_PROXY")["value"],
        },
        "editorsMayAdopt": aggregates_adopt(&given), "webhookKeys": accepted_keys(&given),
        "prometheusScrape": only(&given, "Service")["metadata"]["annotations"]["prometheus.io/scrape"] == "true",
        "networkPolicy": {
            "enabled": network["policyTypes"] == json!(["Ingress", "Egress"]),
            "ingressFrom": network["ingress"][0]["from"], "egress": network["egress"],
        },
        "resources": {"limits": {"memory": container["resources"]["limits"]["memory"]}},
        "priorityClassName": pod["spec"]["priorityClassName"], "nodeSelector": pod["spec"]["nodeSelector"],
        "tolerations": pod["spec"]["tolerations"], "affinity": pod["spec"]["affinity"],
        "podLabels": {"team": pod["metadata"]["labels"]["team"]}, "podAnnotations": pod["metadata"]["annotations"],
    });
    assert_eq!(seen, values);
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let (mut tested, template_broker) = (names(&values), "templateBroker");
    tested.insert(template_broker.to_owned());
    assert_eq!(names(&defaults), tested, "a value of values.yaml is not tested here");
    assert!(!given.iter().any(is_template_brokers), "it needs the whole cluster");
}

#[test]
fn every_value_of_the_template_broker_has_its_effect() {
    let values = json!({"templateBroker": {
        "enabled": true, "replicas": 2, "namespaces": ["shop"], "templates": {"redis": false},
        "registry": "mirror.example.com/", "images": {"team/app:1": "registry/app:1", "openshift/postgresql:16": "own"},
        "administratorsRole": "edit", "kinds": [{"apiGroups": ["apps"], "resources": ["deployments"]}],
        "resources": {"limits": {"memory": "1Gi"}},
    }});
    let file = directory().join("template-broker.json");
    std::fs::write(&file, values.to_string()).unwrap();
    let given = rendered(&["--values", file.to_str().unwrap()]);
    let deployment = template_brokers(&given, "Deployment", "");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert_eq!(container["resources"]["limits"]["memory"], "1Gi");
    let arguments = container["args"].to_string();
    for namespace in [NAMESPACE, "shop"] {
        assert!(arguments.contains(&format!("--template-namespace={namespace}")), "{arguments}");
    }
    let templates = &template_brokers(&given, "ConfigMap", "-templates")["data"];
    assert!(templates["redis.yaml"].is_null() && templates["mysql.yaml"].is_string());
    let images = template_brokers(&given, "ConfigMap", "-images")["data"]["images.yaml"].as_str().unwrap();
    for line in [
        "openshift/postgresql:16: own",
        "team/app:1: registry/app:1",
        "openshift/mysql:8.4: mirror.example.com/sclorg/mysql-84-c9s:latest",
    ] {
        assert!(images.lines().any(|it| it == line), "{line}: {images}");
    }
    let binding = template_brokers(&given, "ClusterRoleBinding", "-administrators");
    assert_eq!(binding["roleRef"]["name"], "edit");
    let rules = template_brokers(&given, "ClusterRole", "-template-broker")["rules"].to_string();
    assert!(rules.contains("deployments") && !rules.contains("configmaps"), "{rules}");
    let refusing = rendered(&["--set", "templateBroker.administratorsRole="]);
    let container =
        &template_brokers(&refusing, "Deployment", "")["spec"]["template"]["spec"]["containers"][0];
    assert!(!container["args"].to_string().contains("--administrators"));
    let without = rendered(&["--set", "templateBroker.enabled=false"]);
    assert!(!without.iter().any(is_template_brokers));
}

/// On OpenShift, each namespace has its own range of IDs, and Templates are served already.
#[test]
fn on_openshift_templates_name_no_ids_and_their_kind_is_not_defined() {
    let openshift = ["security.openshift.io/v1", "template.openshift.io/v1"];
    let objects = rendered(&openshift.map(|it| ["--api-versions", it]).concat());
    let templates = |objects: &[Value]| {
        let data = template_brokers(objects, "ConfigMap", "-templates")["data"].clone();
        data.as_object().unwrap().values().map(|text| text.as_str().unwrap().to_owned()).collect::<String>()
    };
    for field in ["runAsUser", "runAsGroup", "fsGroup"] {
        let number = format!("\"{field}\":");
        assert!(!templates(&objects).contains(&number), "{field}");
        assert!(templates(&rendered(&[])).contains(&number), "{field}");
    }
    assert!(objects.iter().all(|object| object["metadata"]["name"] != "templates.template.openshift.io"));
}

/// Whether the role `edit` includes the permission to set `spec.externalID`.
fn aggregates_adopt(objects: &[Value]) -> bool {
    let is_adopt = |object: &&Value| object["metadata"]["name"] == "service-catalog-adopt";
    let role = objects.iter().find(is_adopt).expect("the role is always there");
    role["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
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

/// The labels and annotations of others that the policies accept on objects that the operator writes.
fn accepted_keys(objects: &[Value]) -> Value {
    let key = "example.com/team";
    let accepts = |name: &str| {
        objects.iter().any(|object| {
            object["kind"] == "ValidatingAdmissionPolicy"
                && object["metadata"]["name"] == name
                && object.to_string().contains(key)
        })
    };
    let policies = ["own-secret.servicecatalog.k8s.io", "own-object.servicecatalog.k8s.io"];
    if policies.into_iter().all(accepts) { json!([key]) } else { Value::Null }
}

fn variable<'a>(container: &'a Value, name: &str) -> &'a Value {
    container["env"].as_array().unwrap().iter().find(|variable| variable["name"] == name).unwrap()
}

fn flag(container: &Value, name: &str) -> String {
    let arguments = container["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap());
    let mut values = arguments.filter_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
    values.next().unwrap().to_owned()
}

#[test]
fn the_operator_is_called_for_metrics_only_and_drained_one_by_one() {
    let one = rendered(&[]);
    let network = &only(&one, "NetworkPolicy")["spec"];
    assert_eq!(network["policyTypes"], json!(["Ingress"]));
    assert_eq!(network["ingress"], json!([{"ports": [{"port": "http"}]}]));
    assert_eq!(network["podSelector"], only(&one, "Deployment")["spec"]["selector"]);
    assert!(one.iter().all(|object| object["kind"] != "PodDisruptionBudget"), "one could never be drained");
    let without = rendered(&["--set", "networkPolicy.enabled=false"]);
    assert!(without.iter().all(|object| object["kind"] != "NetworkPolicy"));
    let two = rendered(&["--set", "replicas=2"]);
    let budget = &only(&two, "PodDisruptionBudget")["spec"];
    assert_eq!(budget["maxUnavailable"], 1);
    assert_eq!(budget["selector"], only(&two, "Deployment")["spec"]["selector"]);
}

/// The Pod Security Standard `restricted`.
#[tokio::test]
async fn the_operators_pod_is_restricted() {
    let namespace = namespace().await;
    let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    namespace.patch("Namespace", &namespace.name, labels).await.unwrap();
    let mut pod = only(&rendered(&[]), "Deployment")["spec"]["template"].clone();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "operator".into();
    pod["spec"]["serviceAccountName"] = "default".into();
    namespace.try_create(pod.clone()).await.unwrap();
    pod["spec"]["securityContext"]["runAsNonRoot"] = false.into();
    let refused = namespace.try_create(pod).await.unwrap_err();
    assert!(refused.contains("violates PodSecurity"), "{refused}");
}

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
