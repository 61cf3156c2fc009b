//! How is a `JSONPath` template, in the dialect of kubectl, expanded?
//!
//! A template is text with expressions in braces: `jdbc:postgresql://{.host}:{.port}/{.names[0]}`. Users write the
//! expressions and brokers send the data, so both are hostile input. Expressions whose cost is not linear in the data
//! are rejected, and the length of the result is limited.

use std::fmt::Write as _;
use std::mem;

use jsonpath_rust::JsonPath as _;
use serde_json::Value;
use thiserror::Error;

#[cfg(test)]
mod tests;

/// The longest expression, in bytes.
const MAX_EXPRESSION_BYTES: usize = 512;

/// How much of an expression a message shows, in characters.
const SHOWN_CHARS: usize = 60;

/// How deeply brackets and parentheses may be nested.
const MAX_NESTING: usize = 3;

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
}

/// Expands a template to at most `room` bytes.
pub(super) fn render(template: &str, data: &Value, room: usize) -> Result<String, TemplateError> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (expression, after) = until('}', after).ok_or(TemplateError::Unclosed)?;
        text.push_str(before);
        evaluate(expression.trim_matches(' '), data, room, &mut text)?;
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

fn evaluate(expression: &str, data: &Value, room: usize, text: &mut String) -> Result<(), TemplateError> {
    if let Ok(literal) = serde_json::from_str::<String>(expression) {
        text.push_str(&literal);
        return Ok(());
    }
    let invalid = |reason| TemplateError::Invalid {
        expression: expression.chars().take(SHOWN_CHARS).collect(),
        reason,
    };
    let query = standard(expression).map_err(invalid)?;
    let found = data.query(&query).map_err(|_| invalid("it cannot be parsed"))?;
    if found.is_empty() {
        return Err(TemplateError::Missing(expression.to_owned()));
    }
    for (index, value) in found.into_iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        match value {
            Value::Null => {}
            Value::String(value) => text.push_str(value),
            other => text.push_str(&other.to_string()),
        }
        // Checked for each value: a template can refer to the result of an earlier one and so double it each time.
        if text.len() > room {
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

/// Rejects expressions that could take long or nest deeply. In those that remain, no step finds a value twice, so the
/// cost of a step is linear in the data.
fn check_cost(expression: &str) -> Result<(), &'static str> {
    if expression.len() > MAX_EXPRESSION_BYTES {
        return Err("it is too long");
    }
    if expression.matches("..").count() > 1 {
        return Err("it may contain .. only once");
    }
    let mut depth: usize = 0;
    for (_, character) in unquoted(expression) {
        match character {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            ',' => return Err("it may not contain lists"),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Err("it is nested too deeply");
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
