use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Bytes; more than any text here needs.
const ROOM: usize = 1000;

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
        (&functions, "nested too deeply"),
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

proptest! {
    #[test]
    fn every_member_can_be_named(name in "[^\\\\\\.\\[\\]{}'\" ,\\pC]{1,8}", value in ".*") {
        let data = json!({&name: &value});
        prop_assert_eq!(render(&format!("<{{.{name}}}>"), &data, ROOM), Ok(format!("<{value}>")));
    }

    #[test]
    fn no_template_is_too_strange(template in "[{}.a\\[\\]?(@=!&|'\"\\\\:*0-9)-]{0,40}") {
        let _ = render(&template, &json!({"a": [{"a": 1}, "a"]}), ROOM);
    }
}
