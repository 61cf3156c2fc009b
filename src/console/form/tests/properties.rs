//! For every drawable schema and valid value: what the page of the value sends is the value.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

use super::{Page, complete, unchanged};
use crate::console::form::secret::looks_secret;
use crate::console::form::{Existing, Form};

/// A schema that can be drawn, or a part of one.
#[derive(Clone, Debug)]
enum Shape {
    Text { default: Option<String>, is_long: bool },
    Integer,
    Number,
    Boolean,
    Choice(Vec<Value>),
    List(Box<Shape>),
    Group(Vec<(String, bool, Shape)>),
    Map(Box<Shape>),
    Variants(Vec<Shape>),
    Nullable(Box<Shape>),
    Any,
}

fn schema(shape: &Shape) -> Value {
    match shape {
        Shape::Text { default: None, is_long: false } => json!({"type": "string"}),
        Shape::Text { default: None, is_long: true } => json!({"type": "string", "maxLength": 1000}),
        Shape::Text { default, .. } => json!({"type": "string", "default": default}),
        Shape::Integer => json!({"type": "integer"}),
        Shape::Number => json!({"type": "number", "title": "A number", "description": "<b>"}),
        Shape::Boolean => json!({"type": "boolean"}),
        Shape::Choice(options) => json!({"enum": options}),
        Shape::List(item) => json!({"type": "array", "items": schema(item)}),
        Shape::Group(members) => {
            let properties: Map<_, _> =
                members.iter().map(|(name, _, shape)| (name.clone(), schema(shape))).collect();
            let required: Vec<_> =
                members.iter().filter(|(_, is_required, _)| *is_required).map(|(name, ..)| name).collect();
            json!({"type": "object", "properties": properties, "required": required})
        }
        Shape::Map(value) => json!({"type": "object", "additionalProperties": schema(value)}),
        Shape::Variants(variants) => json!({"oneOf": variants.iter().map(schema).collect::<Vec<_>>()}),
        Shape::Nullable(inner) => json!({"anyOf": [schema(inner), {"type": "null"}]}),
        Shape::Any => json!({}),
    }
}

/// Names of properties, whatever they hold. Secret ones are not shown, so they are tested elsewhere.
fn name() -> impl Strategy<Value = String> {
    let names =
        prop_oneof![4 => "[a-z_]{1,6}", 1 => "[a-cA-C/~_.<>\"' \\-\r\n\u{0}é%]{0,6}", 1 => "\\PC{0,4}"];
    names.prop_filter("secret", |name| !looks_secret(name))
}

fn text() -> impl Strategy<Value = String> {
    let special = "[\\-:#\"'&<> \r\n\t\u{0}\u{85}\u{2028}a0]{0,8}";
    prop_oneof![6 => "[a-z ]{0,8}", 2 => special, 2 => any::<String>()]
}

fn integer() -> impl Strategy<Value = Value> {
    let digits = prop_oneof!["-?[1-9][0-9]{0,30}", Just("0".to_owned()), Just("1.0".to_owned())];
    digits.prop_map(|digits| Value::Number(digits.parse::<Number>().unwrap()))
}

fn number() -> impl Strategy<Value = Value> {
    let digits =
        prop_oneof!["-?[1-9][0-9]{0,20}\\.[0-9]{1,20}", "-?[0-9]e-?[1-9][0-9]{0,3}", "-?0\\.[0-9]{1,4}"];
    prop_oneof![integer(), digits.prop_map(|digits| Value::Number(digits.parse::<Number>().unwrap()))]
}

/// Any JSON value.
pub fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number(),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let members = vec((name(), inner.clone()), 0..4);
        let object = members.prop_map(|members| Value::Object(members.into_iter().collect()));
        prop_oneof![vec(inner, 0..4).prop_map(Value::from), object]
    })
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        (proptest::option::of(text()), any::<bool>())
            .prop_map(|(default, is_long)| Shape::Text { default, is_long }),
        Just(Shape::Integer),
        Just(Shape::Number),
        Just(Shape::Boolean),
        vec(any_value(), 1..8).prop_map(Shape::Choice),
        Just(Shape::Any),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            1 => boxed.clone().prop_map(Shape::List),
            3 => group(inner.clone()),
            1 => boxed.clone().prop_map(Shape::Map),
            1 => vec(inner, 1..4).prop_map(Shape::Variants),
            1 => boxed.prop_map(Shape::Nullable),
        ]
    })
}

fn group(inner: impl Strategy<Value = Shape>) -> impl Strategy<Value = Shape> {
    vec((name(), any::<bool>(), inner), 0..5).prop_map(|mut members| {
        members.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        members.dedup_by(|(one, ..), (other, ..)| one == other);
        Shape::Group(members)
    })
}

/// The values that a schema allows.
fn value(shape: Shape) -> BoxedStrategy<Value> {
    match shape {
        Shape::Text { .. } => text().prop_map(Value::from).boxed(),
        Shape::Integer => integer().boxed(),
        Shape::Number => number().boxed(),
        Shape::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Shape::Choice(options) => proptest::sample::select(options).boxed(),
        Shape::List(item) => vec(value(*item), 0..3).prop_map(Value::from).boxed(),
        Shape::Group(members) => {
            let members = members.into_iter().map(|(name, is_required, shape)| {
                let present = value(shape).prop_map(Some);
                (
                    Just(name),
                    if is_required { present.boxed() } else { prop_oneof![present, Just(None)].boxed() },
                )
            });
            let members = members.collect::<Vec<_>>();
            let object = members.prop_map(|members| {
                let present = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
                Value::Object(present.collect())
            });
            object.boxed()
        }
        Shape::Map(inner) => {
            let rows = vec((name(), value(*inner)), 0..3);
            rows.prop_map(|rows| Value::Object(rows.into_iter().collect())).boxed()
        }
        Shape::Variants(variants) => {
            (0..variants.len()).prop_flat_map(move |index| value(variants[index].clone())).boxed()
        }
        Shape::Nullable(inner) => prop_oneof![3 => value(*inner), 1 => Just(Value::Null)].boxed(),
        Shape::Any => any_value().boxed(),
    }
}

fn schema_with_value() -> impl Strategy<Value = (Value, Value)> {
    let root = group(shape());
    root.prop_flat_map(|shape| (Just(schema(&shape)), value(shape)))
}

/// Whether a value is still there. Required members with only one possible value may have come in addition.
fn includes(sent: &Value, value: &Value) -> bool {
    match (sent, value) {
        (Value::Object(sent), Value::Object(value)) => {
            value.iter().all(|(name, value)| sent.get(name).is_some_and(|sent| includes(sent, value)))
        }
        (Value::Array(sent), Value::Array(value)) => {
            sent.len() == value.len() && sent.iter().zip(value).all(|(sent, value)| includes(sent, value))
        }
        // Numbers compare by their digits.
        _ => sent == value,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn submitting_the_page_of_a_value_gives_the_value((schema, value) in schema_with_value()) {
        let Value::Object(parameters) = value else { panic!("no object") };
        let parsed = unchanged(&Form::of(Some(&schema), None), &parameters);
        prop_assert_eq!(&parsed.problems, &[], "{}", schema);
        let sent = Value::Object(parsed.parameters);
        prop_assert_eq!(sent.to_string(), Value::Object(parameters).to_string(), "{}", schema);
    }

    #[test]
    fn a_value_of_another_schema_survives_as_well(
        (schema, _) in schema_with_value(),
        (_, value) in schema_with_value(),
    ) {
        let Value::Object(parameters) = value else { panic!("no object") };
        let form = Form::of(Some(&schema), None);
        let existing = Existing { parameters: parameters.clone(), ..Existing::default() };
        let (_, parsed) = complete(&form, &Page::of(&form.fill(&existing)), &existing);
        let (sent, value) = (Value::Object(parsed.parameters), Value::Object(parameters));
        prop_assert!(includes(&sent, &value), "{} became {}: {}", value, sent, schema);
    }
}
