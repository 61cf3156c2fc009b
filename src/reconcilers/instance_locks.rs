//! One lock for each instance: a broker gets one request at a time that changes the instance or its bindings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// The locks that are held or waited for.
#[derive(Debug, Default)]
pub struct InstanceLocks(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl InstanceLocks {
    /// Waits until no other reconcile changes the instance.
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
