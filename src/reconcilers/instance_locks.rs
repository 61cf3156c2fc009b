//! One lock for each instance, so that at most one call in flight changes the instance or its bindings: brokers reject
//! concurrent operations (OSB, “Blocking Operations”, `ConcurrencyError`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// The locks that a call holds or waits for.
#[derive(Debug, Default)]
pub struct InstanceLocks(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl InstanceLocks {
    /// Waits until no other reconcile has a changing call for the instance in flight.
    pub async fn lock(&self, namespace: &str, instance: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let slot = locks.entry(format!("{namespace}/{instance}")).or_default();
            slot.upgrade().unwrap_or_else(|| {
                let lock = Arc::default();
                *slot = Arc::downgrade(&lock);
                lock
            })
        };
        lock.lock_owned().await
    }
}
