//! Which workloads have the credentials of which bindings?

use std::collections::BTreeMap;

use crate::console::state::Consumer;
use crate::crd::ServiceBinding;
use crate::crd::names::{ANNOTATION_REVISION, LABEL_TEMPLATE_HASH};
use k8s_openapi::api::core::v1::Pod;

/// The workloads whose pods are stamped with a revision of these bindings.
pub fn of(bindings: &[ServiceBinding], pods: &[Pod]) -> Vec<Consumer> {
    let mut counts = BTreeMap::<(String, String), usize>::new();
    for binding in bindings {
        let stamp = format!("{ANNOTATION_REVISION}{}", binding.metadata.uid.as_deref().unwrap_or_default());
        let has_it = |pod: &&Pod| {
            pod.metadata.annotations.as_ref().is_some_and(|annotations| annotations.contains_key(&stamp))
        };
        for pod in pods.iter().filter(has_it) {
            let name = binding.metadata.name.clone().unwrap_or_default();
            *counts.entry((name, workload(pod))).or_default() += 1;
        }
    }
    let consumers = counts.into_iter();
    consumers.map(|((binding, workload), pods)| Consumer { binding, workload, pods }).collect()
}

/// Kind and name of the workload that a pod belongs to.
pub fn workload(pod: &Pod) -> String {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let Some(owner) = owners.iter().find(|owner| owner.controller == Some(true)) else {
        return format!("Pod/{}", pod.metadata.name.as_deref().unwrap_or_default());
    };
    // A Deployment's ReplicaSets are called as it is, with the hash of the pod template.
    let hash = pod.metadata.labels.as_ref().and_then(|labels| labels.get(LABEL_TEMPLATE_HASH));
    let deployment = hash.and_then(|hash| owner.name.strip_suffix(hash.as_str())?.strip_suffix('-'));
    match deployment {
        Some(deployment) if owner.kind == "ReplicaSet" => format!("Deployment/{deployment}"),
        _ => format!("{}/{}", owner.kind, owner.name),
    }
}
