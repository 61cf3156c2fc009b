//! From a JSON schema to the fields of a form; entry point [`root`]. Understands draft 4 to 2020-12 as brokers write
//! them. What it cannot draw, or what exceeds a limit, becomes a box for YAML.

mod conjunction;

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::console::form::hint::{Hints, Widget};
use crate::console::form::model::{Choice, Field, Kind, Member, Rows, Text};
use crate::console::form::path::Path;
use crate::console::form::secret::{is_marked, looks_secret};
use crate::console::form::{MAX_DEPTH, MAX_FIELDS};
use conjunction::{Conjunction, Part};

/// How much of the schema is looked at: schemas, and what their keywords list, each time that they are referred to.
const MAX_STEPS: usize = 100_000;

/// How many bytes of texts, values and ids a form has at most.
const MAX_TEXT_BYTES: usize = 512 * 1024;

/// The longest id of a field, in bytes.
const MAX_ID_BYTES: usize = 200;

/// How much of a title or a description is shown, in characters.
const MAX_TITLE: usize = 200;
const MAX_DESCRIPTION: usize = 1000;

/// From how many values on a choice is a list to open instead of radio buttons.
const SELECT_FROM: usize = 6;

/// From which length on a text gets several lines.
const LONG_TEXT: u64 = 200;

/// Schemas of one type each, for properties that allow several.
static TYPES: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "array": {"type": "array"}, "boolean": {"type": "boolean"}, "integer": {"type": "integer"},
        "number": {"type": "number"}, "object": {"type": "object"}, "string": {"type": "string"},
    })
});

/// The parameters of a plan: a group, several variants of a group, or a box for YAML.
pub fn root(schema: &Value, hints: &Hints) -> Field {
    let builder =
        Builder { document: schema, hints, fields: MAX_FIELDS - 1, steps: MAX_STEPS, bytes: MAX_TEXT_BYTES };
    let place =
        Place { path: Path::root("parameters"), key: String::new(), depth: 0, secrecy: Secrecy::None };
    let mut field = { builder }.field("", vec![Part::new(schema)], &place);
    field.is_nullable = false;
    let is_object = |field: &Field| matches!(field.kind, Kind::Group { .. });
    match &field.kind {
        Kind::Variants(variants) if variants.iter().all(is_object) => field,
        Kind::Group { .. } => field,
        _ => Field::any(""),
    }
}

/// What the names and marks around a field say about its secrecy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Secrecy {
    None,
    /// A name says so. Numbers and choices are not meant: `tokenLifetime`.
    Texts,
    /// The schema or a hint says so.
    All,
}

/// Where a field is, and what it inherits.
struct Place {
    path: Path,
    /// Its name in the hints.
    key: String,
    depth: usize,
    secrecy: Secrecy,
}

impl Place {
    fn inner(&self, path: Path, key: String) -> Self {
        Self { path, key, depth: self.depth + 1, secrecy: self.secrecy }
    }

    fn member(&self, name: &str) -> Self {
        let key = if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) };
        self.inner(self.path.member(name), key)
    }
}

/// Builds fields within what is left of the limits.
struct Builder<'a> {
    document: &'a Value,
    hints: &'a Hints,
    fields: usize,
    steps: usize,
    bytes: usize,
}

impl<'a> Builder<'a> {
    /// The field for schemas that apply together. The caller has accounted for it.
    fn field(&mut self, name: &str, parts: Vec<Part<'a>>, place: &Place) -> Field {
        let mut field = Field::any(name);
        let Some(schema) = Conjunction::of(parts, self.document, &mut self.steps) else {
            field.is_secret = looks_secret(name) || place.secrecy > Secrecy::None;
            field.holds_secret = field.is_secret;
            return field;
        };
        let hint = self.hints.get(&place.key);
        let secrecy = self.secrecy(name, &schema, place);
        let title = hint.and_then(|hint| hint.title.as_deref()).or_else(|| schema.text("title"));
        field.title = self.text(title.filter(|title| *title != name), MAX_TITLE);
        field.description = self.text(schema.text("description"), MAX_DESCRIPTION);
        field.default = schema.values("default").next().filter(|value| self.takes(value)).cloned();
        let place = Place { path: place.path.clone(), key: place.key.clone(), depth: place.depth, secrecy };
        if place.depth <= MAX_DEPTH && place.path.id.len() <= MAX_ID_BYTES && schema.is_drawable() {
            let nullable = &mut field.is_nullable;
            field.kind = self.kind(name, &schema, &place, nullable).unwrap_or(Kind::Any);
            let null = Choice { value: Value::Null, title: None };
            if let Kind::Choice { options, .. } = &mut field.kind
                && field.is_nullable
                && options.iter().all(|option| option.value != null.value)
            {
                options.push(null);
            }
        }
        field.is_secret = match field.kind {
            Kind::Text(_) | Kind::Any => secrecy > Secrecy::None,
            Kind::Number { .. } | Kind::Choice { .. } => secrecy == Secrecy::All,
            Kind::List(_) | Kind::Group { .. } | Kind::Variants(_) => false,
        };
        field.holds_secret = field.is_secret || field.parts().iter().any(|part| part.holds_secret);
        if let Kind::Group { members, .. } = &field.kind {
            field.size += members.iter().map(|member| member.field.size).sum::<usize>();
        }
        field
    }

    fn secrecy(&self, name: &str, schema: &Conjunction<'a>, place: &Place) -> Secrecy {
        let hint = self.hints.get(&place.key).and_then(|hint| hint.widget);
        let is_marked = schema.parts().any(is_marked) || hint == Some(Widget::Password);
        let own = match (is_marked, looks_secret(name)) {
            (true, _) => Secrecy::All,
            (false, true) => Secrecy::Texts,
            (false, false) => Secrecy::None,
        };
        own.max(place.secrecy)
    }

    /// How a field is filled in. `None`: as YAML.
    fn kind(
        &mut self,
        name: &str,
        schema: &Conjunction<'a>,
        place: &Place,
        nullable: &mut bool,
    ) -> Option<Kind> {
        if let Some(options) = schema.options() {
            let options = options.into_iter().map(|value| Choice { value: value.clone(), title: None });
            return self.choice(options.collect(), place);
        }
        let alternatives = schema.alternatives()?;
        if !alternatives.is_empty() {
            return self.alternatives(name, schema, alternatives, place, nullable);
        }
        let mut types = schema.types();
        if let (2.., Some(null)) = (types.len(), types.iter().position(|name| *name == "null")) {
            types.remove(null);
            *nullable = true;
        }
        match types.as_slice() {
            [one] => self.typed(one, name, schema, place),
            several => {
                let schemas = several.iter().map(|name| TYPES.get(*name).map(Part::new));
                let variants = schemas.collect::<Option<Vec<_>>>()?;
                self.variants(name, schema, variants, place)
            }
        }
    }

    fn choice(&mut self, options: Vec<Choice>, place: &Place) -> Option<Kind> {
        self.fields = self.fields.checked_sub(options.len().saturating_sub(1))?;
        let fits = options.iter().all(|option| self.takes(&option.value));
        let widget = self.hints.get(&place.key).and_then(|hint| hint.widget);
        let is_select = options.len() >= SELECT_FROM || widget == Some(Widget::Select);
        (fits && !options.is_empty()).then_some(Kind::Choice { options, is_select })
    }

    fn alternatives(
        &mut self,
        name: &str,
        schema: &Conjunction<'a>,
        alternatives: Vec<Part<'a>>,
        place: &Place,
        nullable: &mut bool,
    ) -> Option<Kind> {
        let is_null = |part: &Part<'_>| part.schema.get("type").is_some_and(|name| name == "null");
        let (nulls, mut others): (Vec<_>, Vec<_>) = alternatives.into_iter().partition(is_null);
        *nullable |= !nulls.is_empty();
        let constants = others.iter().map(|part| {
            let value = part.schema.get("const")?.clone();
            let title = part.schema.get("title").and_then(Value::as_str);
            Some(Choice { value, title: title.map(|title| shortened(title, MAX_TITLE)) })
        });
        if let Some(options) = constants.collect() {
            return self.choice(options, place);
        }
        if others.len() != 1 {
            return self.variants(name, schema, others, place);
        }
        let schema = Conjunction::of(schema.with(others.pop()?), self.document, &mut self.steps)?;
        // The only alternative may have alternatives of its own. Each step costs, so this ends.
        if schema.is_drawable() { self.kind(name, &schema, place, nullable) } else { None }
    }

    fn variants(
        &mut self,
        name: &str,
        schema: &Conjunction<'a>,
        variants: Vec<Part<'a>>,
        place: &Place,
    ) -> Option<Kind> {
        self.fields = self.fields.checked_sub(variants.len())?;
        let place = place.inner(place.path.variant(), place.key.clone());
        let variants: Vec<Field> = variants
            .into_iter()
            .map(|variant| {
                let own = Conjunction::of(vec![variant.clone()], self.document, &mut self.steps);
                let own = own.unwrap_or_default();
                let mut field = self.field(name, schema.with(variant), &place);
                field.title = self.text(own.text("title"), MAX_TITLE);
                field.description = self.text(own.text("description"), MAX_DESCRIPTION);
                field.default = None;
                field
            })
            .collect();
        (!variants.is_empty()).then_some(Kind::Variants(variants))
    }

    fn typed(
        &mut self,
        type_name: &str,
        name: &str,
        schema: &Conjunction<'a>,
        place: &Place,
    ) -> Option<Kind> {
        let number = |keyword| schema.values(keyword).find_map(Value::as_f64);
        let widget = self.hints.get(&place.key).and_then(|hint| hint.widget);
        match type_name {
            "string" => Some(Kind::Text(Text {
                format: schema.text("format").map(|format| shortened(format, MAX_TITLE)),
                is_long: widget == Some(Widget::Textarea)
                    || schema
                        .values("maxLength")
                        .filter_map(Value::as_u64)
                        .min()
                        .is_some_and(|n| n > LONG_TEXT)
                    || [name, schema.text("description").unwrap_or_default()].into_iter().any(is_about_pem),
                may_be_empty: schema.values("minLength").all(|length| length.as_u64() == Some(0)),
            })),
            "integer" | "number" => {
                let may_be_negative =
                    number("minimum").or_else(|| number("exclusiveMinimum")).is_none_or(|n| n < 0.0);
                Some(Kind::Number { is_integer: type_name == "integer", may_be_negative })
            }
            "boolean" => self
                .choice([true, false].map(|value| Choice { value: value.into(), title: None }).into(), place),
            "null" => self.choice(vec![Choice { value: Value::Null, title: None }], place),
            "array" => {
                let items = schema.inner("items");
                self.fields = self.fields.checked_sub(1).filter(|_| !items.is_empty())?;
                // A list of schemas is a tuple.
                if items.iter().any(|part| part.schema.is_array()) {
                    return None;
                }
                let place = place.inner(place.path.item(0), format!("{}[]", place.key));
                Some(Kind::List(Box::new(self.field(name, items, &place))))
            }
            "object" => self.group(schema, place),
            _ => None,
        }
    }

    fn group(&mut self, schema: &Conjunction<'a>, place: &Place) -> Option<Kind> {
        let properties = schema.properties();
        let additional = schema.inner("additionalProperties");
        let allows_all = |part: &Part<'_>| *part.schema == true || *part.schema == json!({});
        let are_offered =
            !additional.iter().all(allows_all) && additional.iter().all(|part| *part.schema != false);
        let is_free = schema.values("properties").next().is_none() && additional.iter().all(allows_all);
        // Members before their parts: the upper levels are drawn when there are too many fields.
        let count = properties.len() + usize::from(are_offered);
        self.fields = self.fields.checked_sub(count).filter(|_| !is_free)?;
        let required = schema.required();
        let mut members = Vec::new();
        for (name, parts) in properties {
            let place = place.member(name);
            if place.path.id.len() > MAX_ID_BYTES {
                return None;
            }
            self.bytes = self.bytes.checked_sub(place.path.id.len())?;
            let hint = self.hints.get(&place.key);
            let position = hint.map_or(MAX_FIELDS, |hint| hint.position);
            let section = hint.and_then(|hint| self.text(hint.section.as_deref(), MAX_TITLE));
            let is_required = required.contains(name);
            members.push((position, Member { field: self.field(name, parts, &place), is_required, section }));
        }
        members.sort_by_key(|(position, member)| (*position, !member.is_required));
        let members: Vec<Member> = members.into_iter().map(|(_, member)| member).collect();
        let field = if are_offered {
            self.field("", additional, &place.inner(place.path.row(0, ""), format!("{}{{}}", place.key)))
        } else {
            Field::any("")
        };
        Some(Kind::Group { members, rows: Rows { field: Box::new(field), are_offered } })
    }

    /// A text for the page, unless there are too many.
    fn text(&mut self, text: Option<&str>, max: usize) -> Option<String> {
        let text = shortened(text?.trim(), max);
        self.bytes = self.bytes.checked_sub(text.len())?;
        Some(text).filter(|text| !text.is_empty())
    }

    /// Whether a value of the schema fits into what is left.
    fn takes(&mut self, value: &Value) -> bool {
        let left = self.bytes.checked_sub(value.to_string().len());
        self.bytes = left.unwrap_or_default();
        left.is_some()
    }
}

/// Whether a text is about a PEM file, which an input of one line would destroy.
fn is_about_pem(text: &str) -> bool {
    let text = shortened(text, MAX_DESCRIPTION).to_lowercase().replace([' ', '_', '-'], "");
    ["pem", "privatekey", "certificate"].iter().any(|word| text.contains(word))
}

/// The first characters of a text.
pub fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
