//! How is a `JSONPath` template, in the dialect of kubectl, expanded?
//!
//! A template is text with expressions in braces: `jdbc:postgresql://{.host}:{.port}/{.names[0]}`. Users write the
//! expressions and brokers send the data, so both are hostile input. What kubectl's dialect does not have is rejected,
//! as far as it could be costly; the work of the rest is counted, and the length of the result is limited.

use std::fmt::Write as _;
use std::mem;

use serde_json::Value;
use thiserror::Error;

use super::budget::{Budget, Exhausted, MAX_WORK};
use super::query::{QueryError, find, show};

#[cfg(test)]
mod tests;

/// The longest expression, in bytes.
const MAX_EXPRESSION_BYTES: usize = 512;

/// How much of an expression a message shows, in characters.
const SHOWN_CHARS: usize = 60;

/// How deeply brackets and parentheses may be nested.
const MAX_NESTING: usize = 3;

const UNSUPPORTED: &str = "a filter may contain neither $ nor a function; refer to the element as @";

/// Why a template cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// The template ends inside a brace.
    #[error("a closing brace is missing")]
    Unclosed,
    /// An expression cannot be parsed, or is rejected because of its cost.
    #[error("{{{expression}}} is not a JSONPath expression: {reason}")]
    Invalid {
        /// The beginning of the expression.
        expression: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An expression has no result.
    #[error("{{{0}}} is not found in the credentials")]
    Missing(String),
    /// The expanded templates would exceed the size of a Secret.
    #[error("the expanded templates do not fit into a Secret")]
    TooLarge,
    /// The transforms up to this one exceed the budget of a binding.
    #[error(
        "the transforms up to this one visit more than {MAX_WORK} values of the credentials. Use fewer or simpler \
         expressions"
    )]
    TooMuchWork,
}

impl From<Exhausted> for TemplateError {
    fn from(_: Exhausted) -> Self {
        Self::TooMuchWork
    }
}

/// Expands a template to at most `room` bytes, and charges the work to the budget.
pub(super) fn render(
    template: &str,
    data: &Value,
    room: usize,
    budget: &mut Budget,
) -> Result<String, TemplateError> {
    budget.spend_text(template.len())?;
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (expression, after) = until('}', after).ok_or(TemplateError::Unclosed)?;
        text.push_str(before);
        evaluate(expression.trim_matches(' '), data, room, budget, &mut text)?;
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

fn evaluate(
    expression: &str,
    data: &Value,
    room: usize,
    budget: &mut Budget,
    text: &mut String,
) -> Result<(), TemplateError> {
    if let Ok(literal) = serde_json::from_str::<String>(expression) {
        text.push_str(&literal);
        return Ok(());
    }
    let shown = || expression.chars().take(SHOWN_CHARS).collect();
    let invalid = |reason| TemplateError::Invalid { expression: shown(), reason };
    let query = standard(expression).map_err(invalid)?;
    let found = find(&query, data, budget).map_err(|error| match error {
        QueryError::Syntax => invalid("it cannot be parsed"),
        QueryError::Unsupported => invalid(UNSUPPORTED),
        QueryError::TooMuchWork => TemplateError::TooMuchWork,
    })?;
    if found.is_empty() {
        return Err(TemplateError::Missing(shown()));
    }
    for (index, value) in found.into_iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        // Checked for each value: a template can refer to the result of an earlier one and so double it each time.
        if !show(value, room, text) {
            return Err(TemplateError::TooLarge);
        }
    }
    Ok(())
}

/// Translates an expression to RFC 9535: kubectl's dialect needs no `$` and no quotes around names.
fn standard(expression: &str) -> Result<String, &'static str> {
    check_cost(expression)?;
    let mut rest = expression.strip_prefix(['$', '@']).unwrap_or(expression);
    let mut query = String::from("$");
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (selector, after) = until(']', inside).ok_or("a closing bracket is missing")?;
            let _ = write!(query, "[{selector}]");
            rest = after;
            continue;
        }
        rest = rest.strip_prefix('.').ok_or("it has to begin with a dot or a bracket")?;
        if let Some(after) = rest.strip_prefix('.') {
            query.push_str("..");
            rest = after;
        }
        let (name, after) = member(rest);
        match name.as_str() {
            "" => {}
            "*" => query.push_str("[*]"),
            name => {
                let _ = write!(query, "[{}]", Value::from(name));
            }
        }
        rest = after;
    }
    Ok(query)
}

/// Rejects expressions that kubectl does not have either and that could take long or nest deeply: without them, no step
/// finds a value twice, and a filter looks only at the descendants of an element. The budget would stop them as well,
/// but only where the data is large; so an author learns it at the first attempt.
fn check_cost(expression: &str) -> Result<(), &'static str> {
    if expression.len() > MAX_EXPRESSION_BYTES {
        return Err("it is too long");
    }
    if expression.matches("..").count() > 1 {
        return Err("it may contain .. only once");
    }
    let (mut depth, mut brackets): (usize, usize) = (0, 0);
    let mut before = ' ';
    for (_, character) in unquoted(expression) {
        match character {
            '(' if brackets > 0 && (before.is_alphanumeric() || before == '_') => return Err(UNSUPPORTED),
            '$' if brackets > 0 => return Err(UNSUPPORTED),
            '?' if brackets > 1 => return Err("it may not contain a filter inside of a filter"),
            ',' => return Err("it may not contain lists"),
            _ => {}
        }
        match character {
            '[' => (depth, brackets) = (depth + 1, brackets + 1),
            ']' => (depth, brackets) = (depth.saturating_sub(1), brackets.saturating_sub(1)),
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err("it is nested too deeply");
        }
        if !character.is_whitespace() {
            before = character;
        }
    }
    Ok(())
}

/// A member's name without its escapes, and the rest of the expression.
fn member(text: &str) -> (String, &str) {
    let end = unquoted(text).find(|(_, character)| ".[".contains(*character));
    let (name, rest) = text.split_at(end.map_or(text.len(), |(index, _)| index));
    (name.replace('\\', ""), rest)
}

/// Splits the text at the first closing character that is not in brackets.
fn until(close: char, text: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    let (end, _) = unquoted(text).find(|&(_, character)| {
        let found = depth == 0 && character == close;
        depth += match character {
            '[' => 1,
            ']' => -1,
            _ => 0,
        };
        found
    })?;
    let (before, after) = text.split_at(end);
    Some((before, after.strip_prefix(close)?))
}

/// The characters that are neither quoted nor escaped, with their byte offsets.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut escaped = false;
    let mut quote = None;
    text.char_indices().filter(move |&(_, character)| {
        if mem::take(&mut escaped) {
            return false;
        }
        match (quote, character) {
            (_, '\\') => escaped = true,
            (None, '"' | '\'') => quote = Some(character),
            (None, _) => return true,
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
        }
        false
    })
}
