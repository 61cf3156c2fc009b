//! How is a document read whose optional members may be unusable?
//!
//! Brokers are written in many languages, against several versions of the specification. What the platform does not need
//! must not decide whether an answer counts: an answer that fails to decode is repeated or undone, again and again.
//! So a document is read as it is specified, and, if that fails, again without each member at fault. Only what its type
//! requires can fail it. The members are named by their path, and never with their value, which may be a secret.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::json;

/// A member of a broker's answer that is ignored, because it is not as specified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}{why}")]
pub struct IgnoredMember {
    /// Where it is, for example `metadata.expires_at`.
    pub path: String,
    /// What is wrong with it, as it follows the path: `: expected a string`.
    why: String,
}

impl IgnoredMember {
    /// The same for a document that is itself a part of another one, at this path.
    pub(super) fn within(self, path: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{path}{dot}{}", self.path), ..self }
    }
}

/// A document that may have members to ignore.
pub(super) struct Lenient<T> {
    pub(super) document: T,
    pub(super) ignored: Vec<IgnoredMember>,
}

/// Decodes an object. The members in `needed` must be as specified if they are there, and those without which `T` cannot
/// be decoded must be there. The error names the one at fault by its path.
pub(super) fn object<T: DeserializeOwned>(text: &[u8], needed: &[&str]) -> Result<Lenient<T>, IgnoredMember> {
    let no_object = |why| IgnoredMember { path: String::new(), why };
    if let Ok(document) = serde_json::from_slice(text) {
        return Ok(Lenient { document, ignored: Vec::new() });
    }
    let mut members: Value =
        serde_json::from_slice(text).map_err(|error| no_object(json::describe(&error)))?;
    let mut ignored: Vec<IgnoredMember> = Vec::new();
    loop {
        let error = match serde_path_to_error::deserialize(&members) {
            Ok(document) => return Ok(Lenient { document, ignored }),
            Err(error) => error,
        };
        let place: Vec<&str> = names(error.path());
        let found = fault(&place, &error.inner().to_string());
        // A member that was ignored turns out to be required: the first fault is the one to correct.
        let found = ignored.iter().find(|earlier| earlier.path == found.path).cloned().unwrap_or(found);
        let is_needed = place.first().is_none_or(|name| needed.contains(name));
        if is_needed || !remove(&mut members, &place) {
            return Err(found);
        }
        if !ignored.contains(&found) {
            ignored.push(found);
        }
    }
}

/// The names that lead to a member. A list counts as a whole: without one element, those behind it would have other
/// indices than in the answer.
fn names(path: &Path) -> Vec<&str> {
    path.iter()
        .map_while(|segment| match segment {
            Segment::Map { key } => Some(key.as_str()),
            Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

fn remove(document: &mut Value, place: &[&str]) -> bool {
    let Some((name, parents)) = place.split_last() else { return false };
    let parent = parents.iter().try_fold(document, |value, name| value.get_mut(name));
    parent.and_then(Value::as_object_mut).is_some_and(|members| members.remove(*name).is_some())
}

/// What is wrong, in the words of JSON.
fn fault(place: &[&str], message: &str) -> IgnoredMember {
    let path = place.join(".");
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        let dot = if path.is_empty() { "" } else { "." };
        return IgnoredMember { path: format!("{path}{dot}{name}"), why: " is missing".to_owned() };
    }
    // Nothing else of the message: it may quote the value.
    let expected = message.rsplit_once(", expected ").map_or("another value", |(_, expected)| expected);
    IgnoredMember { path, why: format!(": expected {}", in_json(expected)) }
}

/// What serde expects, in the words of JSON.
fn in_json(expected: &str) -> &str {
    match expected {
        "a map" => "an object",
        "a sequence" => "a list",
        "u64" | "u32" | "i64" => "a whole number",
        "a boolean" => "true or false",
        "string or map" => "a string",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::osb::{BindResponse, LastOperation, SecretObject};

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Sample {
        name: Option<String>,
        list: Vec<String>,
        part: Option<Part>,
        secret: Option<SecretObject>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    struct Part {
        version: String,
        size: Option<u64>,
    }

    fn read(text: &str) -> (Sample, String) {
        let lenient =
            object::<Sample>(text.as_bytes(), &[]).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        let ignored: Vec<String> = lenient.ignored.iter().map(ToString::to_string).collect();
        (lenient.document, ignored.join("; "))
    }

    #[test]
    fn an_unusable_member_is_ignored_and_named() {
        let named = |name: &str| Sample { name: Some(name.to_owned()), ..Sample::default() };
        for (text, expected) in [
            (r#"{"name": "n"}"#, ""),
            (r#"{"name": "n", "list": 1}"#, "list: expected a list"),
            (r#"{"list": ["a", 1, {}], "name": "n"}"#, "list: expected a string"),
            (r#"{"name": "n", "part": []}"#, "part: expected an object"),
            (r#"{"name": "n", "part": {}}"#, "part.version is missing"),
            (r#"{"name": "n", "part": {"version": 1.50}}"#, "part.version: expected a string"),
            (r#"{"name": "n", "secret": "hunter2"}"#, "secret: expected an object"),
            (r#"{"list": {}, "part": 1, "name": "n"}"#, "list: expected a list; part: expected an object"),
        ] {
            assert_eq!(read(text), (named("n"), expected.to_owned()), "{text}");
        }
        let (sample, ignored) = read(r#"{"part": {"version": "1", "size": "1"}, "name": 1, "name": "last"}"#);
        assert_eq!(ignored, "part.size: expected a whole number");
        assert_eq!(sample.name.unwrap(), "last");
        assert_eq!(sample.part.unwrap(), Part { version: "1".to_owned(), size: None });
    }

    #[test]
    fn only_what_is_needed_fails_a_document() {
        let fault = |text: &str| object::<LastOperation>(text.as_bytes(), &[]).err().unwrap().to_string();
        assert_eq!(fault("{}"), "state is missing");
        assert_eq!(fault(r#"{"state": 1}"#), "state: expected a string");
        assert!(fault(r#"{"state": "done"}"#).starts_with("state: expected one of `in progress`, "));
        assert_eq!(fault("{"), "EOF while parsing an object at line 1 column 1");
        let text = r#"{"credentials": "hunter2", "metadata": []}"#;
        let fault = object::<BindResponse>(text.as_bytes(), &["credentials"]).err().unwrap();
        assert_eq!(fault.to_string(), "credentials: expected an object");
    }

    #[test]
    fn numbers_keep_their_digits() {
        let (sample, _) = read(r#"{"name": 1, "secret": {"n": 1.50000000000000000001}}"#);
        assert_eq!(sample.secret.unwrap()["n"].to_string(), "1.50000000000000000001");
    }
}
