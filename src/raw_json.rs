//! JSON of others that this program only passes on, such as the metadata of a class: kept as text.
//!
//! A [`Value`] takes up to fifty times the memory of its text, and both catalogs and objects of the API are as large as
//! their authors like.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// A JSON value, kept as compact text. Two are equal if their texts are; the members of objects are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawJson(Box<str>);

impl RawJson {
    /// The value. It takes far more memory than the text, so it should not be kept.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl From<Value> for RawJson {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<Map<String, Value>> for RawJson {
    fn from(members: Map<String, Value>) -> Self {
        Value::Object(members).into()
    }
}

impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_survives_with_its_digits_and_takes_no_more_memory_than_its_text() {
        let text = r#" {"b": [0, 1.50000000000000000001], "a": null} "#;
        let raw: RawJson = serde_json::from_str(text).unwrap();
        assert_eq!(raw.text(), r#"{"a":null,"b":[0,1.50000000000000000001]}"#);
        assert_eq!(serde_json::to_string(&raw).unwrap(), raw.text());
        assert_eq!(raw, serde_json::from_str::<Value>(text).unwrap().into());
    }
}
