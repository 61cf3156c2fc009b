//! How is kubectl's `JSONPath` read? See client-go, `util/jsonpath/parser.go`.

use serde_json::Value;

use super::{Filter, Operator, Path, Piece, Step, Text};

/// The longest text, in bytes.
const MAX_BYTES: usize = 4096;

const UNCLOSED_BRACKET: &str = "a closing bracket is missing";

type Parsed<T> = Result<T, &'static str>;

impl Text {
    /// Parses a text with expressions in braces, or says what is wrong with it.
    pub(in crate::template) fn parse(text: &str) -> Parsed<Self> {
        if text.len() > MAX_BYTES {
            return Err("it is too long");
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, inside)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Literal(before.to_owned()));
            }
            let (expression, after) = split_unquoted(inside, "}").ok_or("a closing brace is missing")?;
            pieces.push(Piece::Expression(steps(expression, true)?));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(Self { pieces })
    }
}

impl Path {
    /// Parses one expression without braces, whose first dot may be missing: `spec.containers[0].image`.
    pub(in crate::template) fn parse(text: &str) -> Parsed<Self> {
        if text.len() > MAX_BYTES {
            return Err("it is too long");
        }
        let begins_with_member = text.starts_with(|first: char| first.is_alphanumeric() || first == '_');
        if begins_with_member { steps(&format!(".{text}"), true) } else { steps(text, true) }
    }
}

/// Parses the steps of an expression. A filter has no filters inside, as in kubectl.
fn steps(expression: &str, may_filter: bool) -> Parsed<Path> {
    let mut steps = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            // `@` and `$` are the current value, inside a filter as well.
            ' ' | '@' | '$' => rest.get(1..).unwrap_or(""),
            '[' => bracket(rest, may_filter, &mut steps)?,
            '"' | '\'' => quoted(rest, &mut steps)?,
            '.' if rest.starts_with("..") => descendants(rest, &mut steps)?,
            '.' => member(rest.get(1..).unwrap_or(""), &mut steps)?,
            '+' | '-' | '0'..='9' => number(rest, &mut steps)?,
            _ => word(rest, &mut steps)?,
        };
    }
    Ok(Path { steps })
}

fn descendants<'a>(rest: &'a str, steps: &mut Vec<Step>) -> Parsed<&'a str> {
    if steps.last() == Some(&Step::Descendants) {
        return Err("two .. must not follow each other");
    }
    steps.push(Step::Descendants);
    let rest = rest.get(2..).unwrap_or("");
    let begins_with_member = rest.starts_with(|first: char| first.is_alphanumeric() || "_*".contains(first));
    if begins_with_member { member(rest, steps) } else { Ok(rest) }
}

/// Reads a member's name, in which a backslash escapes the next character.
fn member<'a>(rest: &'a str, steps: &mut Vec<Step>) -> Parsed<&'a str> {
    let mut name = String::new();
    let mut characters = rest.char_indices();
    let end = loop {
        match characters.next() {
            None => break rest.len(),
            Some((_, '\\')) => name.extend(characters.next().map(|(_, escaped)| escaped)),
            Some((index, character)) if is_terminator(character) => break index,
            Some((_, character)) => name.push(character),
        }
    };
    match name.as_str() {
        "" => return Err("a dot must be followed by a name"),
        "*" => steps.push(Step::All),
        _ => steps.push(Step::Member(name)),
    }
    Ok(rest.get(end..).unwrap_or(""))
}

fn is_terminator(character: char) -> bool {
    character.is_whitespace() || ".,[]$@{}".contains(character)
}

/// Reads a bracket: a filter, a union, a member's name in quotes, an index or a slice.
fn bracket<'a>(rest: &'a str, may_filter: bool, steps: &mut Vec<Step>) -> Parsed<&'a str> {
    if let Some(inside) = rest.strip_prefix("[?(") {
        if !may_filter {
            return Err("a filter must not contain a filter");
        }
        let (condition, after) = split_unquoted(inside, ")]").ok_or(UNCLOSED_BRACKET)?;
        steps.push(Step::Filter(filter(condition)?));
        return Ok(after);
    }
    let inside = rest.get(1..).unwrap_or("");
    let (mut selectors, after) = split_unquoted(inside, "]").ok_or(UNCLOSED_BRACKET)?;
    let mut union = Vec::new();
    while let Some((selector, others)) = split_unquoted(selectors, ",") {
        union.push(single_selector(selector)?);
        selectors = others;
    }
    let last = single_selector(selectors)?;
    if union.is_empty() {
        steps.push(last);
    } else {
        union.push(last);
        steps.push(Step::Union(union));
    }
    Ok(after)
}

fn single_selector(text: &str) -> Parsed<Step> {
    let text = text.trim_matches(' ');
    if text == "*" {
        return Ok(Step::All);
    }
    for quote in ['\'', '"'] {
        if let Some(name) = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)) {
            return Ok(Step::Member(name.replace('\\', "")));
        }
    }
    let invalid = "a bracket must contain an index, a slice, *, a quoted name or a filter";
    let bound = |text: &str| match text {
        "" => Ok(None),
        number => number.parse::<i64>().map(Some).map_err(|_| invalid),
    };
    let parts: Vec<_> = text.split(':').collect();
    match parts[..] {
        [index] => Ok(Step::Element(bound(index)?.ok_or(invalid)?)),
        [first, last] => Ok(Step::Slice { first: bound(first)?, last: bound(last)?, every: 1 }),
        [first, last, every] => {
            let every = usize::try_from(bound(every)?.unwrap_or(1)).map_err(|_| invalid)?;
            let every =
                Some(every).filter(|every| *every > 0).ok_or("the step of a slice must be positive")?;
            Ok(Step::Slice { first: bound(first)?, last: bound(last)?, every })
        }
        _ => Err(invalid),
    }
}

fn filter(condition: &str) -> Parsed<Filter> {
    let operators = [
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    if ["&&", "||", "=~"].iter().any(|operator| split_unquoted(condition, operator).is_some()) {
        return Err("a filter may contain only one comparison");
    }
    let found = operators.iter().find_map(|(text, operator)| {
        split_unquoted(condition, text).map(|(left, right)| (left, *operator, right))
    });
    let Some((left, operator, right)) = found else {
        return Ok(Filter { left: steps(condition, false)?, comparison: None });
    };
    Ok(Filter { left: steps(left, false)?, comparison: Some((operator, steps(right, false)?)) })
}

fn quoted<'a>(rest: &'a str, steps: &mut Vec<Step>) -> Parsed<&'a str> {
    let end = quote_end(rest).ok_or("a closing quote is missing")?;
    let (literal, after) = rest.split_at(end);
    let inside = literal.get(1..literal.len() - 1).unwrap_or("");
    // The escapes are those of JSON, and a quote of the other kind needs none.
    let inside = if literal.starts_with('\'') {
        inside.replace("\\'", "'").replace('"', "\\\"")
    } else {
        inside.to_owned()
    };
    let text: String =
        serde_json::from_str(&format!("\"{inside}\"")).map_err(|_| "a quoted text has an unknown escape")?;
    steps.push(Step::Constant(Value::String(text)));
    Ok(after)
}

fn number<'a>(rest: &'a str, steps: &mut Vec<Step>) -> Parsed<&'a str> {
    let unsigned = rest.trim_start_matches(['+', '-']);
    let length = unsigned.find(|character: char| !character.is_ascii_digit() && character != '.');
    let (digits, after) = unsigned.split_at(length.unwrap_or(unsigned.len()));
    let sign = if rest.starts_with('-') { "-" } else { "" };
    let number = serde_json::from_str(&format!("{sign}{digits}")).map_err(|_| "a number is not valid")?;
    steps.push(Step::Constant(number));
    Ok(after)
}

fn word<'a>(rest: &'a str, steps: &mut Vec<Step>) -> Parsed<&'a str> {
    let (word, after) = rest.split_at(rest.find(is_terminator).unwrap_or(rest.len()));
    let constant = match word {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        "range" | "end" => return Err("range is not supported"),
        _ => return Err("a path must begin with a dot or a bracket"),
    };
    steps.push(Step::Constant(constant));
    Ok(after)
}

/// Splits a text at the first separator that is neither quoted nor escaped.
fn split_unquoted<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let mut index = 0;
    loop {
        let rest = text.get(index..)?;
        if let Some(after) = rest.strip_prefix(separator) {
            return Some((text.get(..index)?, after));
        }
        index += match rest.chars().next()? {
            '\\' => 1 + rest.chars().nth(1)?.len_utf8(),
            '"' | '\'' => quote_end(rest)?,
            other => other.len_utf8(),
        };
    }
}

/// Where the quoted text at the beginning ends, in bytes.
fn quote_end(text: &str) -> Option<usize> {
    let mut characters = text.char_indices();
    let (_, quote) = characters.next()?;
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            _ if character == quote => return Some(index + 1),
            _ => {}
        }
    }
    None
}
