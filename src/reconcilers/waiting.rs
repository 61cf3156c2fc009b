//! Objects that wait for something to change, by the keys of what they wait for: a change requeues only those that wait
//! for it, however many others wait.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::Resource;
use kube::runtime::reflector::ObjectRef;

/// The objects of a kind that wait, each for one or several keys.
pub struct Waiting<Key, K: Resource<DynamicType = ()>>(Mutex<Index<Key, K>>);

struct Index<Key, K: Resource<DynamicType = ()>> {
    /// What the object with each UID waits for.
    objects: HashMap<String, (Vec<Key>, ObjectRef<K>)>,
    /// The UIDs of the objects that wait for each key. None is empty.
    by_key: HashMap<Key, HashSet<String>>,
}

impl<Key, K: Resource<DynamicType = ()>> Default for Waiting<Key, K> {
    fn default() -> Self {
        Self(Mutex::new(Index { objects: HashMap::new(), by_key: HashMap::new() }))
    }
}

impl<Key: Clone + Eq + Hash, K: Resource<DynamicType = ()>> Waiting<Key, K> {
    /// Lets the object with this UID wait for these keys, and for no others.
    pub fn wait(&self, uid: &str, keys: Vec<Key>, object: ObjectRef<K>) {
        let mut index = self.lock();
        index.remove(uid);
        for key in &keys {
            index.by_key.entry(key.clone()).or_default().insert(uid.to_owned());
        }
        index.objects.insert(uid.to_owned(), (keys, object));
    }

    /// The object with this UID waits no longer.
    pub fn stop(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// The objects that wait for one of these keys.
    pub fn of(&self, keys: &[Key]) -> Vec<ObjectRef<K>> {
        let index = self.lock();
        let uids = keys.iter().filter_map(|key| index.by_key.get(key)).flatten();
        uids.filter_map(|uid| index.objects.get(uid)).map(|(_, object)| object.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Index<Key, K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Key: Eq + Hash, K: Resource<DynamicType = ()>> Index<Key, K> {
    fn remove(&mut self, uid: &str) {
        let Some((keys, _)) = self.objects.remove(uid) else { return };
        for key in keys {
            if let Some(uids) = self.by_key.get_mut(&key) {
                uids.remove(uid);
                if uids.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Secret;

    use super::*;

    fn names(waiting: &Waiting<&str, Secret>, keys: &[&'static str]) -> Vec<String> {
        let mut names: Vec<String> = waiting.of(keys).into_iter().map(|object| object.name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_change_concerns_only_those_that_wait_for_it() {
        let waiting = Waiting::default();
        for (uid, key) in [("1", "a"), ("2", "a"), ("3", "b"), ("4", "a")] {
            waiting.wait(uid, vec![key], ObjectRef::new(uid));
        }
        assert_eq!(names(&waiting, &["a"]), ["1", "2", "4"]);
        assert_eq!(names(&waiting, &["b", "d"]), ["3"]);
        waiting.wait("2", vec!["b", "c"], ObjectRef::new("2"));
        waiting.stop("1");
        assert_eq!(names(&waiting, &["a"]), ["4"]);
        assert_eq!(names(&waiting, &["b"]), ["2", "3"]);
        assert_eq!(names(&waiting, &["c"]), ["2"]);
        for uid in ["1", "2", "3", "4"] {
            waiting.stop(uid);
        }
        let index = waiting.lock();
        assert!(index.objects.is_empty() && index.by_key.is_empty());
    }
}
