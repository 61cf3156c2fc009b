//! The watches of a kind. They fill a cache and notify its listeners of each change, as an informer does.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

use futures::StreamExt as _;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::watcher::{Config, Event};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::crd::readable::Readable;
use crate::domain::bounds::Cut;
use crate::reconcilers::reach::{Part, covers_object};
use crate::reconcilers::refused::Refused;
use crate::reconcilers::watch;

/// A change of an object, as a watch delivered it.
pub struct Change<'a, K> {
    /// The previous version in the cache; `None` for a new object.
    pub before: Option<&'a K>,
    /// The current version; the last one if the object is gone.
    pub object: &'a K,
    /// Whether the object is gone.
    pub is_gone: bool,
}

impl<'a, K> Change<'a, K> {
    /// The previous and the current version.
    pub fn versions(&self) -> impl Iterator<Item = &'a K> {
        self.before.into_iter().chain([self.object])
    }
}

/// Called for every object that appeared, changed or is gone.
pub type Listener<K> = Box<dyn Fn(&Change<'_, K>) + Send + Sync>;

/// Called with a version of an object before the cache has it. An index then never lacks what the cache has.
pub type Herald<K> = Box<dyn Fn(&K) + Send + Sync>;

/// The watches of a kind, with the cache that they fill and the listeners that they notify. There is one watch for each
/// part of the operator's reach.
///
/// The cache is filled at once, when each watch has listed its objects. A later list of one watch changes only what it
/// covers.
pub struct Feed<K: Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<K>,
    writer: Writer<K>,
    heralds: Vec<Herald<K>>,
    listeners: Vec<Listener<K>>,
    parts: Vec<Part>,
    /// The watches that have not listed their objects yet. While there are any, the cache is empty.
    unlisted: BTreeSet<Part>,
    /// The list of each watch that restarts, or that waits until the cache is filled. `None`: the cache has this version
    /// of the object, which is not kept twice.
    lists: HashMap<Part, HashMap<ObjectRef<K>, Option<K>>>,
}

impl<K> Feed<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// A feed of these watches, and the cache that it fills. Without watches the cache is ready and stays empty.
    pub fn new(parts: Vec<Part>) -> (Self, Store<K>) {
        let (store, writer) = store();
        let unlisted = parts.iter().cloned().collect();
        let feed = Self {
            store: store.clone(),
            writer,
            heralds: Vec::new(),
            listeners: Vec::new(),
            parts,
            unlisted,
            lists: HashMap::new(),
        };
        (if feed.parts.is_empty() { feed.filled() } else { feed }, store)
    }

    /// Adds a herald.
    pub fn add_herald(&mut self, herald: Herald<K>) {
        self.heralds.push(herald);
    }

    /// Adds listeners.
    pub fn add_listeners(&mut self, listeners: impl IntoIterator<Item = Listener<K>>) {
        self.listeners.extend(listeners);
    }

    /// Watches the collection of each part, forever.
    pub async fn follow(mut self, refused: &Refused, collection: impl Fn(Option<&str>) -> Api<Readable<K>>)
    where
        K: Cut,
    {
        let events = |part: Option<&str>| {
            let events = watch::watch(collection(part), Config::default());
            events.modify(|Readable(object)| object.cut()).map(|event| event.map(read))
        };
        watch::follow(self.parts.clone(), refused, events, |part, event| self.apply_in(part, event)).await;
    }

    /// Applies an event of the watch of the whole cluster.
    #[cfg(test)]
    pub fn apply(&mut self, event: Event<K>) {
        self.apply_in(None, event);
    }

    /// Applies an event of the watch of this part. After an interruption, listeners are also notified of objects that
    /// were deleted meanwhile.
    pub fn apply_in(&mut self, part: Option<&str>, event: Event<K>) {
        match event {
            Event::Init => self.list(part).clear(),
            Event::InitApply(object) => self.enlist(part, object),
            Event::Apply(object) if !self.unlisted.is_empty() => self.enlist(part, object),
            Event::Delete(object) if !self.unlisted.is_empty() => {
                self.list(part).remove(&ObjectRef::from_obj(&object));
            }
            Event::Apply(_) | Event::Delete(_) => self.change(vec![event]),
            Event::InitDone if self.unlisted.is_empty() => self.replace(part),
            Event::InitDone => {
                self.unlisted.remove(&part.map(str::to_owned));
                if self.unlisted.is_empty() {
                    self.fill();
                }
            }
        }
    }

    fn list(&mut self, part: Option<&str>) -> &mut HashMap<ObjectRef<K>, Option<K>> {
        self.lists.entry(part.map(str::to_owned)).or_default()
    }

    fn enlist(&mut self, part: Option<&str>, object: K) {
        let reference = ObjectRef::from_obj(&object);
        let version = |object: &K| object.uid().zip(object.resource_version());
        let is_cached = self
            .store
            .get(&reference)
            .is_some_and(|cached| version(&object).is_some() && version(&cached) == version(&object));
        self.list(part).insert(reference, (!is_cached).then_some(object));
    }

    /// Fills the cache: each watch has listed its objects.
    fn fill(&mut self) {
        self.writer.apply_watcher_event(&Event::Init);
        for object in std::mem::take(&mut self.lists).into_values().flat_map(HashMap::into_values).flatten() {
            self.announce(&object);
            self.writer.apply_watcher_event(&Event::InitApply(object));
        }
        self.writer.apply_watcher_event(&Event::InitDone);
        for object in self.store.state() {
            self.notify(None, &object, false);
        }
    }

    fn filled(mut self) -> Self {
        self.fill();
        self
    }

    /// Replaces what the watch of this part covers by what it has listed.
    fn replace(&mut self, part: Option<&str>) {
        let listed = self.lists.remove(&part.map(str::to_owned)).unwrap_or_default();
        let (mut changes, mut unchanged) = (Vec::new(), Vec::new());
        for cached in self.store.state() {
            match listed.get(&ObjectRef::from_obj(cached.as_ref())) {
                Some(None) => unchanged.push(cached),
                None if covers_object(part, cached.as_ref()) => {
                    changes.push(Event::Delete(Arc::unwrap_or_clone(cached)));
                }
                Some(Some(_)) | None => {}
            }
        }
        changes.extend(listed.into_values().flatten().map(Event::Apply));
        self.change(changes);
        for cached in unchanged {
            self.notify(Some(&cached), &cached, false);
        }
    }

    /// Changes the cache, then notifies the listeners of each object.
    fn change(&mut self, changes: Vec<Event<K>>) {
        let before = |object: &K| self.store.get(&ObjectRef::from_obj(object));
        let changes = changes.into_iter().filter_map(|change| match change {
            Event::Apply(ref object) | Event::Delete(ref object) => Some((before(object), change)),
            Event::Init | Event::InitApply(_) | Event::InitDone => None,
        });
        let changes: Vec<_> = changes.collect();
        for (_, change) in &changes {
            if let Event::Apply(object) = change {
                self.announce(object);
            }
            self.writer.apply_watcher_event(change);
        }
        for (before, change) in &changes {
            match change {
                Event::Apply(object) => self.notify(before.as_deref(), object, false),
                Event::Delete(object) => self.notify(before.as_deref(), object, true),
                Event::Init | Event::InitApply(_) | Event::InitDone => {}
            }
        }
    }

    fn announce(&self, object: &K) {
        self.heralds.iter().for_each(|herald| herald(object));
    }

    fn notify(&self, before: Option<&K>, object: &K, is_gone: bool) {
        let change = Change { before, object, is_gone };
        self.listeners.iter().for_each(|listener| listener(&change));
    }
}

fn read<K>(event: Event<Readable<K>>) -> Event<K> {
    match event {
        Event::Init => Event::Init,
        Event::InitApply(Readable(object)) => Event::InitApply(object),
        Event::InitDone => Event::InitDone,
        Event::Apply(Readable(object)) => Event::Apply(object),
        Event::Delete(Readable(object)) => Event::Delete(object),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::FutureExt as _;
    use k8s_openapi::api::core::v1::Secret;

    use super::*;

    fn object(namespace: &str, name: &str) -> Secret {
        let mut object = Secret::default();
        object.metadata.namespace = Some(namespace.to_owned());
        object.metadata.name = Some(name.to_owned());
        object.metadata.uid = Some(name.to_owned());
        object.metadata.resource_version = Some("1".to_owned());
        object
    }

    /// A feed that records what its listeners are notified of: `+` new, `=` changed, `-` gone.
    fn feed(parts: &[&str]) -> (Feed<Secret>, Store<Secret>, Arc<Mutex<Vec<String>>>) {
        let (mut feed, store) = Feed::new(parts.iter().map(|part| Some((*part).to_owned())).collect());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let listener: Listener<Secret> = Box::new(move |change| {
            let sign = if change.is_gone { '-' } else { change.before.map_or('+', |_| '=') };
            record.lock().unwrap().push(format!("{sign}{}", change.object.name_any()));
        });
        feed.add_listeners([listener]);
        (feed, store, seen)
    }

    /// A cache that the first list fills would lack the objects of other namespaces, and a broker without instances is
    /// removed.
    #[test]
    fn the_cache_is_filled_when_all_namespaces_are_listed_and_a_list_concerns_its_namespace() {
        let (mut feed, store, seen) = feed(&["a", "b"]);
        let mut step = |part: &str, event, expected: &[&str], cached: usize| {
            feed.apply_in(Some(part), event);
            let mut seen = std::mem::take(&mut *seen.lock().unwrap());
            seen.sort();
            assert_eq!((seen, store.len()), (expected.iter().map(ToString::to_string).collect(), cached));
            store.wait_until_ready().now_or_never().is_some()
        };
        assert!(!step("a", Event::Init, &[], 0));
        assert!(!step("a", Event::InitApply(object("a", "a1")), &[], 0));
        assert!(!step("a", Event::InitDone, &[], 0));
        assert!(!step("a", Event::Apply(object("a", "a2")), &[], 0), "b is not listed yet");
        assert!(!step("a", Event::Delete(object("a", "a1")), &[], 0));
        assert!(!step("b", Event::Init, &[], 0));
        assert!(!step("b", Event::InitApply(object("b", "b1")), &[], 0));
        assert!(step("b", Event::InitDone, &["+a2", "+b1"], 2));
        step("b", Event::Apply(object("b", "b2")), &["+b2"], 3);
        // The watch of b was interrupted, and b1 was deleted meanwhile.
        step("b", Event::Init, &[], 3);
        step("b", Event::InitApply(object("b", "b2")), &[], 3);
        step("b", Event::InitApply(object("b", "b3")), &[], 3);
        step("b", Event::InitDone, &["+b3", "-b1", "=b2"], 3);
        step("a", Event::Delete(object("a", "a2")), &["-a2"], 2);
        // b2 has changed meanwhile, b3 has not.
        let mut newer = object("b", "b2");
        newer.metadata.resource_version = Some("2".to_owned());
        step("b", Event::Init, &[], 2);
        step("b", Event::InitApply(newer), &[], 2);
        step("b", Event::InitApply(object("b", "b3")), &[], 2);
        step("b", Event::InitDone, &["=b2", "=b3"], 2);
        let cached = store.get(&ObjectRef::new("b2").within("b")).unwrap();
        assert_eq!(cached.resource_version().as_deref(), Some("2"));
    }

    #[test]
    fn the_cache_of_a_kind_out_of_reach_is_ready_and_empty() {
        let (_feed, store, _) = feed(&[]);
        assert!(store.wait_until_ready().now_or_never().is_some());
        assert!(store.is_empty());
    }
}
