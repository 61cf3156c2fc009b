//! What the pods of all Deployments have: security, placement, network, interruptions.

use serde_json::{Value, json};

use super::{consoles, deployments, is_there, only, rendered, rendered_with, template_brokers, variable};
use crate::namespace::namespace;

/// Two replicas of each Deployment.
fn two_of_each() -> Value {
    json!({
        "replicas": 2, "templateBroker": {"replicas": 2}, "console": {"replicas": 2, "login": "proxyHeader"},
    })
}

#[test]
fn the_operator_is_called_for_metrics_only_and_drained_one_by_one() {
    let one = rendered(&[]);
    let network = &only(&one, "NetworkPolicy")["spec"];
    assert_eq!(network["policyTypes"], json!(["Ingress"]));
    assert_eq!(network["ingress"], json!([{"ports": [{"port": "http"}]}]));
    assert_eq!(network["podSelector"], only(&one, "Deployment")["spec"]["selector"]);
    assert!(!is_there(&one, "PodDisruptionBudget"), "one could never be drained");
    let two = rendered_with(&two_of_each());
    let kind = "PodDisruptionBudget";
    let budgets = [only(&two, kind), template_brokers(&two, kind, ""), consoles(&two, kind)];
    for (budget, deployment) in budgets.into_iter().zip(deployments(&two)) {
        assert_eq!(budget["spec"]["maxUnavailable"], 1);
        assert_eq!(budget["spec"]["selector"], deployment["spec"]["selector"]);
    }
    let percentage = rendered(&["--set", "replicas=2,podDisruptionBudget.minAvailable=50%"]);
    let budget = &only(&percentage, "PodDisruptionBudget")["spec"];
    assert_eq!(budget["minAvailable"], "50%");
    assert!(budget["maxUnavailable"].is_null(), "the API server accepts one of them");
}

/// Settings of pods count for all Deployments: a cluster that demands one of them demands it of every pod.
#[test]
fn all_deployments_have_the_settings_of_pods() {
    let pod = json!({
        "imagePullSecrets": [{"name": "pull"}], "priorityClassName": "high", "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"operator": "Exists"}], "affinity": {"nodeAffinity": {}},
        "hostAliases": [{"ip": "192.0.2.7", "hostnames": ["broker"]}], "dnsConfig": {"searches": ["example.com"]},
    });
    let mut values = pod.clone();
    for (name, value) in [
        ("podSecurityContext", json!({"fsGroup": 4711, "runAsNonRoot": null, "seccompProfile": null})),
        ("securityContext", json!({"privileged": false, "capabilities": null})),
        ("podLabels", json!({"team": "platform"})),
        ("podAnnotations", json!({"note": "x"})),
        ("revisionHistoryLimit", json!(0)),
        ("deploymentStrategy", json!({"type": "Recreate"})),
        ("image", json!({"repository": "registry/catalog", "tag": "test", "pullPolicy": "Always"})),
    ] {
        values[name] = value;
    }
    for deployment in deployments(&rendered_with(&values)) {
        let template = &deployment["spec"]["template"];
        for (name, value) in pod.as_object().unwrap() {
            assert_eq!(&template["spec"][name], value, "{name}");
        }
        assert_eq!(template["spec"]["securityContext"], json!({"fsGroup": 4711}));
        assert_eq!(template["metadata"]["labels"]["team"], "platform");
        assert_eq!(template["metadata"]["annotations"]["note"], "x");
        assert_eq!(deployment["spec"]["revisionHistoryLimit"], 0);
        assert_eq!(deployment["spec"]["strategy"], json!({"type": "Recreate"}));
        let container = &template["spec"]["containers"][0];
        let context =
            json!({"allowPrivilegeEscalation": false, "privileged": false, "readOnlyRootFilesystem": true});
        assert_eq!(container["securityContext"], context);
        assert_eq!(container["image"], "registry/catalog:test");
        assert_eq!(container["imagePullPolicy"], "Always");
    }
}

/// OpenShift's `restricted-v2` chooses the user, and refuses a pod that names one.
#[test]
fn no_user_is_fixed() {
    for deployment in deployments(&rendered(&[])) {
        let pod = &deployment["spec"]["template"]["spec"];
        for field in ["runAsUser", "runAsGroup", "fsGroup"] {
            let container = &pod["containers"][0];
            assert!(!pod["securityContext"].to_string().contains(field), "{pod:#}");
            assert!(!container["securityContext"].to_string().contains(field), "{container:#}");
        }
    }
    // Otherwise the kubelet does not know that it is not root.
    let image = include_str!("../../../Dockerfile");
    assert!(image.contains("\nUSER 65532:65532\n"), "{image}");
}

#[test]
fn replicas_prefer_different_nodes() {
    let mut values = two_of_each();
    values["topologySpreadConstraints"] = json!([
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
        {"maxSkew": 1, "topologyKey": "rack", "labelSelector": {"matchLabels": {"team": "platform"}}},
    ]);
    let two = rendered_with(&values);
    for deployment in deployments(&two) {
        let pod = &deployment["spec"]["template"]["spec"];
        let preferred =
            &pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0];
        let term = &preferred["podAffinityTerm"];
        assert_eq!(term["topologyKey"], "kubernetes.io/hostname");
        assert_eq!(term["labelSelector"], deployment["spec"]["selector"]);
        let spread = &pod["topologySpreadConstraints"];
        assert_eq!(spread[0]["labelSelector"], deployment["spec"]["selector"]);
        assert_eq!(spread[1]["labelSelector"], json!({"matchLabels": {"team": "platform"}}));
    }
    for deployment in deployments(&rendered(&[])) {
        assert!(deployment["spec"]["template"]["spec"]["affinity"].is_null(), "there is one replica");
    }
}

/// The library that verifies certificates reads these variables: `src/osb/tests/tls.rs`.
#[test]
fn trusted_cas_are_added_to_those_of_the_image() {
    let trusted = json!({"configMap": "corporate", "secret": "private", "key": "bundle.pem"});
    let objects = rendered_with(&json!({
        "trustedCA": trusted,
        "extraVolumes": [{"name": "tokens", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "tokens", "mountPath": "/tokens"}],
    }));
    let pod = &only(&objects, "Deployment")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(variable(container, "SSL_CERT_FILE")["value"], "/etc/ssl/certs/ca-certificates.crt");
    let mount = json!({
        "name": "trusted-ca", "mountPath": variable(container, "SSL_CERT_DIR")["value"], "readOnly": true,
    });
    assert_eq!(container["volumeMounts"], json!([mount, {"name": "tokens", "mountPath": "/tokens"}]));
    let sources = json!([
        {"configMap": {"name": "corporate", "items": [{"key": "bundle.pem", "path": "config-map.crt"}]}},
        {"secret": {"name": "private", "items": [{"key": "bundle.pem", "path": "secret.crt"}]}},
    ]);
    let volumes = json!([{"name": "trusted-ca", "projected": {"sources": sources}}, {"name": "tokens", "emptyDir": {}}]);
    assert_eq!(pod["volumes"], volumes);
    let plain = rendered(&[]);
    let pod: &Value = &only(&plain, "Deployment")["spec"]["template"]["spec"];
    assert!(pod["volumes"].is_null() && !pod.to_string().contains("SSL_CERT"), "{pod:#}");
}

/// The Pod Security Standard `restricted`.
#[tokio::test]
async fn all_pods_are_restricted() {
    let namespace = namespace().await;
    let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    namespace.patch("Namespace", &namespace.name, labels).await.unwrap();
    for deployment in deployments(&rendered(&[])) {
        let mut pod = deployment["spec"]["template"].clone();
        pod["kind"] = "Pod".into();
        pod["metadata"]["name"] = deployment["metadata"]["name"].clone();
        pod["spec"]["serviceAccountName"] = "default".into();
        namespace.try_create(pod.clone()).await.unwrap();
        pod["spec"]["securityContext"]["runAsNonRoot"] = false.into();
        let refused = namespace.try_create(pod).await.unwrap_err();
        assert!(refused.contains("violates PodSecurity"), "{refused}");
    }
}
