//! What may the console do, and who may reach it?

use serde_json::{Value, json};

use super::{consoles, is_consoles, rendered, rendered_with};
use crate::cluster::NAMESPACE;
use crate::namespace::namespace;

/// Where containers find the token of their `ServiceAccount`.
const TOKEN_DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The console's container.
fn container(objects: &[Value]) -> &Value {
    &consoles(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
}

fn arguments(objects: &[Value]) -> Vec<&str> {
    container(objects)["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap()).collect()
}

/// Whatever a user may not do, the console may not, either: it has no rights that it could lend them.
#[test]
fn it_has_no_rights_of_its_own() {
    for objects in [rendered(&[]), rendered(&["--set", "watchNamespaces={shop},clusterID=c-1"])] {
        let account = consoles(&objects, "ServiceAccount");
        assert_eq!(account["automountServiceAccountToken"], false);
        let pod = &consoles(&objects, "Deployment")["spec"]["template"]["spec"];
        assert_eq!(pod["serviceAccountName"], account["metadata"]["name"]);
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert!(!pod["volumes"].to_string().contains("serviceAccountToken"), "{pod:#}");
        for object in &objects {
            let is_rbac = object["apiVersion"] == "rbac.authorization.k8s.io/v1";
            assert!(!is_rbac || !is_consoles(object), "{object:#}");
            for subject in object["subjects"].as_array().into_iter().flatten() {
                assert_eq!(subject["kind"], "ServiceAccount", "a group would contain the console's account");
                assert_ne!(subject["name"], account["metadata"]["name"], "{object:#}");
            }
        }
    }
}

/// Even if `automountServiceAccountToken` got lost.
#[tokio::test]
async fn its_pod_gets_the_ca_of_the_api_server_but_no_token() {
    let namespace = namespace().await;
    let objects = rendered(&[]);
    let mut pod = consoles(&objects, "Deployment")["spec"]["template"].clone();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "console".into();
    pod["spec"]["serviceAccountName"] = "default".into();
    pod["spec"]["automountServiceAccountToken"] = true.into();
    let pod = namespace.try_create(pod).await.unwrap();
    let mounts = json!([{"name": "api-server-ca", "mountPath": TOKEN_DIRECTORY, "readOnly": true}]);
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"], mounts);
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    assert_eq!(volumes.len(), 1, "{volumes:#?}");
    assert_eq!(volumes[0]["configMap"]["name"], "kube-root-ca.crt");
}

#[test]
fn its_options_are_those_of_the_values() {
    let default = rendered(&[]);
    assert_eq!(
        arguments(&default),
        ["console", "--listen=0.0.0.0:8080", "--log-format=json", "--login=token"]
    );
    let few = rendered(&["--set", "watchNamespaces={shop,cafe},clusterID=c-1"]);
    assert!(
        arguments(&few).contains(&"--namespace=shop"),
        "users have no instances in the namespace default"
    );
    let given = rendered(&["--set", "watchNamespaces={shop,cafe},clusterID=c-1,console.namespace=cafe"]);
    assert!(arguments(&given).contains(&"--namespace=cafe"));
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(container(&default)[probe]["httpGet"]["port"], "http", "{probe}");
    }
    let without = rendered(&["--set", "console.enabled=false"]);
    assert!(!without.iter().any(is_consoles));
}

#[test]
fn by_default_it_is_reached_from_inside_of_the_cluster_only() {
    let objects = rendered(&[]);
    let its_objects = objects.iter().filter(|object| is_consoles(object));
    let mut kinds: Vec<&str> = its_objects.map(|object| object["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["Deployment", "NetworkPolicy", "Service", "ServiceAccount"]);
    let selector = &consoles(&objects, "Deployment")["spec"]["selector"];
    let service = &consoles(&objects, "Service")["spec"];
    assert_eq!(service["type"], "ClusterIP");
    assert_eq!(service["selector"], selector["matchLabels"]);
    assert_eq!(service["ports"], json!([{"name": "http", "port": 80, "targetPort": "http"}]));
    let network = &consoles(&objects, "NetworkPolicy")["spec"];
    assert_eq!(&network["podSelector"], selector);
    assert_eq!(network["policyTypes"], json!(["Ingress"]));
    assert_eq!(network["ingress"], json!([{"ports": [{"port": "http"}]}]));
    let from = json!([{"podSelector": {"matchLabels": {"app": "oauth2-proxy"}}}]);
    let to = json!([{"to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]}]);
    let narrow = rendered_with(&json!({"console": {"networkPolicy": {"ingressFrom": from, "egress": to}}}));
    let network = &consoles(&narrow, "NetworkPolicy")["spec"];
    assert_eq!(network["policyTypes"], json!(["Ingress", "Egress"]));
    assert_eq!(network["ingress"], json!([{"ports": [{"port": "http"}], "from": from}]));
    assert_eq!(network["egress"], to);
}

/// A session is in the memory of one replica, and a form is known only to the replica that showed it.
#[test]
fn clients_of_several_replicas_stay_with_one() {
    assert!(consoles(&rendered(&[]), "Service")["spec"]["sessionAffinity"].is_null());
    let two = rendered(&["--set", "console.login=proxyHeader,console.replicas=2"]);
    assert_eq!(consoles(&two, "Service")["spec"]["sessionAffinity"], "ClientIP");
    assert_eq!(consoles(&two, "Deployment")["spec"]["replicas"], 2);
    assert!(arguments(&two).contains(&"--login=proxy-header"));
}

/// Browsers keep the console's cookies only over TLS.
#[test]
fn an_ingress_leads_to_it_over_tls() {
    let ingress = |values: Value| {
        let mut ingress = json!({"enabled": true, "host": "console.example.com"});
        ingress.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
        consoles(&rendered_with(&json!({"console": {"ingress": ingress}})), "Ingress").clone()
    };
    let plain = ingress(json!({}));
    assert_eq!(plain["spec"]["tls"], json!([{"hosts": ["console.example.com"]}]));
    assert!(plain["spec"]["ingressClassName"].is_null(), "that of the cluster");
    let backend = json!({"service": {"name": "service-catalog-console", "port": {"name": "http"}}});
    let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
    assert_eq!(plain["spec"]["rules"], json!([{"host": "console.example.com", "http": {"paths": paths}}]));
    let own = ingress(json!({"tls": {"secretName": "console-tls"}}));
    assert_eq!(own["spec"]["tls"][0]["secretName"], "console-tls");
    assert!(ingress(json!({"tls": {"enabled": false}}))["spec"]["tls"].is_null());
}

#[test]
fn a_route_leads_to_it_through_a_gateway() {
    let gateway = json!([{"name": "public", "namespace": "gateways", "sectionName": "https"}]);
    let objects = rendered_with(&json!({"console": {
        "service": {"port": 8090},
        "httpRoute": {"enabled": true, "parentRefs": gateway, "hostnames": ["console.example.com"]},
    }}));
    let route = consoles(&objects, "HTTPRoute");
    assert_eq!(route["metadata"]["namespace"], NAMESPACE);
    let rules = json!([{"backendRefs": [{"name": "service-catalog-console", "port": 8090}]}]);
    let spec = json!({"parentRefs": gateway, "hostnames": ["console.example.com"], "rules": rules});
    assert_eq!(route["spec"], spec);
}
