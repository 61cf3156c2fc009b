//! Which entries does the Secret of a binding get?
//!
//! One for each member of the broker's credentials, after the binding's `spec.secretTransforms`. Then the operator adds
//! `type` and `provider`, by which applications recognise a service (servicebinding.io), and well-known names for
//! members that the broker names differently, as far as the binding wants them ([`Additions`]). It adds these last and
//! never replaces an entry by one, so that a transform sees only what the broker sent. The entry point is
//! [`secret_data`].
//!
//! | file | what it answers |
//! |---|---|
//! | `transform` | how do the transforms change the entries? |
//! | `template` | how is a `JSONPath` template expanded? |
//! | `query` | which values does a `JSONPath` query find? |
//! | `budget` | how much work may that cost? |
//! | `keys` | what if a key is not valid in a Secret? |
//! | `well_known` | which names do applications expect? |

mod budget;
mod keys;
mod query;
mod template;
mod transform;
mod well_known;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::crd::binding::{MAX_TEXT_BYTES, SecretData, SecretTransform, runs_code};
use crate::crd::names::hex;
use crate::crd::{ServiceBinding, ServiceBindingStatus};
use crate::domain::rollout::selects;

use budget::MAX_WORK;
use template::TemplateError;
use transform::Draft;
pub use transform::sources;

#[cfg(test)]
mod tests;

/// Kubernetes' limit for the data of a Secret, in bytes.
const MAX_SECRET_BYTES: usize = 1024 * 1024;

/// Why credentials cannot be written. A message never contains a value, which is secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CredentialsError {
    /// A `JSONPath` template cannot be expanded.
    #[error("spec.secretTransforms: cannot add the key {key:?}: {source}")]
    Template {
        /// The key whose value the template defines.
        key: String,
        /// What is wrong with the template.
        source: TemplateError,
    },
    /// `addKeysFrom` names a Secret of another namespace, which could be another tenant's.
    #[error(
        "spec.secretTransforms: addKeysFrom may only reference a Secret in the namespace {own:?}, not in \
         {namespace:?}"
    )]
    ForeignSecret {
        /// The namespace that the transform names.
        namespace: String,
        /// The binding's namespace.
        own: String,
    },
    /// `addKeysFrom` names a Secret that does not exist, or none.
    #[error("spec.secretTransforms: addKeysFrom names the Secret {0:?}, which does not exist")]
    MissingSecret(String),
    /// The entries that `addKeysFrom` adds exceed the budget of a binding.
    #[error(
        "spec.secretTransforms: cannot add the entries of the Secret {0:?}: the transforms up to this one take more work \
         than reading {MAX_WORK} values. Use fewer transforms, or a smaller Secret"
    )]
    TooMuchWork(String),
    /// The transforms are longer than is kept in memory.
    #[error(
        "spec.secretTransforms: keys, values and templates together take more than {MAX_TEXT_BYTES} bytes. Shorten them"
    )]
    TransformsTooLong,
    /// The Secret would be larger than Kubernetes allows.
    #[error(
        "the credentials take {size} bytes, more than the {MAX_SECRET_BYTES} bytes that fit into a Secret"
    )]
    TooLarge {
        /// Keys and values together, in bytes.
        size: usize,
    },
}

/// What the binding and the catalog say about a service, besides its credentials.
#[derive(Clone, Copy, Debug, Default)]
pub struct Meta<'a> {
    /// The binding's namespace.
    pub namespace: &'a str,
    /// The binding's `spec.type`, or empty.
    pub type_: &'a str,
    /// The binding's `spec.provider`, or empty.
    pub provider: &'a str,
    /// The external name of the class.
    pub service: &'a str,
    /// The class's tags.
    pub tags: &'a [String],
    /// The plan's metadata in the broker's catalog.
    pub plan_metadata: Option<&'a Value>,
    /// The class's metadata in the broker's catalog.
    pub class_metadata: Option<&'a Value>,
    /// The broker's name.
    pub broker: &'a str,
    /// The prefix of the variables, if the entries become variables of containers (`spec.injection.envFrom`).
    pub env_prefix: Option<&'a str>,
    /// Which entries the operator adds.
    pub additions: Additions<'a>,
}

/// Which entries the operator adds to those that the broker sent. An application that makes a variable of each entry of a
/// Secret gets no more of them than it expects.
#[derive(Clone, Copy, Debug, Default)]
pub enum Additions<'a> {
    /// All that follow from the credentials: the binding injects, or asks for them with `spec.type`.
    #[default]
    All,
    /// `type` and `provider`, by which implementations of servicebinding.io recognise the Secret.
    Descriptions,
    /// Those that the Secret had before.
    Recorded(&'a [String]),
}

impl<'a> Additions<'a> {
    /// What the operator adds to the Secret of a binding.
    pub fn of(binding: &'a ServiceBinding) -> Self {
        let status = binding.status.as_ref();
        let is_of_earlier_version = |status: &ServiceBindingStatus| !status.secret_digest.is_empty();
        match status {
            _ if selects(binding) || !binding.spec.type_.is_empty() => Self::All,
            Some(status) if !status.secret_keys.is_empty() => Self::Recorded(&status.secret_keys),
            Some(status) if is_of_earlier_version(status) => Self::All,
            _ => Self::Descriptions,
        }
    }

    fn include(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Descriptions => matches!(name, "type" | "provider"),
            Self::Recorded(names) => names.iter().any(|recorded| recorded == name),
        }
    }
}

/// The entries of a Secret.
#[derive(Default)]
pub struct Entries {
    /// Keys and values.
    pub data: SecretData,
    /// Messages for the user about entries that had to be changed or left out.
    pub warnings: Vec<String>,
}

/// The entries of the Secret for these credentials. `secrets` holds the Secrets that [`sources`] names, by name.
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
    let (entries, removed) = draft.finish();
    let mut entries = keys::legal(entries);
    well_known::add(&mut entries.data, &removed, credentials, meta);
    if let Some(prefix) = meta.env_prefix {
        leave_out_code(&mut entries, prefix);
    }
    check_size(&entries.data)?;
    Ok(entries)
}

/// Whether an entry of this key becomes a variable that runs code, with this prefix of `spec.injection.envFrom`.
pub fn becomes_code(key: &str, prefix: &str) -> bool {
    runs_code(&format!("{prefix}{key}"))
}

/// Leaves out the entries that would become variables that run code. The kubelet makes a variable of every entry, and
/// pods may refer to the Secret before it exists, so no later moment is early enough.
fn leave_out_code(entries: &mut Entries, prefix: &str) {
    for (key, _) in entries.data.extract_if(.., |key, _| becomes_code(key, prefix)) {
        entries.warnings.push(format!(
            "spec.injection.envFrom would make the variable {prefix}{key} of the entry {key:?}, which runs code or \
             redirects traffic, so the entry is left out"
        ));
    }
}

/// Whether the transforms can be applied, as far as that is known before the broker sent credentials. The operator
/// checks before a bind, because credentials that cannot be stored would have to be unbound again. For `secrets` see
/// [`secret_data`].
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
    check_size(&keys::legal(draft.finish().0).data)
}

fn check_size(data: &SecretData) -> Result<(), CredentialsError> {
    let size = data.iter().map(|(key, value)| key.len() + value.0.len()).sum();
    if size > MAX_SECRET_BYTES { Err(CredentialsError::TooLarge { size }) } else { Ok(()) }
}

/// A digest of a Secret's entries, in hexadecimal. Lengths are hashed too, so that bytes cannot move between a key and
/// its value unnoticed.
pub fn digest(data: &SecretData) -> String {
    let mut hash = Sha256::new();
    for part in data.iter().flat_map(|(key, value)| [key.as_bytes(), &value.0]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}
