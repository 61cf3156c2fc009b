//! The entries of a submitted form → what is filled in, with the effect of the button that was pressed.
//!
//! | entry | holds |
//! |---|---|
//! | `<id>` | a text, the digits of a number, the JSON of a choice |
//! | `<id>-yaml` | YAML in place of fields |
//! | `<id>-blank` | what is sent if nothing is entered ([`Blank`]) |
//! | `<id>-count` | how many items or rows were shown |
//! | `<id>-<n>-key` | the name of a row |
//! | `<id>-variant`, `<id>-shown` | the chosen variant, and the one whose fields were shown |
//! | `<prefix>-action` | the button: a verb and an id |

use std::collections::HashMap;

use crate::console::form::PREFIX;
use crate::console::form::content::{Blank, Content, Entry, Row};
use crate::console::form::model::{Field, Kind};
use crate::console::form::path::Path;
use crate::console::form::{Form, MAX_FIELDS};

/// A button of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Add an item or a row to the field with this id.
    Add(&'a str),
    /// Remove the item or the row with this id.
    Remove(&'a str),
    /// Move the item one place up.
    Up(&'a str),
    /// Move the item one place down.
    Down(&'a str),
    /// Show the fields of the chosen variants.
    Choose,
    ShowText,
    ShowFields,
}

impl<'a> Action<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (verb, id) = text.split_once(' ').unwrap_or((text, ""));
        match verb {
            "add" => Some(Self::Add(id)),
            "remove" => Some(Self::Remove(id)),
            "up" => Some(Self::Up(id)),
            "down" => Some(Self::Down(id)),
            "choose" => Some(Self::Choose),
            "text" => Some(Self::ShowText),
            "fields" => Some(Self::ShowFields),
            _ => None,
        }
    }
}

/// The entries of one form.
pub struct Entries<'a> {
    form: &'a Form,
    values: HashMap<&'a str, &'a str>,
    pub action: Option<Action<'a>>,
    /// A variant was chosen whose fields were not shown yet.
    is_variant_new: bool,
    /// There are more items, rows or fields than a form has.
    pub is_full: bool,
    /// The id of the element that gets the focus.
    pub focus: Option<String>,
    /// How many more fields are read.
    fields: usize,
}

impl<'a> Entries<'a> {
    /// Keeps the entries of this form; of two with one name, the first.
    pub fn new(entries: &'a [(String, String)], form: &'a Form) -> Self {
        let mut values = HashMap::new();
        for (name, value) in entries.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
            values.entry(name.as_str()).or_insert(value.as_str());
        }
        let action = values.get(format!("{PREFIX}-action").as_str());
        Self {
            form,
            action: action.and_then(|action| Action::parse(action)),
            values,
            is_variant_new: false,
            is_full: false,
            focus: None,
            fields: MAX_FIELDS.saturating_sub(form.root.size),
        }
    }

    /// What is filled in, after the action.
    pub fn content(&mut self) -> Content {
        let form = self.form;
        if matches!(self.action, Some(Action::ShowText | Action::ShowFields)) {
            self.focus = Some(PREFIX.to_owned());
        }
        self.field(&form.root, &Path::root(PREFIX))
    }

    /// Whether the form is to be shown again. Known after [`content`](Self::content).
    pub fn is_changed(&self) -> bool {
        self.action.is_some() || self.is_variant_new
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.values.get(name).copied()
    }

    fn field(&mut self, field: &Field, path: &Path) -> Content {
        let blank = self.get(&path.part("blank")).map(Blank::parse).unwrap_or_default();
        let entry = match (self.get(&path.part("yaml")), &field.kind) {
            (Some(text), _) => Entry::Yaml(unix_lines(text)),
            (None, Kind::Any) => Entry::None,
            (None, Kind::Text(_) | Kind::Number { .. } | Kind::Choice { .. }) => {
                self.get(&path.id).map_or(Entry::None, |text| Entry::Text(unix_lines(text)))
            }
            (None, Kind::List(item)) => self.list(item, path),
            (None, Kind::Group { members, rows }) => {
                let members =
                    members.iter().map(|member| self.field(&member.field, &path.member(&member.field.name)));
                let members = members.collect();
                Entry::Members(members, self.rows(&rows.field, path))
            }
            (None, Kind::Variants(variants)) => self.variant(variants, path),
        };
        Content { blank, entry, is_withheld: false }
    }

    fn list(&mut self, item: &Field, path: &Path) -> Entry {
        let mut items = Vec::new();
        for index in 0..self.count(path, item) {
            items.push(self.field(item, &path.item(index)));
        }
        self.edit(&mut items, item, path, |index| path.item(index).id);
        Entry::Items(items)
    }

    fn rows(&mut self, field: &Field, path: &Path) -> Vec<Row> {
        let mut rows = Vec::new();
        for index in 0..self.count(path, field) {
            let row = path.row(index, "");
            let key = self.get(&row.part("key")).unwrap_or_default().to_owned();
            rows.push(Row { key, content: self.field(field, &row) });
        }
        self.edit(&mut rows, field, path, |index| path.row(index, "").id);
        rows
    }

    fn variant(&mut self, variants: &[Field], path: &Path) -> Entry {
        let chosen = self.get(&path.part("variant")).unwrap_or_default();
        if chosen != self.get(&path.part("shown")).unwrap_or_default() {
            self.is_variant_new = true;
            self.focus = Some(path.id.clone());
        }
        let index = chosen.parse().ok();
        let Some((index, variant)) = index.and_then(|index: usize| Some((index, variants.get(index)?)))
        else {
            return Entry::None;
        };
        self.fields = self.fields.saturating_sub(variant.size);
        Entry::Variant(index, Box::new(self.field(variant, &path.variant())))
    }

    /// How many items or rows were shown, as far as they fit.
    fn count(&mut self, path: &Path, field: &Field) -> usize {
        let count = self.get(&path.part("count")).and_then(|count| count.parse().ok()).unwrap_or(0_usize);
        let fitting = count.min(self.fields / field.size.max(1));
        self.is_full |= fitting < count;
        self.fields -= fitting * field.size;
        fitting
    }

    /// Applies the action to the items or rows of one field.
    fn edit<T: Default>(
        &mut self,
        items: &mut Vec<T>,
        field: &Field,
        path: &Path,
        id: impl Fn(usize) -> String,
    ) {
        let position = |wanted: &str| (0..items.len()).find(|index| id(*index) == wanted);
        match self.action {
            Some(Action::Add(target)) if target == path.id && self.fields < field.size => self.is_full = true,
            Some(Action::Add(target)) if target == path.id => {
                self.fields -= field.size;
                self.focus = Some(id(items.len()));
                items.push(T::default());
            }
            Some(Action::Remove(target)) => {
                if let Some(index) = position(target) {
                    items.remove(index);
                    self.focus = Some(path.part("add"));
                }
            }
            Some(Action::Up(target)) => {
                if let Some(index) = position(target)
                    && let Some(above) = index.checked_sub(1)
                {
                    items.swap(index, above);
                    self.focus = Some(id(above));
                }
            }
            Some(Action::Down(target)) => {
                if let Some(index) = position(target).filter(|index| index + 1 < items.len()) {
                    items.swap(index, index + 1);
                    self.focus = Some(id(index + 1));
                }
            }
            _ => {}
        }
    }
}

/// Browsers send line breaks as CR LF.
fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}
