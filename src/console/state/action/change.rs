//! What an action sends to the API server, and the right that it needs.

use crate::crd::GROUP;
use crate::crd::names::{ANNOTATION_DELETION_POLICY, ANNOTATION_PAUSED, ANNOTATION_ROTATE, FINALIZER};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Action, Right};
use crate::console::state::consequence::DeletionPolicy;
use crate::console::state::subject::{Kind, Subject};
use crate::console::state::time::machine_readable;

/// How an action is carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A merge patch (`application/merge-patch+json`) of the object.
    Patch(Value),
    /// The deletion of the object. Send the object's UID as a precondition, so that no other object of its name is
    /// deleted.
    Delete,
    /// Nothing yet: the action needs a page of its own.
    Page,
}

impl Action {
    /// All actions, in the order in which a page offers them.
    pub const ALL: [Self; 13] = [
        Self::Bind,
        Self::Edit,
        Self::Upgrade,
        Self::TryNow,
        Self::Reveal,
        Self::Rotate,
        Self::Relist,
        Self::Resume,
        Self::Pause,
        Self::Cascade,
        Self::Retain,
        Self::Delete,
        Self::Abandon,
    ];

    /// What carries the action out on this object. It can be sent twice: a double click does nothing twice.
    ///
    /// A counter is incremented from the object's value: give the object as the page showed it, or as just read.
    /// `now` is the value that requests a rotation.
    pub fn change<'a>(self, object: impl Into<Subject<'a>>, now: Timestamp) -> Change {
        let subject = object.into();
        match self {
            Self::Bind | Self::Edit | Self::Reveal => Change::Page,
            Self::Delete => Change::Delete,
            Self::Upgrade | Self::TryNow | Self::Relist => counter(subject),
            Self::Rotate => annotation(ANNOTATION_ROTATE, &json!(machine_readable(now))),
            Self::Pause => annotation(ANNOTATION_PAUSED, &json!("true")),
            Self::Resume => annotation(ANNOTATION_PAUSED, &Value::Null),
            Self::Cascade => DeletionPolicy::Cascade.change(),
            Self::Retain => DeletionPolicy::Retain.change(),
            Self::Abandon => without_finalizer(subject),
        }
    }

    /// The right that the action needs on an object of this kind, in the object's namespace.
    pub fn right(self, kind: Kind) -> Right {
        let on = |verb, resource| Right { verb, group: GROUP, resource };
        match self {
            Self::Bind => on("create", Kind::Binding.resource()),
            Self::Reveal => Right { verb: "get", group: "", resource: "secrets" },
            Self::Delete => on("delete", kind.resource()),
            Self::Edit
            | Self::Upgrade
            | Self::TryNow
            | Self::Rotate
            | Self::Relist
            | Self::Pause
            | Self::Resume
            | Self::Cascade
            | Self::Retain
            | Self::Abandon => on("patch", kind.resource()),
        }
    }
}

impl DeletionPolicy {
    /// What sets the policy of an instance.
    pub fn change(self) -> Change {
        let value = match self {
            Self::Wait => Value::Null,
            Self::Cascade => json!("Cascade"),
            Self::Retain => json!("Retain"),
        };
        annotation(ANNOTATION_DELETION_POLICY, &value)
    }
}

fn annotation(key: &str, value: &Value) -> Change {
    Change::Patch(json!({"metadata": {"annotations": {key: value}}}))
}

fn counter(subject: Subject<'_>) -> Change {
    let (field, value) = match subject {
        Subject::Instance(instance) => ("updateRequests", instance.spec.update_requests),
        Subject::ClusterBroker(broker) => ("relistRequests", broker.spec.common.relist_requests),
        Subject::Broker(broker) => ("relistRequests", broker.spec.common.relist_requests),
        // A binding has no counter.
        Subject::Binding(_) => return Change::Page,
    };
    Change::Patch(json!({"spec": {field: value.saturating_add(1)}}))
}

/// Removes the operator's finalizer and keeps those of others. A merge patch replaces the whole list, so the
/// resourceVersion makes it fail if another client has changed the list meanwhile.
fn without_finalizer(subject: Subject<'_>) -> Change {
    let meta = subject.meta();
    let finalizers = meta.finalizers.iter().flatten();
    let others: Vec<_> = finalizers.filter(|finalizer| *finalizer != FINALIZER).collect();
    let others = if others.is_empty() { Value::Null } else { json!(others) };
    let mut patch = json!({"finalizers": others});
    if let (Some(patch), Some(version)) = (patch.as_object_mut(), &meta.resource_version) {
        patch.insert("resourceVersion".to_owned(), json!(version));
    }
    Change::Patch(json!({"metadata": patch}))
}
