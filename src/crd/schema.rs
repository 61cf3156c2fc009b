//! Schemas, CEL rules and serde helpers that the derive macros do not provide.
//!
//! Clients written in Go send every field of their structs, `null` for empty lists and `""` for unset enums. The API
//! server and this program accept both as absent.

use kube::core::{Message, Rule};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::{Map, Number, Value};

use super::raw::RawObject;

/// A JSON object whose members the API server keeps as they are.
pub fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "nullable": true, "x-kubernetes-preserve-unknown-fields": true})
}

/// Any JSON value, which the API server keeps as it is.
pub fn any(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"nullable": true, "x-kubernetes-preserve-unknown-fields": true})
}

/// At most 64 KiB, base64-encoded.
pub fn short_bytes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "byte", "nullable": true, "maxLength": 87384})
}

/// A list of conditions, which server-side apply merges by `type`.
pub fn conditions(generator: &mut SchemaGenerator) -> Schema {
    let item = generator.subschema_for::<super::Condition>();
    json_schema!({
        "type": "array", "nullable": true, "items": item,
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
    })
}

/// Reads `null` as the default.
pub fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    input: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

/// Reads `""` and `null` as absent.
pub fn empty_as_none<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    input: D,
) -> Result<Option<T>, D::Error> {
    match Option::<String>::deserialize(input)? {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => serde_json::from_value(Value::String(text)).map(Some).map_err(D::Error::custom),
    }
}

/// Reads an unknown value as the default. For status fields that another version of the operator may have written.
pub fn known_or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    input: D,
) -> Result<T, D::Error> {
    let word = Value::deserialize(input)?;
    Ok(serde_json::from_value(word).unwrap_or_default())
}

/// Reads an integer in a flattened struct, where serde passes numbers of arbitrary precision as a map.
pub fn integer<'de, D: Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
    let number = Number::deserialize(input)?;
    number.as_i64().ok_or_else(|| D::Error::custom(format!("{number} is not a 64-bit integer")))
}

/// Like [`is_empty`], for an object that is kept as text.
pub fn is_empty_text(object: &Option<RawObject>) -> bool {
    object.as_ref().is_none_or(RawObject::is_empty)
}

/// Whether the object is absent or empty, so that it is not serialised.
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

/// Whether the flag has its default, so that it is not serialised.
pub fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Whether the counter has its default, so that it is not serialised.
pub fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// CEL rule: the field is present and not empty.
pub fn required(field: &str) -> Rule {
    Rule::new(format!("has(self.{field}) && self.{field} != ''"))
        .message(Message::Message(format!("{field} is required")))
}

/// CEL rule for a URL: it is shown in lists and logs, so credentials have no place in it.
pub fn url_without_credentials() -> Rule {
    let message =
        "the URL must not contain credentials: store them in a Secret and refer to it in spec.authInfo";
    Rule::new("!self.matches('^[^/?#]*//[^/?#]*@')").message(message)
}
