//! Hostile schemas, hints, values and entries: nothing panics, and everything is bounded.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::properties::any_value;
use super::{ENGLISH, Page, existing, form, page};
use crate::console::form::model::Field;
use crate::console::form::{Existing, Form, MAX_FIELDS, Problem, Submission, parameters_table};

/// The longest page of any form.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

fn count(field: &Field) -> usize {
    1 + field.parts().into_iter().map(count).sum::<usize>()
}

/// Draws a schema, and returns the number of its fields.
fn draw(schema: &Value) -> usize {
    let form = form(schema);
    let html = form.fill(&Existing::default()).render(ENGLISH).into_string();
    parameters_table(schema, ENGLISH);
    assert!(html.len() < MAX_PAGE_BYTES, "{} bytes", html.len());
    count(&form.root)
}

#[test]
fn a_schema_that_grows_with_each_reference_is_bounded() {
    let mut definitions = Map::new();
    for level in 0..8 {
        let next = json!({"$ref": format!("#/definitions/l{}", level + 1), "description": "d".repeat(5000)});
        let properties: Map<_, _> = (0..10).map(|index| (format!("p{index}"), next.clone())).collect();
        definitions.insert(format!("l{level}"), json!({"properties": properties, "allOf": [next, next]}));
    }
    definitions.insert("l8".to_owned(), json!({"enum": (0..500).collect::<Vec<_>>()}));
    let properties: Map<_, _> =
        (0..100).map(|index| (format!("p{index}"), json!({"$ref": "#/definitions/l0"}))).collect();
    // Groups have a field for properties without a schema each, which is not drawn.
    assert!(draw(&json!({"definitions": definitions, "properties": properties})) <= 2 * MAX_FIELDS);
}

#[test]
fn many_wide_and_deep_schemas_are_bounded() {
    let wide: Map<_, _> = (0..50_000).map(|index| (format!("p{index}"), json!({"type": "string"}))).collect();
    assert_eq!(draw(&json!({"properties": wide})), 1, "a box");
    let fits: Map<_, _> = (0..1_900).map(|index| (format!("p{index}"), json!({"type": "string"}))).collect();
    assert_eq!(draw(&json!({"properties": fits})), 1_902);
    let deep = (0..100).fold(json!({"type": "string"}), |inner, _| json!({"properties": {"a": inner}}));
    assert!(draw(&deep) < 50);
    let variants =
        (0..100).fold(json!({"type": "string"}), |inner, _| json!({"oneOf": [inner, {"type": "integer"}]}));
    assert!(draw(&json!({"properties": {"a": variants}})) < 100);
    let choice: Vec<_> = (0..100_000).collect();
    draw(&json!({"properties": {"a": {"enum": choice, "allOf": [{"enum": choice}, {"enum": choice}]}}}));
    let long = "n".repeat(100_000);
    draw(&json!({"properties": {&long: {"default": long, "enum": [long]}, "b": {"title": long}}}));
    let all = (0..8).fold(json!({}), |inner, _| json!({"allOf": [inner, inner], "oneOf": [inner, inner]}));
    draw(&all["allOf"][0]["oneOf"][0]);
}

/// A value is searched for each variant of its schema, so the search has an end.
#[test]
fn what_is_too_large_to_be_searched_is_secret() {
    for (names, is_secret) in [(1000, false), (150_000, true)] {
        let value: Map<_, _> = (0..names).map(|name| (format!("n{name}"), json!(1))).collect();
        let parameters = Map::from_iter([("a".to_owned(), value.into())]);
        let (visible, hidden) = form(&json!({"type": "object"})).split(parameters);
        assert_eq!((visible.is_empty(), hidden.is_empty()), (is_secret, !is_secret), "{names} names");
    }
}

#[test]
fn a_list_with_too_many_items_is_a_box() {
    let form = form(&json!({"properties": {"l": {"items": {"type": "integer"}}, "a": {"type": "string"}}}));
    let many: Vec<_> = (0..5000).collect();
    let page = Page::of(&form.fill(&existing(json!({"l": many, "a": "b"}))));
    assert_eq!(page.count("textarea"), 1);
    assert_eq!(page.entry("parameters.a"), Some("b"));
}

#[test]
fn a_list_that_claims_many_items_is_cut() {
    let form =
        form(&json!({"properties": {"l": {"type": "array", "items": {"properties": {"a": {}, "b": {}}}}}}));
    let entries = [("parameters.l-count", "99999999999"), ("parameters-action", "add parameters.l")];
    let entries = entries.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let Submission::Changed(filled) = form.read(&entries, &Existing::default(), ENGLISH) else {
        panic!("complete")
    };
    let page = Page::of(&filled);
    assert!(page.entries.len() <= MAX_FIELDS + 100);
    assert!(page.text(".problems").contains("more than 2000 fields"));
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let form = form(&json!({"properties": {"a": {"type": "string"}}}));
    let entries = [("parameters.a".to_owned(), "a".repeat(crate::console::form::MAX_BYTES))];
    let Submission::Complete(_, parsed) = form.read(&entries, &Existing::default(), ENGLISH) else {
        panic!("changed")
    };
    assert!(parsed.parameters.is_empty() && parsed.problems.len() == 1);
}

#[test]
fn hostile_names_are_no_markup_and_do_not_collide() {
    let names = [
        "a b",
        "a_b",
        "a__b",
        "a_20_b",
        "\"><script>",
        "a/b",
        "a~1b",
        "",
        " ",
        ".",
        "-",
        "名",
        "a.b",
        "action",
    ];
    let properties: Map<_, _> =
        names.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    let shown = page(&form(&json!({"properties": properties, "additionalProperties": {"type": "string"}})));
    assert_eq!(shown.count("input[type=text]"), names.len());
}

/// Objects of keywords with values that may or may not make sense.
fn any_schema() -> impl Strategy<Value = Value> {
    const KEYWORDS: [&str; 24] = [
        "type",
        "properties",
        "items",
        "additionalProperties",
        "required",
        "enum",
        "const",
        "oneOf",
        "anyOf",
        "allOf",
        "$ref",
        "default",
        "title",
        "description",
        "format",
        "minimum",
        "maxLength",
        "definitions",
        "writeOnly",
        "a",
        "patternProperties",
        "if",
        "password",
        "minLength",
    ];
    const TEXTS: [&str; 10] = [
        "string",
        "object",
        "array",
        "integer",
        "null",
        "#",
        "#/definitions/a",
        "#/properties/a",
        "password",
        "a",
    ];
    let leaf = prop_oneof![
        any_value(),
        proptest::sample::select(&TEXTS[..]).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        let object = btree_map(proptest::sample::select(&KEYWORDS[..]), inner.clone(), 0..6);
        let object = object.prop_map(|members| {
            Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        });
        prop_oneof![3 => object, 1 => vec(inner, 0..4).prop_map(Value::from)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_schema_hints_values_and_entries_are_handled(
        schema in any_schema(),
        hints in any_value(),
        value in any_value(),
        texts in vec("[ -~\r\né]{0,12}", 1..6),
        button in any::<prop::sample::Index>(),
    ) {
        let form = Form::of(Some(&schema), Some(&hints));
        parameters_table(&schema, ENGLISH);
        let parameters = value.as_object().cloned().unwrap_or_default();
        let existing = Existing { parameters, in_secrets: ["a".to_owned()].into() };
        let mut page = Page::of(&form.fill(&existing));
        // A user who writes anything anywhere, and presses buttons.
        for round in 0..3 {
            for (index, (_, value)) in page.entries.iter_mut().enumerate().skip(round).step_by(2) {
                *value = texts[index % texts.len()].clone();
            }
            let mut entries = page.entries.clone();
            if !page.buttons.is_empty() && round < 2 {
                entries.push(("parameters-action".to_owned(), button.get(&page.buttons).clone()));
            }
            let problem = Problem { pointer: texts[0].clone(), message: texts[0].clone() };
            page = match form.read(&entries, &existing, ENGLISH) {
                Submission::Changed(filled) | Submission::Complete(filled, _) => {
                    Page::of(&filled.with_problems(vec![problem]))
                }
            };
        }
    }
}
