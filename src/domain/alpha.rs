//! The alpha kinds: what is the next step for an object that the operator translates into a child object?
//!
//! The child has the name of the alpha object and is owned by it. The operator reconciles the child like any other
//! object of its kind, and [`decide`] copies the child's status to the alpha object.
//!
//! `translation` says what each alpha kind makes of its child; `reconcilers::kinds::alpha` carries the steps out, one
//! body for the three pairs. A change of the child requeues the alpha object of the same name.
//!
//! The steps, and what is written in each:
//!
//! - **create the alpha object:** admission policies add the finalizer and `spec.userInfo`
//! - **create the child:** POST, with the alpha object's `userInfo`: brokers see the user, never the operator
//! - **copy the child's status:** conditions and `lastConditionState` unchanged; generations are those of the alpha
//!   object
//! - **change the child:** PATCH of the fields that the alpha object controls and that differ
//! - **delete:** the annotations are copied, then the child is deleted. The alpha object shows the child's conditions
//!   until the child is gone; then its finalizer is removed
//!
//! The child is not written by server-side apply, for the same reason as Secrets: apply would take over an object
//! that another client created under the child's name. Such an object is not changed, and the alpha object reports
//! `NameTaken`. The validation rules of the alpha kinds refuse what those of the child would refuse. If the API server
//! refuses the child all the same, for example because of a quota, the alpha object reports `ChildRefused`; any other write
//! that it refuses is the condition `WriteRefused`, or an event.
//!
//! The operator itself carries out `--cascade=orphan`: the garbage collector takes up to half a minute to discover
//! new kinds, and would orphan nothing until then. An alpha object whose finalizer was removed by hand is gone at once,
//! and the garbage collector deletes the child.

#[cfg(test)]
mod tests;
mod translation;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use kube::core::object::HasStatus;
use kube::{Resource, ResourceExt as _};

use super::bounds::ORPHAN;
use super::metadata::{annotation, controller, has_finalizer};
use super::{note, reason};
use crate::crd::alpha::{AlphaStatus, ChildReference};
use crate::crd::condition::{self, Condition, Status};
use crate::crd::names::{ANNOTATION_DELETION_POLICY, ANNOTATION_PAUSED, ANNOTATION_ROTATE, LABEL_CHILD};

/// An alpha kind.
pub trait Alpha: Resource<DynamicType = ()> + HasStatus<Status = AlphaStatus> {
    /// The kind to which it is translated.
    type Child: Resource<DynamicType = ()> + Clone + PartialEq;
    /// The spec of a new child; its metadata are ignored. Fields that [`update`](Self::update) does not write are
    /// immutable, or other clients may edit them.
    fn initial(&self) -> Self::Child;
    /// Writes the fields that the alpha object controls to the child. All others stay.
    fn update(&self, child: &mut Self::Child);
    /// What keeps the operator from translating the object: something in it is too large.
    fn excess(&self) -> Option<Excess> {
        None
    }
    /// The status of the child; `None` if it has none yet.
    fn child_status(child: &Self::Child) -> Option<ChildStatus<'_>>;
}

/// Why an alpha object is not translated: a reason and a message.
pub type Excess = (&'static str, String);

/// The status of a child: the part that all kinds have.
#[derive(Clone, Copy, Debug)]
pub struct ChildStatus<'a> {
    /// Its conditions.
    pub conditions: &'a [Condition],
    /// The value of its column `Status`.
    pub last_condition_state: &'a str,
    /// The last of its generations that was carried out.
    pub reconciled_generation: i64,
}

/// The one next thing to do for an alpha object; `C` is its child.
#[derive(Clone, Debug, PartialEq)]
pub enum Step<C> {
    /// Do nothing until something changes.
    Wait,
    /// Add the finalizer: the object is older than the policy that adds it.
    AddFinalizer,
    /// Create this child.
    Create(Box<C>),
    /// Replace the child by this one.
    Change(Box<C>),
    /// Delete this child.
    Delete(Box<C>),
    /// Delete the alpha object itself: the child is about to be deleted together with another object.
    Leave,
    /// Write this status, a copy of the child's.
    Copy(Box<AlphaStatus>),
    /// Write this status and send an event: there is no child.
    Complain(Box<AlphaStatus>),
    /// Remove the finalizer: there is no child, or it is to outlive the alpha object.
    RemoveFinalizer,
}

/// The one next step. `child` is the object of the child's kind and name, which may belong to another owner.
/// `taken_along` says that the child is about to be deleted together with another object (a binding with its
/// instance).
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
    if let Some((reason, why)) = alpha.excess().filter(|_| own.is_some() || child.is_none()) {
        return report_excess(alpha, own, reason, &why, now);
    }
    match (child, own) {
        (None, _) => Step::Create(Box::new(create(alpha))),
        (Some(_), None) => report_name_taken(alpha, now),
        (Some(_), Some(own)) => sync_child(alpha, own),
    }
}

/// The status of an alpha object for which the API server refuses another write than that of the child: the child's deletion, or
/// the removal of the finalizer. The next copy of the child's status withdraws it.
pub fn write_refused<A: Alpha>(alpha: &A, why: &str, now: &Time) -> AlphaStatus {
    let mut status = alpha.status().cloned().unwrap_or_default();
    let (type_, reason) = (condition::WRITE_REFUSED, reason::REFUSED_BY_API_SERVER);
    set(&mut status, (type_, Status::True), reason, &note::refusal(why), now);
    status
}

/// The status of an alpha object whose child the API server refuses. A working service stays `Ready`.
pub fn refused<A: Alpha>(alpha: &A, why: &str, now: &Time) -> AlphaStatus {
    let message = format!(
        "The API server rejected the {} {:?}: {}. The operator retries with back-off (up to 5 min), and at once when \
         this object changes",
        A::Child::kind(&()),
        alpha.name_any(),
        why.trim_end_matches('.')
    );
    let mut status = alpha.status().cloned().unwrap_or_default();
    let works = condition::is_true(&status.conditions, condition::READY);
    let type_ = if works { condition::UPDATED } else { condition::READY };
    set_false(&mut status, type_, reason::CHILD_REFUSED, &message, now);
    status
}

fn create<A: Alpha>(alpha: &A) -> A::Child {
    let mut child = alpha.initial();
    alpha.update(&mut child);
    let owner = alpha.controller_owner_ref(&());
    let owner = owner.map(|owner| OwnerReference { block_owner_deletion: Some(false), ..owner });
    *child.meta_mut() = ObjectMeta {
        name: Some(alpha.name_any()),
        namespace: alpha.namespace(),
        labels: Some([(LABEL_CHILD.to_owned(), "true".to_owned())].into()),
        owner_references: owner.map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    copy_annotations(alpha.meta(), child.meta_mut());
    child
}

fn sync_child<A: Alpha>(alpha: &A, child: &A::Child) -> Step<A::Child> {
    let mut desired = child.clone();
    alpha.update(&mut desired);
    copy_annotations(alpha.meta(), desired.meta_mut());
    // A child that a user deletes is no longer updated. Once it is gone, it is created again.
    let is_deleted = child.meta().deletion_timestamp.is_some();
    if desired == *child || is_deleted { copy(alpha, child) } else { Step::Change(Box::new(desired)) }
}

/// Deletes the child of a deleted alpha object. First the annotations are copied: they select the deletion policy of
/// the child. The finalizer `orphan` is honoured here, by removing the owner reference: the garbage collector, whose
/// job it is, may not have discovered the kind yet.
fn remove<A: Alpha>(alpha: &A, own: Option<&A::Child>) -> Step<A::Child> {
    let Some(child) = own else { return Step::RemoveFinalizer };
    let mut desired = child.clone();
    copy_annotations(alpha.meta(), desired.meta_mut());
    if alpha.finalizers().iter().any(|finalizer| finalizer == ORPHAN) {
        desired.owner_references_mut().retain(|owner| Some(&owner.uid) != alpha.meta().uid.as_ref());
    }
    if desired != *child {
        Step::Change(Box::new(desired))
    } else if child.meta().deletion_timestamp.is_none() {
        Step::Delete(Box::new(child.clone()))
    } else {
        copy(alpha, child)
    }
}

/// Copies the annotations that the operator interprets: they apply to the child.
fn copy_annotations(alpha: &ObjectMeta, child: &mut ObjectMeta) {
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

/// Copies the status of the child, once it has one. The deletion of an alpha object increments its generation without a
/// change of the spec, so it does not count as observed.
fn copy<A: Alpha>(alpha: &A, child: &A::Child) -> Step<A::Child> {
    let Some(child_status) = A::child_status(child) else { return Step::Wait };
    let before = alpha.status().cloned().unwrap_or_default();
    let generation = match alpha.meta().deletion_timestamp {
        None => alpha.meta().generation.unwrap_or_default(),
        Some(_) => before.observed_generation,
    };
    let is_reconciled = child.meta().generation == Some(child_status.reconciled_generation);
    let status = AlphaStatus {
        child: Some(ChildReference { kind: A::Child::kind(&()).into_owned(), name: child.name_any() }),
        conditions: child_status.conditions.to_vec(),
        last_condition_state: child_status.last_condition_state.to_owned(),
        observed_generation: generation,
        reconciled_generation: if is_reconciled { generation } else { before.reconciled_generation },
    };
    if alpha.status() == Some(&status) { Step::Wait } else { Step::Copy(Box::new(status)) }
}

/// Reports that an object with the name of the child exists which the alpha object does not own.
fn report_name_taken<A: Alpha>(alpha: &A, now: &Time) -> Step<A::Child> {
    let message = format!(
        "A {} {:?} exists that this object does not own: the operator does not change it. Delete it, or recreate this \
         object under another name. The operator continues when the name is free",
        A::Child::kind(&()),
        alpha.name_any()
    );
    let mut status = AlphaStatus { child: None, ..alpha.status().cloned().unwrap_or_default() };
    status.conditions.retain(|condition| condition.type_ == condition::READY);
    set_false(&mut status, condition::READY, reason::NAME_TAKEN, &message, now);
    if alpha.status() == Some(&status) { Step::Wait } else { Step::Complain(Box::new(status)) }
}

/// Reports why the object is not translated. The child stays as it is.
fn report_excess<A: Alpha>(
    alpha: &A,
    child: Option<&A::Child>,
    reason: &str,
    why: &str,
    now: &Time,
) -> Step<A::Child> {
    let before = alpha.status().cloned().unwrap_or_default();
    let mut status = match child.map(|child| copy(alpha, child)) {
        Some(Step::Copy(copied)) => *copied,
        Some(_) | None => before.clone(),
    };
    let works = condition::is_true(&status.conditions, condition::READY);
    let type_ = if works { condition::UPDATED } else { condition::READY };
    // The condition of the child of this type does not count, and ours keeps its time.
    condition::remove(&mut status.conditions, type_);
    status.conditions.extend(condition::find(&before.conditions, type_).cloned());
    set_false(&mut status, type_, reason, why, now);
    if before == status { Step::Wait } else { Step::Complain(Box::new(status)) }
}

fn set_false(status: &mut AlphaStatus, type_: &str, reason: &str, message: &str, now: &Time) {
    set(status, (type_, Status::False), reason, message, now);
}

fn set(status: &mut AlphaStatus, (type_, is): (&str, Status), reason: &str, message: &str, now: &Time) {
    condition::set(&mut status.conditions, type_, is, reason, message, now);
    status.last_condition_state = condition::summary(&status.conditions);
}
