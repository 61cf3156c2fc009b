//! The one watch of a kind: it fills a cache, and tells its listeners which object has changed.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::reconcilers::watch;

/// The annotation in which kubectl keeps a copy of the object: of no use to us, and as large as the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What a watch brought of an object.
pub struct Change<'a, K> {
    /// As the watch had it before; nothing if it appears.
    pub before: Option<&'a K>,
    /// As it is now, or as it was last if it is gone.
    pub object: &'a K,
    /// Whether it is gone.
    pub is_gone: bool,
}

/// Told of every object that appeared, changed or went.
pub type Listener<K> = Box<dyn Fn(&Change<'_, K>) + Send + Sync>;

/// One watch of a kind: what it brings fills a store and is told to the listeners.
pub struct Feed<K: Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<K>,
    writer: Writer<K>,
    listeners: Vec<Listener<K>>,
    /// What was known when a new list began.
    before: HashMap<ObjectRef<K>, Arc<K>>,
}

impl<K> Feed<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// An empty store, and the feed that fills it.
    pub fn new() -> (Self, Store<K>) {
        let (store, writer) = store();
        (Self { store: store.clone(), writer, listeners: Vec::new(), before: HashMap::new() }, store)
    }

    /// Tells these, too.
    pub fn tell(&mut self, listeners: impl IntoIterator<Item = Listener<K>>) {
        self.listeners.extend(listeners);
    }

    /// Follows the collection for ever.
    pub async fn follow(mut self, api: Api<K>, config: Config) {
        let events = watcher(api, config).default_backoff().modify(trim);
        watch::follow(events, |event| self.apply(event)).await;
    }

    /// Takes one event in. After an interruption, what is gone is told of as well.
    pub fn apply(&mut self, event: Event<K>) {
        let before = match &event {
            Event::Init => {
                self.before = index(&self.store);
                None
            }
            Event::Apply(object) | Event::Delete(object) => self.store.get(&ObjectRef::from_obj(object)),
            Event::InitApply(_) | Event::InitDone => None,
        };
        self.writer.apply_watcher_event(&event);
        match event {
            Event::Apply(object) => self.told(before.as_deref(), &object, false),
            Event::Delete(object) => self.told(before.as_deref(), &object, true),
            Event::InitDone => {
                let mut before = std::mem::take(&mut self.before);
                for (key, object) in index(&self.store) {
                    self.told(before.remove(&key).as_deref(), &object, false);
                }
                for gone in before.values() {
                    self.told(Some(gone), gone, true);
                }
            }
            Event::Init | Event::InitApply(_) => {}
        }
    }

    fn told(&self, before: Option<&K>, object: &K, is_gone: bool) {
        let change = Change { before, object, is_gone };
        self.listeners.iter().for_each(|listener| listener(&change));
    }
}

fn index<K>(store: &Store<K>) -> HashMap<ObjectRef<K>, Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
    ObjectRef<K>: Hash + Eq,
{
    store.state().into_iter().map(|object| (ObjectRef::from_obj(object.as_ref()), object)).collect()
}

/// What is kept of an object in memory.
fn trim<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
    object.annotations_mut().remove(LAST_APPLIED);
}
