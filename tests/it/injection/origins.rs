//! Containers are injected whatever created them, with the exception of ephemeral containers.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{has_volume, mounts, web};
use crate::cluster::cluster;
use crate::namespace::{PATIENCE, eventually, namespace, wanted};
use crate::process::{directory, text};

const TAINT: &str = "example.com/only-for-a-test";

#[tokio::test]
async fn the_pods_of_every_kind_of_owner_are_injected() {
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!(null)).await;
    // A DaemonSet has a pod for each node. Only this test's pods fit this one.
    let node = json!({"kind": "Node", "metadata": {"name": namespace.name},
        "spec": {"taints": [{"key": TAINT, "effect": "NoSchedule"}]}});
    namespace.create(node).await.unwrap();
    let template = |restart: &str| {
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {
            "restartPolicy": restart, "containers": [{"name": "main", "image": "i"}], "tolerations": [{"key": TAINT}]}})
    };
    let served = json!({"selector": {"matchLabels": {"app": "web"}}, "template": template("Always")});
    let job = json!({"template": template("Never")});
    for (kind, spec) in [
        ("ReplicaSet", served.clone()),
        ("Deployment", served.clone()),
        ("StatefulSet", served.clone()),
        ("DaemonSet", served),
        ("Job", job.clone()),
        ("CronJob", json!({"schedule": "* * * * *", "jobTemplate": {"spec": job}})),
    ] {
        let name = kind.to_lowercase();
        namespace.create(json!({"kind": kind, "metadata": {"name": name}, "spec": spec})).await.unwrap();
        if kind == "CronJob" {
            // The CronJob is due.
            let last = json!({"status": {"lastScheduleTime": "2026-01-01T00:00:00Z"}});
            namespace.patch_status(kind, &name, last).await.unwrap();
        }
        let pod = eventually(&format!("the {kind} has a pod"), PATIENCE, async || {
            let is_its = |pod: &Value| {
                let owner = pod["metadata"]["ownerReferences"][0]["name"].as_str();
                owner.is_some_and(|owner| owner == name || owner.starts_with(&format!("{name}-")))
            };
            let pods = namespace.list("Pod").await;
            pods.iter().find(|pod| is_its(pod)).cloned().ok_or_else(|| format!("{pods:#?}"))
        })
        .await;
        assert!(has_volume(&pod, &binding), "{kind}: {pod:#}");
        // The pod template belongs to its owner: an injection there would cause a rollout.
        let owner = namespace.get(kind, &name).await.unwrap();
        assert!(!owner["spec"].to_string().contains("osb-"), "{owner:#}");
        namespace.delete(kind, &name).await.unwrap();
    }
    namespace.delete("Node", &namespace.name).await.unwrap();
}

/// Whether the other policy runs before or after ours.
#[tokio::test]
async fn a_container_that_another_policy_adds_is_injected_too() {
    let namespace = namespace().await;
    let policies: String = ["a", "z"]
        .map(|name| {
            include_str!("adds-a-container.yaml").replace("NAMESPACE", &namespace.name).replace("NAME", name)
        })
        .join("---\n");
    let file = directory().join(format!("{}.yaml", namespace.name));
    std::fs::write(&file, policies).unwrap();
    let kubectl = |verb: &str| {
        let output = cluster().kubectl(&[verb, "-f", file.to_str().unwrap()]);
        assert!(output.status.success(), "{}", text(&output));
    };
    kubectl("create");
    let binding = namespace.bind("db", json!({"env": [{"name": "URI", "key": "uri"}]})).await;
    let pod = eventually("both policies are in force", PATIENCE, async || {
        wanted(namespace.try_create(web()).await?, |pod| {
            pod["spec"]["containers"].as_array().unwrap().len() == 3
        })
    })
    .await;
    kubectl("delete");
    assert!(has_volume(&pod, &binding));
    for container in pod["spec"]["containers"].as_array().unwrap() {
        assert_eq!(mounts(container), ["/bindings/db"], "{container:#}");
        assert_eq!(super::names(&container["env"]), ["SERVICE_BINDING_ROOT", "URI"], "{container:#}");
    }
}

/// They can use the pod's volumes, but no policy adds the mounts: the author of the ephemeral container decides.
#[tokio::test]
async fn an_ephemeral_container_is_accepted_and_gets_nothing() {
    let namespace = namespace().await;
    namespace.bind("db", json!({"env": [{"name": "URI", "key": "uri"}]})).await;
    namespace.create(web()).await.unwrap();
    let pods = Api::<Pod>::namespaced(namespace.client.clone(), &namespace.name);
    let debugger = json!({"spec": {"ephemeralContainers": [{"name": "debugger", "image": "i"}]}});
    let patch = Patch::Strategic(debugger);
    pods.patch_ephemeral_containers("pod", &PatchParams::default(), &patch).await.unwrap();
    let pod = namespace.get("Pod", "pod").await.unwrap();
    let debugger = &pod["spec"]["ephemeralContainers"][0];
    assert_eq!(debugger["name"], "debugger");
    assert!(debugger["env"].is_null() && debugger["volumeMounts"].is_null(), "{debugger:#}");
}
