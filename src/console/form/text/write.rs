//! Writes YAML for people: block style, texts of several lines as they are, quotes only where they are needed.

use std::fmt::Write as _;

use serde_json::Value;

use super::scalar;

/// From which indent on values are written as JSON. Deep values would consist of spaces mainly.
const MAX_INDENT: usize = 32;

/// A value as YAML. [`from_text`](super::from_text) gives the same value again.
pub fn to_text(value: &Value) -> String {
    let mut text = String::new();
    if is_block(value, 0) {
        block(value, 0, &mut text);
    } else {
        text.push_str(&inline(value, 0));
        text.push('\n');
    }
    text
}

/// Whether a value takes lines of its own.
fn is_block(value: &Value, indent: usize) -> bool {
    match value {
        _ if indent > MAX_INDENT => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => false,
    }
}

/// Writes the members or items, one a line, each line with `indent` spaces.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                spaces(indent, out);
                out.push_str(&if is_plain(name) { name.clone() } else { json(&Value::from(name.as_str())) });
                out.push(':');
                if is_block(value, indent + 2) {
                    out.push('\n');
                    block(value, indent + 2, out);
                } else {
                    out.push(' ');
                    out.push_str(&inline(value, indent + 2));
                    out.push('\n');
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                spaces(indent, out);
                out.push_str("- ");
                if is_block(item, indent + 2) {
                    // The first line of the item follows the dash.
                    let start = out.len();
                    block(item, indent + 2, out);
                    out.replace_range(start..start + indent + 2, "");
                } else {
                    out.push_str(&inline(item, indent + 2));
                    out.push('\n');
                }
            }
        }
        _ => {}
    }
}

fn spaces(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', count));
}

/// A value that begins on the line of its name.
fn inline(value: &Value, indent: usize) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        Value::String(text) => lines(text, indent.max(2)).unwrap_or_else(|| json(value)),
        _ => json(value),
    }
}

/// Whether a text needs no quotes. Narrower than YAML, which has many rules.
fn is_plain(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphanumeric() || first == '/' || first == '_')
        && text.chars().all(|character| character.is_alphanumeric() || "_-./@+ ".contains(character))
        && !text.ends_with(' ')
        && scalar(text).is_some_and(|value| value.is_string())
}

/// A text of several lines as a literal block, unless that would change it.
fn lines(text: &str, indent: usize) -> Option<String> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let is_printable = |character: char| character == '\n' || is_printable(character);
    let fits = body.contains('\n')
        && !body.starts_with(['\n', ' '])
        && !body.ends_with('\n')
        && text.chars().all(is_printable);
    let mut block = String::from(if text.ends_with('\n') { "|" } else { "|-" });
    for line in body.lines() {
        block.push('\n');
        // A line of spaces would count as empty.
        if line.starts_with(' ') && line.trim().is_empty() {
            return None;
        }
        if !line.is_empty() {
            spaces(indent, &mut block);
            block.push_str(line);
        }
    }
    fits.then_some(block)
}

/// JSON, which is YAML if the texts in it also escape what YAML does not take as printable.
fn json(value: &Value) -> String {
    let json = value.to_string();
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_printable(character) {
            escaped.push(character);
        } else {
            // Writing to a string does not fail.
            _ = write!(escaped, "\\U{:08x}", u32::from(character));
        }
    }
    escaped
}

fn is_printable(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
