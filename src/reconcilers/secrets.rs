//! Secrets: those that hold credentials of ours, and those of others that objects of ours refer to.
//!
//! Of ours, a digest is kept, so that a change is noticed. Of others nothing is kept: each that is referred to is
//! watched by its name, and a change wakes the object that refers to it.
//!
//! | file | what it answers |
//! |---|---|
//! | `binding_secrets` | which Secrets of bindings are there, and with which entries? |
//! | `referenced_secrets` | who is woken when a Secret of somebody else changes? |

mod binding_secrets;
mod referenced_secrets;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::{Api, ResourceExt as _};

use crate::crd::ServiceBinding;
use crate::crd::binding::SecretData;
use crate::crd::names::{FIELD_MANAGER, LABEL_CREDENTIALS};
use crate::crd::reference::ParametersFromSource;
use crate::domain::controller;
use crate::domain::credentials::digest;
use crate::reconcilers::context::{Context, as_seen};
use crate::reconcilers::error::{During as _, Error};
use crate::reconcilers::scope::owner;

pub use binding_secrets::OwnSecrets;
pub use referenced_secrets::UsedSecrets;

/// A namespace and a name.
pub type Name = (String, String);

fn data(secret: &Secret) -> SecretData {
    secret.data.clone().unwrap_or_default()
}

/// The Secret in the place of the binding's.
#[derive(Debug)]
pub enum Place {
    /// There is none.
    Free,
    /// There is one, and it is the binding's.
    Own(Box<Secret>),
    /// There is one, and it is not the binding's.
    Taken,
}

/// Looks at the place of the binding's Secret.
pub async fn place(context: &Context, binding: &ServiceBinding) -> Result<Place, Error> {
    let found =
        api(context, binding).get_opt(binding.secret_name()).await.during("looking for the Secret")?;
    Ok(match found {
        None => Place::Free,
        Some(secret) => {
            let owner = controller(&secret.metadata).map(|owner| owner.uid.clone());
            if owner.is_some() && owner == binding.uid() {
                Place::Own(Box::new(secret))
            } else {
                Place::Taken
            }
        }
    })
}

/// Writes the binding's Secret: makes it where the place is free, replaces what is the binding's own; returns the
/// digest of its entries. A Secret that somebody else makes in between is not touched, which server-side apply could
/// not promise; then nothing is returned.
pub async fn write(
    context: &Context,
    binding: &ServiceBinding,
    place: Place,
    data: SecretData,
) -> Result<Option<String>, Error> {
    let api = api(context, binding);
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let labels = BTreeMap::from([(LABEL_CREDENTIALS.to_owned(), String::new())]);
    let _turn = context.turn(binding).await;
    let written = match place {
        Place::Own(mut secret) => {
            secret.labels_mut().extend(labels);
            secret.data = Some(data);
            api.replace(binding.secret_name(), &parameters, &secret).await.during("replacing the Secret")?
        }
        Place::Taken => return Ok(None),
        Place::Free => {
            let metadata = ObjectMeta {
                name: Some(binding.secret_name().to_owned()),
                namespace: binding.namespace(),
                labels: Some(labels),
                owner_references: Some(vec![owner(binding)]),
                ..ObjectMeta::default()
            };
            let type_ = Some(type_(binding));
            let secret = Secret { metadata, data: Some(data), type_, ..Secret::default() };
            match api.create(&parameters, &secret).await {
                Err(kube::Error::Api(status)) if status.is_already_exists() => return Ok(None),
                created => created.during("making the Secret")?,
            }
        }
    };
    context.own_secrets.know(&written);
    Ok(Some(digest(&written.data.unwrap_or_default())))
}

/// As servicebinding.io has it (“Provisioned Service”) where the spec says what it is, else as service-catalog did. It cannot
/// be changed later.
fn type_(binding: &ServiceBinding) -> String {
    match binding.spec.type_.as_str() {
        "" => "Opaque".to_owned(),
        type_ => format!("servicebinding.io/{type_}"),
    }
}

/// Deletes the binding's Secret, if there is one that is its own.
pub async fn delete(context: &Context, binding: &ServiceBinding) -> Result<(), Error> {
    if context.own_secrets.digest(binding).is_none() {
        return Ok(());
    }
    let Place::Own(secret) = place(context, binding).await? else {
        return Ok(());
    };
    let _turn = context.turn(binding).await;
    let deleted = api(context, binding).delete(binding.secret_name(), &as_seen(secret.as_ref())).await;
    match deleted.during("deleting the Secret") {
        Err(error) if !error.is_not_found() => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn api(context: &Context, binding: &ServiceBinding) -> Api<Secret> {
    Api::namespaced(context.client.clone(), &binding.namespace().unwrap_or_default())
}

/// The entries of another Secret of the namespace, if there is one.
pub async fn entries(context: &Context, namespace: &str, name: &str) -> Result<Option<SecretData>, Error> {
    let api = Api::<Secret>::namespaced(context.client.clone(), namespace);
    Ok(api.get_opt(name).await.during("reading a Secret")?.map(|secret| data(&secret)))
}

/// The values that `parametersFrom` names, or what is missing.
pub async fn parameters(
    context: &Context,
    namespace: &str,
    sources: &[ParametersFromSource],
) -> Result<Result<Vec<(String, Vec<u8>)>, String>, Error> {
    let mut values = Vec::new();
    for reference in sources.iter().filter_map(|source| source.secret_key_ref.as_ref()) {
        let (name, key) = (&reference.name, &reference.key);
        let Some(secret) = entries(context, namespace, name).await? else {
            return Ok(Err(format!("parametersFrom names the Secret {name:?}, which does not exist")));
        };
        let Some(ByteString(value)) = secret.get(key).cloned() else {
            return Ok(Err(format!(
                "parametersFrom names the key {key:?} of the Secret {name:?}, which it does not have"
            )));
        };
        values.push((format!("key {key:?} of Secret {name:?}"), value));
    }
    Ok(Ok(values))
}

/// The names of the Secrets that `parametersFrom` refers to.
pub fn referred(namespace: &str, sources: &[ParametersFromSource]) -> BTreeSet<Name> {
    let keys = sources.iter().filter_map(|source| source.secret_key_ref.as_ref());
    keys.map(|reference| (namespace.to_owned(), reference.name.clone())).collect()
}
