//! How do `secretTransforms` change the broker's credentials?

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use k8s_openapi::ByteString;
use serde_json::{Map, Value};

use super::budget::Budget;
use super::template::{self, TemplateError};
use super::{CredentialsError, MAX_SECRET_BYTES};
use crate::crd::binding::{
    AddKeyTransform, AddKeysFromTransform, RemoveKeyTransform, RenameKeyTransform, SecretData,
    SecretTransform,
};
use crate::domain::bounds::are_transforms_too_long;

#[cfg(test)]
mod tests;

/// How much of a key a message shows, in characters.
const SHOWN_CHARS: usize = 60;

/// The value of an entry while transforms are applied.
pub(super) enum Entry {
    /// A JSON value that the broker sent, or text.
    Json(Value),
    /// Bytes that are not text.
    Bytes(ByteString),
}

impl Entry {
    /// As text where the bytes are UTF-8, so that a template can refer to it.
    fn from_bytes(bytes: &ByteString) -> Self {
        match std::str::from_utf8(&bytes.0) {
            Ok(text) => Self::Json(text.into()),
            Err(_) => Self::Bytes(bytes.clone()),
        }
    }
}

/// The operation of a transform.
enum Operation<'a> {
    Add(&'a AddKeyTransform),
    Rename(&'a RenameKeyTransform),
    AddFrom(&'a AddKeysFromTransform),
    Remove(&'a RemoveKeyTransform),
}

/// The one operation of a transform. Of several the first in this order counts.
fn operation(transform: &SecretTransform) -> Option<Operation<'_>> {
    (transform.add_key.as_ref().map(Operation::Add))
        .or_else(|| transform.rename_key.as_ref().map(Operation::Rename))
        .or_else(|| transform.add_keys_from.as_ref().map(Operation::AddFrom))
        .or_else(|| transform.remove_key.as_ref().map(Operation::Remove))
}

/// The entries of a Secret while transforms are applied. Those that templates can refer to are kept as one JSON object,
/// so that a template needs no copy of them.
pub(super) struct Draft {
    json: Map<String, Value>,
    bytes: SecretData,
    /// The keys that transforms removed or renamed. The well-known names must not bring them back.
    pub(super) removed: BTreeSet<String>,
    /// How long the text of the templates to come may be, in bytes.
    room: usize,
    budget: Budget,
}

impl Draft {
    pub(super) fn new(credentials: &Map<String, Value>) -> Self {
        Self {
            json: credentials.clone(),
            bytes: SecretData::new(),
            removed: BTreeSet::new(),
            room: MAX_SECRET_BYTES,
            budget: Budget::new(),
        }
    }

    /// The entries, and the keys that transforms removed or renamed.
    pub(super) fn finish(self) -> (BTreeMap<String, Entry>, BTreeSet<String>) {
        let json = self.json.into_iter().map(|(key, value)| (key, Entry::Json(value)));
        let bytes = self.bytes.into_iter().map(|(key, value)| (key, Entry::Bytes(value)));
        (json.chain(bytes).collect(), self.removed)
    }

    /// Applies one transform.
    pub(super) fn apply(
        &mut self,
        transform: &SecretTransform,
        secrets: &BTreeMap<String, SecretData>,
        namespace: &str,
    ) -> Result<(), CredentialsError> {
        match operation(transform) {
            Some(Operation::Add(add)) => {
                let value = self.value(add)?;
                self.insert(add.key.clone(), value);
            }
            Some(Operation::Rename(rename)) => {
                if let Some(value) = self.take(&rename.from) {
                    self.insert(rename.to.clone(), value);
                }
            }
            Some(Operation::AddFrom(from)) => {
                let name = source(from, namespace)?;
                let missing = || CredentialsError::MissingSecret(name.to_owned());
                let data = secrets.get(name).ok_or_else(missing)?;
                for (key, value) in data {
                    let spent = self.budget.spend(1).and_then(|()| self.budget.spend_text(value.0.len()));
                    spent.map_err(|_| CredentialsError::TooMuchWork(name.to_owned()))?;
                    self.insert(key.clone(), Entry::from_bytes(value));
                }
            }
            Some(Operation::Remove(remove)) => {
                self.take(&remove.key);
            }
            None => {}
        }
        Ok(())
    }

    fn insert(&mut self, key: String, entry: Entry) {
        match entry {
            Entry::Json(value) => {
                self.bytes.remove(&key);
                self.json.insert(key, value);
            }
            Entry::Bytes(bytes) => {
                self.json.remove(&key);
                self.bytes.insert(key, bytes);
            }
        }
    }

    fn take(&mut self, key: &str) -> Option<Entry> {
        self.removed.insert(key.to_owned());
        let json = self.json.remove(key).map(Entry::Json);
        json.or_else(|| self.bytes.remove(key).map(Entry::Bytes))
    }

    fn value(&mut self, add: &AddKeyTransform) -> Result<Entry, CredentialsError> {
        if let Some(expression) = &add.json_path_expression {
            let text = self
                .render(expression)
                .map_err(|source| CredentialsError::Template { key: shown(&add.key), source })?;
            self.room = self.room.saturating_sub(text.len());
            return Ok(Entry::Json(text.into()));
        }
        Ok(match (&add.string_value, &add.value) {
            (Some(text), _) => Entry::Json(text.as_str().into()),
            (None, Some(bytes)) => Entry::from_bytes(bytes),
            (None, None) => Entry::Json("".into()),
        })
    }

    fn render(&mut self, template: &str) -> Result<String, TemplateError> {
        let data = Value::Object(mem::take(&mut self.json));
        let text = template::render(template, &data, self.room, &mut self.budget);
        if let Value::Object(json) = data {
            self.json = json;
        }
        text
    }
}

/// The beginning of a key, for messages.
fn shown(key: &str) -> String {
    key.chars().take(SHOWN_CHARS).collect()
}

/// The names of the Secrets that the transforms take entries from. All are in the binding's namespace.
pub fn sources<'a>(
    transforms: &'a [SecretTransform],
    namespace: &str,
) -> Result<BTreeSet<&'a str>, CredentialsError> {
    if are_transforms_too_long(transforms) {
        return Err(CredentialsError::TransformsTooLong);
    }
    let from = |transform| match operation(transform) {
        Some(Operation::AddFrom(from)) => Some(source(from, namespace)),
        _ => None,
    };
    transforms.iter().filter_map(from).collect()
}

/// The name of the Secret to take entries from. One of another namespace is an error: it could be another tenant's.
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
