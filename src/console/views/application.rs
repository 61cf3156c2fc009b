//! An application that can get credentials, and what each of its pods would get.

use crate::crd::binding::Restart;
use crate::crd::names::{ANNOTATION_INJECT, ANNOTATION_MIRROR};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{ObjectMeta, Selector};

use super::workloads::workload;
use crate::console::excerpt::cut;

/// The variable with the directory of all credentials.
const ROOT: &str = "SERVICE_BINDING_ROOT";
/// Its value unless the container sets another.
const DEFAULT_ROOT: &str = "/bindings";
/// Namespaces whose pods never get anything. The operator's own is another one.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];
/// The most directories of a pod that are named.
const MAX_DIRECTORIES: usize = 5;

/// A workload with a selector for its pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What selects its pods.
    pub selector: LabelSelector,
}

impl Application {
    /// A Deployment.
    pub fn of_deployment(object: &Deployment) -> Option<Self> {
        Self::of("Deployment", &object.metadata, &object.spec.as_ref()?.selector)
    }

    /// A `StatefulSet`.
    pub fn of_stateful_set(object: &StatefulSet) -> Option<Self> {
        Self::of("StatefulSet", &object.metadata, &object.spec.as_ref()?.selector)
    }

    /// A `DaemonSet`.
    pub fn of_daemon_set(object: &DaemonSet) -> Option<Self> {
        Self::of("DaemonSet", &object.metadata, &object.spec.as_ref()?.selector)
    }

    fn of(kind: &'static str, metadata: &ObjectMeta, selector: &LabelSelector) -> Option<Self> {
        let application = Self { kind, name: metadata.name.clone()?, selector: selector.clone() };
        // An empty selector selects no pods of a binding.
        application.labels().map(|_| application)
    }

    /// What stands for it in a form: kind and name.
    pub fn id(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// Its selector as text; `None` if it selects nothing, or cannot be expressed.
    pub fn labels(&self) -> Option<String> {
        let selector = Selector::try_from(self.selector.clone()).ok()?;
        (!selector.selects_all()).then(|| selector.to_string())
    }
}

/// Whether pods of this namespace never get credentials.
pub fn is_system_namespace(namespace: &str) -> bool {
    SYSTEM_NAMESPACES.contains(&namespace)
}

/// What a binding would mean for a running pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodPreview {
    /// Its name.
    pub name: String,
    /// Kind and name of its workload.
    pub workload: String,
    /// The directories with the files. Several if containers set different roots; none if it gets nothing.
    pub directories: Vec<String>,
    /// When it gets the credentials.
    pub delivery: Delivery,
}

/// When a running pod gets credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The operator restarts its workload once the binding is ready.
    Restart,
    /// Its successor gets them, whenever that is created. The operator does not restart it.
    Successor,
    /// Never: the pod has opted out, or is a static one.
    Never,
}

/// What a binding of this name would mean for these pods. Those that have ended are left out.
pub fn preview(binding: &str, restart: Restart, pods: &[Pod]) -> Vec<PodPreview> {
    let phase = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
    let runs = |pod: &&Pod| !matches!(phase(pod).as_str(), "Succeeded" | "Failed");
    pods.iter().filter(runs).map(|pod| preview_of(binding, restart, pod)).collect()
}

fn preview_of(binding: &str, restart: Restart, pod: &Pod) -> PodPreview {
    let workload = workload(pod);
    let has_template =
        ["Deployment/", "StatefulSet/", "DaemonSet/"].iter().any(|kind| workload.starts_with(kind));
    let annotation = |key: &str| pod.metadata.annotations.as_ref().and_then(|all| all.get(key));
    let is_left_out = annotation(ANNOTATION_INJECT).is_some_and(|value| value == "false")
        || annotation(ANNOTATION_MIRROR).is_some();
    let delivery = match restart {
        _ if is_left_out => Delivery::Never,
        Restart::Always if has_template => Delivery::Restart,
        Restart::Always | Restart::OnRotation | Restart::Never => Delivery::Successor,
    };
    let directories = if is_left_out { Vec::new() } else { directories(binding, pod) };
    PodPreview { name: pod.metadata.name.clone().unwrap_or_default(), workload, directories, delivery }
}

fn directories(binding: &str, pod: &Pod) -> Vec<String> {
    let spec = pod.spec.as_ref();
    let init = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
    let containers = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let mut found: Vec<String> =
        init.iter().chain(containers).map(|each| format!("{}/{binding}", root(each))).collect();
    found.sort_unstable();
    found.dedup();
    found.truncate(MAX_DIRECTORIES);
    found
}

/// The root of a container, as the admission policy finds it.
fn root(container: &Container) -> String {
    let set = container.env.iter().flatten().rfind(|variable| variable.name == ROOT);
    let value = set.and_then(|variable| variable.value.as_deref()).unwrap_or_default();
    let is_usable = value.starts_with('/') && !value.contains("$(");
    cut(if is_usable { value.trim_end_matches('/') } else { DEFAULT_ROOT }, 200)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(owner: &str, annotations: &Value, root: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {
                "name": "web-1", "annotations": annotations,
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": owner, "name": "web", "uid": "1", "controller": true},
                ],
            },
            "spec": {"containers": [{"name": "main", "env": [{"name": ROOT, "value": root}]}]},
            "status": {"phase": "Running"},
        }))
        .unwrap()
    }

    fn delivery(restart: Restart, pod: &Pod) -> Delivery {
        preview("db", restart, std::slice::from_ref(pod)).remove(0).delivery
    }

    #[test]
    fn only_pods_of_workloads_with_a_template_are_restarted_and_only_if_the_binding_says_so() {
        let none = json!(null);
        let (owned, job) = (pod("StatefulSet", &none, &none), pod("Job", &none, &none));
        assert_eq!(delivery(Restart::Always, &owned), Delivery::Restart);
        assert_eq!(delivery(Restart::OnRotation, &owned), Delivery::Successor);
        assert_eq!(delivery(Restart::Never, &owned), Delivery::Successor);
        assert_eq!(delivery(Restart::Always, &job), Delivery::Successor);
        let out = pod("StatefulSet", &json!({"servicecatalog.k8s.io/inject": "false"}), &none);
        assert_eq!(delivery(Restart::Always, &out), Delivery::Never);
    }

    #[test]
    fn files_are_below_the_root_that_a_container_sets_if_it_is_an_absolute_path() {
        for (root, directory) in [
            (json!("/srv/"), "/srv/db"),
            (json!("relative"), "/bindings/db"),
            (json!("/$(HOME)"), "/bindings/db"),
            (json!(null), "/bindings/db"),
        ] {
            let pod = pod("StatefulSet", &json!(null), &root);
            assert_eq!(preview("db", Restart::Always, &[pod]).remove(0).directories, [directory], "{root}");
        }
    }

    #[test]
    fn pods_that_have_ended_get_nothing() {
        let mut ended = pod("Job", &json!(null), &json!(null));
        ended.status.get_or_insert_default().phase = Some("Succeeded".to_owned());
        assert_eq!(preview("db", Restart::Always, &[ended]), []);
    }

    #[test]
    fn a_workload_without_selector_is_no_application() {
        let deployment = |selector: &Value| -> Deployment {
            let spec = json!({"selector": selector, "template": {}});
            serde_json::from_value(json!({"metadata": {"name": "web"}, "spec": spec})).unwrap()
        };
        assert_eq!(Application::of_deployment(&deployment(&json!({}))), None);
        let found = Application::of_deployment(&deployment(&json!({"matchLabels": {"app": "web"}}))).unwrap();
        assert_eq!((found.id().as_str(), found.labels().as_deref()), ("Deployment/web", Some("app=web")));
    }
}
