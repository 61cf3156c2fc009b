//! The hints of a plan (`openshift_form_definition`): the order of the fields, their titles and widgets.
//!
//! A list of keys, or of objects `{key, type, title, items}`. The items of a `fieldset` without a key are drawn
//! together.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::console::form::MAX_FIELDS;

/// How deeply fieldsets are nested at most.
const MAX_FIELDSETS: usize = 4;

/// How a field is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widget {
    Password,
    Select,
    Textarea,
}

/// What the hints say about one field.
#[derive(Clone, Debug, Default)]
pub struct Hint {
    /// Its position: the lowest comes first.
    pub position: usize,
    pub title: Option<String>,
    pub widget: Option<Widget>,
    /// The title of the fieldset that it is in.
    pub section: Option<String>,
}

/// The hints for all fields, by their names joined by `.`: `database.users[].name`.
#[derive(Clone, Debug, Default)]
pub struct Hints(BTreeMap<String, Hint>);

impl Hints {
    pub fn of(definition: Option<&Value>) -> Self {
        let mut hints = Self::default();
        hints.add(definition, None, 0);
        hints
    }

    pub fn get(&self, key: &str) -> Option<&Hint> {
        self.0.get(key)
    }

    /// The last names of the fields that are passwords.
    pub fn passwords(&self) -> impl Iterator<Item = &str> {
        let passwords = self.0.iter().filter(|(_, hint)| hint.widget == Some(Widget::Password));
        passwords.filter_map(|(key, _)| key.rsplit('.').next())
    }

    fn add(&mut self, definition: Option<&Value>, section: Option<&str>, depth: usize) {
        for item in definition.and_then(Value::as_array).into_iter().flatten().take(MAX_FIELDS) {
            let key = item.as_str().or_else(|| text(item, "key"));
            if let Some(key) = key
                && self.0.len() < MAX_FIELDS
            {
                let hint = Hint {
                    position: self.0.len(),
                    title: text(item, "title").map(str::to_owned),
                    widget: widget(item),
                    section: section.map(str::to_owned),
                };
                self.0.entry(key.to_owned()).or_insert(hint);
            }
            if depth < MAX_FIELDSETS {
                let section = if key.is_some() { None } else { text(item, "title").or(section) };
                self.add(item.get("items"), section, depth + 1);
            }
        }
    }
}

fn text<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    item.get(name).and_then(Value::as_str)
}

fn widget(item: &Value) -> Option<Widget> {
    match text(item, "type")? {
        "password" => Some(Widget::Password),
        "select" => Some(Widget::Select),
        "textarea" => Some(Widget::Textarea),
        _ => None,
    }
}
