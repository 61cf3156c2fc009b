//! What are the parameters of an instance or a binding, and which of them may be shown?

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

/// What is shown in place of a value that came from a Secret.
pub const REDACTED: &str = "<redacted>";

/// How messages call the parameters that are written in the object itself.
const INLINE: &str = "spec.parameters";

/// Why parameters cannot be put together. No message repeats a value: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParametersError {
    /// Two sources give the same parameter.
    #[error("conflict: duplicate entry for parameter {parameter:?}, in {first} and in {second}")]
    Duplicate {
        /// Its name.
        parameter: String,
        /// Where it was found.
        first: String,
        /// Where it was found again.
        second: String,
    },
    /// A Secret holds something else than JSON.
    #[error("{origin} is not JSON: {problem}")]
    NotJson {
        /// Which Secret and key.
        origin: String,
        /// What is wrong, and where.
        problem: String,
    },
    /// A Secret holds JSON, but not names and values.
    #[error("{0} is not a JSON object")]
    NotAnObject(String),
}

/// All parameters of an instance or a binding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// What the broker gets.
    pub values: SecretObject,
    /// The same for everyone's eyes: what came from Secrets is `<redacted>`.
    pub redacted: Map<String, Value>,
}

impl Parameters {
    /// SHA-256 of the values, in hexadecimal; nothing if there are none.
    ///
    /// The values are hashed as Go writes JSON, because the statuses that service-catalog left behind hold such
    /// checksums and a different one would be taken for a change.
    pub fn checksum(&self) -> String {
        self.checksum_in(go::Strings)
    }

    /// The checksum that service-catalog had for the same values. It differs where a number is not what a 64-bit float
    /// makes of it: `1.0`, or what has more than 15 digits.
    pub fn checksum_of_service_catalog(&self) -> String {
        self.checksum_in(go::StringsAndFloats)
    }

    /// The checksum by which these values are known here, in place of the one that service-catalog had for them.
    pub fn renew(&self, checksum: &mut String) {
        if *checksum == self.checksum_of_service_catalog() {
            *checksum = self.checksum();
        }
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

/// Puts the parameters together: the `defaults` of the class, over them those of the plan, over them what the
/// user gives `inline` and `from` Secrets, which are named as messages are to call them. Objects are merged
/// member by member, but what the user gives must not overlap.
pub fn merge(
    defaults: [Option<&Map<String, Value>>; 2],
    inline: Option<&Map<String, Value>>,
    from: &[(String, Vec<u8>)],
) -> Result<Parameters, ParametersError> {
    let mut given = Given::default();
    for (origin, bytes) in from {
        for (name, value) in parse(origin, bytes)? {
            given.add(origin, name, value, Value::from(REDACTED))?;
        }
    }
    for (name, value) in inline.into_iter().flatten() {
        given.add(INLINE, name.clone(), value.clone(), value.clone())?;
    }
    let mut values = Map::new();
    for defaults in defaults.into_iter().flatten() {
        overlay(&mut values, defaults.clone());
    }
    let mut redacted = values.clone();
    overlay(&mut values, given.values);
    overlay(&mut redacted, given.redacted);
    Ok(Parameters { values: values.into(), redacted })
}

/// What the user gives, and where.
#[derive(Default)]
struct Given<'a> {
    origins: BTreeMap<String, &'a str>,
    values: Map<String, Value>,
    redacted: Map<String, Value>,
}

impl<'a> Given<'a> {
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

fn parse(origin: &str, bytes: &[u8]) -> Result<Map<String, Value>, ParametersError> {
    // Decoding to any value first: only syntax can be wrong, and such errors do not quote the text.
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ParametersError::NotAnObject(origin.to_owned())),
        Err(error) => Err(ParametersError::NotJson { origin: origin.to_owned(), problem: error.to_string() }),
    }
}

/// Lays one object over another: its members win, and where both have an object the two become one.
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
