//! How is JSON from a broker read safely, and how are secrets kept out of logs?

use std::{fmt, ops::Deref};

use serde::de::{DeserializeOwned, Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::raw_json::RawJson;

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

/// The most values in a document, so that the decoded document does not take many times the memory of its text.
const MAX_VALUES: usize = 10_000;

/// Decodes a JSON object. The error repeats nothing of the text: it may hold secrets.
pub(super) fn object<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    decode(bounded(text)?)
}

/// The text of a JSON object, if it has a limited number of values.
pub(super) fn bounded(text: &[u8]) -> Result<&[u8], String> {
    if count_values(text) > MAX_VALUES {
        return Err(format!("it has more than {MAX_VALUES} values"));
    }
    object_text(text)
}

/// How many values the document has, at most: one for each comma and opening bracket outside of strings.
fn count_values(text: &[u8]) -> usize {
    outside_of_strings(text).filter(|byte| b",[{".contains(byte)).count()
}

/// How deeply lists and objects are nested.
pub(super) fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in outside_of_strings(text) {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn outside_of_strings(text: &[u8]) -> impl Iterator<Item = u8> {
    let (mut is_in_string, mut is_escaped) = (false, false);
    text.iter().copied().filter(move |byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_in_string,
            b'"' => is_in_string = !is_in_string,
            _ => return !is_in_string,
        }
        false
    })
}

/// As [`object`], for a type that keeps the text of what may be large.
pub(super) fn object_of_any_size<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    decode(object_text(text)?)
}

fn decode<T: DeserializeOwned>(object: &[u8]) -> Result<T, String> {
    serde_json::from_slice(object).map_err(|error| describe(&error))
}

/// The text of a JSON object without the byte order mark that some libraries begin with.
fn object_text(text: &[u8]) -> Result<&[u8], String> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let is_object = text.trim_ascii_start().starts_with(b"{");
    if is_object { Ok(text) } else { Err("it is not a JSON object".to_owned()) }
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

/// As [`describe`], without the position: the text of an entry is not the whole document.
pub(super) fn describe_entry(error: &serde_json::Error) -> String {
    let message = describe(error);
    message.split_once(" at line ").map_or(message.as_str(), |(reason, _)| reason).to_owned()
}

/// Reads `null` as absent.
pub(super) fn null_is_absent<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Reads an object that is only passed on; `null` is absent.
pub(super) fn object_as_text<'de, D>(deserializer: D) -> Result<Option<RawJson>, D::Error>
where
    D: Deserializer<'de>,
{
    let members: Option<Map<String, Value>> = Option::deserialize(deserializer)?;
    Ok(members.map(RawJson::from))
}

/// Reads a whole number, also one that is written with a fraction of zero or as a string; `null` is absent.
pub(super) fn whole_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::String(digits) => digits.parse().ok(),
        Value::Number(number) => {
            let digits = number.to_string();
            let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
            whole.parse().ok().filter(|_| fraction.bytes().all(|digit| digit == b'0'))
        }
        _ => None,
    };
    number.map(Some).ok_or_else(|| D::Error::invalid_type(Unexpected::Other("value"), &"a whole number"))
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
    fn a_document_has_a_limited_number_of_values() {
        for (text, expected) in
            [("{}", 1), (r#"{"a": [1, "x,[{\\", {"b": 2}]}"#, 5), (r#"{"a\"[,": "\\\\,", "c": [[]]}"#, 4)]
        {
            assert_eq!(count_values(text.as_bytes()), expected, "{text}");
        }
        let text = format!(r#"{{"names": ["a"{}]}}"#, r#", "a""#.repeat(MAX_VALUES - 2));
        assert!(object::<Sample>(text.as_bytes()).is_ok());
        let text = format!(r#"{{"names": ["a"{}]}}"#, r#", "a""#.repeat(MAX_VALUES - 1));
        assert_eq!(object::<Sample>(text.as_bytes()).unwrap_err(), "it has more than 10000 values");
    }

    #[test]
    fn depth_is_that_of_lists_and_objects() {
        for (text, expected) in
            [("1", 0), ("{}", 1), (r#"{"a": [[], {"b": "]}[[[\"[["}], "c": {}}"#, 3), ("]]", 0), ("[[[", 3)]
        {
            assert_eq!(depth(text.as_bytes()), expected, "{text}");
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
