//! Pieces of schema and (de)serialisation that the derive macros do not give.
//!
//! Clients written in Go send every field of their structs: `null` for empty lists, `""` for unset enums.

use kube::core::{Message, Rule};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::{Map, Number, Value};

/// A JSON object whose members are kept as they are.
pub fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "nullable": true, "x-kubernetes-preserve-unknown-fields": true})
}

/// Any JSON value, kept as it is.
pub fn any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"nullable": true, "x-kubernetes-preserve-unknown-fields": true})
}

/// Bytes, base64-encoded.
pub fn bytes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "byte", "nullable": true})
}

/// A list of conditions, merged by `type` in server-side apply.
pub fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let item = generator.subschema_for::<super::Condition>();
    json_schema!({
        "type": "array", "nullable": true, "items": item,
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
    })
}

/// `null` read as nothing given.
pub fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    input: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

/// `""` and `null` read as nothing given.
pub fn empty_as_none<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    input: D,
) -> Result<Option<T>, D::Error> {
    match Option::<String>::deserialize(input)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => serde_json::from_value(Value::String(text)).map(Some).map_err(D::Error::custom),
    }
}

/// A word that a program writes; one that is not known is read as if it were not there.
pub fn known_or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    input: D,
) -> Result<T, D::Error> {
    let word = Value::deserialize(input)?;
    Ok(serde_json::from_value(word).unwrap_or_default())
}

/// An integer in a flattened struct, where serde hands numbers of arbitrary precision over as a map.
pub fn integer<'de, D: Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
    let number = Number::deserialize(input)?;
    number.as_i64().ok_or_else(|| D::Error::custom(format!("{number} is not a 64-bit integer")))
}

/// Whether nothing is given: such an object is left out when it is written.
pub fn is_empty(object: &Option<Map<String, Value>>) -> bool {
    object.as_ref().is_none_or(Map::is_empty)
}

/// Like [`integer`], for a member that may be absent.
pub fn optional_integer<'de, D: Deserializer<'de>>(input: D) -> Result<Option<i64>, D::Error> {
    let number = Option::<Number>::deserialize(input)?;
    number
        .map(|number| {
            number.as_i64().ok_or_else(|| D::Error::custom(format!("{number} is not a 64-bit integer")))
        })
        .transpose()
}

/// Whether something is not so: it is left out when it is written.
pub fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Whether a counter stands at its start: it is left out when it is written.
pub fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// Requires a text that is not empty.
pub fn required(field: &str) -> Rule {
    Rule::new(format!("has(self.{field}) && self.{field} != ''"))
        .message(Message::Message(format!("{field} is required")))
}
