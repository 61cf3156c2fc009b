//! What is filled in → the parameters, with a problem for each entry that is no value.

use std::collections::BTreeSet;

use crate::console::language::Language;
use serde_json::{Map, Value};

use crate::console::form::PREFIX;
use crate::console::form::content::{Blank, Content, Entry, Row, is_whole};
use crate::console::form::model::{Field, Kind, Member, Rows};
use crate::console::form::path::Path;
use crate::console::form::text::number;
use crate::console::form::{Form, Problem, from_text};

/// The result of an evaluation.
#[derive(Default)]
pub struct Evaluated {
    pub values: Map<String, Value>,
    /// The top-level parameters that are to be removed.
    pub unset: BTreeSet<String>,
    pub problems: Vec<Problem>,
}

/// Evaluates what is filled in. The `hidden` top-level parameters exist, and need no value.
pub fn evaluate(form: &Form, content: &Content, hidden: &BTreeSet<String>, language: Language) -> Evaluated {
    let mut evaluator = Evaluator { hidden, language, unset: BTreeSet::new(), problems: Vec::new() };
    let root = Path::root(PREFIX);
    let values = match &content.entry {
        Entry::Yaml(text) => super::object(text, language).unwrap_or_else(|message| {
            evaluator.problems.push(Problem { pointer: String::new(), message });
            Map::new()
        }),
        _ if matches!(form.root.kind, Kind::Any) => Map::new(),
        _ => match evaluator.value(&form.root, content, Need::Required, &root) {
            Some(Value::Object(values)) => values,
            _ => Map::new(),
        },
    };
    Evaluated { values, unset: evaluator.unset, problems: evaluator.problems }
}

/// What happens to a field without an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// It is not sent.
    Optional,
    /// A value is sent, or there is a problem.
    Required,
    /// It has a name that the user entered: an empty text is meant.
    Named,
}

struct Evaluator<'a> {
    hidden: &'a BTreeSet<String>,
    language: Language,
    unset: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Evaluator<'_> {
    fn value(&mut self, field: &Field, content: &Content, need: Need, path: &Path) -> Option<Value> {
        if !content.has_no_entry() {
            return Some(self.entered(field, content, path));
        }
        match (content.blank, &field.kind) {
            (Blank::Null, _) => Some(Value::Null),
            (Blank::Empty, Kind::Text(_)) => Some(Value::from("")),
            (Blank::Empty, Kind::List(_)) => Some(Value::Array(Vec::new())),
            (Blank::Empty, Kind::Group { .. }) => Some(Value::Object(Map::new())),
            _ if need == Need::Optional => None,
            _ => self.required(field, content, need, path),
        }
    }

    /// The value of a required field without an entry.
    fn required(&mut self, field: &Field, content: &Content, need: Need, path: &Path) -> Option<Value> {
        if let Some(fallback) = field.fallback() {
            return Some(fallback.clone());
        }
        match &field.kind {
            Kind::Group { .. } => Some(self.entered(field, content, path)),
            Kind::List(_) => Some(Value::Array(Vec::new())),
            Kind::Text(_) if need == Need::Named => Some(Value::from("")),
            Kind::Choice { .. } | Kind::Variants(_) => {
                self.problem(path, self.language.pick("Choose a value.", "请选择。"));
                None
            }
            Kind::Text(_) | Kind::Number { .. } | Kind::Any => {
                self.problem(path, self.language.pick("Enter a value.", "请输入值。"));
                None
            }
        }
    }

    /// The value of a field with an entry. What is no value becomes a text, with a problem.
    fn entered(&mut self, field: &Field, content: &Content, path: &Path) -> Value {
        match (&field.kind, &content.entry) {
            (_, Entry::Yaml(text)) => from_text(text).unwrap_or_else(|error| {
                let message = error.message(self.language);
                self.problems.push(Problem { pointer: path.pointer.clone(), message });
                Value::from(text.as_str())
            }),
            (Kind::Number { is_integer, .. }, Entry::Text(text)) => self.number(text, *is_integer, path),
            (Kind::Choice { options, .. }, Entry::Text(text)) => {
                let is_chosen = |value: &&Value| value.to_string() == *text;
                let chosen = options.iter().map(|option| &option.value).find(is_chosen);
                chosen.cloned().unwrap_or_else(|| {
                    let english = "This value is no longer offered. Choose another one.";
                    self.problem(path, self.language.pick(english, "该值已不可选。请重新选择。"));
                    Value::from(text.as_str())
                })
            }
            (Kind::List(item), Entry::Items(items)) => {
                let items = items.iter().enumerate();
                let values = items.filter_map(|(index, content)| {
                    self.value(item, content, Need::Required, &path.item(index))
                });
                Value::Array(values.collect())
            }
            (Kind::Group { members, rows: extra }, Entry::Members(contents, rows)) => {
                self.group(members, contents, extra, rows, path)
            }
            (Kind::Group { members, rows: extra }, _) => self.group(members, &[], extra, &[], path),
            (Kind::Variants(variants), Entry::Variant(index, content)) => {
                let variant = variants.get(*index);
                let value =
                    variant.and_then(|variant| self.value(variant, content, Need::Required, &path.variant()));
                value.unwrap_or(Value::Null)
            }
            (_, Entry::Text(text)) => Value::from(text.as_str()),
            _ => Value::Null,
        }
    }

    fn number(&mut self, text: &str, is_integer: bool, path: &Path) -> Value {
        match number(text.trim()) {
            Some(number) if !is_integer || is_whole(&number.to_string()) => Value::Number(number),
            _ => {
                let message = if is_integer {
                    self.language.pick("Enter a whole number, such as 12.", "请输入整数，例如 12。")
                } else {
                    self.language.pick("Enter a number, such as 0.5 or 12.", "请输入数字，例如 0.5 或 12。")
                };
                self.problem(path, message);
                Value::from(text)
            }
        }
    }

    fn group(
        &mut self,
        members: &[Member],
        contents: &[Content],
        extra: &Rows,
        rows: &[Row],
        path: &Path,
    ) -> Value {
        let nothing = Content::default();
        let mut values = Map::new();
        for (index, member) in members.iter().enumerate() {
            let (name, content) = (&member.field.name, contents.get(index).unwrap_or(&nothing));
            let is_hidden = path.pointer.is_empty() && self.hidden.contains(name);
            if is_hidden && content.is_blank() {
                if content.blank == Blank::Unset {
                    self.unset.insert(name.clone());
                }
                continue;
            }
            let need = if member.is_required { Need::Required } else { Need::Optional };
            if let Some(value) = self.value(&member.field, content, need, &path.member(name)) {
                values.insert(name.clone(), value);
            }
        }
        for (index, Row { key, content }) in rows.iter().enumerate() {
            let path = path.row(index, key);
            if key.is_empty() {
                self.problem(&path, self.language.pick("Enter a name.", "请输入名称。"));
            } else if values.contains_key(key) || members.iter().any(|member| member.field.name == *key) {
                let english = "This name occurs twice. Change or remove one of the two.";
                self.problem(&path, self.language.pick(english, "名称重复。请修改或删除其中一个。"));
            } else if let Some(value) = self.value(&extra.field, content, Need::Named, &path) {
                values.insert(key.clone(), value);
            }
        }
        Value::Object(values)
    }

    fn problem(&mut self, path: &Path, message: &str) {
        self.problems.push(Problem { pointer: path.pointer.clone(), message: message.to_owned() });
    }
}
