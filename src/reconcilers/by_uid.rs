//! A map from the UID of an object to what the operator remembers for it in memory.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One value for each object, in memory only. A restart loses it, which may cost time but must not cost correctness.
#[derive(Debug)]
pub struct ByUid<T>(Mutex<HashMap<String, T>>);

impl<T> Default for ByUid<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> ByUid<T> {
    /// The value of the object with this UID.
    pub fn get(&self, uid: &str) -> Option<T> {
        self.lock().get(uid).cloned()
    }

    /// Stores a value, or removes it.
    pub fn set(&self, uid: &str, value: Option<T>) {
        match value {
            Some(value) => self.lock().insert(uid.to_owned(), value),
            None => self.lock().remove(uid),
        };
    }

    /// Stores a value; returns the previous one.
    pub fn replace(&self, uid: &str, value: T) -> Option<T> {
        self.lock().insert(uid.to_owned(), value)
    }

    /// All values.
    pub fn all(&self) -> Vec<T> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
