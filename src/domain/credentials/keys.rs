//! How do credentials become entries with keys that are valid in a Secret?

use std::collections::{BTreeMap, HashMap};

use k8s_openapi::ByteString;
use serde_json::Value;

use super::Entries;
use super::transform::Entry;

/// The longest key that Kubernetes allows, in bytes.
const MAX_KEY_BYTES: usize = 253;

/// How many changed keys a message names. The others are only counted.
const SHOWN_CHANGES: usize = 10;

/// The entries under legal keys. Legal keys stay as they are; an illegal key is changed to a free one.
pub(super) fn legal(entries: BTreeMap<String, Entry>) -> Entries {
    let mut legal = Entries::default();
    let mut illegal = Vec::new();
    // The last number that was given to each name. A broker may send a hundred thousand keys that become the same name;
    // to count from one for each would take the square of that.
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for (key, value) in entries {
        let Some(bytes) = bytes(value) else { continue };
        if is_legal(&key) {
            legal.data.insert(key, bytes);
        } else {
            illegal.push((key, bytes));
        }
    }
    let more = illegal.len().saturating_sub(SHOWN_CHANGES);
    for (key, bytes) in illegal {
        let wanted = legalised(&key);
        let last = numbers.entry(wanted.clone()).or_default();
        let name = first_free(&wanted, last, |name| !legal.data.contains_key(name));
        if legal.warnings.len() < SHOWN_CHANGES {
            let shown: String = key.chars().take(60).collect();
            legal.warnings.push(format!(
                "the key {shown:?} is not valid in a Secret, so its entry is stored as {name:?}"
            ));
        }
        legal.data.insert(name, bytes);
    }
    if more > 0 {
        legal.warnings.push(format!("{more} more keys are not valid in a Secret, so other keys are used"));
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

/// The name itself if it is free, else with the first numeric suffix after `last` that is.
fn first_free(name: &str, last: &mut usize, is_free: impl Fn(&str) -> bool) -> String {
    loop {
        *last += 1;
        let candidate = if *last == 1 { name.to_owned() } else { numbered(name, *last) };
        if is_free(&candidate) {
            return candidate;
        }
    }
}

fn numbered(name: &str, number: usize) -> String {
    let suffix = format!("-{number}");
    let stem: String = name.chars().take(MAX_KEY_BYTES - suffix.len()).collect();
    stem + &suffix
}
