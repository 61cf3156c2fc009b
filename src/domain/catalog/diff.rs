//! What has to change for the cluster to hold what it should?

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;
use serde::Serialize;
use serde_json::Value;

use super::{Desired, Existing, Rejection};
use crate::crd::names::{label, label_value};
use crate::crd::role;

#[cfg(test)]
mod tests;

/// One change of a class or of a plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Change<T> {
    /// Create this object.
    Create(T),
    /// Write this object in place of the one that it was made from.
    Update(T),
    /// Write to the status whether the broker has removed it from its catalog.
    Mark {
        /// The object as it was read.
        object: Arc<T>,
        /// What to write.
        removed: bool,
    },
}

/// An object of Kubernetes that can be compared with what would be written.
pub trait Object: Resource<DynamicType = ()> + Clone + PartialEq + Serialize {}

impl<T: Resource<DynamicType = ()> + Clone + PartialEq + Serialize> Object for T {}

/// All that has to change: first the classes, then the plans.
#[derive(Clone, Debug)]
pub struct Diff<C, P> {
    /// The changes of classes.
    pub classes: Vec<Change<C>>,
    /// The changes of plans.
    pub plans: Vec<Change<P>>,
    /// What is in the catalog, but is not published.
    pub rejected: Vec<Rejection>,
}

/// What has to change; `owner` refers to the broker, and is put on its objects.
///
/// Objects of others are not touched, and what users made by hand is never marked as removed.
pub fn diff<C, P>(desired: Desired<C, P>, existing: &Existing<C, P>, owner: &OwnerReference) -> Diff<C, P>
where
    C: role::Class + Object,
    P: role::Plan + Object,
{
    let Desired { classes, plans, mut rejected } = desired;
    let owner = OwnerReference { controller: Some(true), block_owner_deletion: Some(false), ..owner.clone() };
    let broker = Broker { name: existing.broker, owner };
    let classes = broker.compare::<Classes<C>>(classes, existing.classes, &BTreeSet::new());
    let plans = broker.compare::<Plans<C, P>>(plans, existing.plans, &classes.refused);
    rejected.extend(classes.rejected);
    rejected.extend(plans.rejected);
    Diff { classes: classes.changes, plans: plans.changes, rejected }
}

/// What the comparison has to know of classes and of plans.
trait Kind {
    type Object: Object;
    /// What messages call it.
    const WORD: &'static str;
    const BROKER_LABEL: &'static str;
    fn external_name(object: &Self::Object) -> &str;
    fn external_id(object: &Self::Object) -> &str;
    fn broker_name(object: &Self::Object) -> &str;
    /// The class that a plan belongs to, and the label that says so.
    fn class(object: &Self::Object) -> Option<(&'static str, &str)>;
    fn is_removed(object: &Self::Object) -> bool;
    /// Takes over the other's spec, except for what belongs to the users.
    fn take_spec(object: &mut Self::Object, other: &Self::Object);
}

struct Classes<C>(PhantomData<C>);

impl<C: role::Class + Object> Kind for Classes<C> {
    type Object = C;
    const WORD: &'static str = "class";
    const BROKER_LABEL: &'static str = C::BROKER_LABEL;
    fn external_name(class: &C) -> &str {
        &class.common().external_name
    }
    fn external_id(class: &C) -> &str {
        &class.common().external_id
    }
    fn broker_name(class: &C) -> &str {
        class.broker_name()
    }
    fn class(_: &C) -> Option<(&'static str, &str)> {
        None
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

struct Plans<C, P>(PhantomData<(C, P)>);

impl<C: role::Class, P: role::Plan + Object> Kind for Plans<C, P> {
    type Object = P;
    const WORD: &'static str = "plan";
    const BROKER_LABEL: &'static str = C::BROKER_LABEL;
    fn external_name(plan: &P) -> &str {
        &plan.common().external_name
    }
    fn external_id(plan: &P) -> &str {
        &plan.common().external_id
    }
    fn broker_name(plan: &P) -> &str {
        plan.broker_name()
    }
    fn class(plan: &P) -> Option<(&'static str, &str)> {
        Some((P::CLASS_LABEL, plan.class_name()))
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

/// What came of comparing the classes, or the plans.
struct Compared<T> {
    changes: Vec<Change<T>>,
    rejected: Vec<Rejection>,
    /// The names that belong to other objects.
    refused: BTreeSet<String>,
}

struct Broker<'a> {
    name: &'a str,
    owner: OwnerReference,
}

impl Broker<'_> {
    /// Compares; the plans of `refused` classes are left alone, whatever has become of them.
    fn compare<K: Kind>(
        &self,
        wanted: Vec<K::Object>,
        existing: &[Arc<K::Object>],
        refused: &BTreeSet<String>,
    ) -> Compared<K::Object> {
        let mut compared = Compared { changes: Vec::new(), rejected: Vec::new(), refused: BTreeSet::new() };
        let mut others: BTreeMap<&str, _> = existing.iter().map(|object| (name(&**object), object)).collect();
        let is_refused =
            |object: &K::Object| K::class(object).is_some_and(|(_, class)| refused.contains(class));
        for mut object in wanted {
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

    /// Why an object that there is cannot become the one that is wanted.
    fn conflict<K: Kind>(&self, wanted: &K::Object, found: &K::Object) -> Option<String> {
        let exists = format!("{} {:?} already exists", K::WORD, name(found));
        if K::broker_name(found) != self.name {
            return Some(format!("{exists} for broker {:?}", K::broker_name(found)));
        }
        if K::external_id(found) != K::external_id(wanted) {
            return Some(format!("{exists} with the external ID {:?}", K::external_id(found)));
        }
        let class = K::class(found).filter(|class| K::class(wanted) != Some(*class));
        class.map(|(_, class)| format!("{exists} for class {class:?}"))
    }

    /// The changes that make an object the one that is wanted, if any.
    fn update<K: Kind>(
        &self,
        wanted: &K::Object,
        found: &Arc<K::Object>,
    ) -> impl Iterator<Item = Change<K::Object>> {
        let mut updated = K::Object::clone(found);
        K::take_spec(&mut updated, wanted);
        self.stamp::<K>(&mut updated);
        let update = (!is_same(&updated, found)).then_some(Change::Update(updated));
        let mark = K::is_removed(found).then(|| Change::Mark { object: Arc::clone(found), removed: false });
        update.into_iter().chain(mark)
    }

    /// Labels an object as clients look for it, and makes it the broker's unless another controller has it.
    fn stamp<K: Kind>(&self, object: &mut K::Object) {
        let labels: Vec<_> = [
            (label::EXTERNAL_ID, K::external_id(object)),
            (label::EXTERNAL_NAME, K::external_name(object)),
            (K::BROKER_LABEL, K::broker_name(object)),
        ]
        .into_iter()
        .chain(K::class(object))
        .map(|(key, value)| (key.to_owned(), label_value(value)))
        .collect();
        let meta = object.meta_mut();
        meta.labels.get_or_insert_default().extend(labels);
        let owners = meta.owner_references.get_or_insert_default();
        if !owners.contains(&self.owner) {
            owners.retain(|owner| !self.is_owner(owner));
            if owners.iter().all(|owner| owner.controller != Some(true)) {
                owners.push(self.owner.clone());
            }
        }
    }

    /// Whether the operator made an object for this broker. Namespaced objects used to have no owner.
    fn manages<K: Kind>(&self, object: &K::Object) -> bool {
        let meta = object.meta();
        let owners = meta.owner_references.as_deref().unwrap_or_default();
        let is_old = meta.namespace.is_some()
            && owners.is_empty()
            && meta.labels.as_ref().is_some_and(|labels| labels.contains_key(K::BROKER_LABEL));
        let is_owned = owners.iter().any(|owner| owner.controller == Some(true) && self.is_owner(owner));
        K::broker_name(object) == self.name && (is_owned || is_old)
    }

    /// Whether a reference is to this broker, or to one of its name that was there before.
    fn is_owner(&self, owner: &OwnerReference) -> bool {
        owner.kind == self.owner.kind && owner.name == self.owner.name
    }
}

fn name(object: &impl Object) -> &str {
    object.meta().name.as_deref().unwrap_or_default()
}

/// Whether two objects are the same once they are stored.
fn is_same<T: Object>(one: &T, other: &T) -> bool {
    one == other
        || match (serde_json::to_value(one), serde_json::to_value(other)) {
            (Ok(one), Ok(other)) => is_same_json(&one, &other),
            _ => false,
        }
}

/// Brokers may write `9.90` where the API server, which keeps 64-bit numbers, gives `9.9` back.
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
