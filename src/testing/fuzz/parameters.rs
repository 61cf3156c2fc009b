//! What becomes of parameters and of schemas for them?

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{any, prop_oneof};
use serde_json::{Map, Value};

use super::corpus::{PARAMETERS, SCHEMAS};
use super::mutation::{Json, document, text_of};
use super::target::{Case, Verdict, case};
use crate::crd::raw::RawObject;
use crate::domain::parameters::{Parameters, merge, secrets_of, size};
use crate::domain::schema::{Checked, check};
use crate::raw_json::RawJson;

/// Marks values that come from a Secret.
const MARK: &str = "mark-of-a-secret-value";

/// Any parameters, inline and from Secrets.
pub fn parameters() -> Case {
    let from = vec(text_of(&PARAMETERS), 0..3);
    let defaults = (option::of(document(&PARAMETERS)), option::of(document(&PARAMETERS)));
    case((option::of(text_of(&PARAMETERS)), from, defaults), |(inline, from, defaults)| {
        let inline = inline.map(|text| serde_json::from_slice::<RawObject>(&text.0)).transpose();
        let Ok(inline) = inline else { return Verdict::Rejected };
        let from: Vec<_> =
            from.into_iter().enumerate().map(|(n, text)| (format!("key {n}"), text.0)).collect();
        let defaults = [defaults.0.and_then(members), defaults.1.and_then(members)];
        let once = merge(defaults.each_ref().map(Option::as_ref), inline.as_ref(), &from);
        let twice = merge(defaults.each_ref().map(Option::as_ref), inline.as_ref(), &from);
        assert_eq!(once, twice, "it is not deterministic");
        let _ = secrets_of(&from);
        match once {
            Ok(merged) => {
                assert!(size(inline.as_ref(), &from) <= 64 * 1024);
                assert_merged(&merged, inline.as_ref());
                Verdict::Accepted
            }
            Err(why) => {
                let why = why.to_string();
                assert!(why.chars().count() <= 500, "{why}");
                Verdict::Rejected
            }
        }
    })
}

/// The members of an object that was read, so that its depth is limited.
fn members(Json(value): Json) -> Option<Map<String, Value>> {
    serde_json::from_str(&value.to_string()).ok()
}

/// What the user wrote in the object goes to the broker with its digits, and as much is shown as is sent.
fn assert_merged(merged: &Parameters, inline: Option<&RawObject>) {
    let (values, redacted) = (merged.values(), merged.redacted());
    assert!(values.keys().eq(redacted.keys()));
    for (name, value) in inline.map(|inline| inline.parse().unwrap()).unwrap_or_default() {
        if !value.is_object() {
            assert_eq!(values[&name], value);
        }
    }
}

/// Any parameters against any schema, some of them from a Secret.
pub fn schemas() -> Case {
    let schema = prop_oneof![4 => document(&SCHEMAS), 1 => document(&PARAMETERS)];
    let inputs = (schema, document(&PARAMETERS), option::of(document(&PARAMETERS)), any::<bool>());
    case(inputs, |(Json(schema), Json(inline), secret, names_draft)| {
        let mut schema = schema;
        if let (true, Value::Object(members)) = (names_draft, &mut schema) {
            let draft = "http://json-schema.org/draft-07/schema#";
            members.entry("$schema").or_insert_with(|| draft.into());
        }
        let schema = RawJson::from(schema);
        let inline: RawObject = match &inline {
            Value::Object(members) => members.into(),
            _ => return Verdict::Rejected,
        };
        let secret = secret.and_then(members).map(marked);
        let from: Vec<_> = secret.into_iter().map(|text| ("key".to_owned(), text)).collect();
        let Ok(parameters) = merge([None, None], Some(&inline), &from) else { return Verdict::Rejected };
        let checked = check(&schema, &parameters);
        assert_eq!(checked, check(&schema, &parameters), "it is not deterministic");
        match checked {
            Checked::Fits => Verdict::Accepted,
            Checked::Violates(why) => {
                assert_short(&why);
                assert!(!why.contains(MARK), "it shows a value from a Secret: {why}");
                Verdict::Accepted
            }
            Checked::NotApplied(why) => {
                assert_short(&why);
                Verdict::Rejected
            }
        }
    })
}

/// As the text of an object whose values all have the mark, and whose names are not those of inline parameters.
fn marked(members: Map<String, Value>) -> Vec<u8> {
    fn mark(value: Value) -> Value {
        match value {
            Value::Array(items) => items.into_iter().map(mark).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(name, member)| (format!("{name}{MARK}"), mark(member))).collect()
            }
            other => format!("{MARK}{other}").into(),
        }
    }
    let members: Map<_, _> =
        members.into_iter().map(|(name, value)| (format!("s{name}"), mark(value))).collect();
    Value::from(members).to_string().into_bytes()
}

fn assert_short(message: &str) {
    assert!(message.chars().count() <= 3000, "{} characters: {message}", message.chars().count());
}

/// Any JSON that is kept as text.
pub fn json() -> Case {
    case(text_of(&SCHEMAS), |text| {
        let value = serde_json::from_slice::<Value>(&text.0);
        let raw = serde_json::from_slice::<RawJson>(&text.0);
        let object = serde_json::from_slice::<RawObject>(&text.0);
        assert_eq!(value.is_ok(), raw.is_ok());
        if let (Ok(value), Ok(raw)) = (&value, raw) {
            assert_eq!(raw.value(), *value);
            assert_eq!(serde_json::to_string(&raw).unwrap(), raw.text());
            assert_eq!(RawJson::from(raw.value()), raw);
        }
        if let Ok(object) = object {
            let parsed = object.parse();
            assert_eq!(parsed.is_ok(), value.is_ok());
            if let Ok(parsed) = parsed {
                assert_eq!(RawObject::from(&parsed), object);
                assert_eq!(object.is_empty(), parsed.is_empty());
                assert_eq!(Value::Object(parsed), *value.as_ref().unwrap());
            }
        }
        Verdict::accepted(value.is_ok())
    })
}
