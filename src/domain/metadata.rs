//! What an object's metadata says: our finalizer, our annotations, its controller, and the OSB ids derived from its
//! UID.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::crd::names::{ANNOTATION_DELETION_POLICY, ANNOTATION_PAUSED, FINALIZER};

/// Whether the object has our finalizer.
pub fn has_finalizer(meta: &ObjectMeta) -> bool {
    meta.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// The owner reference of the object's controller.
pub fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// The longest text in a reference to an owner that is kept, in bytes. The API server limits only those of real objects.
pub const MAX_OWNER_BYTES: usize = 253;

/// The same, unless a text in the reference is longer than that of any real object.
pub fn bounded_controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    controller(meta).filter(|owner| {
        let texts = [&owner.api_version, &owner.kind, &owner.name, &owner.uid];
        texts.iter().all(|text| text.len() <= MAX_OWNER_BYTES)
    })
}

pub(super) fn is_paused(meta: &ObjectMeta) -> bool {
    annotation(meta, ANNOTATION_PAUSED) == Some("true")
}

pub(super) fn is_retained(meta: &ObjectMeta) -> bool {
    annotation(meta, ANNOTATION_DELETION_POLICY) == Some("Retain")
}

/// Whether the deletion of an instance deletes its bindings.
pub(super) fn is_cascading(meta: &ObjectMeta) -> bool {
    annotation(meta, ANNOTATION_DELETION_POLICY) == Some("Cascade")
}

pub(super) fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(key).map(String::as_str)
}

/// The OSB id of the n-th attempt: `UUIDv5(metadata.uid, n)`. It is deterministic, so a crash between the call and the
/// status write cannot lose it, and it differs for each attempt.
pub(super) fn attempt_id(meta: &ObjectMeta, attempt: i64) -> String {
    let object = meta.uid.as_deref().and_then(|uid| uuid::Uuid::parse_str(uid).ok()).unwrap_or_default();
    uuid::Uuid::new_v5(&object, attempt.to_string().as_bytes()).to_string()
}

/// How many of the last attempts are recognised by their ids. `spec.externalID` lags behind by one at most, because it is
/// written before each attempt. It is ahead by one if the attempt before turns out to have left nothing, so that its number
/// is used again.
const RECOGNISED_ATTEMPTS: i64 = 8;

/// Whether this is the [`attempt_id`] of the attempt with this number, of the next, or of one shortly before. Other objects have other
/// ids: a user cannot choose a UID, so this id is no stranger's.
pub(super) fn is_attempt_id(meta: &ObjectMeta, number: i64, id: &str) -> bool {
    let oldest = number.saturating_sub(RECOGNISED_ATTEMPTS).max(0);
    let next = number.saturating_add(1);
    meta.uid.is_some() && (oldest..=next).rev().any(|attempt| attempt_id(meta, attempt) == id)
}
