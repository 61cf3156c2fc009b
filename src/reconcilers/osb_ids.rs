//! Which object has which id at its broker? An index of the ids of all objects of a kind (`domain::osb_id`), fed by the
//! watch, so that a reconcile looks up one id and walks no store.
//!
//! An id belongs to one object. Two reconciles that want the same one at the same time are told apart by
//! [`OsbIds::claim`], which comes before the intent is written: the second fails, and finds the id taken when it
//! observes again. A claim is in memory only. It lasts until the watch shows the intent, or the object is gone; after a
//! restart the intents in the statuses are what counts.
//!
//! Only hashes are kept: 32 bytes for each id.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::runtime::reflector::ObjectRef;
use uuid::Uuid;

use crate::domain::osb_id::{HasOsbIds, Standing};
use crate::reconcilers::identity::uid;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::queue::Queue;

/// An id, and the UID of an object: the hash of each.
type Entry = (u128, u128);

/// The ids of all objects of a kind.
pub struct OsbIds<K: Kind> {
    queue: Queue<K>,
    index: Mutex<Index<K>>,
}

struct Index<K: Kind> {
    /// The ids of each object, as the watch has delivered them.
    held: BTreeMap<Entry, Standing>,
    /// Ids whose intent is being written.
    claimed: BTreeSet<Entry>,
    /// The objects whose next id another object has.
    waiting: BTreeMap<Entry, ObjectRef<K>>,
}

impl<K: Kind + HasOsbIds> OsbIds<K> {
    /// No ids yet. An object that waits for an id is requeued when it is free.
    pub fn new(queue: Queue<K>) -> Self {
        let (held, claimed, waiting) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { queue, index: Mutex::new(Index { held, claimed, waiting }) }
    }

    /// Applies a change that the watch has delivered. After an interruption it may deliver no deletion but only a new
    /// object of the same name, so a changed UID means that the former object is gone.
    pub fn observe(&self, before: Option<&K>, object: &K, is_gone: bool) {
        let mut released: Vec<Entry> =
            before.map(entries).into_iter().flatten().map(|(entry, _)| entry).collect();
        let mut index = self.lock();
        for entry in &released {
            index.held.remove(entry);
        }
        let former = if is_gone { before.or(Some(object)) } else { before };
        if let Some(former) = former.filter(|former| is_gone || uid(*former) != uid(object)) {
            released.extend(index.forget(hash(uid(former))));
        }
        if !is_gone {
            for (entry, standing) in entries(object) {
                index.claimed.remove(&entry);
                index.hold(entry, standing);
            }
        }
        for entry in released.into_iter().filter(|entry| !index.held.contains_key(entry)) {
            for waiting in index.waiting.range(of_id(entry.0)) {
                self.queue.requeue(waiting.1.clone());
            }
        }
    }

    /// Whether another object has the id that the next creation of this one would use. If so, the object is requeued
    /// when that id is free.
    pub fn is_taken(&self, object: &K) -> bool {
        let Some(id) = object.next_id() else { return false };
        let own @ (id, own_uid) = (hash(&id), hash(uid(object)));
        let mut index = self.lock();
        let has_requested = index.held.contains_key(&own);
        let is_claimed = index.claimed.range(of_id(id)).any(|(_, other)| *other != own_uid);
        let is_taken = is_claimed
            || index.held.range(of_id(id)).any(|((_, other), standing)| {
                *other != own_uid && (*standing == Standing::Firm || !has_requested || *other < own_uid)
            });
        if is_taken {
            index.waiting.insert(own, ObjectRef::from_obj(object));
        } else {
            index.waiting.remove(&own);
        }
        is_taken
    }

    /// Claims the ids of a status that is about to be written; false if another object has one that this object does
    /// not have yet.
    pub fn claim(&self, object: &K, status: &K::Status) -> bool {
        let uid = hash(uid(object));
        let mut index = self.lock();
        let new: Vec<Entry> = object
            .ids_of(status)
            .into_iter()
            .map(|(id, _)| (hash(id), uid))
            .filter(|entry| !index.held.contains_key(entry) && !index.claimed.contains(entry))
            .collect();
        let is_free = |(id, _): &Entry| {
            index.held.range(of_id(*id)).next().is_none() && index.claimed.range(of_id(*id)).next().is_none()
        };
        let are_free = new.iter().all(is_free);
        if are_free {
            index.claimed.extend(new);
        }
        are_free
    }

    fn lock(&self) -> MutexGuard<'_, Index<K>> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Kind> Index<K> {
    /// Forgets an object that is gone; returns its claims.
    fn forget(&mut self, uid: u128) -> Vec<Entry> {
        self.waiting.retain(|(_, waiting), _| *waiting != uid);
        let claims: Vec<Entry> = self.claimed.iter().copied().filter(|(_, holder)| *holder == uid).collect();
        self.claimed.retain(|(_, holder)| *holder != uid);
        claims
    }

    /// An orphan may have the id of the current attempt as well: the firmer standing counts.
    fn hold(&mut self, entry: Entry, standing: Standing) {
        let held = self.held.entry(entry).or_insert(standing);
        *held = standing.max(*held);
    }
}

fn entries<K: Kind + HasOsbIds>(object: &K) -> Vec<(Entry, Standing)> {
    let uid = hash(uid(object));
    object.ids().into_iter().map(|(id, standing)| ((hash(id), uid), standing)).collect()
}

/// All entries of an id.
fn of_id(id: u128) -> RangeInclusive<Entry> {
    (id, u128::MIN)..=(id, u128::MAX)
}

fn hash(text: &str) -> u128 {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).as_u128()
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _};
    use serde_json::{Value, json};

    use super::*;
    use crate::crd::ServiceInstance;

    fn instance(name: &str, status: &Value) -> ServiceInstance {
        serde_json::from_value(json!({
            "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance",
            "metadata": {"name": name, "namespace": name, "uid": name},
            "spec": {"externalID": "id"}, "status": status,
        }))
        .unwrap()
    }

    fn requested() -> Value {
        json!({"conditions": [], "currentOperation": "Provision", "instanceID": "id", "inProgressProperties": {}})
    }

    fn confirmed() -> Value {
        json!({"conditions": [], "instanceID": "id", "externalProperties": {}})
    }

    fn orphaned() -> Value {
        json!({"conditions": [], "instanceID": "another", "orphans": [{"id": "id"}]})
    }

    /// Of service-catalog: the id is in the spec only.
    fn stored() -> Value {
        json!({"conditions": [], "provisionStatus": "Provisioned", "deprovisionStatus": "Required"})
    }

    #[test]
    fn an_id_belongs_to_the_object_that_has_it_or_is_about_to() {
        for status in [requested(), confirmed(), orphaned(), stored()] {
            let (queue, mut requeued) = Queue::new();
            let ids = OsbIds::new(queue);
            let (first, second) = (instance("first", &status), instance("second", &Value::Null));
            assert!(!ids.is_taken(&second));
            ids.observe(None, &first, false);
            assert!(ids.is_taken(&second), "{status}");
            assert!(
                !ids.claim(&second, instance("second", &requested()).status.as_ref().unwrap()),
                "{status}"
            );
            // Its own id is not taken, whatever it does with it.
            assert!(!ids.is_taken(&instance("first", &requested())), "{status}");
            assert!(ids.claim(&first, first.status.as_ref().unwrap()), "{status}");
            assert_eq!(requeued.next().now_or_never(), None);
            ids.observe(Some(&first), &first, true);
            assert!(!ids.is_taken(&second), "{status}");
            assert_eq!(requeued.next().now_or_never().flatten().unwrap().name, "second");
        }
    }

    /// Two objects are created at the same time. Seen to fail without `claim`: both would find the id free.
    #[test]
    fn of_two_objects_only_one_can_claim_an_id() {
        let (queue, mut requeued) = Queue::new();
        let ids = OsbIds::new(queue);
        let (first, second) = (instance("first", &Value::Null), instance("second", &Value::Null));
        let intent = instance("any", &requested()).status.unwrap();
        assert!(!ids.is_taken(&first) && !ids.is_taken(&second));
        assert!(ids.claim(&first, &intent) && ids.claim(&first, &intent));
        assert!(!ids.claim(&second, &intent) && ids.is_taken(&second));
        // An event from before the claim does not release it, and the intent takes its place.
        ids.observe(None, &first, false);
        assert!(ids.is_taken(&second));
        let written = instance("first", &requested());
        ids.observe(Some(&first), &written, false);
        assert!(ids.is_taken(&second));
        // The first object gives the id up.
        ids.observe(Some(&written), &first, false);
        assert!(!ids.is_taken(&second));
        assert_eq!(requeued.next().now_or_never().flatten().unwrap().name, "second");
    }

    /// The watch may miss the intent, and even the deletion of the object that wrote it.
    #[test]
    fn a_claim_ends_with_its_object() {
        for is_gone in [true, false] {
            let (queue, mut requeued) = Queue::new();
            let ids = OsbIds::new(queue);
            let (first, second) = (instance("first", &Value::Null), instance("second", &Value::Null));
            ids.observe(None, &first, false);
            assert!(ids.claim(&first, &instance("any", &requested()).status.unwrap()));
            assert!(ids.is_taken(&second));
            let mut next = first.clone();
            if !is_gone {
                next.metadata.uid = Some("a new object of the same name".to_owned());
            }
            ids.observe(Some(&first), &next, is_gone);
            assert_eq!(requeued.next().now_or_never().flatten().unwrap().name, "second");
            assert!(!ids.is_taken(&second));
        }
    }

    /// The delayed write of a former leader can give two objects one id.
    #[test]
    fn of_two_objects_with_one_id_only_one_may_call_the_broker() {
        let (queue, _requeued) = Queue::new();
        let ids = OsbIds::new(queue);
        let objects = ["first", "second"].map(|name| instance(name, &requested()));
        for object in &objects {
            ids.observe(None, object, false);
        }
        let taken = objects.each_ref().map(|object| ids.is_taken(object));
        assert!(taken == [true, false] || taken == [false, true], "{taken:?}");
        // The broker has confirmed the one that waits.
        let [waiting, calling] = if taken[0] {
            objects
        } else {
            let [a, b] = objects;
            [b, a]
        };
        let confirmed = instance(waiting.metadata.name.as_deref().unwrap(), &confirmed());
        ids.observe(Some(&waiting), &confirmed, false);
        assert!(ids.is_taken(&calling));
    }
}
