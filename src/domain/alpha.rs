//! The alpha kinds: what is the next step for an object that stands for another?
//!
//! An alpha object has a child, which has its name and is owned by it. The child lives as any other of its kind; what
//! it says is copied back.

#[cfg(test)]
mod tests;
mod translation;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::core::object::HasStatus;
use kube::{Resource, ResourceExt as _};

use super::metadata::{annotation, controller, has_finalizer};
use super::reason;
use crate::crd::alpha::{AlphaStatus, ChildReference};
use crate::crd::condition::{self, Condition, Status};
use crate::crd::names::{ANNOTATION_DELETION_POLICY, ANNOTATION_PAUSED, ANNOTATION_ROTATE};

/// The finalizer of what is to be outlived by what it owns: `kubectl delete --cascade=orphan`.
const ORPHAN: &str = "orphan";

/// An alpha kind.
pub trait Alpha: Resource<DynamicType = ()> + HasStatus<Status = AlphaStatus> {
    /// What is made of it.
    type Child: Resource<DynamicType = ()> + Clone + PartialEq;
    /// A child as it begins; its metadata are not looked at. What is not [kept](Self::keep) never changes, or is left
    /// to others.
    fn beginning(&self) -> Self::Child;
    /// Puts the child in step with the alpha object. What that does not speak of stays.
    fn keep(&self, child: &mut Self::Child);
    /// What the child says of itself.
    fn child_status(child: &Self::Child) -> Option<ChildStatus<'_>>;
}

/// What a child says of itself.
#[derive(Clone, Copy, Debug)]
pub struct ChildStatus<'a> {
    /// What is true of it now.
    pub conditions: &'a [Condition],
    /// Its `Status` column.
    pub last_condition_state: &'a str,
    /// Its generation that was carried out last.
    pub reconciled_generation: i64,
}

/// The one next thing to do for an alpha object; `C` is its child.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<C> {
    /// Nothing, before something changes.
    Wait,
    /// Add the finalizer: the object is older than the policy that does it.
    AddFinalizer,
    /// Create this child.
    Create(Box<C>),
    /// Write this child in place of the one that it was made from.
    Change(Box<C>),
    /// Delete this child.
    Delete(Box<C>),
    /// Delete the object itself: its child is deleted along with another.
    Leave,
    /// Write this status, which the child has child_status.
    Copy(Box<AlphaStatus>),
    /// Write this status, and tell the user: there is no child.
    Complain(Box<AlphaStatus>),
    /// Remove the finalizer: there is no child, or it is to outlive the object.
    RemoveFinalizer,
}

/// The next step, from the object and from what has its name among the children; `taken_along` if its child is deleted
/// along with another.
pub fn decide<A: Alpha>(
    alpha: &A,
    child: Option<&A::Child>,
    taken_along: bool,
    now: &Time,
) -> Step<A::Child> {
    let own = child.filter(|child| is_own(alpha, *child));
    if alpha.meta().deletion_timestamp.is_some() {
        return if has_finalizer(alpha.meta()) { remove(alpha, own) } else { Step::Wait };
    }
    if taken_along {
        return Step::Leave;
    }
    if alpha.status().is_none() && !has_finalizer(alpha.meta()) {
        return Step::AddFinalizer;
    }
    match (child, own) {
        (None, _) => Step::Create(Box::new(create(alpha))),
        (Some(_), None) => taken(alpha, now),
        (Some(_), Some(own)) => keep(alpha, own),
    }
}

/// The status of an object whose child the API server does not accept. A working service stays ready.
pub fn refused<A: Alpha>(alpha: &A, why: &str, now: &Time) -> AlphaStatus {
    let message = format!(
        "The {} {:?} cannot be written: {why}. It is tried again, with pauses that grow to five minutes, and when this \
         object changes",
        A::Child::kind(&()),
        alpha.name_any()
    );
    let mut status = alpha.status().cloned().unwrap_or_default();
    let works = condition::is_true(&status.conditions, condition::READY);
    let type_ = if works { condition::UPDATED } else { condition::READY };
    state(&mut status, type_, reason::CHILD_REFUSED, &message, now);
    status
}

fn create<A: Alpha>(alpha: &A) -> A::Child {
    let mut child = alpha.beginning();
    alpha.keep(&mut child);
    let owner = alpha.controller_owner_ref(&());
    let owner = owner.map(|owner| OwnerReference { block_owner_deletion: Some(false), ..owner });
    *child.meta_mut() = ObjectMeta {
        name: Some(alpha.name_any()),
        namespace: alpha.namespace(),
        owner_references: owner.map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    pass_on(alpha.meta(), child.meta_mut());
    child
}

fn keep<A: Alpha>(alpha: &A, child: &A::Child) -> Step<A::Child> {
    let mut wanted = child.clone();
    alpha.keep(&mut wanted);
    pass_on(alpha.meta(), wanted.meta_mut());
    // Whoever deletes the child sees it go; then it is made anew.
    let going = child.meta().deletion_timestamp.is_some();
    if wanted == *child || going { copy(alpha, child) } else { Step::Change(Box::new(wanted)) }
}

/// How the child goes is the annotations' to say, so they come first; and whether it goes, the finalizer's: the garbage
/// collector, whose that is, may not know of the child yet.
fn remove<A: Alpha>(alpha: &A, own: Option<&A::Child>) -> Step<A::Child> {
    let Some(child) = own else { return Step::RemoveFinalizer };
    let mut wanted = child.clone();
    pass_on(alpha.meta(), wanted.meta_mut());
    if alpha.finalizers().iter().any(|finalizer| finalizer == ORPHAN) {
        wanted.owner_references_mut().retain(|owner| Some(&owner.uid) != alpha.meta().uid.as_ref());
    }
    if wanted != *child {
        Step::Change(Box::new(wanted))
    } else if child.meta().deletion_timestamp.is_none() {
        Step::Delete(Box::new(child.clone()))
    } else {
        copy(alpha, child)
    }
}

/// Annotations that mean something to the operator mean the same on the child.
fn pass_on(alpha: &ObjectMeta, child: &mut ObjectMeta) {
    for key in [ANNOTATION_DELETION_POLICY, ANNOTATION_PAUSED, ANNOTATION_ROTATE] {
        if let Some(value) = annotation(alpha, key) {
            child.annotations.get_or_insert_default().insert(key.to_owned(), value.to_owned());
        }
    }
}

fn is_own<A: Alpha>(alpha: &A, child: &A::Child) -> bool {
    let owner = controller(child.meta());
    owner.is_some_and(|owner| alpha.meta().uid.as_deref() == Some(&owner.uid))
}

/// Writes down what the child says, once it says anything. That an object is deleted is a generation, too, but none of its
/// spec.
fn copy<A: Alpha>(alpha: &A, child: &A::Child) -> Step<A::Child> {
    let Some(child_status) = A::child_status(child) else { return Step::Wait };
    let before = alpha.status().cloned().unwrap_or_default();
    let generation = match alpha.meta().deletion_timestamp {
        None => alpha.meta().generation.unwrap_or_default(),
        Some(_) => before.observed_generation,
    };
    let is_done = child.meta().generation == Some(child_status.reconciled_generation);
    let status = AlphaStatus {
        child: Some(ChildReference { kind: A::Child::kind(&()).into_owned(), name: child.name_any() }),
        conditions: child_status.conditions.to_vec(),
        last_condition_state: child_status.last_condition_state.to_owned(),
        observed_generation: generation,
        reconciled_generation: if is_done { generation } else { before.reconciled_generation },
    };
    if alpha.status() == Some(&status) { Step::Wait } else { Step::Copy(Box::new(status)) }
}

fn taken<A: Alpha>(alpha: &A, now: &Time) -> Step<A::Child> {
    let message = format!(
        "There is a {} {:?} that is not this object's: it is left alone. Delete it, or choose another name; when the \
         name is free, this object goes on",
        A::Child::kind(&()),
        alpha.name_any()
    );
    let mut status = AlphaStatus { child: None, ..alpha.status().cloned().unwrap_or_default() };
    status.conditions.retain(|condition| condition.type_ == condition::READY);
    state(&mut status, condition::READY, reason::NAME_TAKEN, &message, now);
    if alpha.status() == Some(&status) { Step::Wait } else { Step::Complain(Box::new(status)) }
}

fn state(status: &mut AlphaStatus, type_: &str, reason: &str, message: &str, now: &Time) {
    condition::set(&mut status.conditions, type_, Status::False, reason, message, now);
    status.last_condition_state = condition::summary(&status.conditions);
}
