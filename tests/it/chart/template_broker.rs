//! Which templates, images and permissions the template broker gets.

use serde_json::json;

use super::{is_template_brokers, rendered, rendered_with, template_brokers};
use crate::cluster::NAMESPACE;

#[test]
fn templates_images_and_permissions_are_those_of_the_values() {
    let given = rendered_with(&json!({"templateBroker": {
        "enabled": true, "replicas": 2, "namespaces": ["shop"], "templates": {"redis": false},
        "registry": "mirror.example.com/", "images": {"team/app:1": "registry/app:1", "openshift/postgresql:16": "own"},
        "administratorsRole": "edit", "kinds": [{"apiGroups": ["apps"], "resources": ["deployments"]}],
        "resources": {"limits": {"memory": "1Gi"}},
    }}));
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
