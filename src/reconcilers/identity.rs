//! Namespace, name and UID of an object, taken once at the start of a reconcile.

use kube::Resource;
use kube::runtime::reflector::ObjectRef;

/// A namespace and a name.
pub type NamespacedName = (String, String);

/// Namespace, name and UID of an object.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Empty for a cluster-wide object.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The UID, which tells the object from a later one of the same name.
    pub uid: String,
}

impl Identity {
    /// The identity of an object that the API server has stored.
    pub fn of(object: &impl Resource) -> Self {
        let name = object.meta().name.clone().unwrap_or_default();
        Self { namespace: namespace(object).to_owned(), name, uid: uid(object).to_owned() }
    }
}

/// A reference to an object of this name, in a namespace or cluster-wide.
pub fn reference<K: Resource<DynamicType = ()>>(name: &str, namespace: Option<&str>) -> ObjectRef<K> {
    let reference = ObjectRef::new(name);
    match namespace {
        Some(namespace) => reference.within(namespace),
        None => reference,
    }
}

/// The UID of an object that the API server has stored.
pub fn uid(object: &impl Resource) -> &str {
    object.meta().uid.as_deref().unwrap_or_default()
}

/// The namespace of an object; empty if it is cluster-wide.
pub fn namespace(object: &impl Resource) -> &str {
    object.meta().namespace.as_deref().unwrap_or_default()
}
