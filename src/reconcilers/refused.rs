//! The namespaces in which the API server refuses to list something that the operator watches.
//!
//! In a few namespaces, each has a Role for the operator, and an admin of the namespace can change it. A list that is refused
//! must not keep the other namespaces from being served, so it counts as empty (`watch::follow`). The caches of that
//! namespace then lack objects, and a decision might be wrong: a broker might seem to have no instances. Therefore nothing is
//! reconciled in such a namespace until everything in it is listed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::{info, warn};

/// The namespaces in which lists are refused.
#[derive(Default)]
pub struct Refused {
    /// What is refused in each namespace. No set is empty.
    lists: Mutex<BTreeMap<String, BTreeSet<String>>>,
    on_served: OnceLock<OnServed>,
}

/// Called with the name of a namespace that is served from now on.
type OnServed = Box<dyn Fn(&str) + Send + Sync>;

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refused").field(&self.lists).finish()
    }
}

impl Refused {
    /// Sets what happens when a namespace is served again: its objects are requeued.
    pub fn on_served(&self, requeue: impl Fn(&str) + Send + Sync + 'static) {
        // The operator is wired once.
        let _ = self.on_served.set(Box::new(requeue));
    }

    /// The API server refuses to list this in a namespace.
    pub fn refuse(&self, namespace: &str, list: &str) {
        let mut lists = self.lock();
        let is_new = !lists.contains_key(namespace);
        lists.entry(namespace.to_owned()).or_default().insert(list.to_owned());
        drop(lists);
        if is_new {
            warn!(
                namespace,
                list, "no permissions in the namespace; its objects are not reconciled until it has them"
            );
        }
    }

    /// This was listed in a namespace.
    pub fn grant(&self, namespace: &str, list: &str) {
        let mut lists = self.lock();
        let Some(refused) = lists.get_mut(namespace) else { return };
        refused.remove(list);
        if !refused.is_empty() {
            return;
        }
        lists.remove(namespace);
        drop(lists);
        info!(namespace, "permissions were granted; reconciling the namespace");
        if let Some(requeue) = self.on_served.get() {
            requeue(namespace);
        }
    }

    /// Whether something is refused in this namespace.
    pub fn contains(&self, namespace: &str) -> bool {
        self.lock().contains_key(namespace)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<String>>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_namespace_is_served_once_all_of_it_is_listed() {
        let refused = Refused::default();
        let served = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&served);
        refused.on_served(move |namespace| record.lock().unwrap().push(namespace.to_owned()));
        refused.grant("a", "ServiceInstance");
        for list in ["ServiceInstance", "Secret", "Secret"] {
            refused.refuse("a", list);
        }
        assert_eq!(["a", "b"].map(|namespace| refused.contains(namespace)), [true, false]);
        refused.grant("a", "Secret");
        assert!(refused.contains("a") && served.lock().unwrap().is_empty());
        refused.grant("a", "ServiceInstance");
        assert!(!refused.contains("a"));
        assert_eq!(*served.lock().unwrap(), ["a"]);
    }
}
