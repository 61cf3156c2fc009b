//! Creating an object together with the Secret that it refers to.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt as _;
use kube::core::ObjectMeta;
use serde_json::json;
use tracing::warn;

use crate::console::access::suffix;
use crate::console::answer::failure::Failure;
use crate::console::kube_api::{Cluster, Known, Mode};

/// The longest beginning of a proposed name.
const MAX_BEGINNING: usize = 200;

/// What was not created. Then nothing was.
#[derive(Debug)]
pub enum NotCreated {
    /// The object.
    Object(Failure),
    /// The Secret.
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

/// Creates an object after a dry run. Its Secret is created before it, as the operator reads both at once, and removed
/// if the API server refuses the object.
pub async fn create<K: Known>(
    cluster: &Cluster,
    object: &K,
    secret: Option<(Secret, Ownership)>,
) -> Result<K, NotCreated> {
    cluster.create_in(object, Mode::DryRun).await.map_err(NotCreated::Object)?;
    let Some((secret, ownership)) = secret else {
        return cluster.create(object).await.map_err(NotCreated::Object);
    };
    let secret = cluster.create(&secret).await.map_err(NotCreated::Secret)?;
    match cluster.create(object).await {
        Ok(created) => {
            if ownership == Ownership::OfObject {
                set_owner(cluster, &secret, &created).await;
            }
            Ok(created)
        }
        Err(failure) => {
            remove(cluster, &secret).await;
            Err(NotCreated::Object(failure))
        }
    }
}

/// The object works without it, so a failure does not undo anything.
async fn set_owner<K: Known>(cluster: &Cluster, secret: &Secret, owner: &K) {
    let owner = json!({
        "apiVersion": K::api_version(&()), "kind": K::kind(&()), "name": owner.name_any(), "uid": owner.uid(),
    });
    let change = json!({"metadata": {"ownerReferences": [owner]}});
    let namespace = secret.namespace();
    let result = cluster.patch::<Secret>(namespace.as_deref(), &secret.name_any(), &change).await;
    if result.is_err() {
        warn!(
            namespace,
            name = secret.name_any(),
            "cannot set the owner of the Secret; it outlives its owner"
        );
    }
}

async fn remove(cluster: &Cluster, secret: &Secret) {
    let (namespace, uid) = (secret.namespace(), secret.uid().unwrap_or_default());
    if cluster.delete::<Secret>(namespace.as_deref(), &secret.name_any(), &uid).await.is_err() {
        warn!(namespace, name = secret.name_any(), "cannot delete the Secret of an object that was refused");
    }
}

/// A Secret with these entries.
pub fn secret<'a>(
    namespace: &str,
    name: &str,
    entries: impl IntoIterator<Item = (&'a str, Vec<u8>)>,
) -> Secret {
    let data = entries.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value))).collect();
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..Secret::default()
    }
}

/// A name that begins like this and ends with four random letters and digits.
pub fn proposed_name(beginning: &str) -> Result<String, Failure> {
    let beginning: String = beginning.chars().take(MAX_BEGINNING).collect();
    Ok(format!("{}-{}", beginning.trim_end_matches(['-', '.']), suffix()?))
}
