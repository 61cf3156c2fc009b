//! A schema as a list of objects that all apply: `$ref` and `allOf` are resolved by adding to the list, so that merging
//! copies nothing. What the objects say about a keyword is combined when it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// How many references lead to a schema at most.
const MAX_REFERENCES: usize = 8;

/// Keywords that fields cannot express.
const UNDRAWABLE: [&str; 9] = [
    "$dynamicRef",
    "$recursiveRef",
    "dependencies",
    "dependentSchemas",
    "else",
    "if",
    "patternProperties",
    "prefixItems",
    "then",
];

/// How many types there are.
const TYPES: usize = 7;

/// How many comparisons the intersection of two lists of values may take.
const MAX_COMPARISONS: usize = 10_000;

/// Keywords that decide what is drawn. Alternatives without any of them only restrict the values.
const DRAWN: [&str; 12] = [
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "enum",
    "if",
    "items",
    "oneOf",
    "patternProperties",
    "properties",
    "type",
];

/// One of the schemas that apply, and the references that led to it.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    pub schema: &'a Value,
    pub references: Vec<&'a str>,
    /// `oneOf` and `anyOf` are already taken into account.
    pub is_chosen: bool,
}

impl<'a> Part<'a> {
    pub fn new(schema: &'a Value) -> Self {
        Self { schema, references: Vec::new(), is_chosen: false }
    }

    /// A schema inside this one.
    fn inner(&self, schema: &'a Value) -> Self {
        Self { schema, references: self.references.clone(), is_chosen: false }
    }

    fn get(&self, keyword: &str) -> Option<&'a Value> {
        self.schema.as_object().and_then(|object| object.get(keyword))
    }
}

/// The schemas that apply together, without `$ref` and `allOf`.
#[derive(Clone, Debug, Default)]
pub struct Conjunction<'a>(Vec<Part<'a>>);

impl<'a> Conjunction<'a> {
    /// Resolves references and `allOf` within `document`. `None`: a cycle, a remote or unknown reference, or too many
    /// `steps`, which are what keywords list.
    pub fn of(parts: Vec<Part<'a>>, document: &'a Value, steps: &mut usize) -> Option<Self> {
        let mut resolved = Vec::new();
        let mut rest: Vec<Part<'a>> = parts.into_iter().rev().collect();
        while let Some(part) = rest.pop() {
            let object = match part.schema {
                Value::Object(object) => object,
                Value::Bool(true) => continue,
                _ => return None,
            };
            *steps = steps.checked_sub(1 + object.values().map(len).sum::<usize>())?;
            if let Some(all) = object.get("allOf").and_then(Value::as_array) {
                rest.extend(all.iter().rev().map(|schema| part.inner(schema)));
            }
            if let Some(reference) = object.get("$ref") {
                let reference = reference.as_str()?;
                if part.references.contains(&reference) || part.references.len() >= MAX_REFERENCES {
                    return None;
                }
                let mut target = part.inner(resolve(document, reference)?);
                target.references.push(reference);
                rest.push(target);
            }
            resolved.push(part);
        }
        Some(Self(resolved))
    }

    /// What the schemas say about a keyword.
    pub fn values(&self, keyword: &str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter_map(move |part| part.get(keyword))
    }

    /// The schemas themselves.
    pub fn parts(&self) -> impl Iterator<Item = &'a Value> {
        self.0.iter().map(|part| part.schema)
    }

    /// The first text for a keyword.
    pub fn text(&self, keyword: &str) -> Option<&'a str> {
        self.values(keyword).find_map(Value::as_str)
    }

    /// The schemas of a keyword that has one, such as `items`.
    pub fn inner(&self, keyword: &str) -> Vec<Part<'a>> {
        self.0.iter().filter_map(|part| Some(part.inner(part.get(keyword)?))).collect()
    }

    /// The schemas of each property.
    pub fn properties(&self) -> BTreeMap<&'a str, Vec<Part<'a>>> {
        let mut properties = BTreeMap::<&str, Vec<Part<'a>>>::new();
        for part in &self.0 {
            for (name, schema) in part.get("properties").and_then(Value::as_object).into_iter().flatten() {
                properties.entry(name).or_default().push(part.inner(schema));
            }
        }
        properties
    }

    /// The names of the required properties.
    pub fn required(&self) -> BTreeSet<&'a str> {
        self.values("required").filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect()
    }

    /// Whether fields can express this.
    pub fn is_drawable(&self) -> bool {
        UNDRAWABLE.iter().all(|keyword| {
            self.values(keyword).all(|value| match value {
                // Names of other required properties are left to the validator.
                Value::Object(object) if *keyword == "dependencies" => object.values().all(Value::is_array),
                Value::Object(object) => object.is_empty(),
                _ => false,
            })
        })
    }

    /// The values that `enum` and `const` allow. `None` without either; empty if they contradict each other.
    pub fn options(&self) -> Option<Vec<&'a Value>> {
        let lists = self.values("enum").filter_map(Value::as_array).map(|list| list.iter().collect());
        let constants = self.values("const").map(|value| vec![value]);
        lists.chain(constants).reduce(|mut left: Vec<&Value>, right: Vec<&Value>| {
            let is_cheap = left.len().saturating_mul(right.len()) <= MAX_COMPARISONS;
            left.retain(|value| is_cheap && right.contains(value));
            left
        })
    }

    /// The types that all schemas allow, from `type`, or else from the other keywords.
    pub fn types(&self) -> Vec<&'a str> {
        let sets = self.values("type").map(|types| match types {
            Value::String(one) => vec![one.as_str()],
            Value::Array(several) => several.iter().take(TYPES).filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        });
        sets.reduce(|left, right| {
            let both = |name: &&str| {
                left.contains(name)
                    && (right.contains(name) || *name == "integer" && right.contains(&"number"))
                    || right.contains(name) && *name == "integer" && left.contains(&"number")
            };
            let names: BTreeSet<&str> = left.iter().chain(&right).copied().filter(both).collect();
            names.into_iter().collect()
        })
        .unwrap_or_else(|| self.implied_type().into_iter().collect())
    }

    fn implied_type(&self) -> Option<&'static str> {
        const IMPLIED: [(&str, &[&str]); 4] = [
            ("object", &["properties", "additionalProperties"]),
            ("array", &["items"]),
            ("string", &["minLength", "maxLength", "pattern", "format"]),
            ("number", &["minimum", "maximum", "multipleOf"]),
        ];
        let has = |keyword: &&str| self.values(keyword).next().is_some();
        IMPLIED.iter().find(|(_, keywords)| keywords.iter().any(has)).map(|(name, _)| *name)
    }

    /// The alternatives of `oneOf` or `anyOf`, unless they only restrict the values. `None`: several lists of them.
    pub fn alternatives(&self) -> Option<Vec<Part<'a>>> {
        let mut lists = Vec::new();
        for part in self.0.iter().filter(|part| !part.is_chosen) {
            for list in ["oneOf", "anyOf"].iter().filter_map(|keyword| part.get(keyword)?.as_array()) {
                if list.iter().any(is_drawn) {
                    lists.push(list.iter().map(|schema| part.inner(schema)).collect());
                }
            }
        }
        let first = lists.pop().unwrap_or_default();
        lists.is_empty().then_some(first)
    }

    /// The schemas with one of the alternatives, which comes first.
    pub fn with(&self, alternative: Part<'a>) -> Vec<Part<'a>> {
        // `$ref` and `allOf` of the parts are in the list already. Resolving them once more changes nothing.
        let chosen = self.0.iter().map(|part| Part { is_chosen: true, ..part.clone() });
        [alternative].into_iter().chain(chosen).collect()
    }
}

fn is_drawn(schema: &Value) -> bool {
    schema
        .as_object()
        .is_some_and(|object: &Map<_, _>| DRAWN.iter().any(|keyword| object.contains_key(*keyword)))
}

/// The schema that a local reference points to: `#/definitions/size`. References to other documents are not followed.
fn resolve<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
    document.pointer(&pointer)
}

fn len(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => 0,
    }
}
