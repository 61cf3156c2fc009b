use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Bytes; more than any text here needs.
const ROOM: usize = 1000;

fn render(template: &str, data: &Value, room: usize) -> Result<String, TemplateError> {
    super::render(template, data, room, &mut Budget::new())
}

#[test]
fn templates_are_filled_in_as_kubectl_does() {
    let text = r#"{
        "name": "db", "private-key": "k", "a.b": "dotted", "say\"": "quoted", "nothing": null, "on": true,
        "big": 12345678901234567890, "nodes": [{"host": "h1", "port": 1}, {"host": "h2", "port": 2}],
        "nested": {"deep": {"er": 1.10}}, "brace}": "b"
    }"#;
    let data = serde_json::from_str(text).unwrap();
    let cases = [
        ("{.name}", "db"),
        ("{$.name}", "db"),
        ("{ .name }", "db"),
        ("{['name']}", "db"),
        ("just text", "just text"),
        ("", ""),
        ("x://{.nodes[0].host}:{.nodes[0].port}/{.name}?a=b", "x://h1:1/db?a=b"),
        ("{.nodes[-1].host}", "h2"),
        ("{.nodes[*].host}", "h1 h2"),
        ("{.nodes[0:1].host}", "h1"),
        ("{.nodes.*.port}", "1 2"),
        ("{..host}", "h1 h2"),
        ("{.nodes[?(@.port==2)].host}", "h2"),
        ("{.nodes[?(@.host==\"h1\")].port}", "1"),
        ("{.nodes[?((@.port==2))].host}", "h2"),
        ("{.private-key}", "k"),
        ("{.a\\.b}", "dotted"),
        ("{['a.b']}", "dotted"),
        ("{.say\\\"}", "quoted"),
        ("{['brace}']}", "b"),
        ("{.nested.deep}", r#"{"er":1.10}"#),
        ("{.nested['deep'].er}", "1.10"),
        ("{.big} {.on} {.nothing}.", "12345678901234567890 true ."),
        ("{.name}{\"\\n\"}{.name}", "db\ndb"),
    ];
    for (template, expected) in cases {
        assert_eq!(render(template, &data, ROOM).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn what_cannot_be_filled_in_is_explained() {
    let lists = format!("{{.a{}}}", "['a','a']".repeat(30));
    let parentheses = format!("{{.a[?{}@.a{}]}}", "(".repeat(100), ")".repeat(100));
    let functions = format!("{{.a[?{}@{}]}}", "length(".repeat(50), ")".repeat(50));
    let long = format!("{{{}}}", ".a".repeat(300));
    let cases = [
        ("{.missing}", "{.missing} is not found in the credentials"),
        ("{.a.b}", "{.a.b} is not found"),
        ("{.a", "a closing brace is missing"),
        ("{a}", "has to begin with a dot or a bracket"),
        ("{range .a}", "has to begin with a dot or a bracket"),
        ("{.a[0}", "a closing brace is missing"),
        ("{.a[?(]}", "cannot be parsed"),
        ("{.a[b]}", "cannot be parsed"),
        ("{..b..c}", "only once"),
        ("{.a[?(((@.a)))]}", "nested too deeply"),
        (&lists, "may not contain lists"),
        (&parentheses, "nested too deeply"),
        (&functions, "neither $ nor a function"),
        ("{.a[?count(@.*) > 1]}", "neither $ nor a function"),
        ("{.a[?length (@.b) > 1]}", "neither $ nor a function"),
        ("{.a[?@.b == $.c]}", "neither $ nor a function"),
        ("{[?$]}", "neither $ nor a function"),
        ("{.a[?@[?@.b]]}", "a filter inside of a filter"),
        (&long, "too long"),
    ];
    for (template, expected) in cases {
        let message = render(template, &json!({"a": "hunter2"}), ROOM).unwrap_err().to_string();
        assert!(message.contains(expected), "{template}: {message}");
        assert!(!message.contains("hunter2"));
    }
}

#[test]
fn texts_have_to_fit() {
    let data = json!({"a": ["12345", "12345"]});
    let cases = [("{.a[0]}", 5, true), ("{.a[0]}", 4, false), ("{.a[*]}", 11, true), ("{.a[*]}", 10, false)];
    for (template, room, fits) in cases {
        let text = render(template, &data, room);
        assert_eq!(text.is_ok(), fits, "{template} {room} {text:?}");
    }
}

/// Parts of expressions, some of which are refused.
const SELECTORS: &[&str] = &[
    ".a",
    "[*]",
    ".*",
    "[0]",
    "[-1]",
    "[::2]",
    "..a",
    "..*",
    "[?@]",
    "[?@.a]",
    "[?(@.a==1)]",
    "[?@==@]",
    "[?@.a[*].a]",
    "[?(!@..a)]",
    "[?$]",
    "[?$[?$[?@==\"zz\"]]]",
    "[?@[?@[?@]]]",
    "[?$.a==@.b]",
    "[?count($..*)>1]",
    "[?@.a==1 || @.b==@.c && !(@.d<2)]",
];

/// Objects with this many members each, nested this deeply.
fn wide(members: usize, depth: usize) -> Value {
    let Some(inner) = depth.checked_sub(1) else { return json!(1) };
    let inner = wide(members, inner);
    (0..members)
        .map(|index| {
            (char::from_digit(10 + u32::try_from(index).unwrap(), 36).unwrap().to_string(), inner.clone())
        })
        .collect()
}

proptest! {
    #[test]
    fn every_member_can_be_named(name in "[^\\\\\\.\\[\\]{}'\" ,\\pC]{1,8}", value in ".*") {
        let data = json!({&name: &value});
        prop_assert_eq!(render(&format!("<{{.{name}}}>"), &data, ROOM), Ok(format!("<{value}>")));
    }

    /// What is accepted costs at most one visit for each value, each of its ancestors and each byte of the expression,
    /// and what is refused costs nothing. Seen to fail without the check of `$`, and without that of inner filters.
    #[test]
    fn the_work_is_linear(
        selectors in prop::collection::vec(prop::sample::select(SELECTORS), 1..6),
        width in 1..12_usize,
    ) {
        let data = wide(width, 3);
        let expression = format!("{{{}}}", selectors.concat());
        let mut budget = Budget::new();
        let _ = super::render(&expression, &data, ROOM, &mut budget);
        let (values, depth) = (width + width.pow(2) + width.pow(3) + 1, 4);
        prop_assert!(budget.spent() <= (values * depth + 20) * expression.len(), "{expression}: {}", budget.spent());
    }

    #[test]
    fn no_template_is_too_strange(template in "[{}.a\\[\\]?(@=!&|'\"\\\\:*0-9)-]{0,40}") {
        let _ = render(&template, &json!({"a": [{"a": 1}, "a"]}), ROOM);
    }
}
