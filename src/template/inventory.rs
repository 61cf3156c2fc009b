//! What was applied for an instance, and what is to be deleted?
//!
//! The broker keeps an inventory in each instance's record. Before it applies objects, it adds them, so that nothing is
//! lost if it stops half way. A `PersistentVolumeClaim` holds the user's data: no update deletes it, and it goes last.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::object::{api_version, group, kind, name, namespace};

/// An object of an instance.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// API version by which it was applied.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name of the kind in URLs, for example `deployments`.
    pub resource: String,
    /// Namespace; empty for a cluster-wide object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID, as soon as it was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

impl fmt::Display for Entry {
    fn fmt(&self, output: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(output, "{} {}", self.kind, self.name)
    }
}

impl Entry {
    /// The entry of an object that is about to be applied. `default_namespace` is for an object that names none.
    pub fn of(object: &Value, resource: &str, default_namespace: &str) -> Self {
        Self {
            api_version: api_version(object).to_owned(),
            kind: kind(object).to_owned(),
            resource: resource.to_owned(),
            namespace: namespace(object).unwrap_or(default_namespace).to_owned(),
            name: name(object).to_owned(),
            uid: None,
        }
    }

    /// Whether both entries are the same object, whose UID may differ. All versions of a group serve the same objects.
    pub fn is_same_object(&self, other: &Self) -> bool {
        group(&self.api_version) == group(&other.api_version)
            && (&self.kind, &self.namespace, &self.name) == (&other.kind, &other.namespace, &other.name)
    }

    /// Whether an object that is about to be applied is of this kind and version.
    pub fn is_of_kind(&self, object: &Value) -> bool {
        self.api_version == api_version(object) && self.kind == kind(object)
    }

    /// Whether the object holds data that only a deprovision may delete.
    pub fn holds_data(&self) -> bool {
        group(&self.api_version).is_empty() && self.kind == "PersistentVolumeClaim"
    }
}

/// The objects of an instance in the order in which they are applied.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(transparent)]
pub struct Inventory {
    entries: Vec<Entry>,
}

impl Inventory {
    /// The entries in the order in which they are applied.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The inventory before new objects are applied: they first, then what else there is. Known UIDs are kept.
    #[must_use]
    pub fn with(&self, new: Vec<Entry>) -> Self {
        let mut entries = new;
        for old in &self.entries {
            match entries.iter_mut().find(|entry| entry.is_same_object(old)) {
                Some(entry) => entry.uid = entry.uid.take().or_else(|| old.uid.clone()),
                None => entries.push(old.clone()),
            }
        }
        Self { entries }
    }

    /// Notes the UID of an applied object.
    pub fn set_uid(&mut self, applied: &Entry, uid: &str) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.is_same_object(applied)) {
            entry.uid = Some(uid.to_owned());
        }
    }

    /// The entries that an update to these objects deletes, last applied first.
    pub fn pruned_by(&self, new: &[Entry]) -> Vec<&Entry> {
        let is_pruned =
            |entry: &&Entry| !entry.holds_data() && !new.iter().any(|other| other.is_same_object(entry));
        self.entries.iter().rev().filter(is_pruned).collect()
    }

    /// Removes the entry of an object that is deleted.
    pub fn remove(&mut self, deleted: &Entry) {
        self.entries.retain(|entry| !entry.is_same_object(deleted));
    }

    /// All entries in the order of deletion: last applied first, and what holds data at the end.
    pub fn deletion_order(&self) -> Vec<&Entry> {
        let mut order: Vec<_> = self.entries.iter().rev().collect();
        order.sort_by_key(|entry| entry.holds_data());
        order
    }
}

/// The order in which objects are applied: those that others need first, else the template's.
pub(super) fn apply_order(mut objects: Vec<Value>) -> Vec<Value> {
    const FIRST: [&str; 5] = ["Namespace", "ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim"];
    objects.sort_by_key(|object| {
        let position = FIRST.iter().position(|first| *first == kind(object));
        position.filter(|_| api_version(object) == "v1").unwrap_or(FIRST.len())
    });
    objects
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(kind: &str, name: &str) -> Entry {
        let api_version = if kind == "Deployment" { "apps/v1" } else { "v1" };
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
        Entry::of(&object, &format!("{}s", kind.to_lowercase()), "shop")
    }

    fn inventory(entries: &[(&str, &str)]) -> Inventory {
        Inventory::default().with(entries.iter().map(|(kind, name)| entry(kind, name)).collect())
    }

    fn names<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<&'a str> {
        entries.into_iter().map(|entry| &entry.name[..]).collect()
    }

    #[test]
    fn what_others_need_is_applied_first() {
        let objects =
            ["Deployment", "PersistentVolumeClaim", "Service", "Secret", "ServiceAccount", "ConfigMap"];
        let objects = objects.map(|kind| json!({"apiVersion": "v1", "kind": kind}));
        let order = apply_order(objects.to_vec());
        let order: Vec<_> = order.iter().map(kind).collect();
        let expected =
            ["ServiceAccount", "Secret", "ConfigMap", "PersistentVolumeClaim", "Deployment", "Service"];
        assert_eq!(order, expected);
    }

    #[test]
    fn nothing_is_lost_when_new_objects_are_added() {
        let mut old = inventory(&[("Secret", "a"), ("Deployment", "b"), ("PersistentVolumeClaim", "p")]);
        old.set_uid(&entry("Deployment", "b"), "u-1");
        let new = vec![entry("Secret", "c"), entry("Deployment", "b")];
        let both = old.with(new);
        assert_eq!(names(both.entries()), ["c", "b", "a", "p"]);
        assert_eq!(both.entries()[1].uid.as_deref(), Some("u-1"));
        assert_eq!(both.with(Vec::new()), both);
    }

    #[test]
    fn an_update_prunes_all_but_data() {
        let mut old = inventory(&[
            ("PersistentVolumeClaim", "p"),
            ("Secret", "a"),
            ("Deployment", "b"),
            ("Secret", "c"),
        ]);
        let new = vec![entry("Secret", "a")];
        assert_eq!(names(old.pruned_by(&new)), ["c", "b"]);
        old.remove(&entry("Deployment", "b"));
        assert_eq!(names(old.entries()), ["p", "a", "c"]);
    }

    #[test]
    fn another_version_is_the_same_object() {
        let mut newer = entry("Deployment", "b");
        newer.api_version = "apps/v2".to_owned();
        assert!(inventory(&[("Deployment", "b")]).pruned_by(&[newer.clone()]).is_empty());
        newer.api_version = "other/v1".to_owned();
        assert_eq!(inventory(&[("Deployment", "b")]).pruned_by(&[newer]).len(), 1);
    }

    #[test]
    fn data_is_deleted_last() {
        let all = inventory(&[("PersistentVolumeClaim", "p"), ("Secret", "a"), ("Deployment", "b")]);
        assert_eq!(names(all.deletion_order()), ["b", "a", "p"]);
    }

    #[test]
    fn a_stored_inventory_is_read_again() {
        let all = inventory(&[("PersistentVolumeClaim", "p"), ("Deployment", "b")]);
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Inventory>(&text).unwrap(), all);
        assert!(
            text.contains(r#""apiVersion":"apps/v1","kind":"Deployment","resource":"deployments","#),
            "{text}"
        );
    }

    #[test]
    fn a_namespace_of_the_object_comes_first() {
        let object =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "own"}});
        assert_eq!(Entry::of(&object, "secrets", "shop").namespace, "own");
    }
}
