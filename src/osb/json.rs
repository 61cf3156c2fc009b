//! How is JSON from a broker read safely, and how are secrets kept out of logs?

use std::{fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// A JSON object that may hold secrets, such as credentials or parameters.
///
/// It is serialised whole, for the other side of the API. `Debug` is redacted and there is no `Display`, so a request
/// or response that contains one can be logged.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretObject(pub Map<String, Value>);

impl fmt::Debug for SecretObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretObject({} members)", self.0.len())
    }
}

impl Deref for SecretObject {
    type Target = Map<String, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<Map<String, Value>> for SecretObject {
    fn from(object: Map<String, Value>) -> Self {
        Self(object)
    }
}

/// Decodes a JSON object. The error repeats nothing of the text: it may hold secrets.
pub(super) fn object<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    if !text.trim_ascii_start().starts_with(b"{") {
        return Err("it is not a JSON object".to_owned());
    }
    serde_json::from_slice(text).map_err(|error| describe(&error))
}

/// Describes a decoding error without the offending value, which may be a secret.
pub(super) fn describe(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if error.is_data() => {
            format!("invalid value, expected {expected}")
        }
        _ => message,
    }
}

/// Reads `null` as absent.
pub(super) fn null_is_absent<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads a value of the wrong type as absent, for responses whose other members are useful nevertheless.
pub(super) fn mistyped_is_absent<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// Whether a field has its default, so that it need not be serialised.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Sample {
        #[serde(default, deserialize_with = "null_is_absent")]
        names: Vec<String>,
        credentials: Option<SecretObject>,
    }

    #[test]
    fn null_and_absence_are_the_same() {
        for text in ["{}", r#"{"names": null, "credentials": null, "other": 1}"#] {
            let sample: Sample = object(text.as_bytes()).unwrap();
            assert_eq!(sample, Sample { names: vec![], credentials: None });
        }
    }

    #[test]
    fn complaints_name_the_expectation_but_never_the_value() {
        let cases = [
            ("[]", "it is not a JSON object"),
            ("", "it is not a JSON object"),
            ("{", "EOF while parsing an object at line 1 column 1"),
            (r#"{"credentials": "hunter2, expected"}"#, "invalid value, expected a map at line 1 column 35"),
            (r#"{"names": ["a", 4711]}"#, "invalid value, expected a string at line 1 column 20"),
        ];
        for (text, expected) in cases {
            assert_eq!(object::<Sample>(text.as_bytes()).unwrap_err(), expected);
        }
    }

    #[test]
    fn debug_shows_no_secret_and_numbers_keep_their_digits() {
        let text = r#"{"credentials": {"password": "hunter2", "port": 1.50000000000000000001}}"#;
        let sample: Sample = object(text.as_bytes()).unwrap();
        assert!(!format!("{sample:?}").contains("hunter2"));
        let credentials = sample.credentials.unwrap();
        assert_eq!(credentials["port"].to_string(), "1.50000000000000000001");
    }
}
