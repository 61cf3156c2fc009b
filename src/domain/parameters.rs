//! The parameters of an instance or a binding: [`merge`] combines their sources, and redacts those that come from
//! Secrets.
//!
//! Users write them, so they are bounded, in bytes and in values: a parsed value takes up to fifty times the memory of
//! its text. Between the steps of a reconcile they are kept as text.

mod go;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize as _;
use serde_json::ser::Formatter;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::crd::names::hex;
use crate::crd::raw::RawObject;

#[cfg(test)]
mod tests;

pub use crate::osb::REDACTED;

/// The limit of what a user may set, in bytes of JSON: `spec.parameters` and all values of `spec.parametersFrom` together.
/// OSB sets no limit.
pub const MAX_BYTES: usize = 64 * 1024;

/// The limit of what a user may set, in JSON values at any depth.
const MAX_VALUES: usize = 5000;

/// The longest parameters that the status shows, in bytes.
const MAX_SHOWN_BYTES: usize = 16 * 1024;

/// How much of a parameter's name a message shows, in characters.
const SHOWN_CHARS: usize = 60;

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
    /// There are too many bytes.
    #[error(
        "the parameters take {0} bytes, and the limit is {MAX_BYTES}, in spec.parameters and spec.parametersFrom together: \
         pass less, or pass a reference that the broker can resolve"
    )]
    TooLong(usize),
    /// There are too many values.
    #[error(
        "the parameters have {0} JSON values, and the limit is {MAX_VALUES}, in spec.parameters and spec.parametersFrom \
         together: pass less, or pass large structures as one string"
    )]
    TooMany(usize),
    /// A source is nested too deeply.
    #[error("{0} is nested more deeply than 127 levels: pass deep structures as one string")]
    TooDeep(String),
    /// A key of a Secret holds JSON, but no object.
    #[error("{0} is not a JSON object")]
    NotAnObject(String),
}

/// All parameters of an instance or a binding. `Debug` shows none of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    values: RawObject,
    redacted: RawObject,
    checksum: String,
    checksum_of_service_catalog: String,
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameters({})", self.checksum)
    }
}

impl Parameters {
    fn new(values: &Map<String, Value>, redacted: &Map<String, Value>) -> Self {
        Self {
            values: values.into(),
            redacted: redacted.into(),
            checksum: checksum(values, go::Strings),
            checksum_of_service_catalog: checksum(values, go::StringsAndFloats),
        }
    }

    /// The values that the broker gets.
    pub fn values(&self) -> Map<String, Value> {
        parsed(&self.values)
    }

    /// The values with each one from a Secret replaced by [`REDACTED`]. They may be shown to any user.
    pub fn redacted(&self) -> Map<String, Value> {
        parsed(&self.redacted)
    }

    /// What the status shows: the redacted values, unless there are none, or they are too long.
    pub fn shown(&self) -> Option<RawObject> {
        let is_shown = !self.redacted.is_empty() && self.redacted.as_str().len() <= MAX_SHOWN_BYTES;
        is_shown.then(|| self.redacted.clone())
    }

    /// SHA-256 of the values, in hexadecimal; empty if there are none.
    ///
    /// The values are serialised as Go does, because statuses that service-catalog stored hold such checksums. A
    /// different one would be taken for a change of the parameters.
    pub fn checksum(&self) -> String {
        self.checksum.clone()
    }

    /// The checksum that service-catalog stored for the same values. It differs from [`checksum`](Self::checksum) if a
    /// number changes on the way through a 64-bit float: `1.0`, or one with more than 15 digits.
    pub fn checksum_of_service_catalog(&self) -> String {
        self.checksum_of_service_catalog.clone()
    }

    /// Replaces the checksum that service-catalog stored for these values by our own.
    pub fn renew(&self, checksum: &mut String) {
        if *checksum == self.checksum_of_service_catalog() {
            *checksum = self.checksum();
        }
    }

    /// The values that come from Secrets, for a [`Redactor`](crate::osb::Redactor).
    pub fn secrets(&self) -> Vec<Vec<u8>> {
        let (mut secrets, redacted) = (Vec::new(), self.redacted());
        for (name, value) in self.values() {
            collect_secrets(&value, redacted.get(&name), &mut secrets);
        }
        secrets
    }
}

fn checksum(values: &Map<String, Value>, formatter: impl Formatter) -> String {
    if values.is_empty() {
        return String::new();
    }
    let mut json = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut json, formatter);
    match values.serialize(&mut serializer) {
        Ok(()) => hex(&Sha256::digest(&json)),
        Err(_) => String::new(),
    }
}

/// Merges the parameters: the `defaults` of the class, over them those of the plan, over them the user's own,
/// `inline` and `from` Secrets (each with its origin, for messages). Objects are merged member by member. Two sources
/// of the user must not set the same parameter.
pub fn merge(
    defaults: [Option<&Map<String, Value>>; 2],
    inline: Option<&RawObject>,
    from: &[(String, Vec<u8>)],
) -> Result<Parameters, ParametersError> {
    let bytes = size(inline, from);
    if bytes > MAX_BYTES {
        return Err(ParametersError::TooLong(bytes));
    }
    let mut user = UserParameters::default();
    for (origin, bytes) in from {
        for (name, value) in parse(origin, bytes)? {
            user.add(origin, name, value, Value::from(REDACTED))?;
        }
    }
    let inline = inline.map_or_else(|| Ok(Map::new()), RawObject::parse);
    for (name, value) in inline.map_err(|error| unreadable(INLINE, &error))? {
        user.add(INLINE, name, value.clone(), value)?;
    }
    let count: usize = user.values.values().map(count).sum();
    if count > MAX_VALUES {
        return Err(ParametersError::TooMany(count));
    }
    let mut values = Map::new();
    for defaults in defaults.into_iter().flatten() {
        overlay(&mut values, defaults.clone());
    }
    let mut redacted = values.clone();
    overlay(&mut values, user.values);
    overlay(&mut redacted, user.redacted);
    Ok(Parameters::new(&values, &redacted))
}

/// How long the sources of the user are, in bytes. Merging costs at most a fixed amount for each.
pub fn size(inline: Option<&RawObject>, from: &[(String, Vec<u8>)]) -> usize {
    inline.map_or(0, RawObject::len) + from.iter().map(|(_, text)| text.len()).sum::<usize>()
}

/// How many values there are at any depth.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(elements) => elements.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
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
            let parameter = parameter.chars().take(SHOWN_CHARS).collect();
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
        Err(error) => Err(unreadable(origin, &error)),
    }
}

/// The members of an object that was made of members, so that it can be parsed.
fn parsed(object: &RawObject) -> Map<String, Value> {
    object.parse().unwrap_or_default()
}

fn unreadable(origin: &str, error: &serde_json::Error) -> ParametersError {
    let (origin, problem) = (origin.to_owned(), error.to_string());
    if problem.starts_with("recursion limit exceeded") {
        ParametersError::TooDeep(origin)
    } else {
        ParametersError::NotJson { origin, problem }
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
