//! Which pods already define what a binding would inject? The entry points are [`Collisions::follow`] and
//! [`Collisions::of`].
//!
//! The policy `injection` labels such a pod. Its annotations say what of a binding does not reach a container because
//! the pod or another binding already defines it: a mount or device at the path, a volume of the name, a variable, a
//! root directory that cannot be used. `domain::binding` turns the annotations into the condition `Injected=False`.
//!
//! The operator watches only pods with the label, so other pods cost no memory. Pods that have terminated do not count.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Pod;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::Store;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, ResourceExt as _};

use crate::crd::ServiceBinding;
use crate::crd::names::{ANNOTATION_COLLISION, LABEL_COLLIDES};
use crate::osb::excerpt;
use crate::reconcilers::identity::{NamespacedName, namespace, uid};
use crate::reconcilers::queue::Queue;
use crate::reconcilers::reach::{Part, Unlisted, covers};
use crate::reconcilers::watch::{self as watches, RUNNING_PODS};

/// How much of an annotation is kept, in characters. The policy writes no more, but the pod's author may have written the
/// annotation. Therefore the text is screened as a broker's text is: one line without invisible characters.
const MAX_CHARS: usize = 400;

/// A namespace, and the UID of a binding in it. What a pod says about a binding of another namespace is ignored.
type Binding = (String, String);

/// The collisions of each binding, and the pods that have them.
#[derive(Debug)]
pub struct Collisions {
    known: Mutex<HashMap<Binding, BTreeMap<String, HashSet<NamespacedName>>>>,
    /// The pods of the lists in progress, while watches restart.
    listed: Mutex<HashSet<NamespacedName>>,
    parts: Vec<Part>,
    unlisted: Unlisted,
}

impl Collisions {
    /// No pod is known yet.
    pub fn new(parts: Vec<Part>) -> Self {
        let unlisted = Unlisted::new(parts.clone());
        Self { known: Mutex::default(), listed: Mutex::default(), parts, unlisted }
    }

    /// The collisions of a binding, in any pod.
    pub fn of(&self, binding: &ServiceBinding) -> BTreeSet<String> {
        let binding = (namespace(binding).to_owned(), uid(binding).to_owned());
        self.known().get(&binding).map(|collisions| collisions.keys().cloned().collect()).unwrap_or_default()
    }

    /// Returns once all pods with the label are listed.
    pub async fn wait_until_ready(&self) {
        self.unlisted.wait_until_empty().await;
    }

    /// Watches those pods forever; a new or ended collision requeues its binding.
    pub async fn follow(
        self: Arc<Self>,
        client: Client,
        bindings: Store<ServiceBinding>,
        queue: Queue<ServiceBinding>,
    ) {
        let watch = |part: Option<&str>| {
            let pods: Api<PartialObjectMeta<Pod>> = match part {
                Some(namespace) => Api::namespaced(client.clone(), namespace),
                None => Api::all(client.clone()),
            };
            let config = Config::default().labels(&format!("{LABEL_COLLIDES}=true")).fields(RUNNING_PODS);
            watcher(pods, config).default_backoff()
        };
        watches::follow(self.parts.clone(), watch, |part, event| {
            let changed = self.apply(part, event);
            if changed.is_empty() {
                return;
            }
            for binding in bindings.state() {
                let id = (namespace(binding.as_ref()).to_owned(), uid(binding.as_ref()).to_owned());
                if changed.contains(&id) {
                    queue.requeue_object(&binding);
                }
            }
        })
        .await;
    }

    /// Applies an event; returns the bindings whose collisions have changed.
    fn apply(&self, part: Option<&str>, event: Event<PartialObjectMeta<Pod>>) -> HashSet<Binding> {
        let listed = || self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => {
                listed().retain(|(namespace, _)| !covers(part, namespace));
                HashSet::new()
            }
            Event::InitApply(pod) => {
                listed().insert(name(&pod));
                self.set(&name(&pod), annotated(&pod))
            }
            Event::InitDone => {
                let pods: HashSet<NamespacedName> =
                    self.known().values().flat_map(BTreeMap::values).flatten().cloned().collect();
                let listed: HashSet<NamespacedName> =
                    listed().extract_if(|(namespace, _)| covers(part, namespace)).collect();
                let gone = pods.difference(&listed).filter(|(namespace, _)| covers(part, namespace));
                let changed = gone.flat_map(|gone| self.set(gone, BTreeMap::new())).collect();
                self.unlisted.remove(part);
                changed
            }
            Event::Apply(pod) => self.set(&name(&pod), annotated(&pod)),
            Event::Delete(pod) => self.set(&name(&pod), BTreeMap::new()),
        }
    }

    /// Replaces the collisions of a pod, by the UID of the binding; returns the bindings whose collisions have changed.
    fn set(&self, pod: &NamespacedName, collisions: BTreeMap<String, String>) -> HashSet<Binding> {
        let mut changed = HashSet::new();
        let mut known = self.known();
        known.retain(|binding, by_text| {
            let current = collisions.get(&binding.1);
            let before = by_text.len();
            by_text.retain(|text, pods| {
                if current != Some(text) {
                    pods.remove(pod);
                }
                !pods.is_empty()
            });
            if by_text.len() < before {
                changed.insert(binding.clone());
            }
            !by_text.is_empty()
        });
        for (uid, text) in collisions {
            let binding = (pod.0.clone(), uid);
            let pods = known.entry(binding.clone()).or_default().entry(text).or_default();
            if pods.is_empty() {
                changed.insert(binding);
            }
            pods.insert(pod.clone());
        }
        changed
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Binding, BTreeMap<String, HashSet<NamespacedName>>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(pod: &PartialObjectMeta<Pod>) -> NamespacedName {
    (namespace(pod).to_owned(), pod.name_any())
}

/// The collisions in the annotations of a pod, by the UID of the binding.
fn annotated(pod: &PartialObjectMeta<Pod>) -> BTreeMap<String, String> {
    let collision = |(key, text): (&String, &String)| {
        let uid = key.strip_prefix(ANNOTATION_COLLISION)?;
        Some((uid.to_owned(), excerpt(text, MAX_CHARS)))
    };
    pod.annotations().iter().filter_map(collision).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, namespace: &str, collisions: &[(&str, &str)]) -> PartialObjectMeta<Pod> {
        let annotations: BTreeMap<String, &str> =
            collisions.iter().map(|(uid, text)| (format!("{ANNOTATION_COLLISION}{uid}"), *text)).collect();
        let metadata = json!({"name": name, "namespace": namespace, "annotations": annotations});
        serde_json::from_value(json!({"metadata": metadata})).unwrap()
    }

    fn binding(namespace: &str, uid: &str) -> ServiceBinding {
        let mut binding = ServiceBinding::new("db", crate::crd::ServiceBindingSpec::default());
        binding.metadata.namespace = Some(namespace.to_owned());
        binding.metadata.uid = Some(uid.to_owned());
        binding
    }

    /// Each event, the bindings that it requeues, and then the collisions of the binding `1`.
    #[test]
    fn a_binding_is_requeued_when_the_collisions_of_its_pods_change() {
        let collisions = Collisions::new(vec![None]);
        let both: &[_] = &[("1", "main: URI"), ("2", "main: HOST")];
        for (event, requeued, known) in [
            (Event::Init, vec![], vec![]),
            (Event::InitApply(pod("a", "ns", both)), vec!["1", "2"], vec!["main: URI"]),
            (Event::InitApply(pod("b", "ns", both)), vec![], vec!["main: URI"]),
            (Event::InitDone, vec![], vec!["main: URI"]),
            (Event::Apply(pod("a", "ns", both)), vec![], vec!["main: URI"]),
            (Event::Apply(pod("c", "ns", &[("1", "c: X")])), vec!["1"], vec!["c: X", "main: URI"]),
            (Event::Apply(pod("c", "ns", &[])), vec!["1"], vec!["main: URI"]),
            // A pod of the same name in another namespace.
            (Event::Apply(pod("a", "other", &[("1", "c: X")])), vec!["1"], vec!["main: URI"]),
            (Event::Delete(pod("a", "other", &[("1", "c: X")])), vec!["1"], vec!["main: URI"]),
            (Event::Delete(pod("a", "ns", both)), vec![], vec!["main: URI"]),
            // The watch was interrupted, and `b` was deleted meanwhile.
            (Event::Init, vec![], vec!["main: URI"]),
            (Event::InitApply(pod("d", "ns", &[("2", "main: HOST")])), vec![], vec!["main: URI"]),
            (Event::InitDone, vec!["1"], vec![]),
            (Event::Delete(pod("d", "ns", &[])), vec!["2"], vec![]),
        ] {
            let step = format!("{event:?}");
            let changed = collisions.apply(None, event);
            let mut uids: Vec<&str> = changed.iter().map(|(_, uid)| uid.as_str()).collect();
            uids.sort_unstable();
            assert_eq!(uids, requeued, "{step}");
            let known: BTreeSet<String> = known.into_iter().map(str::to_owned).collect();
            assert_eq!(collisions.of(&binding("ns", "1")), known, "{step}");
        }
        assert!(collisions.known().is_empty(), "nothing is kept for pods that are gone");
    }

    /// Each namespace has a watch of its own.
    #[test]
    fn the_list_of_one_namespace_ends_no_collision_in_another() {
        let collisions = Collisions::new(vec![Some("ns".to_owned()), Some("other".to_owned())]);
        let own: &[_] = &[("1", "main: URI")];
        for (part, event, requeued) in [
            ("ns", Event::Init, vec![]),
            ("ns", Event::InitApply(pod("a", "ns", own)), vec!["1"]),
            ("other", Event::Init, vec![]),
            ("other", Event::InitDone, vec![]),
            ("ns", Event::InitDone, vec![]),
            ("other", Event::Init, vec![]),
            ("other", Event::InitDone, vec![]),
            ("ns", Event::Init, vec![]),
            ("ns", Event::InitDone, vec!["1"]),
        ] {
            let step = format!("{part}: {event:?}");
            let changed = collisions.apply(Some(part), event);
            assert_eq!(changed.iter().map(|(_, uid)| uid.as_str()).collect::<Vec<_>>(), requeued, "{step}");
        }
    }

    #[test]
    fn an_annotation_is_kept_as_one_short_visible_line() {
        let shortest = "ä".repeat(MAX_CHARS) + "…";
        for (text, kept) in
            [("ä".repeat(10_000), &*shortest), ("\u{202e}a\u{200b}\n\t b\0".to_owned(), "a b")]
        {
            let collisions = Collisions::new(vec![None]);
            collisions.apply(None, Event::Apply(pod("a", "ns", &[("1", &text)])));
            assert_eq!(collisions.of(&binding("ns", "1")), BTreeSet::from([kept.to_owned()]));
        }
    }
}
