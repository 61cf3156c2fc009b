//! The one watch of a kind. It fills a cache and notifies its listeners of each change, as an informer does.

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

/// The annotation in which kubectl stores a copy of the object. The operator does not need it, and it is as large as
/// the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A change of an object, as a watch delivered it.
pub struct Change<'a, K> {
    /// The previous version in the cache; `None` for a new object.
    pub before: Option<&'a K>,
    /// The current version; the last one if the object is gone.
    pub object: &'a K,
    /// Whether the object is gone.
    pub is_gone: bool,
}

/// Called for every object that appeared, changed or is gone.
pub type Listener<K> = Box<dyn Fn(&Change<'_, K>) + Send + Sync>;

/// The watch of a kind, with the cache that it fills and the listeners that it notifies.
pub struct Feed<K: Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<K>,
    writer: Writer<K>,
    listeners: Vec<Listener<K>>,
    /// The cache at the start of the list in progress, while a watch restarts.
    before: HashMap<ObjectRef<K>, Arc<K>>,
}

impl<K> Feed<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// A feed, and the empty cache that it fills.
    pub fn new() -> (Self, Store<K>) {
        let (store, writer) = store();
        (Self { store: store.clone(), writer, listeners: Vec::new(), before: HashMap::new() }, store)
    }

    /// Adds listeners.
    pub fn add_listeners(&mut self, listeners: impl IntoIterator<Item = Listener<K>>) {
        self.listeners.extend(listeners);
    }

    /// Watches the collection forever.
    pub async fn follow(mut self, api: Api<K>, config: Config) {
        let events = watcher(api, config).default_backoff().modify(trim);
        watch::follow(events, |event| self.apply(event)).await;
    }

    /// Applies an event. After an interruption, listeners are also notified of objects that were deleted meanwhile.
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
            Event::Apply(object) => self.notify(before.as_deref(), &object, false),
            Event::Delete(object) => self.notify(before.as_deref(), &object, true),
            Event::InitDone => {
                let mut before = std::mem::take(&mut self.before);
                for (key, object) in index(&self.store) {
                    self.notify(before.remove(&key).as_deref(), &object, false);
                }
                for gone in before.values() {
                    self.notify(Some(gone), gone, true);
                }
            }
            Event::Init | Event::InitApply(_) => {}
        }
    }

    fn notify(&self, before: Option<&K>, object: &K, is_gone: bool) {
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

/// Removes what need not be kept in memory.
fn trim<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
    object.annotations_mut().remove(LAST_APPLIED);
}
