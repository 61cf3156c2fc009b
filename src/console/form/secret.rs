//! Which parameters are secret?

use std::cell::Cell;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::console::form::model::{Field, Kind};

/// The words in a name that make it look secret.
const SECRET_WORDS: [&str; 4] = ["password", "secret", "token", "key"];

/// How many values of a schema, and of parameters, are searched for secret ones.
const MAX_SEARCHED: usize = 100_000;

/// Whether one of the words of a name says that its value is secret: `adminPassword`, `API_KEY`, `tokens`.
pub fn looks_secret(name: &str) -> bool {
    words(name).iter().any(|word| SECRET_WORDS.contains(&word.strip_suffix('s').unwrap_or(word)))
}

/// The words of a name, in lower case: `dbAPIKey_2` has `db`, `api`, `key`, `2`.
fn words(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (index, &character) in characters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| characters.get(before));
        let after = characters.get(index + 1);
        let starts_word = character.is_uppercase()
            && (before.is_some_and(|before| before.is_lowercase() || before.is_numeric())
                || (before.is_some_and(|before| before.is_uppercase())
                    && after.is_some_and(|after| after.is_lowercase())));
        if starts_word || !character.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphanumeric()) {
            word.extend(character.to_lowercase());
        }
    }
    words
}

/// The search for secret parts in values. It has a budget, because a value is searched for each variant of its schema; what it
/// cannot search counts as secret.
pub struct Search<'a> {
    /// The names that the schema marks as secret somewhere: they count where no field is drawn.
    marked: &'a BTreeSet<String>,
    left: Cell<usize>,
}

impl<'a> Search<'a> {
    /// With the names that the schema marks.
    pub fn new(marked: &'a BTreeSet<String>) -> Self {
        Self { marked, left: Cell::new(MAX_SEARCHED) }
    }

    /// Whether a top-level parameter goes to a Secret.
    pub fn is_secret_parameter(&self, root: &Field, name: &str, value: &Value) -> bool {
        if self.is_exhausted() {
            return true;
        }
        match &root.kind {
            Kind::Group { members, .. } => match members.iter().find(|member| member.field.name == name) {
                Some(member) => self.holds_secret(&member.field, value),
                None => self.is_secret_member(name, value),
            },
            Kind::Variants(variants) => {
                variants.iter().any(|variant| self.is_secret_parameter(variant, name, value))
            }
            _ => self.is_secret_member(name, value),
        }
    }

    /// Whether a value has a secret part, by its fields, and by its names where there are none.
    fn holds_secret(&self, field: &Field, value: &Value) -> bool {
        if field.holds_secret || self.is_exhausted() {
            return true;
        }
        match (&field.kind, value) {
            (Kind::List(item), Value::Array(items)) => {
                items.iter().any(|value| self.holds_secret(item, value))
            }
            (Kind::Group { members, .. }, Value::Object(values)) => values.iter().any(|(name, value)| {
                match members.iter().find(|member| member.field.name == *name) {
                    Some(member) => self.holds_secret(&member.field, value),
                    None => self.is_secret_member(name, value),
                }
            }),
            (Kind::Variants(variants), _) => variants.iter().any(|variant| self.holds_secret(variant, value)),
            (Kind::Any, _) | (_, Value::Array(_) | Value::Object(_)) => self.names_secret(value),
            _ => false,
        }
    }

    /// Whether a value without a field is secret, or has a secret part.
    fn is_secret_member(&self, name: &str, value: &Value) -> bool {
        let looks_secret =
            looks_secret(name) && !matches!(value, Value::Null | Value::Bool(_) | Value::Number(_));
        looks_secret || self.marked.contains(name) || self.names_secret(value)
    }

    fn names_secret(&self, value: &Value) -> bool {
        if self.is_exhausted() {
            return true;
        }
        match value {
            Value::Array(items) => items.iter().any(|item| self.names_secret(item)),
            Value::Object(members) => members.iter().any(|(name, value)| self.is_secret_member(name, value)),
            _ => false,
        }
    }

    /// Counts a step. Whether there were too many.
    fn is_exhausted(&self) -> bool {
        self.left.set(self.left.get().saturating_sub(1));
        self.left.get() == 0
    }
}

/// Whether a schema says that its values are secret.
pub fn is_marked(schema: &Value) -> bool {
    schema.get("writeOnly") == Some(&Value::Bool(true))
        || schema.get("format").and_then(Value::as_str) == Some("password")
}

/// The names of all properties that a schema marks as secret, at any depth.
pub fn marked_names(schema: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut left = MAX_SEARCHED;
    let mut rest = vec![schema];
    while let Some(value) = rest.pop() {
        left = left.saturating_sub(1);
        match value {
            _ if left == 0 => break,
            Value::Array(items) => rest.extend(items),
            Value::Object(members) => {
                let marked = members.iter().filter(|(_, schema)| is_marked(schema));
                names.extend(marked.map(|(name, _)| name.clone()));
                rest.extend(members.values());
            }
            _ => {}
        }
    }
    names
}
