//! JSON that is kept as text, because the operator seldom looks into it.
//!
//! A parsed value takes up to fifty times the memory of its text, and caches hold every object of the cluster. The text
//! also keeps the digits of numbers.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

/// The longest texts that are kept, and parsed to compare them, in bytes.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// A JSON object, as text. Cheap to clone.
#[derive(Clone, Default)]
pub struct RawObject(
    /// `None` is the empty object.
    Option<Kept>,
);

#[derive(Clone)]
enum Kept {
    Text(Arc<RawValue>),
    /// The length of a text that is not kept.
    Length(usize),
}

impl RawObject {
    /// The text. Of an object that was too long to keep, that of the empty one: look at [`Self::len`] first.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Some(Kept::Text(text)) => text.get(),
            Some(Kept::Length(_)) | None => "{}",
        }
    }

    /// How long the text is, in bytes, also if it is not kept.
    pub fn len(&self) -> usize {
        match self.0 {
            Some(Kept::Length(length)) => length,
            Some(Kept::Text(_)) | None => self.as_str().len(),
        }
    }

    /// Keeps of a long text only its length. Such an object is refused wherever its text is wanted.
    pub fn cut(&mut self) {
        if self.len() > MAX_KEPT_BYTES {
            self.0 = Some(Kept::Length(self.len()));
        }
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.len() <= MAX_KEPT_BYTES && self.as_str().trim_start_matches('{').trim_start().starts_with('}')
    }

    /// The members. This takes many times the memory of the text: parse what is short, and drop it soon. Fails if the
    /// object is nested more deeply than 127 levels: the API server stores any depth.
    pub fn parse(&self) -> Result<Map<String, Value>, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }
}

impl From<&Map<String, Value>> for RawObject {
    fn from(object: &Map<String, Value>) -> Self {
        Self(if object.is_empty() { None } else { to_raw_value(object).ok().map(Arc::from).map(Kept::Text) })
    }
}

/// Equal objects may be written differently: Go escapes characters that Rust does not.
impl PartialEq for RawObject {
    fn eq(&self, other: &Self) -> bool {
        let (left, right) = (self.as_str(), other.as_str());
        let is_short = self.len().max(other.len()) <= MAX_KEPT_BYTES;
        let are_equal = || Some(self.parse().ok()? == other.parse().ok()?);
        self.len() == other.len() && left == right || is_short && are_equal() == Some(true)
    }
}

impl Eq for RawObject {}

impl fmt::Debug for RawObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RawObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(Kept::Text(text)) => (**text).serialize(serializer),
            Some(Kept::Length(_)) | None => Map::<String, Value>::new().serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        if text.get().starts_with('{') {
            Ok(Self(Some(Kept::Text(Arc::from(text)))))
        } else {
            Err(D::Error::custom("expected a JSON object"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn raw(text: &str) -> RawObject {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_text_stays_as_it_was_written() {
        let text = r#"{"b":1.10,"a":[12345678901234567890,1e3],"c":{"x":"\u003c"}}"#;
        assert_eq!(raw(text).as_str(), text);
        assert_eq!(serde_json::to_string(&raw(text)).unwrap(), text);
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(raw(text)).unwrap(), value);
        assert_eq!(serde_json::from_value::<RawObject>(value.clone()).unwrap(), raw(text));
        assert_eq!(Value::Object(raw(text).parse().unwrap()), value);
        assert_eq!(RawObject::from(value.as_object().unwrap()), raw(text));
    }

    #[test]
    fn equal_objects_are_equal_however_they_are_written() {
        assert_eq!(raw(r#"{"a":"<","b":1}"#), raw(r#"{ "b": 1, "a": "\u003c" }"#));
        assert_ne!(raw(r#"{"a":1}"#), raw(r#"{"a":1.0}"#));
        for empty in ["{}", "{ }", "{\n}"] {
            assert!(raw(empty).is_empty());
            assert_eq!(raw(empty), RawObject::default());
        }
        assert!(!raw(r#"{"":{}}"#).is_empty());
    }

    /// It was read as an empty object.
    #[test]
    fn an_object_of_any_depth_is_kept_and_one_that_cannot_be_parsed_says_so() {
        let nested = |depth: usize| raw(&(r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth)));
        assert!(nested(127).parse().is_ok());
        assert!(nested(128).parse().is_err());
        assert_eq!(nested(100_000), nested(100_000));
        assert_ne!(nested(128), nested(129));
    }

    #[test]
    fn of_a_long_text_only_the_length_is_kept() {
        let text = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_KEPT_BYTES));
        let mut cut = raw(&text);
        cut.cut();
        assert_eq!((cut.as_str(), cut.len()), ("{}", text.len()));
        assert!(!cut.is_empty());
        assert_ne!(cut, RawObject::default());
        let mut short = raw(r#"{"a":1}"#);
        short.cut();
        assert_eq!(short.as_str(), r#"{"a":1}"#);
    }

    #[test]
    fn only_an_object_is_accepted() {
        for text in ["[]", "1", "\"{}\"", "null", "{"] {
            assert!(serde_json::from_str::<RawObject>(text).is_err(), "{text}");
        }
        assert_eq!(serde_json::from_value::<Option<RawObject>>(json!(null)).unwrap(), None);
    }
}
