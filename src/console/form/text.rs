//! The parameters as YAML. Numbers keep their digits, which the serde support of YAML crates rounds.

mod write;

use std::fmt;

use crate::console::language::Language;
use granit_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value};

pub use write::to_text;

use crate::console::form::MAX_BYTES;

/// How deeply values are nested at most, as in `serde_json`.
const MAX_DEPTH: usize = 127;

/// How many values are read at most. Each takes up to a hundred times the memory of its text.
const MAX_VALUES: usize = 50_000;

/// Why a text is not read. It never quotes the text, which may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    /// Counts from 1.
    pub line: usize,
    /// Counts characters from 1.
    pub column: usize,
    kind: TextErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextErrorKind {
    Syntax,
    Alias,
    Tag,
    Ambiguous,
    Duplicate,
    Key,
    Documents,
    TooDeep,
    TooLong,
}

impl TextError {
    /// The error for a user, with line and column.
    pub fn message(&self, language: Language) -> String {
        let (line, column, problem) = (self.line, self.column, self.problem(language));
        language.pick(
            format!("Line {line}, column {column}: {problem}"),
            format!("第 {line} 行第 {column} 列：{problem}"),
        )
    }

    fn problem(&self, language: Language) -> &'static str {
        match self.kind {
            TextErrorKind::Syntax => language.pick(
                "this is not valid YAML. Check the indentation, the colons and the quotes.",
                "不是有效的 YAML。请检查缩进、冒号和引号。",
            ),
            TextErrorKind::Alias => language.pick(
                "anchors and aliases are not supported. Repeat the value.",
                "不支持锚点和别名。请重复写出该值。",
            ),
            TextErrorKind::Tag => {
                language.pick("tags are not supported. Remove the tag.", "不支持标签。请删除该标签。")
            }
            TextErrorKind::Ambiguous => language.pick(
                "ambiguous value. Write true, false, or a number as in JSON, or put a text in quotes.",
                "值有歧义。请写 true、false 或 JSON 格式的数字；文本请加引号。",
            ),
            TextErrorKind::Duplicate => {
                language.pick("this name occurs twice. Remove one of the two.", "名称重复。请删除其中一个。")
            }
            TextErrorKind::Key => language.pick(
                "a name must be a text, not a list or an object.",
                "名称必须是文本，不能是列表或对象。",
            ),
            TextErrorKind::Documents => language
                .pick("a second document begins. Write only one.", "此处开始了第二个文档。只能有一个文档。"),
            TextErrorKind::TooDeep => language.pick(
                "nested more deeply than 127 levels. Pass deep structures as one text.",
                "嵌套超过 127 层。请把过深的结构作为一个文本传递。",
            ),
            TextErrorKind::TooLong => language.pick(
                "the text has more than 1 MiB or 50,000 values. Shorten it.",
                "文本超过 1 MiB 或 50,000 个值。请缩短。",
            ),
        }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Language::English))
    }
}

impl std::error::Error for TextError {}

/// Reads YAML, or JSON, which is YAML as well. An empty text is null.
///
/// Values that YAML 1.1 and 1.2 understand differently (`yes`, `007`, `1_000`) are refused. So are aliases and tags.
pub fn from_text(text: &str) -> Result<Value, TextError> {
    if text.len() > MAX_BYTES {
        return Err(TextError { line: 1, column: 1, kind: TextErrorKind::TooLong });
    }
    let mut reader = Reader { parser: Parser::new_from_str(text), depth: 0, values: 0 };
    let (mut event, mut span) = reader.next()?;
    while matches!(event, Event::StreamStart | Event::DocumentStart(..)) {
        (event, span) = reader.next()?;
    }
    if matches!(event, Event::StreamEnd) {
        return Ok(Value::Null);
    }
    let value = reader.value(event, &span)?;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(value),
            (Event::DocumentStart(..), span) => return Err(error(TextErrorKind::Documents, &span)),
            _ => {}
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    depth: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    /// The next event that is no comment.
    fn next(&mut self) -> Result<(Event<'a>, Span), TextError> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(next)) => return Ok(next),
                Some(Err(error)) => {
                    let (mark, kind) = (error.marker(), TextErrorKind::Syntax);
                    return Err(TextError { line: mark.line(), column: mark.col() + 1, kind });
                }
                None => return Ok((Event::StreamEnd, Span::default())),
            }
        }
    }

    fn value(&mut self, event: Event<'a>, span: &Span) -> Result<Value, TextError> {
        self.values += 1;
        match event {
            _ if self.values > MAX_VALUES => return Err(error(TextErrorKind::TooLong, span)),
            Event::Alias(_) => return Err(error(TextErrorKind::Alias, span)),
            _ if event.tag().is_some() => return Err(error(TextErrorKind::Tag, span)),
            Event::Scalar(text, ScalarStyle::Plain, ..) => {
                return scalar(&text).ok_or_else(|| error(TextErrorKind::Ambiguous, span));
            }
            Event::Scalar(text, ..) => return Ok(Value::String(text.into_owned())),
            Event::SequenceStart(..) | Event::MappingStart(..) => {}
            _ => return Err(error(TextErrorKind::Syntax, span)),
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(error(TextErrorKind::TooDeep, span));
        }
        let value = if matches!(event, Event::SequenceStart(..)) { self.list()? } else { self.object()? };
        self.depth -= 1;
        Ok(value)
    }

    fn list(&mut self) -> Result<Value, TextError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
                (event, span) => items.push(self.value(event, &span)?),
            }
        }
    }

    fn object(&mut self) -> Result<Value, TextError> {
        let mut members = Map::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Value::Object(members)),
                (Event::Alias(_), span) => return Err(error(TextErrorKind::Alias, &span)),
                // As Kubernetes does: `1: one` has the name "1".
                (Event::Scalar(key, _, _, None), span) if !members.contains_key(&*key) => (key, span),
                (Event::Scalar(_, _, _, None), span) => return Err(error(TextErrorKind::Duplicate, &span)),
                (_, span) => return Err(error(TextErrorKind::Key, &span)),
            };
            let (event, span) = self.next()?;
            let value = self.value(event, &span)?;
            members.insert(key.0.into_owned(), value);
        }
    }
}

fn error(kind: TextErrorKind, span: &Span) -> TextError {
    TextError { line: span.start.line(), column: span.start.col() + 1, kind }
}

/// The value of a plain scalar. `None` if it is ambiguous.
fn scalar(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::Null),
        "true" | "True" | "TRUE" => return Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Value::Bool(false)),
        _ => {}
    }
    match number(text) {
        Some(number) => Some(Value::Number(number)),
        None if is_ambiguous(text) => None,
        None => Some(Value::String(text.to_owned())),
    }
}

/// A JSON number, with its digits.
pub fn number(text: &str) -> Option<Number> {
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

fn is_ambiguous(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if ["yes", "no", "on", "off"].contains(&lower.as_str()) {
        return true;
    }
    let digits = lower.strip_prefix(['-', '+']).unwrap_or(&lower).replace('_', "");
    if [".inf", ".nan"].contains(&digits.as_str()) {
        return true;
    }
    let has_base = ["0x", "0o", "0b"].iter().any(|base| digits.starts_with(base));
    let is_number = digits.starts_with(|first: char| first == '.' || first.is_ascii_digit())
        && digits.parse::<f64>().is_ok();
    is_number || has_base && digits.bytes().skip(2).all(|digit| digit.is_ascii_hexdigit())
}
