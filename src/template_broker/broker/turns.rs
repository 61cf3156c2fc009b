//! Which requests wait for each other? Those about one instance: a poll must not go on with what a deletion has begun to
//! remove. Between replicas the resourceVersion of the record decides.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use tokio::sync::{Mutex, MutexGuard};

/// How many instances can have a turn at once, at most. Two may share a place, and wait for each other then.
const PLACES: usize = 64;

/// The places. Each is free, or held by a request.
pub struct Turns([Mutex<()>; PLACES]);

impl Default for Turns {
    fn default() -> Self {
        Self([const { Mutex::const_new(()) }; PLACES])
    }
}

impl Turns {
    /// Waits until no other request about this instance is being processed.
    pub async fn take(&self, instance_id: &str) -> MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(instance_id);
        let place = usize::try_from(hash).unwrap_or_default() % PLACES;
        let [first, ..] = &self.0;
        self.0.get(place).unwrap_or(first).lock().await
    }
}
