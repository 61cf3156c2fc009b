//! Which writes turn the existing classes and plans into the desired ones?

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;
use kube::core::object::HasStatus;
use serde::Serialize;
use serde_json::Value;

use super::{Desired, Existing, Rejection, Rejections};
use crate::crd::names::escaped;
use crate::crd::role;

#[cfg(test)]
mod tests;

/// One change of a class or of a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<T> {
    /// Create this object.
    Create(T),
    /// Replace the object of this name and resourceVersion.
    Update(T),
    /// The same, then write to the status that the broker offers it again.
    Restore(T),
    /// Write to the status whether the broker has removed it from its catalog.
    Mark {
        /// The object as it was read.
        object: Arc<T>,
        /// The value for `status.removedFromBrokerCatalog`.
        removed: bool,
    },
}

/// A Kubernetes object that can be compared with the desired one.
pub trait Object: Resource<DynamicType = ()> + HasStatus + Clone + PartialEq + Serialize {}

impl<T: Resource<DynamicType = ()> + HasStatus + Clone + PartialEq + Serialize> Object for T {}

/// All changes: first those of classes, then those of plans.
#[derive(Clone, Debug)]
pub struct Diff<C, P> {
    /// The changes of classes.
    pub classes: Vec<Change<C>>,
    /// The changes of plans.
    pub plans: Vec<Change<P>>,
    /// The entries of the catalog that are not published, and why.
    pub rejected: Rejections,
}

/// The changes that turn `existing` into `desired`. `owner` refers to the broker, and becomes the owner of its objects.
///
/// Objects of other brokers are never written, and objects that users created are never marked as removed.
pub fn diff<C, P>(desired: Desired<C, P>, existing: &Existing<C, P>, owner: &OwnerReference) -> Diff<C, P>
where
    C: role::Class + Object,
    P: role::Plan + Object,
{
    let Desired { classes, plans, mut rejected } = desired;
    let owner = OwnerReference { controller: Some(true), block_owner_deletion: Some(false), ..owner.clone() };
    let broker = Broker { name: existing.broker, owner };
    let classes = broker.compare::<Classes<C>>(classes, existing.classes, &BTreeSet::new());
    let plans = broker.compare::<Plans<P>>(plans, existing.plans, &classes.refused);
    rejected.extend(classes.rejected);
    rejected.extend(plans.rejected);
    Diff { classes: classes.changes, plans: plans.changes, rejected }
}

/// What the comparison needs to know of a kind: class or plan.
trait Kind {
    type Object: Object;
    /// The word for it in messages.
    const WORD: &'static str;
    fn external_name(object: &Self::Object) -> &str;
    fn external_id(object: &Self::Object) -> &str;
    fn broker_name(object: &Self::Object) -> &str;
    /// The class that a plan belongs to.
    fn class(object: &Self::Object) -> Option<&str>;
    fn labels(object: &Self::Object) -> BTreeMap<String, String>;
    fn is_removed(object: &Self::Object) -> bool;
    /// Takes over the other's spec, except for the default parameters, which belong to users.
    fn take_spec(object: &mut Self::Object, other: &Self::Object);
}

struct Classes<C>(PhantomData<C>);

impl<C: role::Class + Object> Kind for Classes<C> {
    type Object = C;
    const WORD: &'static str = "class";
    fn external_name(class: &C) -> &str {
        &class.common().external_name
    }
    fn external_id(class: &C) -> &str {
        &class.common().external_id
    }
    fn broker_name(class: &C) -> &str {
        class.broker_name()
    }
    fn class(_: &C) -> Option<&str> {
        None
    }
    fn labels(class: &C) -> BTreeMap<String, String> {
        class.search_labels()
    }
    fn is_removed(class: &C) -> bool {
        class.is_removed()
    }
    fn take_spec(class: &mut C, other: &C) {
        let defaults = class.common_mut().default_provision_parameters.take();
        *class.common_mut() = other.common().clone();
        class.common_mut().default_provision_parameters = defaults;
    }
}

struct Plans<P>(PhantomData<P>);

impl<P: role::Plan + Object> Kind for Plans<P> {
    type Object = P;
    const WORD: &'static str = "plan";
    fn external_name(plan: &P) -> &str {
        &plan.common().external_name
    }
    fn external_id(plan: &P) -> &str {
        &plan.common().external_id
    }
    fn broker_name(plan: &P) -> &str {
        plan.broker_name()
    }
    fn class(plan: &P) -> Option<&str> {
        Some(plan.class_name())
    }
    fn labels(plan: &P) -> BTreeMap<String, String> {
        plan.search_labels()
    }
    fn is_removed(plan: &P) -> bool {
        plan.is_removed()
    }
    fn take_spec(plan: &mut P, other: &P) {
        let defaults = plan.common_mut().default_provision_parameters.take();
        *plan.common_mut() = other.common().clone();
        plan.common_mut().default_provision_parameters = defaults;
    }
}

/// The result of comparing the classes, or the plans.
struct Compared<T> {
    changes: Vec<Change<T>>,
    rejected: Rejections,
    /// The names of rejected objects: an object that cannot become the desired one has that name.
    refused: BTreeSet<String>,
}

struct Broker<'a> {
    name: &'a str,
    owner: OwnerReference,
}

impl Broker<'_> {
    /// Compares the desired objects with the existing ones. Plans of `refused` classes are skipped: neither created,
    /// nor updated, nor marked as removed.
    fn compare<K: Kind>(
        &self,
        desired: Vec<K::Object>,
        existing: &[Arc<K::Object>],
        refused: &BTreeSet<String>,
    ) -> Compared<K::Object> {
        let mut compared =
            Compared { changes: Vec::new(), rejected: Rejections::default(), refused: BTreeSet::new() };
        let mut others: BTreeMap<&str, _> = existing.iter().map(|object| (name(&**object), object)).collect();
        let is_refused = |object: &K::Object| K::class(object).is_some_and(|class| refused.contains(class));
        for mut object in desired {
            let found = others.remove(name(&object));
            if is_refused(&object) {
                continue;
            }
            let Some(found) = found else {
                // The labels and annotations of a fresh object are those of its definition.
                *object.meta_mut() =
                    ObjectMeta { name: object.meta_mut().name.take(), ..ObjectMeta::default() };
                self.stamp::<K>(&mut object);
                compared.changes.push(Change::Create(object));
                continue;
            };
            if let Some(why) = self.conflict::<K>(&object, found) {
                let what = format!("{} {:?}", K::WORD, K::external_name(&object));
                compared.rejected.push(Rejection { what, why });
                // The broker has moved the plan to another class: from this one it is removed.
                if self.manages::<K>(found) && !K::is_removed(found) && K::class(found) != K::class(&object) {
                    compared.changes.push(Change::Mark { object: Arc::clone(found), removed: true });
                }
                compared.refused.insert(name(&object).to_owned());
            } else {
                compared.changes.extend(self.update::<K>(&object, found));
            }
        }
        let is_gone =
            |object: &K::Object| self.manages::<K>(object) && !K::is_removed(object) && !is_refused(object);
        for object in others.into_values().filter(|object| is_gone(object)) {
            compared.changes.push(Change::Mark { object: Arc::clone(object), removed: true });
        }
        compared
    }

    /// Why the existing object of this name cannot become the desired one.
    fn conflict<K: Kind>(&self, desired: &K::Object, found: &K::Object) -> Option<String> {
        let exists = format!("{} {:?} already exists", K::WORD, name(found));
        if K::broker_name(found) != self.name {
            return Some(format!("{exists} for broker {:?}", K::broker_name(found)));
        }
        if K::external_id(found) != K::external_id(desired) {
            return Some(format!("{exists} with the external ID {:?}", K::external_id(found)));
        }
        let class = K::class(found).filter(|class| K::class(desired) != Some(*class));
        class.map(|class| {
            format!(
                "{exists} for class {class:?}; it follows the catalog when no instance uses it there any more"
            )
        })
    }

    /// The change that turns an existing object into the desired one, if any is needed.
    fn update<K: Kind>(&self, desired: &K::Object, found: &Arc<K::Object>) -> Option<Change<K::Object>> {
        let mut updated = K::Object::clone(found);
        K::take_spec(&mut updated, desired);
        self.stamp::<K>(&mut updated);
        match (is_same(&updated, found), K::is_removed(found)) {
            (true, false) => None,
            (true, true) => Some(Change::Mark { object: Arc::clone(found), removed: false }),
            (false, false) => Some(Change::Update(updated)),
            (false, true) => Some(Change::Restore(updated)),
        }
    }

    /// Adds the labels by which clients find the object, and the owner reference to the broker unless the object has
    /// another controller.
    fn stamp<K: Kind>(&self, object: &mut K::Object) {
        let labels = K::labels(object);
        let meta = object.meta_mut();
        meta.labels.get_or_insert_default().extend(labels);
        let owners = meta.owner_references.get_or_insert_default();
        if !owners.contains(&self.owner) {
            owners.retain(|owner| !is_same_owner(owner, &self.owner));
            if owners.iter().all(|owner| owner.controller != Some(true)) {
                owners.push(self.owner.clone());
            }
        }
    }

    fn manages<K: Kind>(&self, object: &K::Object) -> bool {
        K::broker_name(object) == self.name && is_managed(object, K::external_id(object), &self.owner)
    }
}

/// Whether the operator or service-catalog created this class or plan for the broker of `owner`, rather than a user.
///
/// service-catalog gave no owner to namespaced ones. They are recognised by a name that is the id, and by a status,
/// which users cannot write.
pub fn is_managed<T: Object>(object: &T, external_id: &str, owner: &OwnerReference) -> bool {
    let meta = object.meta();
    let owners = meta.owner_references.as_deref().unwrap_or_default();
    let is_named_by_id = name(object) == external_id || name(object) == escaped(external_id);
    let is_old = owners.is_empty() && meta.namespace.is_some() && object.status().is_some() && is_named_by_id;
    is_old || owners.iter().any(|other| other.controller == Some(true) && is_same_owner(other, owner))
}

/// Whether a reference is to this broker, or to a former broker of the same name: the UID may differ.
fn is_same_owner(other: &OwnerReference, owner: &OwnerReference) -> bool {
    other.kind == owner.kind && other.name == owner.name
}

fn name(object: &impl Object) -> &str {
    object.meta().name.as_deref().unwrap_or_default()
}

/// Whether two objects are equal after they are stored.
fn is_same<T: Object>(one: &T, other: &T) -> bool {
    one == other
        || match (serde_json::to_value(one), serde_json::to_value(other)) {
            (Ok(one), Ok(other)) => is_same_json(&one, &other),
            _ => false,
        }
}

/// Compares numbers as the API server stores them: a broker may write `9.90`, the API server returns the 64-bit `9.9`.
fn is_same_json(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => match (one.as_i64(), other.as_i64()) {
            (Some(one), Some(other)) => one == other,
            _ => one.as_f64() == other.as_f64(),
        },
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same_json(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && is_same_json(one.1, other.1))
        }
        _ => one == other,
    }
}
