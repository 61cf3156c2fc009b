//! The running pods of a namespace that concern bindings. Nothing is kept of other pods.

use std::collections::{BTreeMap, HashMap};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod as Api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::core::{PartialObjectMeta, Selector, SelectorExt as _};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use kube::{Client, Resource as _, ResourceExt as _};
use tracing::warn;

use crate::crd::names::{ANNOTATION_INJECT, ANNOTATION_MIRROR, ANNOTATION_RESTART, ANNOTATION_REVISION};
use crate::domain;
use crate::domain::rollout::{Controller, Pod};
use crate::reconcilers::watch::RUNNING_PODS;

/// The most annotations of a pod that admission stamps, and their most bytes. The policies `injection` and `stamps`
/// have the same numbers: a pod beyond them gets no stamp, and may carry one that its creator made up. So it counts
/// for nothing, and its creator cannot restart the workload of another pod with it.
const MAX_ANNOTATIONS: usize = 500;
const MAX_ANNOTATION_BYTES: usize = 254 * 1024;

/// The pods of a namespace that a binding selects, or that carry a stamp of one.
pub(super) struct Pods {
    events: BoxStream<'static, Result<Event<PartialObjectMeta<Api>>, Error>>,
    selectors: Vec<Selector>,
    known: HashMap<String, Pod>,
    /// The pods of the list in progress, while a watch restarts.
    listed: HashMap<String, Pod>,
    are_known: bool,
}

impl Pods {
    /// Starts the watch.
    pub(super) fn watch(client: &Client, namespace: &str, selectors: &[LabelSelector]) -> Self {
        let api = kube::Api::<PartialObjectMeta<Api>>::namespaced(client.clone(), namespace);
        let events = watcher(api, Config::default().fields(RUNNING_PODS)).default_backoff().boxed();
        let selectors =
            selectors.iter().filter_map(|selector| Selector::try_from(selector.clone()).ok()).collect();
        Self { events, selectors, known: HashMap::new(), listed: HashMap::new(), are_known: false }
    }

    /// Whether the pods have been listed once.
    pub(super) fn are_known(&self) -> bool {
        self.are_known
    }

    /// All these pods.
    pub(super) fn all(&self) -> Vec<&Pod> {
        self.known.values().collect()
    }

    /// Returns when one of these pods has changed.
    pub(super) async fn change(&mut self) {
        // The stream never ends.
        while let Some(event) = self.events.next().await {
            match event {
                Ok(event) => {
                    if self.apply(event) {
                        return;
                    }
                }
                Err(error) => warn!(%error, "watch of pods interrupted; retrying with back-off"),
            }
        }
    }

    /// Applies an event; returns whether it changed anything.
    fn apply(&mut self, event: Event<PartialObjectMeta<Api>>) -> bool {
        match event {
            Event::Init => {
                self.listed.clear();
                false
            }
            Event::InitApply(pod) => {
                if let Some(pod) = self.kept(&pod) {
                    self.listed.insert(pod.name.clone(), pod);
                }
                false
            }
            Event::InitDone => {
                self.known = std::mem::take(&mut self.listed);
                self.are_known = true;
                true
            }
            Event::Apply(pod) => match self.kept(&pod) {
                Some(pod) => self.known.insert(pod.name.clone(), pod.clone()) != Some(pod),
                None => self.known.remove(&pod.name_any()).is_some(),
            },
            Event::Delete(pod) => self.known.remove(&pod.name_any()).is_some(),
        }
    }

    fn kept(&self, object: &PartialObjectMeta<Api>) -> Option<Pod> {
        let pod = pod(object);
        let is_selected = || self.selectors.iter().any(|selector| selector.matches(&pod.labels));
        (!pod.stamps.is_empty() || is_selected()).then_some(pod)
    }
}

fn pod(object: &PartialObjectMeta<Api>) -> Pod {
    let meta = object.meta();
    let annotations = object.annotations();
    let declines = annotations.get(ANNOTATION_INJECT).is_some_and(|value| value == "false");
    let is_full = lacks_room(annotations);
    Pod {
        name: object.name_any(),
        labels: object.labels().clone(),
        stamps: if is_full { BTreeMap::new() } else { revisions(annotations, ANNOTATION_REVISION) },
        restarts: revisions(annotations, ANNOTATION_RESTART),
        controller: controller(meta),
        exempt: declines || annotations.contains_key(ANNOTATION_MIRROR) || is_full,
        terminating: meta.deletion_timestamp.is_some(),
    }
}

/// Whether admission does not stamp a pod with these annotations.
fn lacks_room(annotations: &BTreeMap<String, String>) -> bool {
    let bytes = || annotations.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    annotations.len() > MAX_ANNOTATIONS || bytes() >= MAX_ANNOTATION_BYTES
}

/// The controller of an object.
pub(super) fn controller(meta: &ObjectMeta) -> Option<Controller> {
    let OwnerReference { uid, api_version, kind, name, .. } = domain::controller(meta)?.clone();
    Some(Controller { uid, api_version, kind, name })
}

/// The revisions in annotations with this prefix, by the rest of the key: the UID of a binding.
pub(super) fn revisions(annotations: &BTreeMap<String, String>, prefix: &str) -> BTreeMap<String, i64> {
    let revision =
        |(key, value): (&String, &String)| Some((key.strip_prefix(prefix)?.to_owned(), value.parse().ok()?));
    annotations.iter().filter_map(revision).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Pods without a watch: the test applies the events.
    fn pods() -> Pods {
        let selector = json!({"matchLabels": {"app": "web"}});
        let selectors = vec![Selector::try_from(from::<LabelSelector>(selector)).unwrap()];
        let events = futures::stream::pending().boxed();
        Pods { events, selectors, known: HashMap::new(), listed: HashMap::new(), are_known: false }
    }

    fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    fn object(name: &str, metadata: &Value) -> PartialObjectMeta<Api> {
        let mut object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata});
        object["metadata"]["name"] = name.into();
        from(object)
    }

    fn names(pods: &Pods) -> Vec<&str> {
        let mut names: Vec<&str> = pods.known.values().map(|pod| pod.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn only_pods_that_concern_bindings_are_kept() {
        let mut pods = pods();
        let web = json!({"labels": {"app": "web"}});
        let stamped = json!({"annotations": {"revision.servicecatalog.k8s.io/a": "1"}});
        assert!(!pods.apply(Event::Init));
        assert!(!pods.apply(Event::InitApply(object("selected", &web))));
        assert!(!pods.apply(Event::InitApply(object("stamped", &stamped))));
        assert!(!pods.apply(Event::InitApply(object("another", &json!({"labels": {"app": "db"}})))));
        assert!(!pods.are_known());
        assert!(pods.apply(Event::InitDone));
        assert!(pods.are_known());
        assert_eq!(names(&pods), ["selected", "stamped"]);

        assert!(!pods.apply(Event::Apply(object("selected", &web))), "nothing has changed");
        assert!(pods.apply(Event::Apply(object("selected", &json!({})))), "it is no longer selected");
        assert!(!pods.apply(Event::Apply(object("another", &json!({})))));
        assert!(!pods.apply(Event::Delete(object("another", &json!({})))));
        assert!(pods.apply(Event::Delete(object("stamped", &stamped))));
        assert_eq!(names(&pods), [""; 0]);

        // After an interruption, pods that were deleted meanwhile disappear.
        pods.apply(Event::Apply(object("selected", &web)));
        pods.apply(Event::Init);
        pods.apply(Event::InitApply(object("new", &web)));
        assert_eq!(names(&pods), ["selected"], "until all are listed");
        pods.apply(Event::InitDone);
        assert_eq!(names(&pods), ["new"]);
    }

    #[test]
    fn everything_about_a_pod_comes_from_its_metadata() {
        let read = pod(&object(
            "web-1",
            &json!({
                "labels": {"app": "web"}, "deletionTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {
                    "revision.servicecatalog.k8s.io/a": "2", "revision.servicecatalog.k8s.io/b": "two",
                    "restart.servicecatalog.k8s.io/a": "1", "servicecatalog.k8s.io/inject": "false",
                },
                "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u-n"},
                    {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u-rs", "controller": true},
                ],
            }),
        ));
        let controller = Controller {
            uid: "u-rs".into(),
            api_version: "apps/v1".into(),
            kind: "ReplicaSet".into(),
            name: "web".into(),
        };
        let expected = Pod {
            name: "web-1".into(),
            labels: [("app".into(), "web".into())].into(),
            stamps: [("a".into(), 2)].into(),
            restarts: [("a".into(), 1)].into(),
            controller: Some(controller),
            exempt: true,
            terminating: true,
        };
        assert_eq!(read, expected);
        assert!(pod(&object("mirror", &json!({"annotations": {"kubernetes.io/config.mirror": "x"}}))).exempt);
        assert!(
            !pod(&object("meant", &json!({"annotations": {"servicecatalog.k8s.io/inject": "true"}}))).exempt
        );
    }

    /// Admission does not stamp such a pod, so it would look stale, and its stamps may be made up.
    #[test]
    fn a_pod_without_room_for_a_stamp_counts_for_nothing() {
        let stamped = |mut annotations: Value| {
            annotations["revision.servicecatalog.k8s.io/a"] = "1".into();
            pod(&object("web", &json!({"labels": {"app": "web"}, "annotations": annotations})))
        };
        let many = |count| (0..count).map(|index| (index.to_string(), Value::from(""))).collect();
        for (annotations, is_full) in [
            (many(499), false),
            (many(500), true),
            (json!({"large": "x".repeat(253 * 1024)}), false),
            (json!({"large": "x".repeat(254 * 1024)}), true),
        ] {
            let pod = stamped(annotations);
            assert_eq!((pod.exempt, pod.stamps.is_empty()), (is_full, is_full));
        }
    }
}
