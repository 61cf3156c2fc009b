//! Each kind of field: how it is drawn, and what it sends.

use serde_json::{Value, json};

use super::{complete, existing, form, form_of, page, press, press_with, sent, submit, unchanged};
use crate::console::form::model::{Field, Kind};
use crate::console::form::{Existing, Form};

fn innermost(field: &Field) -> &Kind {
    field.parts().first().map_or(&field.kind, |part| innermost(part))
}

fn kind(property: &Value) -> Kind {
    let Kind::Group { members, .. } = form_of(property).root.kind else { panic!("no group") };
    members[0].field.kind.clone()
}

#[test]
fn an_optional_field_left_empty_is_not_sent() {
    for property in [
        json!({"type": "string", "default": "a"}),
        json!({"type": "integer"}),
        json!({"type": "boolean"}),
        json!({"enum": ["a", "b"]}),
        json!({"type": "array", "items": {"type": "string"}}),
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
        json!({"type": "object", "additionalProperties": {"type": "string"}}),
        json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}),
        json!({}),
    ] {
        assert_eq!(sent(&property, &[]), json!({}), "{property}");
    }
}

#[test]
fn a_text_is_sent_as_it_is() {
    assert_eq!(sent(&json!({"type": "string"}), &[("parameters.x", " a b ")]), json!({"x": " a b "}));
    let long = json!({"type": "string", "maxLength": 1000});
    assert_eq!(sent(&long, &[("parameters.x", "\r\na\r\n")]), json!({"x": "\na\n"}));
}

#[test]
fn a_text_has_the_input_for_its_format() {
    let with = |format: &str| page(&form_of(&json!({"type": "string", "format": format})));
    assert_eq!(with("date").count("input[type=date]"), 1);
    assert_eq!(with("email").count("input[type=text][inputmode=email]"), 1);
    assert_eq!(with("password").count("input[type=password]"), 1);
    let kept = existing(json!({"x": "next week"}));
    let form = form_of(&json!({"type": "string", "format": "date"}));
    assert_eq!(super::Page::of(&form.fill(&kept)).entry("parameters.x"), Some("next week"));
}

#[test]
fn a_number_keeps_its_digits() {
    let number = json!({"type": "number"});
    for digits in ["1.10", "-0.0", "1e+400", "123456789012345678901234567890.123"] {
        let value = sent(&number, &[("parameters.x", digits)]);
        assert_eq!(value.to_string(), format!("{{\"x\":{digits}}}"));
    }
    assert_eq!(sent(&json!({"type": "integer"}), &[("parameters.x", " 7 ")]).to_string(), "{\"x\":7}");
}

#[test]
fn what_is_no_number_is_a_problem() {
    for (property, text) in [
        (json!({"type": "integer"}), "1.5"),
        (json!({"type": "number"}), "1,5"),
        (json!({"type": "number"}), "007"),
    ] {
        let form = form_of(&property);
        let (filled, parsed) =
            complete(&form, &page(&form).with(&[("parameters.x", text)]), &Existing::default());
        assert_eq!(parsed.problems[0].pointer, "/x");
        let shown = super::Page::of(&filled);
        assert_eq!(shown.entry("parameters.x"), Some(text), "what was entered stays");
        assert_eq!(shown.count("#parameters\\.x[aria-invalid=true]"), 1);
    }
}

#[test]
fn the_browser_does_not_round_numbers() {
    let shown = page(&form_of(&json!({"type": "integer", "minimum": 0})));
    assert_eq!(shown.count("input[type=text][inputmode=numeric]"), 1);
    assert_eq!(
        page(&form_of(&json!({"type": "integer"}))).count("input[inputmode]"),
        0,
        "it may be negative"
    );
}

#[test]
fn a_boolean_has_three_states_if_optional_and_two_if_required() {
    let optional = page(&form_of(&json!({"type": "boolean"})));
    assert_eq!(optional.count("input[type=radio]"), 3);
    let schema = json!({"properties": {"x": {"type": "boolean"}}, "required": ["x"]});
    let form = form(&schema);
    assert_eq!(page(&form).count("input[type=radio][required]"), 2);
    assert_eq!(submit(&form, &page(&form)).problems[0].pointer, "/x");
    let parsed = submit(&form, &page(&form).with(&[("parameters.x", "false")]));
    assert_eq!(Value::Object(parsed.parameters), json!({"x": false}));
}

#[test]
fn a_choice_sends_values_of_any_type() {
    let few = json!({"enum": ["1", 1, null, {"a": [1.0]}, ""]});
    assert_eq!(page(&form_of(&few)).count("input[type=radio]"), 6);
    for (text, value) in [("\"1\"", json!("1")), ("1", json!(1)), ("null", json!(null)), ("\"\"", json!(""))]
    {
        assert_eq!(sent(&few, &[("parameters.x", text)]), json!({"x": value}));
    }
    let many = json!({"enum": [1, 2, 3, 4, 5, 6]});
    assert_eq!(page(&form_of(&many)).count("select option"), 7);
}

#[test]
fn constants_with_titles_are_a_choice() {
    let schema = json!({"oneOf": [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large"}]});
    let shown = page(&form_of(&schema));
    assert!(shown.html.contains("Small") && shown.count("input[type=radio]") == 3);
}

#[test]
fn a_value_that_is_not_offered_is_refused() {
    let form = form_of(&json!({"enum": ["a"]}));
    assert_eq!(submit(&form, &page(&form).with(&[("parameters.x", "\"b\"")])).problems.len(), 1);
}

#[test]
fn an_array_gets_and_loses_items_and_moves_them() {
    let form = form_of(&json!({"type": "array", "items": {"type": "integer"}}));
    let one = press(&form, &page(&form), "add parameters.x").with(&[("parameters.x.0", "1")]);
    let two = press(&form, &one, "add parameters.x").with(&[("parameters.x.1", "2")]);
    assert_eq!(Value::Object(submit(&form, &two).parameters), json!({"x": [1, 2]}));
    assert_eq!(two.count("#parameters\\.x\\.1[autofocus]"), 1, "the new item has the focus");
    let moved = press(&form, &two, "up parameters.x.1");
    assert_eq!(Value::Object(submit(&form, &moved).parameters), json!({"x": [2, 1]}));
    let moved = press(&form, &two, "down parameters.x.0");
    assert_eq!(Value::Object(submit(&form, &moved).parameters), json!({"x": [2, 1]}));
    let removed = press(&form, &two, "remove parameters.x.0");
    assert_eq!(Value::Object(submit(&form, &removed).parameters), json!({"x": [2]}));
}

#[test]
fn a_blank_item_is_not_sent_and_does_not_shift_the_problems_of_others() {
    let form = form_of(&json!({"type": "array", "items": {"type": "integer"}}));
    let shown = press(&form, &page(&form), "add parameters.x");
    let shown = press(&form, &shown, "add parameters.x").with(&[("parameters.x.1", "one")]);
    let (filled, parsed) = complete(&form, &shown, &Existing::default());
    assert_eq!(parsed.problems[0].pointer, "/x/0");
    assert_eq!(super::Page::of(&filled).entry("parameters.x.0"), Some("one"));
}

#[test]
fn a_group_is_sent_as_soon_as_one_field_is_filled_in() {
    let property =
        json!({"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["b"]});
    let form = form_of(&property);
    let parsed = submit(&form, &page(&form).with(&[("parameters.x.a", "1")]));
    assert_eq!(parsed.problems[0].pointer, "/x/b");
    assert_eq!(page(&form).count("[required]"), 0, "the browser must not insist on it");
    assert_eq!(
        sent(&property, &[("parameters.x.a", "1"), ("parameters.x.b", "2")]),
        json!({"x": {"a": "1", "b": "2"}})
    );
}

#[test]
fn a_required_group_is_sent_even_if_empty() {
    let form = form(&json!({
        "properties": {"x": {"properties": {"a": {"type": "string"}}}, "l": {"type": "array", "items": {}}},
        "required": ["x", "l"]
    }));
    assert_eq!(Value::Object(submit(&form, &page(&form)).parameters), json!({"x": {}, "l": []}));
}

#[test]
fn a_map_has_rows_of_names_and_values() {
    let form = form_of(&json!({"additionalProperties": {"type": "integer"}}));
    let shown = press(&form, &page(&form), "add parameters.x");
    let shown = shown.with(&[("parameters.x-0-key", "a/b"), ("parameters.x-0", "1")]);
    assert_eq!(Value::Object(submit(&form, &shown).parameters), json!({"x": {"a/b": 1}}));
    let again = press(&form, &shown, "add parameters.x");
    assert_eq!(submit(&form, &again.with(&[("parameters.x-1", "1")])).problems[0].message, "Enter a name.");
    let twice = again.with(&[("parameters.x-1", "1"), ("parameters.x-1-key", "a/b")]);
    assert_eq!(submit(&form, &twice).problems[0].pointer, "/x/a~1b");
    let removed = press(&form, &shown, "remove parameters.x-0");
    assert_eq!(Value::Object(submit(&form, &removed).parameters), json!({}));
}

#[test]
fn a_named_row_of_texts_may_be_empty() {
    let form = form_of(&json!({"additionalProperties": {"type": "string"}}));
    let shown = press(&form, &page(&form), "add parameters.x").with(&[("parameters.x-0-key", "A")]);
    assert_eq!(Value::Object(submit(&form, &shown).parameters), json!({"x": {"A": ""}}));
}

#[test]
fn a_variant_is_chosen_before_its_fields_are_shown() {
    let form = form_of(&json!({"oneOf": [
        {"title": "Disk", "properties": {"kind": {"const": "disk"}, "size": {}}, "required": ["kind"]},
        {"title": "S3", "properties": {"kind": {"const": "s3"}, "bucket": {"type": "string"}},
            "required": ["kind"]},
    ]}));
    let empty = page(&form);
    assert!(empty.html.contains(">Disk<") && empty.html.contains(">S3<"));
    let chosen = press(&form, &empty.with(&[("parameters.x-variant", "1")]), "choose");
    assert_eq!(chosen.count("input[type=radio]"), 0, "a constant is not a choice");
    let parsed = submit(&form, &chosen.with(&[("parameters.x-of.bucket", "b")]));
    assert_eq!(Value::Object(parsed.parameters), json!({"x": {"kind": "s3", "bucket": "b"}}));
    // Choosing another one and submitting shows its fields, and sends nothing.
    let other = chosen.with(&[("parameters.x-variant", "0")]);
    let crate::console::form::Submission::Changed(filled) =
        form.read(&other.entries, &Existing::default(), super::ENGLISH)
    else {
        panic!("the fields of the other variant were not shown")
    };
    assert!(super::Page::of(&filled).entry("parameters.x-of.size-yaml").is_some());
}

#[test]
fn several_types_are_variants_and_null_is_a_way_to_be_empty() {
    assert!(
        matches!(kind(&json!({"type": ["string", "array"]})), Kind::Variants(variants) if variants.len() == 2)
    );
    let nullable = json!({"type": ["string", "null"]});
    assert!(matches!(kind(&nullable), Kind::Text(_)));
    assert_eq!(sent(&nullable, &[("parameters.x-blank", "null")]), json!({"x": null}));
    assert_eq!(sent(&json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}), &[]), json!({}));
}

#[test]
fn empty_can_be_sent_where_there_is_a_default_to_override() {
    let text = json!({"type": "string", "default": "a"});
    assert_eq!(sent(&text, &[("parameters.x-blank", "empty")]), json!({"x": ""}));
    assert_eq!(page(&form_of(&json!({"type": "string"}))).entry("parameters.x-blank"), None);
    let list = json!({"type": "array", "items": {"type": "string"}, "default": ["a"]});
    assert_eq!(sent(&list, &[("parameters.x-blank", "empty")]), json!({"x": []}));
}

#[test]
fn a_default_is_a_placeholder_and_sent_only_if_the_schema_requires_a_value() {
    let schema = json!({
        "properties": {"a": {"type": "integer", "default": 3}, "b": {"type": "integer", "default": 4}},
        "required": ["b"]});
    let form = form(&schema);
    assert_eq!(page(&form).count("input[placeholder='3'][value='']"), 1);
    assert_eq!(page(&form).count("[required]"), 0);
    assert_eq!(Value::Object(submit(&form, &page(&form)).parameters), json!({"b": 4}));
}

#[test]
fn all_of_and_references_are_merged() {
    let schema = json!({
        "definitions": {"size n": {"type": "integer", "description": "In GiB."}},
        "allOf": [{"properties": {"a": {"$ref": "#/definitions/size%20n"}}}, {"required": ["a"]}],
        "properties": {"b": {"allOf": [{"type": "string"}, {"maxLength": 300}]}}
    });
    let Kind::Group { members, .. } = form(&schema).root.kind else { panic!("no group") };
    assert!(matches!(members[0].field.kind, Kind::Number { is_integer: true, .. }) && members[0].is_required);
    assert_eq!(members[0].field.description.as_deref(), Some("In GiB."));
    assert!(matches!(&members[1].field.kind, Kind::Text(text) if text.is_long));
}

#[test]
fn what_fields_cannot_express_is_a_box_for_that_part_only() {
    for property in [
        json!({"patternProperties": {"^a": {"type": "string"}}}),
        json!({"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}}),
        json!({"$ref": "https://example.com/schema"}),
        json!({"$ref": "#/definitions/missing"}),
        json!({"$ref": "#/properties/x"}),
        json!({"allOf": [{"type": "string"}, {"type": "integer"}]}),
        json!({"enum": [1], "const": 2}),
        json!({"type": "array", "items": [{"type": "string"}]}),
        json!({"oneOf": [{"type": "string"}], "anyOf": [{"type": "string"}, {"type": "integer"}]}),
        json!({"type": "file"}),
        json!({"type": "object"}),
        json!(false),
        json!(7),
        json!(null),
    ] {
        assert!(matches!(kind(&property), Kind::Any), "{property}");
    }
    assert_eq!(sent(&json!({}), &[("parameters.x-yaml", "a: [1.10]")]).to_string(), r#"{"x":{"a":[1.10]}}"#);
}

#[test]
fn alternatives_that_only_restrict_are_left_to_the_validator() {
    let property =
        json!({"properties": {"a": {"type": "string"}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]});
    assert!(matches!(kind(&property), Kind::Group { .. }));
}

#[test]
fn a_recursive_schema_ends_in_a_box() {
    let schema = json!({
        "definitions": {"node": {"properties": {"children": {"items": {"$ref": "#/definitions/node"}}}}},
        "properties": {"x": {"$ref": "#/definitions/node"}}
    });
    assert!(matches!(innermost(&form(&schema).root), Kind::Any));
}

#[test]
fn the_hints_decide_the_order_then_required_fields_come_first() {
    let schema = json!({
        "properties": {"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"},
            "d": {"type": "string"}}, "required": ["c"]});
    let hints =
        json!([{"type": "fieldset", "title": "Access", "items": ["d", {"key": "b", "type": "textarea"}]}]);
    let form = Form::of(Some(&schema), Some(&hints));
    let Kind::Group { members, .. } = &form.root.kind else { panic!("no group") };
    let names: Vec<&str> = members.iter().map(|member| member.field.name.as_str()).collect();
    assert_eq!(names, ["d", "b", "c", "a"]);
    assert_eq!(page(&form).text("fieldset.section legend"), "Access");
    assert_eq!(page(&form).count("textarea#parameters\\.b"), 1);
}

#[test]
fn properties_that_the_schema_does_not_name_survive_an_edit() {
    let form = form_of(&json!({"properties": {"a": {"type": "string"}}}));
    let parameters = existing(json!({"x": {"a": "1", "b": [1.0, null]}, "y": true})).parameters;
    assert!(unchanged(&form, &parameters).parameters == parameters);
}

#[test]
fn the_form_and_the_text_are_two_views_of_the_same_data() {
    let form =
        form(&json!({"properties": {"a": {"type": "number"}, "b": {"type": "string"}}, "required": ["b"]}));
    let fields = page(&form).with(&[("parameters.a", "1.10")]);
    let text = press(&form, &fields, "text");
    assert_eq!(text.entry("parameters-yaml"), Some("a: 1.10\r\n"));
    let changed = text.with(&[("parameters-yaml", "a: 2.50\r\nb: c")]);
    assert_eq!(submit(&form, &changed).parameters["a"].to_string(), "2.50");
    let fields = press(&form, &changed, "fields");
    assert_eq!((fields.entry("parameters.a"), fields.entry("parameters.b")), (Some("2.50"), Some("c")));
}

#[test]
fn a_text_that_cannot_be_parsed_stays_with_line_and_column() {
    let form = form_of(&json!({"type": "string"}));
    let text = press(&form, &page(&form), "text").with(&[("parameters-yaml", "x: 1\r\nx: 2")]);
    let again = press(&form, &text, "fields");
    assert_eq!(again.entry("parameters-yaml"), Some("x: 1\r\nx: 2"));
    assert!(again.text(".error").starts_with("Line 2, column 1: "), "{}", again.text(".error"));
    assert_eq!(submit(&form, &text).problems.len(), 1);
    assert_eq!(submit(&form, &text.with(&[("parameters-yaml", "- 1")])).problems.len(), 1);
}

#[test]
fn without_a_schema_there_is_one_box() {
    let form = Form::of(None, None);
    assert!(!form.has_fields());
    let parsed = submit(&form, &page(&form).with(&[("parameters-yaml", "a: 1")]));
    assert_eq!(Value::Object(parsed.parameters), json!({"a": 1}));
    assert!(submit(&form, &page(&form)).parameters.is_empty());
}

#[test]
fn removing_a_stored_optional_parameter_is_a_choice() {
    let form = form_of(&json!({"type": "string", "writeOnly": true}));
    let stored = Existing { in_secrets: ["x".to_owned()].into(), ..Existing::default() };
    let shown = super::Page::of(&form.fill(&stored));
    assert!(complete(&form, &shown, &stored).1.kept.contains("x"));
    let removed = complete(&form, &shown.with(&[("parameters.x-blank", "unset")]), &stored).1;
    assert!(removed.kept.is_empty() && removed.secrets.is_empty());
    press_with(&form, &shown, "text", &stored);
}

#[test]
fn entries_of_other_parts_of_the_page_do_not_count() {
    let form = form_of(&json!({"type": "string"}));
    let entries = [("parameters.x".to_owned(), "1".to_owned()), ("name.x".to_owned(), "2".to_owned())];
    let crate::console::form::Submission::Complete(_, parsed) =
        form.read(&entries, &Existing::default(), super::ENGLISH)
    else {
        panic!("the form is shown again")
    };
    assert_eq!(Value::Object(parsed.parameters), json!({"x": "1"}));
}
