//! Creating an object together with the Secret that it refers to.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::core::ObjectMeta;
use serde_json::{Value, json};
use tracing::warn;

use crate::console::access::suffix;
use crate::console::answer::failure::Failure;
use crate::console::kube_api::{Cluster, Known, Mode};

/// The longest beginning of a proposed name.
const MAX_BEGINNING: usize = 200;

/// What was not created.
#[derive(Debug)]
pub enum NotCreated {
    /// The object.
    Object {
        /// Why not.
        failure: Failure,
        /// The name of its Secret, if that was created and is still there.
        left: Option<String>,
    },
    /// The Secret, and so nothing.
    Secret(Failure),
}

/// Who deletes the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// The garbage collector, after the object.
    OfObject,
    /// A user.
    OfUser,
}

/// Creates an object with its Secret, as [`create`] does, if the API server would accept the object.
pub async fn try_create<K: Known>(
    cluster: &Cluster,
    object: &K,
    secret: Option<(Secret, Ownership)>,
) -> Result<K, NotCreated> {
    let refused = |failure| NotCreated::Object { failure, left: None };
    cluster.create_in(object, Mode::DryRun).await.map_err(refused)?;
    create(cluster, object, secret).await
}

/// Creates an object with its Secret. The Secret comes first, as the operator acts as soon as the object is there. It is
/// deleted again if the API server refuses the object.
pub async fn create<K: Known>(
    cluster: &Cluster,
    object: &K,
    secret: Option<(Secret, Ownership)>,
) -> Result<K, NotCreated> {
    let Some((secret, ownership)) = secret else {
        let refused = |failure| NotCreated::Object { failure, left: None };
        return cluster.create(object).await.map_err(refused);
    };
    let (secret, is_new) = create_secret(cluster, secret).await.map_err(NotCreated::Secret)?;
    match cluster.create(object).await {
        Ok(created) => {
            if ownership == Ownership::OfObject {
                own(cluster, &created, &secret.name_any()).await;
            }
            Ok(created)
        }
        Err(failure) => {
            // After another attempt of the same user, the object is there, and needs the Secret.
            let is_needed =
                failure.is_name_taken() && own_by_existing(cluster, object, &secret.name_any()).await;
            let left = if is_new && !is_needed { undo(cluster, &secret, &failure).await } else { None };
            Err(NotCreated::Object { failure, left })
        }
    }
}

/// Creates a Secret, or finds the same one, which an earlier attempt has left without an owner. Says whether it is new.
async fn create_secret(cluster: &Cluster, secret: Secret) -> Result<(Secret, bool), Failure> {
    let refused = match cluster.create(&secret).await {
        Ok(created) => return Ok((created, true)),
        Err(failure) => failure,
    };
    if !refused.is_name_taken() {
        return Err(refused);
    }
    find_same(cluster, &secret).await.map(|found| (found, false)).ok_or(refused)
}

/// The same Secret, if an earlier attempt has left it without an owner.
pub async fn find_same(cluster: &Cluster, secret: &Secret) -> Option<Secret> {
    let found = cluster.get::<Secret>(secret.namespace().as_deref(), &secret.name_any()).await;
    let is_same = |found: &Secret| {
        let is_there = found.metadata.deletion_timestamp.is_none() && found.owner_references().is_empty();
        is_there && found.data == secret.data
    };
    found.ok().filter(is_same)
}

/// Makes an object the owner of a Secret, which is then deleted with it. The object works without that, so a failure does
/// not undo anything.
pub async fn own<K: Known>(cluster: &Cluster, owner: &K, secret: &str) {
    let change = json!({"metadata": {"ownerReferences": owner.owner_ref(&()).as_slice()}});
    let namespace = owner.namespace();
    if cluster.patch::<Secret>(namespace.as_deref(), secret, &change).await.is_err() {
        warn!(namespace, name = secret, "cannot set the owner of the Secret; it outlives its owner");
    }
}

/// Makes the object of this name that is there the owner of a Secret, if it refers to it. Says whether it does.
async fn own_by_existing<K: Known>(cluster: &Cluster, object: &K, secret: &str) -> bool {
    let found = cluster.get::<K>(object.namespace().as_deref(), &object.name_any()).await;
    let refers = |found: &K| {
        let found = serde_json::to_value(found).unwrap_or_default();
        let sources = found.pointer("/spec/parametersFrom").and_then(Value::as_array);
        let is_named = |source: &Value| source.pointer("/secretKeyRef/name") == Some(&json!(secret));
        sources.is_some_and(|sources| sources.iter().any(is_named))
    };
    let Some(found) = found.ok().filter(refers) else { return false };
    own(cluster, &found, secret).await;
    true
}

/// Deletes the Secret of an object that was refused. If the answer got lost, the object may exist and need it. Returns the
/// name of a Secret that is still there.
async fn undo(cluster: &Cluster, secret: &Secret, failure: &Failure) -> Option<String> {
    let (namespace, name, uid) = (secret.namespace(), secret.name_any(), secret.uid().unwrap_or_default());
    let is_refused = !matches!(failure, Failure::Unreachable);
    if is_refused && cluster.delete::<Secret>(namespace.as_deref(), &name, &uid).await.is_ok() {
        return None;
    }
    warn!(namespace, name, "the Secret of an object that was not created is still there");
    Some(name)
}

/// A Secret with these entries.
pub fn secret(namespace: &str, name: &str, data: BTreeMap<String, ByteString>) -> Secret {
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..ObjectMeta::default()
    };
    Secret { metadata, type_: Some("Opaque".to_owned()), data: Some(data), ..Secret::default() }
}

/// A name that begins like this and ends with four random letters and digits.
pub fn proposed_name(beginning: &str) -> Result<String, Failure> {
    let beginning: String = beginning.chars().take(MAX_BEGINNING).collect();
    Ok(format!("{}-{}", beginning.trim_end_matches(['-', '.']), suffix()?))
}
