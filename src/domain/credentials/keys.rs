//! How do credentials become entries with keys that are valid in a Secret?

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use serde_json::Value;

use super::Entries;
use super::transform::Entry;

/// The longest key that Kubernetes allows, in bytes.
const MAX_KEY_BYTES: usize = 253;

/// The entries under legal keys. Legal keys stay as they are; an illegal key is changed to a free one.
pub(super) fn legal(entries: BTreeMap<String, Entry>) -> Entries {
    let mut legal = Entries::default();
    let mut illegal = Vec::new();
    for (key, value) in entries {
        let Some(bytes) = bytes(value) else { continue };
        if is_legal(&key) {
            legal.data.insert(key, bytes);
        } else {
            illegal.push((key, bytes));
        }
    }
    for (key, bytes) in illegal {
        let name = first_free(&legalised(&key), |name| !legal.data.contains_key(name));
        let shown: String = key.chars().take(60).collect();
        legal
            .warnings
            .push(format!("the key {shown:?} is not valid in a Secret, so its entry is stored as {name:?}"));
        legal.data.insert(name, bytes);
    }
    legal
}

/// Text as it is, everything else as JSON with the digits that the broker sent; `None` for `null`.
fn bytes(value: Entry) -> Option<ByteString> {
    match value {
        Entry::Bytes(bytes) => Some(bytes),
        Entry::Json(Value::Null) => None,
        Entry::Json(Value::String(text)) => Some(ByteString(text.into_bytes())),
        Entry::Json(other) => Some(ByteString(other.to_string().into_bytes())),
    }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._".contains(character)
}

pub(super) fn is_legal(key: &str) -> bool {
    (1..=MAX_KEY_BYTES).contains(&key.len())
        && key.chars().all(is_allowed)
        && key != "."
        && !key.starts_with("..")
}

fn legalised(key: &str) -> String {
    let legal: String = key
        .chars()
        .take(MAX_KEY_BYTES)
        .map(|character| if is_allowed(character) { character } else { '_' })
        .collect();
    match legal.strip_prefix('.') {
        Some(rest) if rest.is_empty() || rest.starts_with('.') => format!("_{rest}"),
        None if legal.is_empty() => "_".to_owned(),
        _ => legal,
    }
}

/// The name itself if it is free, else with the first numeric suffix that is.
fn first_free(name: &str, is_free: impl Fn(&str) -> bool) -> String {
    let mut candidate = name.to_owned();
    let mut number = 1;
    while !is_free(&candidate) {
        number += 1;
        let suffix = format!("-{number}");
        let stem: String = name.chars().take(MAX_KEY_BYTES - suffix.len()).collect();
        candidate = stem + &suffix;
    }
    candidate
}
