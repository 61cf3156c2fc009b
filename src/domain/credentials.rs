//! What goes into the Secret of a binding?
//!
//! The broker's credentials, changed as the binding's `secretTransforms` say, one entry for each member; then
//! `type` and `provider`, by which applications recognise a service, and other well-known names for what the
//! broker calls differently. These are added last and never replace an entry, so that a transform sees what the
//! broker sent and nothing else.

mod keys;
mod template;
mod transform;
mod well_known;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::crd::binding::{SecretData, SecretTransform};
use crate::crd::names::hex;

use template::TemplateError;
use transform::Draft;
pub use transform::sources;

#[cfg(test)]
mod tests;

/// The most that a Secret may hold, in bytes.
const LIMIT: usize = 1024 * 1024;

/// Why credentials cannot be written. No message repeats a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CredentialsError {
    /// A `JSONPath` template cannot be filled in.
    #[error("secretTransforms: cannot add key {key:?}: {source}")]
    Template {
        /// The key that it was to be the value of.
        key: String,
        /// What is wrong.
        source: TemplateError,
    },
    /// Entries are wanted of a Secret that belongs to somebody else.
    #[error(
        "secretTransforms: addKeysFrom may only name a Secret of namespace {own:?}, not of {namespace:?}"
    )]
    ForeignSecret {
        /// Where the Secret would be.
        namespace: String,
        /// Where it has to be.
        own: String,
    },
    /// Entries are wanted of a Secret that does not exist, or none is named.
    #[error("secretTransforms: addKeysFrom: there is no Secret {0:?}")]
    MissingSecret(String),
    /// The Secret would be larger than Kubernetes allows.
    #[error("the credentials are {size} bytes, more than the {LIMIT} bytes that fit into a Secret")]
    TooLarge {
        /// Keys and values together, in bytes.
        size: usize,
    },
}

/// What is known of a binding besides its credentials.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meta<'a> {
    /// The binding's namespace.
    pub namespace: &'a str,
    /// The binding's `spec.type`, or nothing.
    pub type_: &'a str,
    /// The binding's `spec.provider`, or nothing.
    pub provider: &'a str,
    /// The name that the broker gave the class.
    pub service: &'a str,
    /// The class's tags.
    pub tags: &'a [String],
    /// The metadata that the broker gave the plan.
    pub plan_metadata: Option<&'a Value>,
    /// The metadata that the broker gave the class.
    pub class_metadata: Option<&'a Value>,
    /// The broker's name.
    pub broker: &'a str,
}

/// What a Secret is to hold.
#[derive(Default)]
pub struct Entries {
    /// The entries.
    pub data: SecretData,
    /// What the user should know: keys that had to be changed.
    pub warnings: Vec<String>,
}

/// The entries of the Secret for these credentials; `secrets` are those of the namespace that
/// [`sources`] asks for, by name.
pub fn secret_data(
    credentials: &Map<String, Value>,
    transforms: &[SecretTransform],
    secrets: &BTreeMap<String, SecretData>,
    meta: &Meta,
) -> Result<Entries, CredentialsError> {
    let mut draft = Draft::new(credentials);
    for transform in transforms {
        draft.apply(transform, secrets, meta.namespace)?;
    }
    let Draft { entries, removed, .. } = draft;
    let mut entries = keys::legal(entries);
    well_known::add(&mut entries.data, &removed, credentials, meta);
    fit(&entries.data)?;
    Ok(entries)
}

/// Whether the transforms can be carried out, as far as that can be known before there are credentials: then nothing has to
/// be given back. For `secrets` see [`secret_data`].
pub fn check(
    transforms: &[SecretTransform],
    secrets: &BTreeMap<String, SecretData>,
    namespace: &str,
) -> Result<(), CredentialsError> {
    let mut draft = Draft::new(&Map::new());
    for transform in transforms {
        match draft.apply(transform, secrets, namespace) {
            Ok(()) | Err(CredentialsError::Template { source: TemplateError::Missing(_), .. }) => {}
            Err(error) => return Err(error),
        }
    }
    fit(&keys::legal(draft.entries).data)
}

fn fit(data: &SecretData) -> Result<(), CredentialsError> {
    let size = data.iter().map(|(key, value)| key.len() + value.0.len()).sum();
    if size > LIMIT { Err(CredentialsError::TooLarge { size }) } else { Ok(()) }
}

/// A digest of a Secret's entries, in hexadecimal: different entries have different ones.
pub fn digest(data: &SecretData) -> String {
    let mut hash = Sha256::new();
    for part in data.iter().flat_map(|(key, value)| [key.as_bytes(), &value.0]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}
