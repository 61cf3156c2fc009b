//! What is filled in, and how an existing value is filled in: [`fill`].

use serde_json::Value;

use crate::console::form::model::{Field, Kind, Rows};
use crate::console::form::{MAX_FIELDS, to_text};

/// How many parts of values are looked at to fill in a form. Alternatives count each.
const MAX_STEPS: usize = 200_000;

/// What is filled in for a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Content {
    /// What is sent if nothing is entered.
    pub blank: Blank,
    pub entry: Entry,
    /// A secret was entered, and is not shown again.
    pub is_withheld: bool,
}

/// What is sent if nothing is entered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blank {
    /// What exists, or the default of a required field, or else nothing.
    #[default]
    Default,
    /// Nothing, although something exists.
    Unset,
    /// An empty text, list or object.
    Empty,
    Null,
}

impl Blank {
    /// The choices besides the default, with their values in the page.
    pub const CHOICES: [(Self, &str); 3] =
        [(Self::Unset, "unset"), (Self::Empty, "empty"), (Self::Null, "null")];

    pub fn parse(text: &str) -> Self {
        let found = Self::CHOICES.iter().find(|(_, name)| *name == text);
        found.map(|(blank, _)| *blank).unwrap_or_default()
    }
}

/// What is entered.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Entry {
    #[default]
    None,
    /// A text, the digits of a number, or the JSON of a choice.
    Text(String),
    Items(Vec<Content>),
    /// One content for each member of the group, in their order, and the rows.
    Members(Vec<Content>, Vec<Row>),
    /// The number of the variant.
    Variant(usize, Box<Content>),
    /// YAML, for a field without inputs of its own, or in place of them.
    Yaml(String),
}

/// A property that the user has named.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub key: String,
    pub content: Content,
}

impl Row {
    fn is_blank(&self) -> bool {
        self.key.is_empty() && self.content.is_blank()
    }
}

impl Content {
    pub fn new(entry: Entry) -> Self {
        Self { entry, ..Self::default() }
    }

    fn blank(blank: Blank) -> Self {
        Self { blank, ..Self::default() }
    }

    /// Nothing is entered, and nothing was chosen to be sent nevertheless.
    pub fn is_blank(&self) -> bool {
        self.has_no_entry() && matches!(self.blank, Blank::Default | Blank::Unset)
    }

    pub fn has_no_entry(&self) -> bool {
        match &self.entry {
            Entry::None => true,
            Entry::Text(text) => text.is_empty(),
            Entry::Yaml(text) => text.trim().is_empty(),
            Entry::Items(items) => items.iter().all(Self::is_blank),
            Entry::Members(members, rows) => {
                members.iter().all(Self::is_blank) && rows.iter().all(Row::is_blank)
            }
            Entry::Variant(..) => false,
        }
    }

    /// Removes blank items and rows, which are not sent.
    pub fn compact(&mut self) {
        match &mut self.entry {
            Entry::None | Entry::Text(_) | Entry::Yaml(_) => {}
            Entry::Items(items) => {
                items.iter_mut().for_each(Self::compact);
                items.retain(|item| !item.is_blank());
            }
            Entry::Members(members, rows) => {
                members.iter_mut().for_each(Self::compact);
                for row in rows.iter_mut() {
                    row.content.compact();
                }
                rows.retain(|row| !row.is_blank());
            }
            Entry::Variant(_, content) => content.compact(),
        }
    }
}

/// Fills in a value. What the fields cannot express becomes YAML in place of them, so that reading the form gives the
/// same value.
pub fn fill(root: &Field, value: &Value) -> Content {
    let mut filler =
        Filler { fields: MAX_FIELDS.saturating_sub(root.size), steps: MAX_STEPS, is_strict: false };
    match value {
        Value::Object(members) if members.is_empty() => Content::default(),
        _ => filler.content(root, value).unwrap_or_default(),
    }
}

struct Filler {
    /// How many more fields may be drawn.
    fields: usize,
    steps: usize,
    /// YAML in place of fields does not count: to find out which variant fits.
    is_strict: bool,
}

impl Filler {
    /// `None` only if strict.
    fn content(&mut self, field: &Field, value: &Value) -> Option<Content> {
        let fields = self.fields;
        let content = self.fields(field, value);
        if content.is_none() {
            self.fields = fields;
        }
        content.or_else(|| (!self.is_strict).then(|| Content::new(Entry::Yaml(to_text(value)))))
    }

    /// `None`: the fields cannot express the value, or there would be too many of them.
    fn fields(&mut self, field: &Field, value: &Value) -> Option<Content> {
        self.steps = self.steps.checked_sub(1)?;
        match (&field.kind, value) {
            (Kind::Any, _) => Some(Content::new(Entry::Yaml(to_text(value)))),
            (Kind::Choice { options, .. }, _) => {
                self.steps = self.steps.checked_sub(options.len())?;
                let is_offered = options.iter().any(|option| option.value == *value);
                is_offered.then(|| Content::new(Entry::Text(value.to_string())))
            }
            (Kind::Variants(variants), _) if *value != Value::Null => self.variant(variants, value),
            (_, Value::Null) => field.is_nullable.then(|| Content::blank(Blank::Null)),
            (Kind::Text(_), Value::String(text)) if text.is_empty() => Some(Content::blank(Blank::Empty)),
            // An HTML page cannot hold these two.
            (Kind::Text(_), Value::String(text)) if text.contains(['\r', '\0']) => None,
            (Kind::Text(_), Value::String(text)) => Some(Content::new(Entry::Text(text.clone()))),
            (Kind::Number { is_integer, .. }, Value::Number(number)) => {
                let text = number.to_string();
                (!is_integer || is_whole(&text)).then(|| Content::new(Entry::Text(text)))
            }
            (Kind::List(_), Value::Array(items)) if items.is_empty() => Some(Content::blank(Blank::Empty)),
            (Kind::List(item), Value::Array(items)) => {
                let mut contents = Vec::new();
                for value in items {
                    self.fields = self.fields.checked_sub(item.size)?;
                    contents.push(self.content(item, value)?);
                }
                Some(Content::new(Entry::Items(contents)))
            }
            (Kind::Group { .. }, Value::Object(_)) => self.group(field, value),
            _ => None,
        }
    }

    fn group(&mut self, field: &Field, value: &Value) -> Option<Content> {
        let (Kind::Group { members, rows: Rows { field: extra, are_offered } }, Value::Object(values)) =
            (&field.kind, value)
        else {
            return None;
        };
        if values.is_empty() && !(self.is_strict && members.iter().any(|member| member.is_required)) {
            return Some(Content::blank(Blank::Empty));
        }
        self.steps = self.steps.checked_sub(members.len())?;
        let mut contents = Vec::new();
        for member in members {
            contents.push(match values.get(&member.field.name) {
                Some(value) => self.content(&member.field, value)?,
                None if member.is_required && self.is_strict => return None,
                None => Content::default(),
            });
        }
        let mut rows = Vec::new();
        for (key, value) in values {
            if members.iter().any(|member| member.field.name == *key) {
                continue;
            }
            self.fields = self.fields.checked_sub(extra.size)?;
            // An input of one line cannot hold these, and a row without a name is blank.
            if key.is_empty() || key.contains(['\r', '\n', '\0']) || self.is_strict && !are_offered {
                return None;
            }
            rows.push(Row { key: key.clone(), content: self.content(extra, value)? });
        }
        Some(Content::new(Entry::Members(contents, rows)))
    }

    /// The first variant that fits the value.
    fn variant(&mut self, variants: &[Field], value: &Value) -> Option<Content> {
        let (was_strict, fields) = (self.is_strict, self.fields);
        self.is_strict = true;
        let found = variants.iter().enumerate().find_map(|(index, variant)| {
            self.fields = fields.checked_sub(variant.size)?;
            Some(Content::new(Entry::Variant(index, Box::new(self.fields(variant, value)?))))
        });
        self.is_strict = was_strict;
        found
    }
}

/// Whether the digits of a JSON number have no fraction.
pub fn is_whole(number: &str) -> bool {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    !whole.contains(['e', 'E']) && fraction.bytes().all(|digit| digit == b'0')
}
