//! Which objects have a key in common? An index, fed by the watches, so that nothing walks over all objects.
//!
//! It keeps a hash of each key. The keys of an object are added before the cache has it, and removed after the cache has
//! another version: what is searched for in between is found, and sorted out by those who look at the object.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hash};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The namespace, unless it is cluster-wide, and the name of an object.
pub type Name = (Option<String>, String);

/// The names of objects by their keys.
pub struct Index<Key> {
    hasher: RandomState,
    /// No set is empty.
    by_hash: Mutex<HashMap<u64, HashSet<Arc<Name>>>>,
    keys: PhantomData<fn(Key)>,
}

impl<Key> Default for Index<Key> {
    fn default() -> Self {
        Self { hasher: RandomState::new(), by_hash: Mutex::default(), keys: PhantomData }
    }
}

impl<Key: Hash> Index<Key> {
    /// The object will have these keys.
    pub fn add(&self, name: Name, keys: Vec<Key>) {
        let name = Arc::new(name);
        let mut by_hash = self.lock();
        for key in keys {
            by_hash.entry(self.hasher.hash_one(key)).or_default().insert(Arc::clone(&name));
        }
    }

    /// The object had these keys, and now has only those, which were [added](Self::add).
    pub fn remove(&self, name: &Name, former: Vec<Key>, present: Vec<Key>) {
        let hashes = |keys: Vec<Key>| keys.into_iter().map(|key| self.hasher.hash_one(key)).collect();
        let (former, present): (HashSet<u64>, HashSet<u64>) = (hashes(former), hashes(present));
        let mut by_hash = self.lock();
        for hash in former.difference(&present) {
            if let Some(found) = by_hash.get_mut(hash) {
                found.remove(name);
                if found.is_empty() {
                    by_hash.remove(hash);
                }
            }
        }
    }

    /// The objects that have this key, and perhaps others: keys may have the same hash.
    pub fn of(&self, key: &Key) -> Vec<Arc<Name>> {
        self.lock().get(&self.hasher.hash_one(key)).into_iter().flatten().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, HashSet<Arc<Name>>>> {
        self.by_hash.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever happens, in whatever order, the index finds what a walk finds, and forgets what is gone.
        #[test]
        fn it_finds_what_a_walk_finds(
            changes in prop::collection::vec((0..4_u8, prop::collection::vec(0..4_u8, 0..3)), 0..40),
        ) {
            let index = Index::default();
            let mut objects: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
            let named = |name: u8| (Some("ns".to_owned()), name.to_string());
            for (name, keys) in changes {
                let former = objects.insert(name, keys.clone()).unwrap_or_default();
                index.add(named(name), keys.clone());
                index.remove(&named(name), former, keys);
                for key in 0..4 {
                    let mut found: Vec<Name> = index.of(&key).iter().map(|name| name.as_ref().clone()).collect();
                    found.sort();
                    let walked = objects.iter().filter(|(_, keys)| keys.contains(&key));
                    prop_assert_eq!(found, walked.map(|(name, _)| named(*name)).collect::<Vec<_>>());
                }
            }
            for (name, keys) in objects {
                index.remove(&named(name), keys, Vec::new());
            }
            prop_assert!(index.lock().is_empty());
        }
    }
}
