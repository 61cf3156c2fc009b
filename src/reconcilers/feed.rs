//! One watch of a kind for everyone who wants to know: it fills a store, and wakes those whom a change concerns.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use futures::{StreamExt as _, pin_mut};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store, store};
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tracing::warn;

/// The annotation in which kubectl keeps a copy of the object: of no use to us, and as large as the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Told of every object that appeared, changed or went.
pub type Listener<K> = Box<dyn Fn(&K) + Send + Sync>;

/// The writing end of a store, before its watch has begun.
pub struct Feed<K: Resource<DynamicType = ()> + Clone + 'static> {
    store: Store<K>,
    writer: Writer<K>,
}

impl<K> Feed<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// An empty store.
    pub fn new() -> (Self, Store<K>) {
        let (store, writer) = store();
        (Self { store: store.clone(), writer }, store)
    }

    /// Follows the collection for ever.
    pub async fn follow(self, api: Api<K>, config: Config, listeners: Vec<Listener<K>>) {
        let Self { store, mut writer } = self;
        let events = watcher(api, config).default_backoff().modify(trim);
        pin_mut!(events);
        let mut before = HashMap::new();
        let tell = |object: &K| listeners.iter().for_each(|listener| listener(object));
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                Err(error) => {
                    warn!(kind = %K::kind(&()), %error, "the watch was interrupted and begins anew");
                    continue;
                }
            };
            if matches!(event, Event::Init) {
                before = index(&store);
            }
            writer.apply_watcher_event(&event);
            match event {
                Event::Apply(object) | Event::Delete(object) => tell(&object),
                Event::InitDone => {
                    let after = index(&store);
                    after.values().map(Arc::as_ref).for_each(tell);
                    before.extract_if(|key, _| !after.contains_key(key)).for_each(|(_, gone)| tell(&gone));
                    before = HashMap::new();
                }
                Event::Init | Event::InitApply(_) => {}
            }
        }
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
