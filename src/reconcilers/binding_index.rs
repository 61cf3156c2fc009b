//! Which bindings are in a namespace, and which of an instance? An index, fed by the watch, so that a change of one
//! namespace walks over the bindings of no other.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::ResourceExt as _;
use kube::runtime::reflector::{ObjectRef, Store};

use crate::crd::ServiceBinding;
use crate::domain::binding::injecting::{Contenders, Obstacle};
use crate::reconcilers::identity::namespace;

/// The bindings in the cache, by namespace and instance.
pub struct BindingIndex {
    cache: Store<ServiceBinding>,
    namespaces: Mutex<HashMap<String, Namespace>>,
}

/// The bindings of a namespace.
#[derive(Default)]
struct Namespace {
    /// Their names, by the name of their instance. No set is empty.
    by_instance: HashMap<String, BTreeSet<String>>,
    /// Those that want to inject into pods.
    contenders: Contenders,
}

impl BindingIndex {
    /// An index of this cache; empty until the watch delivers bindings.
    pub fn new(cache: Store<ServiceBinding>) -> Self {
        Self { cache, namespaces: Mutex::default() }
    }

    /// The cache is about to have this binding: from now on it is found.
    pub fn add(&self, binding: &ServiceBinding) {
        let mut namespaces = self.lock();
        let here = namespaces.entry(namespace(binding).to_owned()).or_default();
        here.add(binding);
    }

    /// Applies a change that the watch has delivered. Returns the other bindings that may inject into pods because of it,
    /// and those that no longer may.
    pub fn observe(
        &self,
        before: Option<&ServiceBinding>,
        binding: &ServiceBinding,
        is_gone: bool,
    ) -> Vec<ObjectRef<ServiceBinding>> {
        let mut namespaces = self.lock();
        let here = namespaces.entry(namespace(binding).to_owned()).or_default();
        let admitted = here.contenders.admitted();
        for former in before.into_iter().chain(is_gone.then_some(binding)) {
            here.remove(former);
        }
        if !is_gone {
            here.add(binding);
            here.contenders.insert(binding);
        }
        let now_admitted = here.contenders.admitted();
        if here.by_instance.is_empty() {
            namespaces.remove(namespace(binding));
        }
        let others = admitted.symmetric_difference(&now_admitted).filter(|name| **name != binding.name_any());
        others.map(|name| ObjectRef::new(name).within(namespace(binding))).collect()
    }

    /// The bindings of a namespace.
    pub fn in_namespace(&self, namespace: &str) -> Vec<Arc<ServiceBinding>> {
        let names: Vec<String> = match self.lock().get(namespace) {
            Some(here) => here.by_instance.values().flatten().cloned().collect(),
            None => Vec::new(),
        };
        self.cached(namespace, names)
    }

    /// The bindings of an instance.
    pub fn of_instance(&self, namespace: &str, instance: &str) -> Vec<Arc<ServiceBinding>> {
        let names: Vec<String> =
            match self.lock().get(namespace).and_then(|here| here.by_instance.get(instance)) {
                Some(names) => names.iter().cloned().collect(),
                None => Vec::new(),
            };
        self.cached(namespace, names)
    }

    /// The obstacle that the other bindings of its namespace are to this one.
    pub fn limit(&self, binding: &ServiceBinding) -> Option<Obstacle> {
        self.lock().get(namespace(binding)).and_then(|here| here.contenders.limit(binding))
    }

    /// The namespaces in which a binding wants to inject into pods.
    pub fn injecting_namespaces(&self) -> Vec<String> {
        let namespaces = self.lock();
        let injecting = namespaces.iter().filter(|(_, here)| !here.contenders.is_empty());
        injecting.map(|(namespace, _)| namespace.clone()).collect()
    }

    /// Whether a binding of the namespace wants to inject into pods.
    pub fn wants_to_inject(&self, namespace: &str) -> bool {
        self.lock().get(namespace).is_some_and(|here| !here.contenders.is_empty())
    }

    fn cached(&self, namespace: &str, names: Vec<String>) -> Vec<Arc<ServiceBinding>> {
        let find = |name: String| self.cache.get(&ObjectRef::new(&name).within(namespace));
        names.into_iter().filter_map(find).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Namespace>> {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Namespace {
    fn add(&mut self, binding: &ServiceBinding) {
        let instance = self.by_instance.entry(binding.spec.instance_ref.name.clone()).or_default();
        instance.insert(binding.name_any());
    }

    fn remove(&mut self, binding: &ServiceBinding) {
        let instance = &binding.spec.instance_ref.name;
        if let Some(names) = self.by_instance.get_mut(instance) {
            names.remove(&binding.name_any());
            if names.is_empty() {
                self.by_instance.remove(instance);
            }
        }
        self.contenders.remove(binding);
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::reflector::store;
    use kube::runtime::watcher::Event;
    use serde_json::json;

    use super::*;

    fn binding(namespace: &str, name: &str, instance: &str, injects: bool) -> ServiceBinding {
        let selector = injects.then(|| json!({"matchLabels": {"app": "web"}}));
        serde_json::from_value(json!({
            "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding",
            "metadata": {"namespace": namespace, "name": name, "uid": format!("{namespace}/{name}")},
            "spec": {"instanceRef": {"name": instance}, "podSelector": selector},
        }))
        .unwrap()
    }

    #[test]
    fn a_binding_is_found_by_its_namespace_and_instance_until_it_is_gone() {
        let (cache, mut writer) = store();
        let index = BindingIndex::new(cache);
        let bindings = [
            binding("a", "1", "i", false),
            binding("a", "2", "i", true),
            binding("a", "3", "j", false),
            binding("b", "1", "i", false),
        ];
        for binding in &bindings {
            writer.apply_watcher_event(&Event::Apply(binding.clone()));
            index.observe(None, binding, false);
            index.observe(Some(binding), binding, false);
        }
        let names = |found: Vec<Arc<ServiceBinding>>| {
            let mut names: Vec<String> = found.iter().map(|binding| binding.name_any()).collect();
            names.sort();
            names
        };
        assert_eq!(names(index.in_namespace("a")), ["1", "2", "3"]);
        assert_eq!(names(index.of_instance("a", "i")), ["1", "2"]);
        assert_eq!(names(index.of_instance("b", "i")), ["1"]);
        assert_eq!(["a", "b"].map(|namespace| index.wants_to_inject(namespace)), [true, false]);
        assert_eq!(index.injecting_namespaces(), ["a"]);

        // The watch may deliver only a new object of the same name.
        let mut next = binding("a", "2", "j", false);
        next.metadata.uid = Some("another".to_owned());
        writer.apply_watcher_event(&Event::Apply(next.clone()));
        index.observe(Some(&bindings[1]), &next, false);
        assert_eq!(names(index.of_instance("a", "i")), ["1"]);
        assert_eq!(names(index.of_instance("a", "j")), ["2", "3"]);
        assert!(!index.wants_to_inject("a"));
        for gone in [&bindings[0], &next, &bindings[2], &bindings[3]] {
            index.observe(Some(gone), gone, true);
        }
        assert!(index.lock().is_empty());
    }

    /// Bindings of one second have the order of their UIDs, so a later one may take the place of another. Seen to fail when
    /// only those that get a place are returned: 17 bindings inject.
    #[test]
    fn a_change_tells_which_bindings_get_and_lose_their_place() {
        let index = BindingIndex::new(store().0);
        let bindings: Vec<_> = (10..=26).map(|uid| binding("a", &uid.to_string(), "i", true)).collect();
        let (first, others) = bindings.split_first().unwrap();
        let names = |changed: Vec<ObjectRef<ServiceBinding>>| -> Vec<String> {
            changed.into_iter().map(|binding| binding.name).collect()
        };
        for other in others {
            assert_eq!(names(index.observe(None, other, false)), [""; 0]);
        }
        assert_eq!(names(index.observe(None, first, false)), ["26"], "it loses its place");
        assert_eq!(names(index.observe(Some(first), first, false)), [""; 0]);
        assert_eq!(names(index.observe(Some(first), first, true)), ["26"], "it gets it back");
    }
}
