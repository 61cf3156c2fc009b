//! How is a `JSONPath` template, in the dialect of kubectl, filled in?
//!
//! Text with expressions in braces: `jdbc:postgresql://{.host}:{.port}/{.names[0]}`. Expressions are written by
//! users and answered from what brokers sent, so those whose cost could explode are refused.

use std::fmt::Write as _;
use std::mem;

use jsonpath_rust::JsonPath as _;
use serde_json::Value;
use thiserror::Error;

#[cfg(test)]
mod tests;

/// How long an expression may be, in bytes.
const LONGEST: usize = 512;

/// How much of an expression is shown, in characters.
const SHOWN: usize = 60;

/// How deeply brackets and parentheses may be nested.
const DEEPEST: usize = 3;

/// Why a template cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A brace is open at the end.
    #[error("a closing brace is missing")]
    Unclosed,
    /// An expression is not understood, or not allowed.
    #[error("{{{expression}}} is not a JSONPath expression: {reason}")]
    Invalid {
        /// The beginning of what is between the braces.
        expression: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An expression finds nothing.
    #[error("{{{0}}} is not found in the credentials")]
    Missing(String),
    /// The text would be too long for a Secret.
    #[error("what the templates give does not fit into a Secret")]
    TooLarge,
}

/// Fills a template in; the text may be as long as there is `room`, in bytes.
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
    let invalid =
        |reason| TemplateError::Invalid { expression: expression.chars().take(SHOWN).collect(), reason };
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
        // Checked each time: templates can refer to what other templates gave, and so double it again and again.
        if text.len() > room {
            return Err(TemplateError::TooLarge);
        }
    }
    Ok(())
}

/// The expression as RFC 9535 writes it: kubectl needs no `$`, and no quotes around names.
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

/// Refuses what could take long or nest deeply: each step then finds at most as much as there is.
fn check_cost(expression: &str) -> Result<(), &'static str> {
    if expression.len() > LONGEST {
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
        if depth > DEEPEST {
            return Err("it is nested too deeply");
        }
    }
    Ok(())
}

/// A member's name without its escapes, and what follows it.
fn member(text: &str) -> (String, &str) {
    let end = unquoted(text).find(|(_, character)| ".[".contains(*character));
    let (name, rest) = text.split_at(end.map_or(text.len(), |(index, _)| index));
    (name.replace('\\', ""), rest)
}

/// What is before, and what is after, the character that closes the text, outside brackets.
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

/// The characters, with their places, that are neither quoted nor escaped.
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
