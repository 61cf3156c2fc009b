//! The fields of a form: what can be entered, not what is. Built by `schema`.

use serde_json::{Value, json};

/// A part of the parameters that the user fills in.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name of the property; for the parts of a list or a choice, that of the list or the choice.
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub default: Option<Value>,
    pub is_nullable: bool,
    /// The value is never shown.
    pub is_secret: bool,
    /// This field, or a part of it, is secret.
    pub holds_secret: bool,
    /// How many fields it draws while it is empty, itself included.
    pub size: usize,
    pub kind: Kind,
}

/// How a field is filled in.
#[derive(Clone, Debug)]
pub enum Kind {
    Text(Text),
    Number {
        is_integer: bool,
        may_be_negative: bool,
    },
    Choice {
        options: Vec<Choice>,
        is_select: bool,
    },
    List(Box<Field>),
    Group {
        members: Vec<Member>,
        rows: Rows,
    },
    Variants(Vec<Field>),
    /// A box for YAML: what no other kind can draw.
    Any,
}

/// How a text is filled in.
#[derive(Clone, Debug, Default)]
pub struct Text {
    pub format: Option<String>,
    pub is_long: bool,
    pub may_be_empty: bool,
}

/// One of the values of a choice.
#[derive(Clone, Debug)]
pub struct Choice {
    pub value: Value,
    pub title: Option<String>,
}

/// A property of a group.
#[derive(Clone, Debug)]
pub struct Member {
    pub field: Field,
    pub is_required: bool,
    /// The title of the fieldset that it is drawn in, according to the hints.
    pub section: Option<String>,
}

/// The properties of a group that the schema does not name.
#[derive(Clone, Debug)]
pub struct Rows {
    pub field: Box<Field>,
    /// The user may add some. Otherwise only those that exist are shown.
    pub are_offered: bool,
}

impl Field {
    /// A box for YAML.
    pub fn any(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: None,
            description: None,
            default: None,
            is_nullable: false,
            is_secret: false,
            holds_secret: false,
            size: 1,
            kind: Kind::Any,
        }
    }

    /// The title, or else the name.
    pub fn label(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// What is sent if a value is required, and none is entered.
    pub fn fallback(&self) -> Option<&Value> {
        match &self.kind {
            Kind::Choice { options, .. } if options.len() == 1 => options.first().map(|only| &only.value),
            // The members have defaults of their own.
            Kind::Group { .. } => self.default.as_ref().filter(|default| **default != json!({})),
            _ => self.default.as_ref(),
        }
    }

    /// Whether a text, a list or an object may be sent empty instead of leaving it to the default.
    pub fn offers_empty(&self) -> bool {
        let is_default_filled = match &self.default {
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(members)) => !members.is_empty(),
            _ => false,
        };
        is_default_filled
            && match &self.kind {
                Kind::Text(text) => text.may_be_empty,
                Kind::List(_) => true,
                Kind::Group { members, .. } => members.iter().all(|member| !member.is_required),
                _ => false,
            }
    }

    /// The fields directly inside.
    pub fn parts(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::List(item) => vec![item],
            Kind::Group { members, rows } => {
                members.iter().map(|member| &member.field).chain([&*rows.field]).collect()
            }
            Kind::Variants(variants) => variants.iter().collect(),
            Kind::Text(_) | Kind::Number { .. } | Kind::Choice { .. } | Kind::Any => Vec::new(),
        }
    }
}
