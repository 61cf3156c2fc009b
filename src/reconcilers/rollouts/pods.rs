//! The running pods of a namespace that concern bindings. Nothing is kept of other pods, and of these only what the rollouts
//! of these bindings need: users decide how many labels and annotations a pod has.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod as Api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use kube::core::{PartialObjectMeta, Selector, SelectorExt as _};
use kube::runtime::watcher::{Config, Error, Event};
use kube::{Client, Resource as _, ResourceExt as _};
use tracing::warn;

use crate::crd::names::{
    ANNOTATION_INJECT, ANNOTATION_MIRROR, ANNOTATION_RESTART, ANNOTATION_REVISION, LABEL_TEMPLATE_HASH,
};
use crate::domain;
use crate::domain::rollout::{Controller, Pod, RESTART_FOR_POLICIES};
use crate::reconcilers::watch::{RUNNING_PODS, watch};

/// What is watched for a binding: its UID, and the pods that it selects.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Watched {
    pub(super) uid: String,
    pub(super) selector: Option<LabelSelector>,
}

/// The most annotations of a pod that admission stamps, and their most bytes. The policies `injection` and `stamps`
/// have the same numbers: a pod beyond them gets no stamp, and may carry one that its creator made up. So it counts
/// for nothing, and its creator cannot restart the workload of another pod with it.
const MAX_ANNOTATIONS: usize = 500;
const MAX_ANNOTATION_BYTES: usize = 254 * 1024;

/// The pods of a namespace that a binding selects, or that carry a stamp of one.
pub(super) struct Pods {
    events: BoxStream<'static, Result<Event<PartialObjectMeta<Api>>, Error>>,
    interests: Interests,
    known: HashMap<String, Pod>,
    /// The pods of the list in progress, while a watch restarts.
    listed: HashMap<String, Pod>,
    are_known: bool,
}

impl Pods {
    /// Starts the watch.
    pub(super) fn watch(client: &Client, namespace: &str, watched: &[Watched]) -> Self {
        let api = kube::Api::<PartialObjectMeta<Api>>::namespaced(client.clone(), namespace);
        let events = watch(api, Config::default().fields(RUNNING_PODS)).boxed();
        Self {
            events,
            interests: Interests::of(watched),
            known: HashMap::new(),
            listed: HashMap::new(),
            are_known: false,
        }
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
                if let Some(pod) = self.interests.kept(&pod) {
                    self.listed.insert(pod.name.clone(), pod);
                }
                false
            }
            Event::InitDone => {
                self.known = std::mem::take(&mut self.listed);
                self.are_known = true;
                true
            }
            Event::Apply(pod) => match self.interests.kept(&pod) {
                Some(pod) => self.known.insert(pod.name.clone(), pod.clone()) != Some(pod),
                None => self.known.remove(&pod.name_any()).is_some(),
            },
            Event::Delete(pod) => self.known.remove(&pod.name_any()).is_some(),
        }
    }
}

/// What of pods concerns the bindings.
struct Interests {
    /// The UIDs of the bindings.
    uids: HashSet<String>,
    selectors: Vec<Selector>,
    /// The keys of the labels that the selectors look at, and of the one that tells the template.
    keys: HashSet<String>,
}

impl Interests {
    fn of(watched: &[Watched]) -> Self {
        let selectors = watched.iter().filter_map(|watched| watched.selector.as_ref());
        let keys = selectors.clone().flat_map(|selector| {
            let labels = selector.match_labels.iter().flatten().map(|(key, _)| key);
            let expressions = selector.match_expressions.iter().flatten();
            labels.chain(expressions.map(|expression| &expression.key)).cloned()
        });
        let keys = keys.chain([LABEL_TEMPLATE_HASH.to_owned()]);
        Self {
            uids: watched.iter().map(|watched| watched.uid.clone()).collect(),
            keys: keys.collect(),
            selectors: selectors.filter_map(|selector| Selector::try_from(selector.clone()).ok()).collect(),
        }
    }

    fn kept(&self, object: &PartialObjectMeta<Api>) -> Option<Pod> {
        let pod = self.pod(object);
        let is_selected = || self.selectors.iter().any(|selector| selector.matches(&pod.labels));
        (!pod.stamps.is_empty() || is_selected()).then_some(pod)
    }

    fn pod(&self, object: &PartialObjectMeta<Api>) -> Pod {
        let meta = object.meta();
        let annotations = object.annotations();
        let declines = annotations.get(ANNOTATION_INJECT).is_some_and(|value| value == "false");
        let is_full = lacks_room(annotations);
        let labels = object.labels().iter().filter(|(key, _)| self.keys.contains(*key));
        Pod {
            name: object.name_any(),
            created: meta.creation_timestamp.as_ref().map_or(0, |created| created.0.as_second()),
            labels: labels.map(|(key, value)| (key.clone(), value.clone())).collect(),
            stamps: if is_full { BTreeMap::new() } else { self.revisions(annotations, ANNOTATION_REVISION) },
            restarts: self.revisions(annotations, ANNOTATION_RESTART),
            controller: domain::bounded_controller(meta).map(named),
            exempt: declines || annotations.contains_key(ANNOTATION_MIRROR) || is_full,
            terminating: meta.deletion_timestamp.is_some(),
        }
    }

    fn revisions(&self, annotations: &BTreeMap<String, String>, prefix: &str) -> BTreeMap<String, i64> {
        let mut revisions = revisions(annotations, prefix);
        let is_for_policies = |uid: &str| prefix == ANNOTATION_RESTART && uid == RESTART_FOR_POLICIES;
        revisions.retain(|uid, _| self.uids.contains(uid) || is_for_policies(uid));
        revisions
    }
}

/// Whether admission does not stamp a pod with these annotations.
fn lacks_room(annotations: &BTreeMap<String, String>) -> bool {
    let bytes = || annotations.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    annotations.len() > MAX_ANNOTATIONS || bytes() >= MAX_ANNOTATION_BYTES
}

/// The controller of an object.
pub(super) fn controller(meta: &ObjectMeta) -> Option<Controller> {
    domain::controller(meta).map(named)
}

fn named(owner: &OwnerReference) -> Controller {
    let OwnerReference { uid, api_version, kind, name, .. } = owner.clone();
    Controller { uid, api_version, kind, name }
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
        let events = futures::stream::pending().boxed();
        let interests = Interests::of(&[Watched { uid: "a".to_owned(), selector: Some(from(selector)) }]);
        Pods { events, interests, known: HashMap::new(), listed: HashMap::new(), are_known: false }
    }

    fn pod(object: &PartialObjectMeta<Api>) -> Pod {
        pods().interests.pod(object)
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

    /// Whoever creates pods decides how many labels and annotations they have.
    #[test]
    fn of_a_pod_only_what_concerns_the_bindings_is_kept() {
        let mut pods = pods();
        let many = |prefix: &str| -> BTreeMap<String, String> {
            (0..200).map(|index| (format!("{prefix}{index}"), "1".to_owned())).collect()
        };
        let (mut labels, mut annotations) = (many("label-"), many("restart.servicecatalog.k8s.io/"));
        annotations.extend(many("revision.servicecatalog.k8s.io/"));
        let stamped = json!({"annotations": annotations, "labels": labels});
        pods.apply(Event::Apply(object("stamped", &stamped)));
        assert_eq!(names(&pods), [""; 0], "the stamps are of no binding");

        labels.insert("app".to_owned(), "web".to_owned());
        let owner = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u".repeat(1000), "controller": true});
        let web = json!({"annotations": annotations, "labels": labels, "ownerReferences": [owner]});
        pods.apply(Event::Apply(object("selected", &web)));
        let labels = [("app".to_owned(), "web".to_owned())].into();
        let expected = Pod { name: "selected".to_owned(), labels, ..Pod::default() };
        assert_eq!(pods.all(), [&expected]);
    }

    #[test]
    fn everything_about_a_pod_comes_from_its_metadata() {
        let read = pod(&object(
            "web-1",
            &json!({
                "labels": {"app": "web"}, "creationTimestamp": "1970-01-01T00:00:07Z", "deletionTimestamp": "2026-01-01T00:00:00Z",
                "annotations": {
                    "revision.servicecatalog.k8s.io/a": "2", "revision.servicecatalog.k8s.io/b": "two",
                    "restart.servicecatalog.k8s.io/a": "1", "restart.servicecatalog.k8s.io/policies": "5",
                    "revision.servicecatalog.k8s.io/policies": "6", "servicecatalog.k8s.io/inject": "false",
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
            created: 7,
            labels: [("app".into(), "web".into())].into(),
            stamps: [("a".into(), 2)].into(),
            restarts: [("a".into(), 1), ("policies".into(), 5)].into(),
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
