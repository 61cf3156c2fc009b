//! How do `secretTransforms` change the broker's credentials?

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use serde_json::{Map, Value};

use super::{CredentialsError, LIMIT, template};
use crate::crd::binding::{
    AddKeyTransform, AddKeysFromTransform, RemoveKeyTransform, RenameKeyTransform, SecretData,
    SecretTransform,
};

#[cfg(test)]
mod tests;

/// The value of an entry while it is worked on.
#[derive(Clone)]
pub(super) enum Entry {
    /// What the broker sent, or text.
    Json(Value),
    /// Anything else.
    Bytes(ByteString),
}

impl Entry {
    /// Text, where the bytes are text, so that a template can refer to it.
    fn of(bytes: &ByteString) -> Self {
        match std::str::from_utf8(&bytes.0) {
            Ok(text) => Self::Json(text.into()),
            Err(_) => Self::Bytes(bytes.clone()),
        }
    }
}

/// What a transform does.
enum Step<'a> {
    Add(&'a AddKeyTransform),
    Rename(&'a RenameKeyTransform),
    AddFrom(&'a AddKeysFromTransform),
    Remove(&'a RemoveKeyTransform),
}

/// The one thing that a transform does: if several are given, the first of these; if none is, nothing.
fn step(transform: &SecretTransform) -> Option<Step<'_>> {
    (transform.add_key.as_ref().map(Step::Add))
        .or_else(|| transform.rename_key.as_ref().map(Step::Rename))
        .or_else(|| transform.add_keys_from.as_ref().map(Step::AddFrom))
        .or_else(|| transform.remove_key.as_ref().map(Step::Remove))
}

/// The entries of a Secret while they are worked on.
pub(super) struct Draft {
    pub(super) entries: BTreeMap<String, Entry>,
    /// The names that the user took away: they stay away.
    pub(super) removed: BTreeSet<String>,
    /// How much text the templates may still give, in bytes.
    room: usize,
}

impl Draft {
    pub(super) fn new(credentials: &Map<String, Value>) -> Self {
        let entries = credentials.iter().map(|(key, value)| (key.clone(), Entry::Json(value.clone())));
        Self { entries: entries.collect(), removed: BTreeSet::new(), room: LIMIT }
    }

    /// Makes one change.
    pub(super) fn apply(
        &mut self,
        transform: &SecretTransform,
        secrets: &BTreeMap<String, SecretData>,
        namespace: &str,
    ) -> Result<(), CredentialsError> {
        match step(transform) {
            Some(Step::Add(add)) => {
                let value = self.value(add)?;
                self.entries.insert(add.key.clone(), value);
            }
            Some(Step::Rename(rename)) => {
                if let Some(value) = self.take(&rename.from) {
                    self.entries.insert(rename.to.clone(), value);
                }
            }
            Some(Step::AddFrom(from)) => {
                let name = source(from, namespace)?;
                let missing = || CredentialsError::MissingSecret(name.to_owned());
                let data = secrets.get(name).ok_or_else(missing)?;
                self.entries.extend(data.iter().map(|(key, value)| (key.clone(), Entry::of(value))));
            }
            Some(Step::Remove(remove)) => {
                self.take(&remove.key);
            }
            None => {}
        }
        Ok(())
    }

    fn take(&mut self, key: &str) -> Option<Entry> {
        let entry = self.entries.remove(key);
        self.removed.insert(key.to_owned());
        entry
    }

    fn value(&mut self, add: &AddKeyTransform) -> Result<Entry, CredentialsError> {
        if let Some(expression) = &add.json_path_expression {
            let text = template::render(expression, &self.json(), self.room)
                .map_err(|source| CredentialsError::Template { key: add.key.clone(), source })?;
            self.room = self.room.saturating_sub(text.len());
            return Ok(Entry::Json(text.into()));
        }
        Ok(match (&add.string_value, &add.value) {
            (Some(text), _) => Entry::Json(text.as_str().into()),
            (None, Some(bytes)) => Entry::of(bytes),
            (None, None) => Entry::Json("".into()),
        })
    }

    fn json(&self) -> Value {
        let json = |(key, entry): (&String, &Entry)| match entry {
            Entry::Json(value) => Some((key.clone(), value.clone())),
            Entry::Bytes(_) => None,
        };
        self.entries.iter().filter_map(json).collect()
    }
}

/// The names of the Secrets, of the binding's own namespace, that the transforms take entries from.
pub fn sources<'a>(
    transforms: &'a [SecretTransform],
    namespace: &str,
) -> Result<BTreeSet<&'a str>, CredentialsError> {
    let from = |transform| match step(transform) {
        Some(Step::AddFrom(from)) => Some(source(from, namespace)),
        _ => None,
    };
    transforms.iter().filter_map(from).collect()
}

/// The Secret to take entries from. One of another namespace could be a stranger's.
fn source<'a>(from: &'a AddKeysFromTransform, namespace: &str) -> Result<&'a str, CredentialsError> {
    let Some(secret) = &from.secret_ref else {
        return Err(CredentialsError::MissingSecret(String::new()));
    };
    if !secret.namespace.is_empty() && secret.namespace != namespace {
        let (namespace, own) = (secret.namespace.clone(), namespace.to_owned());
        return Err(CredentialsError::ForeignSecret { namespace, own });
    }
    Ok(&secret.name)
}
