//! The parameters of an instance or a binding: [`merge`] combines their sources, and redacts those that come from
//! Secrets.

mod go;

use std::collections::BTreeMap;

use serde::Serialize as _;
use serde_json::ser::Formatter;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::crd::names::hex;
use crate::osb::SecretObject;

#[cfg(test)]
mod tests;

pub use crate::osb::REDACTED;

/// The origin, in messages, of parameters that are written in the object itself.
const INLINE: &str = "spec.parameters";

/// Why parameters cannot be merged. No message contains a value: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParametersError {
    /// Two sources set the same parameter.
    #[error("conflict: duplicate entry for parameter {parameter:?}, in {first} and in {second}")]
    Duplicate {
        /// Its name.
        parameter: String,
        /// The first source.
        first: String,
        /// The second source.
        second: String,
    },
    /// A key of a Secret does not hold JSON.
    #[error("{origin} is not JSON: {problem}")]
    NotJson {
        /// The Secret and its key.
        origin: String,
        /// The syntax error, with line and column.
        problem: String,
    },
    /// A key of a Secret holds JSON, but no object.
    #[error("{0} is not a JSON object")]
    NotAnObject(String),
}

/// All parameters of an instance or a binding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// The values that the broker gets.
    pub values: SecretObject,
    /// The same with each value from a Secret replaced by [`REDACTED`]. It may be shown to any user.
    pub redacted: Map<String, Value>,
}

impl Parameters {
    /// SHA-256 of the values, in hexadecimal; empty if there are none.
    ///
    /// The values are serialised as Go does, because statuses that service-catalog stored hold such checksums. A
    /// different one would be taken for a change of the parameters.
    pub fn checksum(&self) -> String {
        self.checksum_in(go::Strings)
    }

    /// The checksum that service-catalog stored for the same values. It differs from [`checksum`](Self::checksum) if a
    /// number changes on the way through a 64-bit float: `1.0`, or one with more than 15 digits.
    pub fn checksum_of_service_catalog(&self) -> String {
        self.checksum_in(go::StringsAndFloats)
    }

    /// Replaces the checksum that service-catalog stored for these values by our own.
    pub fn renew(&self, checksum: &mut String) {
        if *checksum == self.checksum_of_service_catalog() {
            *checksum = self.checksum();
        }
    }

    /// The values that come from Secrets, for a [`Redactor`](crate::osb::Redactor).
    pub fn secrets(&self) -> Vec<Vec<u8>> {
        let mut secrets = Vec::new();
        for (name, value) in self.values.iter() {
            collect_secrets(value, self.redacted.get(name), &mut secrets);
        }
        secrets
    }

    fn checksum_in(&self, formatter: impl Formatter) -> String {
        if self.values.is_empty() {
            return String::new();
        }
        let mut json = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut json, formatter);
        match self.values.serialize(&mut serializer) {
            Ok(()) => hex(&Sha256::digest(&json)),
            Err(_) => String::new(),
        }
    }
}

/// Merges the parameters: the `defaults` of the class, over them those of the plan, over them the user's own,
/// `inline` and `from` Secrets (each with its origin, for messages). Objects are merged member by member. Two sources
/// of the user must not set the same parameter.
pub fn merge(
    defaults: [Option<&Map<String, Value>>; 2],
    inline: Option<&Map<String, Value>>,
    from: &[(String, Vec<u8>)],
) -> Result<Parameters, ParametersError> {
    let mut user = UserParameters::default();
    for (origin, bytes) in from {
        for (name, value) in parse(origin, bytes)? {
            user.add(origin, name, value, Value::from(REDACTED))?;
        }
    }
    for (name, value) in inline.into_iter().flatten() {
        user.add(INLINE, name.clone(), value.clone(), value.clone())?;
    }
    let mut values = Map::new();
    for defaults in defaults.into_iter().flatten() {
        overlay(&mut values, defaults.clone());
    }
    let mut redacted = values.clone();
    overlay(&mut values, user.values);
    overlay(&mut redacted, user.redacted);
    Ok(Parameters { values: values.into(), redacted })
}

/// The parameters that the user sets, and the source of each.
#[derive(Default)]
struct UserParameters<'a> {
    origins: BTreeMap<String, &'a str>,
    values: Map<String, Value>,
    redacted: Map<String, Value>,
}

impl<'a> UserParameters<'a> {
    fn add(
        &mut self,
        origin: &'a str,
        parameter: String,
        value: Value,
        redacted: Value,
    ) -> Result<(), ParametersError> {
        if let Some(first) = self.origins.insert(parameter.clone(), origin) {
            let (first, second) = (first.to_owned(), origin.to_owned());
            return Err(ParametersError::Duplicate { parameter, first, second });
        }
        self.values.insert(parameter.clone(), value);
        self.redacted.insert(parameter, redacted);
        Ok(())
    }
}

/// The secret values in entries of Secrets, for a [`Redactor`](crate::osb::Redactor): each as a whole and, if it is
/// JSON, each of its parts.
pub fn secrets_of(from: &[(String, Vec<u8>)]) -> Vec<Vec<u8>> {
    let mut secrets = Vec::new();
    for (_, text) in from {
        secrets.push(text.clone());
        if let Ok(value) = serde_json::from_slice(text) {
            collect_secrets(&value, None, &mut secrets);
        }
    }
    secrets
}

/// Collects the values that are not shown: texts and numbers, and the name of no member.
fn collect_secrets(value: &Value, shown: Option<&Value>, secrets: &mut Vec<Vec<u8>>) {
    match value {
        _ if shown == Some(value) => {}
        Value::String(text) => secrets.push(text.clone().into_bytes()),
        Value::Number(number) => secrets.push(number.to_string().into_bytes()),
        Value::Array(items) => items.iter().for_each(|item| collect_secrets(item, None, secrets)),
        Value::Object(members) => {
            for (name, member) in members {
                collect_secrets(member, shown.and_then(|shown| shown.get(name)), secrets);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn parse(origin: &str, bytes: &[u8]) -> Result<Map<String, Value>, ParametersError> {
    // Parsing to any value first: then only a syntax error is possible, and its message does not quote the text. The
    // error of a typed parse would, and the text may be a secret.
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ParametersError::NotAnObject(origin.to_owned())),
        Err(error) => Err(ParametersError::NotJson { origin: origin.to_owned(), problem: error.to_string() }),
    }
}

/// Merges one object over another: its members win, and members that are objects in both are merged in turn.
fn overlay(base: &mut Map<String, Value>, over: Map<String, Value>) {
    for (name, value) in over {
        match (base.get_mut(&name), value) {
            (Some(Value::Object(base)), Value::Object(over)) => overlay(base, over),
            (_, value) => {
                base.insert(name, value);
            }
        }
    }
}
