//! What is remembered of an object while the operator runs, by the object's UID?

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One value for each object, in memory only: a restart loses it, which costs no more than time.
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

    /// Remembers a value, or forgets it.
    pub fn set(&self, uid: &str, value: Option<T>) {
        match value {
            Some(value) => self.lock().insert(uid.to_owned(), value),
            None => self.lock().remove(uid),
        };
    }

    /// Remembers a value; returns what it was before.
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
