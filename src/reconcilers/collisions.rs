//! Which pods already define what a binding would inject? The entry points are [`Collisions::follow`] and
//! [`Collisions::of`].
//!
//! The policy `injection` labels such a pod. Its annotations say what of a binding does not reach a container because
//! the pod or another binding already defines it: a mount or device at the path, a volume of the name, a variable, a
//! root directory that cannot be used. `domain::binding` turns the annotations into the condition `Injected=False`.
//!
//! The operator watches only pods with the label, so other pods cost no memory. Pods that have terminated do not count.
//!
//! Anybody who creates pods can write such annotations, so what is kept has bounds: only what a pod says about bindings of
//! its own namespace that exist, of a few bindings for each pod, and a few texts for each binding. An event costs
//! time for its own pod only.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Pod;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{Config, Event};
use kube::{Api, ResourceExt as _};

use crate::crd::ServiceBinding;
use crate::crd::names::{ANNOTATION_COLLISION, LABEL_COLLIDES};
use crate::domain::binding::injecting::MAX_BINDINGS;
use crate::osb::excerpt;
use crate::reconcilers::identity::{NamespacedName, namespace, uid};
use crate::reconcilers::kube_api::KubeApi;
use crate::reconcilers::queue::Queue;
use crate::reconcilers::reach::{Part, Unlisted, covers};
use crate::reconcilers::watch::{self as watches, RUNNING_PODS};

/// How much of an annotation is kept, in characters. The policy writes no more, but the pod's author may have written
/// the annotation. Therefore the text is screened as a broker's text is: one line without invisible characters.
const MAX_CHARS: usize = 400;

/// How many different collisions are kept of a binding. The condition names a few, and counts the others.
const MAX_TEXTS: usize = 64;

/// The collisions of each binding, and the pods that have them.
#[derive(Debug)]
pub struct Collisions {
    known: Mutex<Known>,
    parts: Vec<Part>,
    unlisted: Unlisted,
}

#[derive(Debug, Default)]
struct Known {
    /// The bindings of each namespace, by their UIDs.
    namespaces: HashMap<String, HashMap<String, Binding>>,
    /// What each pod says about which binding: the UID and the text.
    pods: HashMap<NamespacedName, Vec<(String, Arc<str>)>>,
    /// The pods of the lists in progress, while watches restart.
    listed: HashSet<NamespacedName>,
}

#[derive(Debug)]
struct Binding {
    name: String,
    /// Its collisions, and how many pods have each.
    collisions: BTreeMap<Arc<str>, usize>,
}

impl Collisions {
    /// No pod is known yet.
    pub fn new(parts: Vec<Part>) -> Self {
        let unlisted = Unlisted::new(parts.clone());
        Self { known: Mutex::default(), parts, unlisted }
    }

    /// The collisions of a binding, in any pod.
    pub fn of(&self, binding: &ServiceBinding) -> BTreeSet<String> {
        let mut known = self.known();
        let found = known.binding(namespace(binding), uid(binding));
        found.map(|found| found.collisions.keys().map(ToString::to_string).collect()).unwrap_or_default()
    }

    /// A binding is there, or gone. What pods say about a binding that is not there is not kept.
    pub fn observe(&self, binding: &ServiceBinding, is_gone: bool) {
        let mut known = self.known();
        let here = known.namespaces.entry(namespace(binding).to_owned()).or_default();
        if is_gone {
            here.remove(uid(binding));
            if here.is_empty() {
                known.namespaces.remove(namespace(binding));
            }
        } else if !here.contains_key(uid(binding)) {
            let found = Binding { name: binding.name_any(), collisions: BTreeMap::new() };
            here.insert(uid(binding).to_owned(), found);
        }
    }

    /// Returns once all pods with the label are listed.
    pub async fn wait_until_ready(&self) {
        self.unlisted.wait_until_empty().await;
    }

    /// Watches those pods forever; a new or ended collision requeues its binding. The bindings must have been listed.
    pub async fn follow(self: Arc<Self>, api: Arc<KubeApi>, queue: Queue<ServiceBinding>) {
        let watch = |part: Option<&str>| {
            let pods: Api<PartialObjectMeta<Pod>> = match part {
                Some(namespace) => Api::namespaced(api.client.clone(), namespace),
                None => Api::all(api.client.clone()),
            };
            let config = Config::default().labels(&format!("{LABEL_COLLIDES}=true")).fields(RUNNING_PODS);
            watches::watch(pods, config)
        };
        watches::follow(self.parts.clone(), &api.refused, watch, |part, event| {
            for (namespace, binding) in self.apply(part, event) {
                queue.requeue_name(&binding, Some(&namespace));
            }
        })
        .await;
    }

    /// Applies an event; returns the bindings whose collisions have changed.
    fn apply(&self, part: Option<&str>, event: Event<PartialObjectMeta<Pod>>) -> HashSet<NamespacedName> {
        let mut known = self.known();
        match event {
            Event::Init => {
                known.listed.retain(|(namespace, _)| !covers(part, namespace));
                HashSet::new()
            }
            Event::InitApply(pod) => {
                let changed = known.set(&name(&pod), &annotated(&pod));
                if known.pods.contains_key(&name(&pod)) {
                    known.listed.insert(name(&pod));
                }
                changed
            }
            Event::InitDone => {
                let listed: HashSet<NamespacedName> =
                    known.listed.extract_if(|(namespace, _)| covers(part, namespace)).collect();
                let is_gone = |pod: &&NamespacedName| covers(part, &pod.0) && !listed.contains(*pod);
                let gone: Vec<NamespacedName> = known.pods.keys().filter(is_gone).cloned().collect();
                let changed = gone.iter().flat_map(|gone| known.set(gone, &[])).collect();
                self.unlisted.remove(part);
                changed
            }
            Event::Apply(pod) => known.set(&name(&pod), &annotated(&pod)),
            Event::Delete(pod) => known.set(&name(&pod), &[]),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn binding(&mut self, namespace: &str, uid: &str) -> Option<&mut Binding> {
        self.namespaces.get_mut(namespace)?.get_mut(uid)
    }

    /// Replaces what a pod says, by the UID of the binding; returns the bindings whose collisions have changed.
    fn set(&mut self, pod: &NamespacedName, says: &[(&str, &str)]) -> HashSet<NamespacedName> {
        let before = self.pods.remove(pod).unwrap_or_default();
        let (mut now, mut changed) = (Vec::new(), HashSet::new());
        // What the pod still says is counted twice for a moment, so that it does not count as changed.
        for (uid, text) in says {
            let Some(binding) = self.binding(&pod.0, uid) else { continue };
            if now.len() == MAX_BINDINGS {
                break;
            }
            let Some((text, is_new)) = binding.add(&excerpt(text, MAX_CHARS)) else { continue };
            now.push(((*uid).to_owned(), text));
            if is_new {
                changed.insert((pod.0.clone(), binding.name.clone()));
            }
        }
        for (uid, text) in &before {
            if let Some(binding) = self.binding(&pod.0, uid)
                && binding.remove(text)
            {
                changed.insert((pod.0.clone(), binding.name.clone()));
            }
        }
        if !now.is_empty() {
            self.pods.insert(pod.clone(), now);
        }
        changed
    }
}

impl Binding {
    /// One more pod has this collision; returns the text as it is kept, and whether no other pod has it. `None` if the
    /// binding has too many different ones.
    fn add(&mut self, text: &str) -> Option<(Arc<str>, bool)> {
        let known = self.collisions.get_key_value(text).map(|(text, _)| Arc::clone(text));
        let is_new = known.is_none();
        if is_new && self.collisions.len() >= MAX_TEXTS {
            return None;
        }
        let text = known.unwrap_or_else(|| text.into());
        *self.collisions.entry(Arc::clone(&text)).or_default() += 1;
        Some((text, is_new))
    }

    /// A pod no longer has this collision; returns whether none has.
    fn remove(&mut self, text: &Arc<str>) -> bool {
        let Some(pods) = self.collisions.get_mut(text) else { return false };
        *pods -= 1;
        let is_gone = *pods == 0;
        if is_gone {
            self.collisions.remove(text);
        }
        is_gone
    }
}

fn name(pod: &PartialObjectMeta<Pod>) -> NamespacedName {
    (namespace(pod).to_owned(), pod.name_any())
}

/// The collisions in the annotations of a pod, each with the UID of the binding.
fn annotated(pod: &PartialObjectMeta<Pod>) -> Vec<(&str, &str)> {
    pod.annotations()
        .iter()
        .filter_map(|(key, text)| Some((key.strip_prefix(ANNOTATION_COLLISION)?, text.as_str())))
        .collect()
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
        let mut binding = ServiceBinding::new(uid, crate::crd::ServiceBindingSpec::default());
        binding.metadata.namespace = Some(namespace.to_owned());
        binding.metadata.uid = Some(uid.to_owned());
        binding
    }

    /// Collisions for which these bindings exist, each with its UID as its name.
    fn collisions(parts: Vec<Part>, bindings: &[(&str, &str)]) -> Collisions {
        let collisions = Collisions::new(parts);
        for (namespace, uid) in bindings {
            collisions.observe(&binding(namespace, uid), false);
        }
        collisions
    }

    fn names(changed: HashSet<NamespacedName>) -> Vec<String> {
        let mut names: Vec<String> = changed.into_iter().map(|(_, name)| name).collect();
        names.sort_unstable();
        names
    }

    /// Each event, the bindings that it requeues, and then the collisions of the binding `1`.
    #[test]
    fn a_binding_is_requeued_when_the_collisions_of_its_pods_change() {
        let collisions = collisions(vec![None], &[("ns", "1"), ("ns", "2"), ("other", "3")]);
        let both: &[_] = &[("1", "main: URI"), ("2", "main: HOST")];
        for (event, requeued, known) in [
            (Event::Init, vec![], vec![]),
            (Event::InitApply(pod("a", "ns", both)), vec!["1", "2"], vec!["main: URI"]),
            (Event::InitApply(pod("b", "ns", both)), vec![], vec!["main: URI"]),
            (Event::InitDone, vec![], vec!["main: URI"]),
            (Event::Apply(pod("a", "ns", both)), vec![], vec!["main: URI"]),
            (Event::Apply(pod("c", "ns", &[("1", "c: X")])), vec!["1"], vec!["c: X", "main: URI"]),
            (Event::Apply(pod("c", "ns", &[])), vec!["1"], vec!["main: URI"]),
            (Event::Apply(pod("b", "ns", &[("1", "b: Y")])), vec!["1"], vec!["b: Y", "main: URI"]),
            (Event::Apply(pod("b", "ns", both)), vec!["1"], vec!["main: URI"]),
            // A pod of the same name in another namespace, and what it says of bindings that are not in it.
            (Event::Apply(pod("a", "other", &[("1", "c: X"), ("3", "c: X")])), vec!["3"], vec!["main: URI"]),
            (Event::Delete(pod("a", "other", &[])), vec!["3"], vec!["main: URI"]),
            (Event::Delete(pod("a", "ns", both)), vec![], vec!["main: URI"]),
            // The watch was interrupted, and `b` was deleted meanwhile.
            (Event::Init, vec![], vec!["main: URI"]),
            (Event::InitApply(pod("d", "ns", &[("2", "main: HOST")])), vec![], vec!["main: URI"]),
            (Event::InitDone, vec!["1"], vec![]),
            (Event::Delete(pod("d", "ns", &[])), vec!["2"], vec![]),
        ] {
            let step = format!("{event:?}");
            assert_eq!(names(collisions.apply(None, event)), requeued, "{step}");
            let known: BTreeSet<String> = known.into_iter().map(str::to_owned).collect();
            assert_eq!(collisions.of(&binding("ns", "1")), known, "{step}");
        }
        assert!(collisions.known().pods.is_empty(), "nothing is kept for pods that are gone");
    }

    /// Each namespace has a watch of its own.
    #[test]
    fn the_list_of_one_namespace_ends_no_collision_in_another() {
        let parts = vec![Some("ns".to_owned()), Some("other".to_owned())];
        let collisions = collisions(parts, &[("ns", "1")]);
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
            assert_eq!(names(collisions.apply(Some(part), event)), requeued, "{step}");
        }
    }

    #[test]
    fn an_annotation_is_kept_as_one_short_visible_line() {
        let shortest = "ä".repeat(MAX_CHARS) + "…";
        for (text, kept) in
            [("ä".repeat(10_000), &*shortest), ("\u{202e}a\u{200b}\n\t b\0".to_owned(), "a b")]
        {
            let collisions = collisions(vec![None], &[("ns", "1")]);
            collisions.apply(None, Event::Apply(pod("a", "ns", &[("1", &text)])));
            assert_eq!(collisions.of(&binding("ns", "1")), BTreeSet::from([kept.to_owned()]));
        }
    }

    /// Whoever creates pods can make up annotations. Each took 1.3 KB, and an event walked over all of them.
    #[test]
    fn invented_collisions_are_not_kept() {
        let uids: Vec<String> = (0..100).map(|index| format!("binding-{index}")).collect();
        let bindings: Vec<(&str, &str)> = uids.iter().map(|uid| ("ns", uid.as_str())).collect();
        let collisions = collisions(vec![None], &bindings);
        let invented: Vec<String> = (0..7000).map(|index| format!("invented-{index}")).collect();
        let invented: Vec<(&str, &str)> = invented.iter().map(|uid| (uid.as_str(), "x")).collect();
        collisions.apply(None, Event::Apply(pod("invented", "ns", &invented)));
        assert!(collisions.known().pods.is_empty());
        assert_eq!(collisions.known().namespaces.values().map(HashMap::len).sum::<usize>(), 100);

        // A pod is injected with a few bindings only.
        let real: Vec<(&str, &str)> = bindings.iter().map(|(_, uid)| (*uid, "x")).collect();
        collisions.apply(None, Event::Apply(pod("many", "ns", &real)));
        assert_eq!(collisions.known().pods.values().map(Vec::len).sum::<usize>(), MAX_BINDINGS);

        // Each pod says something else of one binding.
        for index in 0..500 {
            let text = format!("text {index}");
            collisions.apply(None, Event::Apply(pod(&format!("p{index}"), "ns", &[("binding-99", &text)])));
        }
        assert_eq!(collisions.of(&binding("ns", "binding-99")).len(), MAX_TEXTS);
        collisions.observe(&binding("ns", "binding-99"), true);
        assert_eq!(names(collisions.apply(None, Event::Delete(pod("p0", "ns", &[])))), [""; 0]);
    }
}
