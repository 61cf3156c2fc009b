//! The Secret `<instance>-parameters`: which key holds which parameter?
//!
//! Each parameter has a key of its own, and `spec.parametersFrom` an entry for each key. So one can be replaced without
//! reading the others, which the console never does. A new value gets a new key: the operator keeps using the old one
//! until the instance refers to the new one, and a change that is refused leaves everything as it was.

use std::collections::{BTreeMap, BTreeSet};

use crate::crd::names::hex;
use crate::crd::reference::{ParametersFromSource, SecretKeyReference};
use crate::osb::REDACTED;
use k8s_openapi::ByteString;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The most entries of `spec.parametersFrom`, as its schema says.
const MAX_SOURCES: usize = 64;
/// The longest name of a parameter that is a part of a key as it is, in bytes.
const MAX_PLAIN: usize = 200;
/// Begins the part of a key that stands for any other name.
const HASHED: &str = "sha256-";

/// The name of the Secret with the parameters of an instance.
pub fn secret_name(instance: &str) -> String {
    format!("{instance}-parameters")
}

/// The sources of an instance's parameters.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    secret: String,
    all: Vec<ParametersFromSource>,
}

/// How the sources change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceChange {
    /// `spec.parametersFrom`.
    pub sources: Vec<ParametersFromSource>,
    /// The values of new keys.
    pub added: BTreeMap<String, ByteString>,
    /// The keys that nothing refers to any more.
    pub removed: Vec<String>,
}

impl Sources {
    /// Of an instance with this name, which may be a new one.
    pub fn of(instance: &str, all: &[ParametersFromSource]) -> Self {
        Self { secret: secret_name(instance), all: all.to_vec() }
    }

    /// The keys in the Secret that the console writes.
    fn own_keys(&self) -> impl Iterator<Item = &str> {
        self.all.iter().filter_map(|source| self.own_key(source))
    }

    fn own_key<'a>(&self, source: &'a ParametersFromSource) -> Option<&'a str> {
        let reference = source.secret_key_ref.as_ref().filter(|reference| reference.name == self.secret)?;
        reference.key.contains('.').then_some(reference.key.as_str())
    }

    /// Whether the instance has a Secret of the console.
    pub fn has_own(&self) -> bool {
        self.own_keys().next().is_some()
    }

    /// Whether the instance refers to this key of the Secret that the console writes.
    pub fn has_key(&self, key: &str) -> bool {
        self.own_keys().any(|own| own == key)
    }

    /// Whether the parameter is in the Secret that the console writes.
    pub fn holds(&self, parameter: &str) -> bool {
        self.own_keys().any(|key| part_of(key) == encoded(parameter))
    }

    /// The names of the parameters in the Secret, as far as the keys tell them.
    pub fn names(&self) -> BTreeSet<String> {
        self.own_keys().map(part_of).filter(|name| !name.starts_with(HASHED)).map(str::to_owned).collect()
    }

    /// The sources after parameters are set, and those of `known` that are neither set nor kept are removed. `suffix`
    /// makes new keys unique. `None`: there would be too many.
    pub fn changed(
        &self,
        set: &Map<String, Value>,
        kept: &BTreeSet<String>,
        known: &BTreeSet<String>,
        suffix: &str,
    ) -> Option<SourceChange> {
        let gone: BTreeSet<String> = known
            .iter()
            .filter(|name| !kept.contains(*name))
            .chain(set.keys())
            .map(|name| encoded(name))
            .collect();
        let mut change = SourceChange::default();
        for source in &self.all {
            match self.own_key(source).filter(|key| gone.contains(part_of(key))) {
                Some(key) => change.removed.push(key.to_owned()),
                None => change.sources.push(source.clone()),
            }
        }
        for (name, value) in set {
            let key = format!("{}.{suffix}", encoded(name));
            let reference = SecretKeyReference { name: self.secret.clone(), key: key.clone() };
            change.sources.push(ParametersFromSource { secret_key_ref: Some(reference) });
            change.added.insert(key, ByteString(json!({name: value}).to_string().into_bytes()));
        }
        (change.sources.len() <= MAX_SOURCES).then_some(change)
    }
}

/// The Secret with these keys for a page: without values.
pub fn redacted(namespace: &str, name: &str, data: &BTreeMap<String, ByteString>) -> Value {
    let data: Map<String, Value> = data.keys().map(|key| (key.clone(), REDACTED.into())).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "Opaque",
        "stringData": data,
    })
}

/// The part of a key that stands for the parameter.
fn part_of(key: &str) -> &str {
    key.split_once('.').map_or(key, |(part, _)| part)
}

/// A parameter's name as a part of a key, which may have few characters only.
fn encoded(parameter: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let fits = !parameter.is_empty() && parameter.len() <= MAX_PLAIN && !parameter.starts_with(HASHED);
    if fits && parameter.bytes().all(is_plain) {
        return parameter.to_owned();
    }
    format!("{HASHED}{}", hex(&Sha256::digest(parameter.as_bytes())))
}

#[cfg(test)]
mod tests;
