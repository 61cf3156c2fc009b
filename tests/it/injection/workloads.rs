//! The requirements of servicebinding.io for label selectors, which match workloads there and pods here; and pods that
//! may not use a Secret.

use serde_json::{Value, json};

use super::{has_volume, web};
use crate::namespace::{Namespace, PATIENCE, eventually, namespace, wanted};

fn deployment(name: &str, tier: &str) -> Value {
    json!({"kind": "Deployment", "metadata": {"name": name}, "spec": {
        "selector": {"matchLabels": {"deployment": name}},
        "template": {
            "metadata": {"labels": {"deployment": name, "app": "web", "tier": tier}},
            "spec": {"containers": [{"name": "main", "image": "image"}]},
        },
    }})
}

impl Namespace {
    /// Waits for a pod with these labels; returns it.
    async fn running_pod(&self, name: &str, tier: &str) -> Value {
        let labels = [("deployment", name.to_owned()), ("tier", tier.to_owned())];
        eventually("there is a pod", PATIENCE, async || {
            self.list_with("Pod", &labels).await.pop().ok_or_else(|| format!("{labels:?}"))
        })
        .await
    }

    /// Creates a binding for the pods with `app: web, tier: front`.
    async fn bind_front(&self) -> Value {
        let labels = json!({"app": "web", "tier": "front"});
        let spec = json!({"podSelector": {"matchLabels": labels}});
        self.bind_probed("db", spec, &super::pod(labels)).await
    }
}

#[tokio::test]
async fn the_pods_of_all_workloads_that_match_are_injected_and_no_others() {
    let namespace = namespace().await;
    let binding = namespace.bind_front().await;
    for (name, tier, injected) in
        [("first", "front", true), ("other", "back", false), ("second", "front", true)]
    {
        namespace.create(deployment(name, tier)).await.unwrap();
        let pod = namespace.running_pod(name, tier).await;
        assert_eq!(has_volume(&pod, &binding), injected, "{name}: {pod:#}");
    }
}

#[tokio::test]
async fn a_workload_whose_labels_match_no_more_gets_pods_without_the_binding() {
    let namespace = namespace().await;
    let binding = namespace.bind_front().await;
    namespace.create(deployment("web", "front")).await.unwrap();
    assert!(has_volume(&namespace.running_pod("web", "front").await, &binding));
    let back = json!({"spec": {"template": {"metadata": {"labels": {"tier": "back"}}}}});
    namespace.patch("Deployment", "web", back).await.unwrap();
    assert!(!has_volume(&namespace.running_pod("web", "back").await, &binding));
}

/// The only way in which an injected Secret gets a pod rejected: a policy does not see its `ServiceAccount`.
#[tokio::test]
async fn a_service_account_that_limits_secrets_has_to_list_that_of_the_binding() {
    let namespace = namespace().await;
    let binding = namespace.bind("db", json!(null)).await;
    let limit = json!({"metadata": {"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}});
    namespace.patch("ServiceAccount", "default", limit).await.unwrap();
    eventually("the pod is refused", PATIENCE, async || match namespace.try_create(web()).await {
        Err(message) if message.contains("db") => Ok(()),
        answer => Err(format!("{answer:?}")),
    })
    .await;
    let listed = json!({"secrets": [{"name": "db"}]});
    namespace.patch("ServiceAccount", "default", listed).await.unwrap();
    eventually("the pod is accepted", PATIENCE, async || {
        wanted(namespace.try_create(web()).await?, |pod| has_volume(pod, &binding))
    })
    .await;
}
