//! What holds for every input?

use std::collections::BTreeSet;
use std::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::words::{SECRET, percent};
use crate::crd::condition::{self, Condition};
use crate::crd::names::hex;

/// The text can be shown: it is short, on one line, and what it looks like.
pub fn assert_message(text: &str, max_chars: usize) {
    assert!(!text.contains(['\n', '\t']), "it has several lines: {text:?}");
    assert_text(text, max_chars);
}

/// The same for a text of several lines.
pub fn assert_text(text: &str, max_chars: usize) {
    let length = text.chars().count();
    assert!(length <= max_chars, "it has {length} characters: {text:?}");
    let is_hidden = |character: char| {
        character.is_control() && !matches!(character, '\n' | '\t')
            || matches!(u32::from(character), 0xad | 0x61c | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xe0000..=0xe0fff)
    };
    assert!(!text.contains(is_hidden), "it has characters that are not visible: {text:?}");
    assert_no_secret(text);
}

/// The secret is not in the text, in no encoding.
pub fn assert_no_secret(text: &str) {
    let json = Value::from(SECRET).to_string();
    let mut forms =
        vec![SECRET.to_owned(), percent(SECRET), hex(SECRET.as_bytes()), json.trim_matches('"').to_owned()];
    for before in ["", "x", "xy"] {
        // The characters at the edges also depend on what is beside the secret.
        let encoded = STANDARD.encode(format!("{before}{SECRET}"));
        forms.push(encoded.trim_end_matches('=').chars().skip(4).take(SECRET.len()).collect());
    }
    for form in forms {
        assert!(!text.contains(&form), "it has the secret as {form}: {text:?}");
    }
}

/// Kubernetes accepts the name of an object: a DNS subdomain of at most so many characters.
pub fn assert_object_name(name: &str, longest: usize) {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    assert!((1..=longest).contains(&name.len()), "{name}");
    for label in name.split('.') {
        let edges = [label.bytes().next(), label.bytes().last()];
        assert!(edges.iter().all(|edge| edge.is_some_and(is_letter)), "{name}");
        assert!(label.bytes().all(|byte| is_letter(byte) || byte == b'-'), "{name}");
    }
}

/// What is written is written the same again after it was read. It may have fewer digits than before: a status has whole
/// seconds.
pub fn assert_stable<T: Serialize + DeserializeOwned>(value: &T) {
    let written = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&written).unwrap();
    assert_eq!(written, serde_json::to_string(&read).unwrap());
}

/// What is written is read as the same, and is written the same again.
pub fn assert_round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let written = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&written).unwrap();
    assert_eq!(*value, read, "it was written as {written}");
    assert_eq!(written, serde_json::to_string(&read).unwrap());
}

/// The value as it is when it was written and read again.
pub fn read_as_stored<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

/// As the API server stores conditions: one of each type.
pub fn one_of_each_type(conditions: &mut Vec<Condition>) {
    let mut types = BTreeSet::new();
    conditions.retain(|condition| types.insert(condition.type_.clone()));
}

/// One condition of each type, and the summary that `kubectl get` shows.
pub fn assert_conditions(conditions: &[Condition], summary: &str) {
    let mut types: Vec<&str> = conditions.iter().map(|condition| condition.type_.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), conditions.len(), "{conditions:?}");
    assert_eq!(summary, condition::summary(conditions));
}
