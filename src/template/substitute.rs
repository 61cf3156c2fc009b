//! How do values get into objects? `${NAME}` inside a string or key, and `${{NAME}}` as a whole string.
//!
//! There is one pass over the template's own text: a value that contains `${OTHER}` is not expanded. Otherwise a user
//! could read a parameter, such as a generated password, through a field that shows another. Names without a value stay
//! as they are. The entry point is [`Substitution`].

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The values of all parameters of an instance, by name. They contain passwords, so they belong in a Secret.
pub type Values = BTreeMap<String, String>;

/// What values make of a template's text, up to a number of bytes.
pub(super) struct Substitution<'a> {
    values: &'a Values,
    left: usize,
}

/// The result would be larger than is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl<'a> Substitution<'a> {
    /// A substitution whose results together have at most `max_bytes` bytes of text.
    pub(super) fn new(values: &'a Values, max_bytes: usize) -> Self {
        Self { values, left: max_bytes }
    }

    /// Substitutes in all strings and keys of a value.
    pub(super) fn value(&mut self, template: &Value) -> Result<Value, TooLarge> {
        Ok(match template {
            Value::String(text) => match self.json(text)? {
                Some(value) => value,
                None => Value::String(self.text(text)?),
            },
            Value::Array(elements) => {
                Value::Array(elements.iter().map(|element| self.value(element)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let mut substituted = Map::new();
                for (key, member) in members {
                    substituted.insert(self.text(key)?, self.value(member)?);
                }
                Value::Object(substituted)
            }
            other => other.clone(),
        })
    }

    /// Substitutes `${NAME}` in a text.
    pub(super) fn text(&mut self, template: &str) -> Result<String, TooLarge> {
        let mut text = String::new();
        for piece in pieces(template) {
            let part = match piece {
                Piece::Text(part) => part,
                Piece::Reference { name, written } => self.values.get(name).map_or(written, String::as_str),
            };
            self.spend(part.len())?;
            text.push_str(part);
        }
        Ok(text)
    }

    /// The value that replaces a string of the form `${{NAME}}`. One that is not JSON is taken as a string.
    fn json(&mut self, template: &str) -> Result<Option<Value>, TooLarge> {
        let Some(value) = whole_reference(template).and_then(|name| self.values.get(name)) else {
            return Ok(None);
        };
        self.spend(value.len())?;
        Ok(Some(serde_json::from_str(value).unwrap_or_else(|_| Value::from(value.as_str()))))
    }

    fn spend(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.left = self.left.checked_sub(bytes).ok_or(TooLarge)?;
        Ok(())
    }
}

/// A piece of a template's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text that stays.
    Text(&'a str),
    /// A reference `${NAME}`.
    Reference {
        /// The name.
        name: &'a str,
        /// The reference as it was written.
        written: &'a str,
    },
}

/// Splits a text at its references. The pieces together are the text.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((name, written, after)) = leading_reference(rest) {
            rest = after;
            return Some(Piece::Reference { name, written });
        }
        let begin = rest.match_indices("${").map(|(index, _)| index);
        let next =
            begin.into_iter().find(|index| leading_reference(rest.get(*index..).unwrap_or("")).is_some());
        let (before, after) = rest.split_at(next.unwrap_or(rest.len()));
        rest = after;
        Some(Piece::Text(before))
    })
}

/// The name of a reference at the beginning of a text, the reference itself, and what follows.
fn leading_reference(text: &str) -> Option<(&str, &str, &str)> {
    let inside = text.strip_prefix("${")?;
    let end = inside.find(|character: char| !is_name_character(character))?;
    let (name, after) = inside.split_at(end);
    let after = after.strip_prefix('}').filter(|_| !name.is_empty())?;
    Some((name, text.get(..text.len() - after.len())?, after))
}

/// The name in a string that is exactly `${{NAME}}`.
fn whole_reference(text: &str) -> Option<&str> {
    text.strip_prefix("${{")?.strip_suffix("}}").filter(|name| is_name(name))
}

/// Whether a text contains a reference of either form.
pub(super) fn has_reference(text: &str) -> bool {
    whole_reference(text).is_some() || pieces(text).any(|piece| matches!(piece, Piece::Reference { .. }))
}

/// Whether a parameter can have this name.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_character)
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Tells the name of each reference, and whether it has the form `${{NAME}}`.
pub(super) fn for_each_reference(value: &Value, tell: &mut dyn FnMut(&str, bool)) {
    let mut tell_text = |text: &str| {
        for piece in pieces(text) {
            if let Piece::Reference { name, .. } = piece {
                tell(name, false);
            }
        }
    };
    match value {
        Value::String(text) => match whole_reference(text) {
            Some(name) => tell(name, true),
            None => tell_text(text),
        },
        Value::Array(elements) => elements.iter().for_each(|element| for_each_reference(element, tell)),
        Value::Object(members) => {
            members.keys().for_each(|key| tell_text(key));
            members.values().for_each(|member| for_each_reference(member, tell));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "JSON is written where it is passed")]

    use serde_json::json;

    use super::*;
    use crate::template::tests::values;

    fn substituted(template: Value) -> Value {
        let values = values([("A", "x"), ("N", "5"), ("L", "[1, true]"), ("R", "${A}"), ("E", "")]);
        Substitution::new(&values, 1000).value(&template).unwrap()
    }

    #[test]
    fn references_are_replaced_in_strings_and_keys() {
        let template = json!({"${A}-k": ["a${A}b${N}", "${E}", {"deep": "${A}${A}"}], "n": 1.50});
        assert_eq!(substituted(template), json!({"x-k": ["axb5", "", {"deep": "xx"}], "n": 1.50}));
    }

    #[test]
    fn a_whole_reference_becomes_json_or_a_string() {
        assert_eq!(substituted(json!(["${{N}}", "${{L}}", "${{A}}"])), json!([5, [1, true], "x"]));
        assert_eq!(substituted(json!({"${{N}}": "a${{N}}"})), json!({"${{N}}": "a${{N}}"}));
    }

    #[test]
    fn a_value_is_not_searched_for_references() {
        assert_eq!(substituted(json!(["${R}", "${{R}}"])), json!(["${A}", "${A}"]));
    }

    #[test]
    fn what_is_no_reference_to_a_value_stays() {
        for text in
            ["${B}", "${{B}}", "$A", "${A", "${}", "$${", "${A-B}", "${ A}", "ü${", "{.data['${B}']}", "$"]
        {
            assert_eq!(substituted(json!(text)), json!(text));
        }
        assert_eq!(substituted(json!("$${A}${${A}")), json!("$x${x"));
    }

    #[test]
    fn the_size_of_the_results_is_limited() {
        let values = values([("A", "xxxxx")]);
        let mut substitution = Substitution::new(&values, 12);
        assert_eq!(substitution.value(&json!(["${A}", "${{A}}"])), Ok(json!(["xxxxx", "xxxxx"])));
        assert_eq!(substitution.text("${A}"), Err(TooLarge));
    }

    #[test]
    fn uses_are_told_with_their_form() {
        let mut uses = Vec::new();
        let template = json!({"${K}": ["a${A}${B}", "${{N}}", "x${{T}}"]});
        for_each_reference(&template, &mut |name, is_json| uses.push((name.to_owned(), is_json)));
        let expected = [("K", false), ("A", false), ("B", false), ("N", true)];
        assert_eq!(uses, expected.map(|(name, is_json)| (name.to_owned(), is_json)));
    }
}
