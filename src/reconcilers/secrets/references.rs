//! Which objects refer to which of the users' Secrets? An index, so that a change of a Secret finds them at once.
//!
//! An entry costs a few hundred bytes, whether its Secret exists or not, so a namespace has a limit: it is charged for
//! the references of its own objects, and cannot use up what others need.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::reconcilers::error::Explained;
use crate::reconcilers::identity::NamespacedName;

/// How many Secrets an object may refer to.
pub(super) const MAX_PER_OBJECT: usize = 64;
/// How many references the objects of a namespace may have in all.
pub(super) const MAX_PER_NAMESPACE: usize = 1000;

/// Requeues an object.
pub(super) type Requeue = Arc<dyn Fn() + Send + Sync>;

/// An object that refers to Secrets.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// Its UID.
    pub uid: &'a str,
    /// Its namespace, which is charged. Cluster-wide objects are made by administrators and have no limit.
    pub namespace: Option<&'a str>,
}

/// The references.
#[derive(Default)]
pub(super) struct References {
    /// The users of each Secret, by UID.
    users: HashMap<NamespacedName, HashMap<String, Requeue>>,
    /// The Secrets of each user; none if a limit has refused them.
    secrets: HashMap<String, Held>,
    /// What is charged to each namespace.
    namespaces: HashMap<String, Account>,
}

struct Held {
    secrets: BTreeSet<NamespacedName>,
    namespace: Option<String>,
}

#[derive(Default)]
struct Account {
    references: usize,
    /// The users that the limit has refused, with the references that each needs.
    refused: HashMap<String, (usize, Requeue)>,
}

impl Account {
    /// Requeues refused users for which there is room now.
    fn requeue_fitting(&self) {
        let mut room = MAX_PER_NAMESPACE - self.references;
        for (needed, requeue) in self.refused.values() {
            if let Some(left) = room.checked_sub(*needed) {
                room = left;
                requeue();
            }
        }
    }
}

impl References {
    /// Makes exactly these Secrets those of the user. If a limit is reached, the user has none, and the error says so; it
    /// is requeued when there is room.
    pub(super) fn set(
        &mut self,
        user: User<'_>,
        secrets: &BTreeSet<NamespacedName>,
        requeue: &Requeue,
    ) -> Explained<()> {
        if self.secrets.get(user.uid).is_some_and(|held| held.secrets == *secrets) {
            return Ok(());
        }
        self.forget(user.uid);
        if secrets.is_empty() {
            return Ok(());
        }
        if secrets.len() > MAX_PER_OBJECT {
            let count = secrets.len();
            return Err(format!(
                "the object refers to {count} Secrets, and the limit is {MAX_PER_OBJECT}: put the values into fewer \
                 Secrets"
            ));
        }
        if let Some(namespace) = user.namespace {
            let account = self.namespaces.entry(namespace.to_owned()).or_default();
            if account.references + secrets.len() > MAX_PER_NAMESPACE {
                account.refused.insert(user.uid.to_owned(), (secrets.len(), Arc::clone(requeue)));
                let held = Held { secrets: BTreeSet::new(), namespace: user.namespace.map(str::to_owned) };
                self.secrets.insert(user.uid.to_owned(), held);
                return Err(format!(
                    "the objects of the namespace {namespace:?} refer to {MAX_PER_NAMESPACE} Secrets, which is the \
                     limit: delete objects, or put the values into fewer Secrets. The operator then retries"
                ));
            }
            account.references += secrets.len();
        }
        for secret in secrets {
            let users = self.users.entry(secret.clone()).or_default();
            users.insert(user.uid.to_owned(), Arc::clone(requeue));
        }
        let held = Held { secrets: secrets.clone(), namespace: user.namespace.map(str::to_owned) };
        self.secrets.insert(user.uid.to_owned(), held);
        Ok(())
    }

    /// Forgets a user, and requeues users that its namespace's limit had refused and that fit now.
    pub(super) fn forget(&mut self, uid: &str) {
        let Some(held) = self.secrets.remove(uid) else { return };
        for secret in &held.secrets {
            if let Some(users) = self.users.get_mut(secret) {
                users.remove(uid);
                if users.is_empty() {
                    self.users.remove(secret);
                }
            }
        }
        let Some(namespace) = held.namespace else { return };
        let Some(account) = self.namespaces.get_mut(&namespace) else { return };
        account.refused.remove(uid);
        account.references -= held.secrets.len();
        // A refused user frees nothing. Each retries at each change of its object, so it must not walk over the others.
        if !held.secrets.is_empty() {
            account.requeue_fitting();
        }
        if account.references == 0 && account.refused.is_empty() {
            self.namespaces.remove(&namespace);
        }
    }

    /// Requeues the users of a Secret.
    pub(super) fn requeue(&self, secret: &NamespacedName) {
        self.users.get(secret).into_iter().flatten().for_each(|(_, requeue)| requeue());
    }

    /// Requeues all users of Secrets.
    pub(super) fn requeue_all(&self) {
        self.users.values().flatten().for_each(|(_, requeue)| requeue());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// How often each object was requeued.
    #[derive(Default)]
    struct Requeues(HashMap<String, Arc<AtomicUsize>>);

    impl Requeues {
        fn of(&mut self, uid: &str) -> Requeue {
            let count = Arc::clone(self.0.entry(uid.to_owned()).or_default());
            Arc::new(move || {
                count.fetch_add(1, Ordering::Relaxed);
            })
        }

        fn take(&self) -> Vec<(&str, usize)> {
            let counts = self.0.iter().map(|(uid, count)| (uid.as_str(), count.swap(0, Ordering::Relaxed)));
            let mut counts: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
            counts.sort_unstable();
            counts
        }
    }

    fn secrets(namespace: &str, names: std::ops::Range<usize>) -> BTreeSet<NamespacedName> {
        names.map(|name| (namespace.to_owned(), format!("s{name}"))).collect()
    }

    fn user<'a>(uid: &'a str, namespace: &'a str) -> User<'a> {
        User { uid, namespace: Some(namespace) }
    }

    #[test]
    fn a_change_requeues_exactly_the_objects_that_refer_to_the_secret() {
        let (mut references, mut requeues) = (References::default(), Requeues::default());
        references.set(user("a", "t1"), &secrets("t1", 0..2), &requeues.of("a")).unwrap();
        references.set(user("b", "t1"), &secrets("t1", 1..3), &requeues.of("b")).unwrap();
        references.set(user("c", "t2"), &secrets("t2", 1..3), &requeues.of("c")).unwrap();
        let secret = |name: &str| ("t1".to_owned(), name.to_owned());
        references.requeue(&secret("s1"));
        assert_eq!(requeues.take(), [("a", 1), ("b", 1)]);
        references.requeue(&secret("foreign"));
        assert_eq!(requeues.take(), []);
        references.set(user("a", "t1"), &secrets("t1", 0..1), &requeues.of("a")).unwrap();
        references.requeue(&secret("s1"));
        assert_eq!(requeues.take(), [("b", 1)]);
        references.forget("b");
        references.requeue(&secret("s1"));
        references.requeue_all();
        assert_eq!(requeues.take(), [("a", 1), ("c", 2)]);
    }

    /// Without the charge all are accepted. If a freed reference requeued nothing, the refused object would wait for ever.
    #[test]
    fn a_namespace_at_its_limit_is_told_and_takes_nothing_from_others() {
        let (mut references, mut requeues) = (References::default(), Requeues::default());
        let refused =
            references.set(user("x", "t1"), &secrets("t1", 0..2000), &requeues.of("x")).unwrap_err();
        assert!(refused.contains("2000 Secrets, and the limit is 64"), "{refused}");

        let uids: Vec<String> = (0..20).map(|index| format!("u{index}")).collect();
        let mut set = |uid: &str, namespace: &str, count| {
            references.set(user(uid, namespace), &secrets(namespace, 0..count), &requeues.of(uid))
        };
        let accepted = uids.iter().filter(|uid| set(uid, "t1", 64).is_ok()).count();
        assert_eq!(accepted, MAX_PER_NAMESPACE / 64);
        set("small", "t1", MAX_PER_NAMESPACE % 64).unwrap();
        let message = set("last", "t1", 1).unwrap_err();
        assert!(message.contains("\"t1\"") && message.contains("delete objects"), "{message}");
        assert_eq!(set("last", "t1", 1), Err(message), "it stays refused");
        set("other", "t2", 64).unwrap();

        references.forget("small");
        assert_eq!(requeues.take(), [("last", 1)], "those that need 64 do not fit");
        references.forget("u0");
        assert_eq!(requeues.take().len(), 2, "one of 64, and the one that is still refused");
        for uid in uids.iter().map(String::as_str).chain(["last", "other", "x"]) {
            references.forget(uid);
        }
        assert!(references.users.is_empty() && references.secrets.is_empty());
        assert!(references.namespaces.is_empty());
    }
}
