use serde_json::json;

use super::*;
use crate::crd::raw::RawObject;
use crate::domain::parameters::merge;

/// As [`super::check`], of a schema that is written as a value.
fn check(schema: &Value, parameters: &Parameters) -> Checked {
    super::check(&schema.clone().into(), parameters)
}
const DRAFT_4: &str = "http://json-schema.org/draft-04/schema#";

/// A schema of draft 4 with these members.
fn schema(members: Value) -> Value {
    let Value::Object(mut schema) = members else { panic!("not an object: {members}") };
    schema.insert("$schema".into(), DRAFT_4.into());
    schema.into()
}

fn properties(properties: Value) -> Value {
    let mut schema = schema(json!({"type": "object"}));
    schema["properties"] = properties;
    schema
}

fn inline(parameters: &Value) -> Parameters {
    let inline = parameters.as_object().map(RawObject::from);
    merge([None, None], inline.as_ref(), &[]).unwrap()
}

#[test]
fn a_violation_names_its_place_and_the_rule() {
    let cases = [
        (json!({"type": "integer"}), json!("3"), "/p must be of type integer"),
        (json!({"type": ["integer", "null"]}), json!("3"), "/p must be of type null or integer"),
        (json!({"enum": ["a", 2]}), json!("b"), "/p must be one of \"a\", 2"),
        (json!({"minimum": 1}), json!(0), "/p must be at least 1"),
        (json!({"maximum": 10}), json!(11), "/p must be at most 10"),
        (json!({"maximum": 10, "exclusiveMaximum": true}), json!(10), "/p must be less than 10"),
        (json!({"minimum": 10, "exclusiveMinimum": true}), json!(10), "/p must be more than 10"),
        (json!({"multipleOf": 0.5}), json!(0.7), "/p must be a multiple of 0.5"),
        (json!({"minLength": 2}), json!("é"), "/p must have at least 2 characters"),
        (json!({"maxLength": 2}), json!("abc"), "/p must have at most 2 characters"),
        (json!({"pattern": "^[a-z]+$"}), json!("A"), "/p must match ^[a-z]+$"),
        (json!({"minItems": 1}), json!([]), "/p must have at least 1 elements"),
        (json!({"maxItems": 1}), json!([1, 2]), "/p must have at most 1 elements"),
        (json!({"uniqueItems": true}), json!([1, 1]), "/p must not have duplicate elements"),
        (json!({"items": {"type": "string"}}), json!(["a", 1]), "/p/1 must be of type string"),
        (json!({"required": ["x"]}), json!({}), "/p must have \"x\""),
        (
            json!({"properties": {"x": {}}, "additionalProperties": false}),
            json!({"x": 1, "y": 2, "z": 3}),
            "/p must not have \"y\", \"z\"",
        ),
        (json!({"additionalProperties": false}), json!({"y": 1}), "/p has members that are not allowed"),
        (json!({"properties": {"a/b": {"type": "null"}}}), json!({"a/b": 1}), "/p/a~1b must be of type null"),
        (
            json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
            json!(1),
            "/p must match one of the alternatives in the schema",
        ),
        (json!({"not": {"type": "string"}}), json!("x"), "/p violates \"not\" in the schema"),
    ];
    for (rule, value, expected) in cases {
        let checked = check(&properties(json!({"p": rule})), &inline(&json!({"p": value})));
        assert_eq!(checked, Checked::Violates(expected.to_owned()));
    }
    let root =
        schema(json!({"required": ["size"], "properties": {"size": {}}, "additionalProperties": false}));
    let checked = check(&root, &inline(&json!({"color": "red"})));
    let Checked::Violates(message) = checked else { panic!("{checked:?}") };
    assert!(
        message.contains("must have \"size\"") && message.contains("must not have \"color\""),
        "{message}"
    );
}

#[test]
fn parameters_that_conform_fit() {
    let size = properties(json!({"size": {"type": "integer", "minimum": 1, "maximum": 10}}));
    assert_eq!(check(&size, &inline(&json!({"size": 10, "other": "x"}))), Checked::Fits);
    assert_eq!(check(&size, &Parameters::default()), Checked::Fits);
    let shared = schema(json!({
        "definitions": {"size": {"type": "integer"}},
        "properties": {"a": {"$ref": "#/definitions/size"}, "b": {"$ref": "#/definitions/size"}},
    }));
    assert_eq!(check(&shared, &inline(&json!({"a": 1, "b": 2}))), Checked::Fits);
    assert_eq!(
        check(&shared, &inline(&json!({"a": 1, "b": "2"}))),
        Checked::Violates("/b must be of type integer".to_owned())
    );
}

#[test]
fn the_draft_is_the_one_that_the_schema_names() {
    // In draft 4 `exclusiveMaximum` is about `maximum`; since draft 6 it is a limit itself.
    let newer = json!({"properties": {"p": {"exclusiveMaximum": 10}}});
    for draft in ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"] {
        let mut newer = newer.clone();
        newer["$schema"] = draft.into();
        let violates = Checked::Violates("/p must be less than 10".to_owned());
        assert_eq!(check(&newer, &inline(&json!({"p": 10}))), violates, "{draft}");
    }
}

#[test]
fn numbers_are_compared_digit_by_digit() {
    let schema =
        properties(json!({"p": {"maximum": serde_json::from_str::<Value>("9007199254740993").unwrap()}}));
    for (number, fits) in [
        ("9007199254740993", true),
        ("9007199254740994", false),
        ("9007199254740993.5", false),
        ("1e3", true),
    ] {
        let value: Value = serde_json::from_str(number).unwrap();
        let checked = check(&schema, &inline(&json!({"p": value})));
        assert_eq!(checked == Checked::Fits, fits, "{number}: {checked:?}");
    }
}

#[test]
fn five_violations_are_shown_and_the_others_counted() {
    let rules: Value = (0..8).map(|n| (format!("p{n}"), json!({"type": "null"}))).collect();
    let values: Value = (0..8).map(|n| (format!("p{n}"), json!(1))).collect();
    let Checked::Violates(message) = check(&properties(rules), &inline(&values)) else { panic!("it fits") };
    assert_eq!(message.matches("must be of type null").count(), 5, "{message}");
    assert!(message.ends_with("; and 3 more"), "{message}");
}

#[test]
fn neither_a_value_nor_a_name_from_a_secret_is_shown() {
    let schema = schema(json!({
        "additionalProperties": false,
        "properties": {
            "login": {
                "properties": {"inner": {"type": "integer"}},
                "additionalProperties": false,
                "maxProperties": 1,
            },
            "password": {"enum": ["a", "b"]},
        },
    }));
    let secret = br#"{"login": {"inner": "hidden-1", "hidden-2": 1}, "password": "hidden-3"}"#.to_vec();
    let from = [("secret \"s\" key \"p\"".to_owned(), secret)];
    let inline = json!({"open": "hidden-4"}).as_object().map(RawObject::from);
    let parameters = merge([None, None], inline.as_ref(), &from).unwrap();
    let checked = check(&schema, &parameters);
    let Checked::Violates(message) = &checked else { panic!("{checked:?}") };
    for part in [
        "must not have \"open\"",
        "/login/… must be of type integer",
        "/login has members that are not allowed",
        "/login must have at most 1 members",
        "/password must be one of \"a\", \"b\"",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert!(!message.contains("hidden") && !message.contains("inner"), "{message}");
}

#[test]
fn an_invalid_or_expensive_schema_is_not_applied() {
    let doubling: Map<String, Value> = (0..40)
        .map(|n| {
            let next = json!({"$ref": format!("#/definitions/d{}", n + 1)});
            (format!("d{n}"), if n == 39 { json!({}) } else { json!({"allOf": [next, next]}) })
        })
        .collect();
    let chain = (0..100).fold(json!({"type": "string"}), |inner, _| json!({"items": inner}));
    let patterns: Vec<Value> = (0..200).map(|n| json!({"pattern": format!("a{{{n}}}")})).collect();
    let unevaluated =
        (0..30).fold(json!({}), |inner, _| json!({"allOf": [inner], "unevaluatedProperties": false}));
    let cases = [
        (json!({"type": "object"}), "$schema"),
        (json!({"$schema": "http://example.com/mine"}), "valid"),
        (schema(json!({"type": "integr"})), "valid"),
        (schema(json!({"properties": {"p": {"pattern": "("}}})), "valid"),
        (schema(json!({"properties": {"p": {"pattern": "((a{100}){100}){100}"}}})), "valid"),
        (schema(json!({"properties": {"p": {"pattern": "(?=a)b"}}})), "valid"),
        (schema(json!({"$ref": "http://example.com/schema"})), "outside"),
        (schema(json!({"$ref": "file:///etc/passwd"})), "outside"),
        (schema(json!({"$ref": "other.json#/definitions/x"})), "outside"),
        (schema(json!({"properties": {"p": {"$ref": "#/definitions/none"}}})), "outside"),
        (schema(json!({"allOf": [{"$ref": "#"}]})), "itself"),
        (schema(json!({"properties": {"p": {"$dynamicRef": "#x"}}})), "itself"),
        (schema(json!({"definitions": {"a": {"id": "http://x/"}}})), "id inside"),
        (schema(json!({"definitions": doubling, "allOf": [{"$ref": "#/definitions/d0"}]})), "too"),
        (schema(chain), "too deep"),
        (schema(json!({"allOf": patterns})), "too complex"),
        (schema(json!({"allOf": [unevaluated]})), "too"),
        (schema(json!({"description": "x".repeat(64 * 1024)})), "bytes"),
    ];
    for (schema, expected) in cases {
        let checked = check(&schema, &inline(&json!({"p": "aaa"})));
        let why = if let Checked::NotApplied(why) = &checked { why.as_str() } else { "" };
        assert!(why.contains(expected), "{checked:?} of {schema:.200}");
    }
    let heavy: Vec<Value> = (0..1000).map(|_| json!({"type": "string"})).collect();
    let heavy = properties(json!({"p": {"allOf": heavy}}));
    assert_eq!(check(&heavy, &inline(&json!({"p": "x"}))), Checked::Fits);
    let long = inline(&json!({"p": "x".repeat(20_000)}));
    assert!(matches!(check(&heavy, &long), Checked::NotApplied(_)));
}

/// On a stack as small as that of a thread of the blocking pool.
#[test]
fn the_deepest_schema_and_the_largest_numbers_do_no_harm() {
    let deep = (0..61).fold(json!({"type": "string"}), |inner, _| json!({"not": inner}));
    let nested = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let huge: Value = serde_json::from_str("1e999999999").unwrap();
    let multiple = properties(json!({"p": {"multipleOf": 0.01}}));
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        assert_eq!(check(&schema(deep), &inline(&json!({"p": nested}))), Checked::Fits);
        check(&multiple, &inline(&json!({"p": huge})))
    });
    let checked = thread.unwrap().join().unwrap();
    assert!(!matches!(checked, Checked::Violates(_)), "{checked:?}");
}
