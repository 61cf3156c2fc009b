//! YAML.

use crate::console::language::Language;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::properties::any_value;
use crate::console::form::{from_text, to_text};

fn message(text: &str) -> String {
    from_text(text).unwrap_err().message(Language::English)
}

#[test]
fn a_value_is_written_as_people_write_yaml() {
    let list = json!([1, {"c": "x y", "d": null}, []]);
    let value = json!({"a": {"b": list}, "n": "007", "t": "one\ntwo\n", "y": "yes", "z": ": "});
    let text = "a:\n  b:\n    - 1\n    - c: x y\n      d: null\n    - []\n\
        n: \"007\"\nt: |\n  one\n  two\ny: \"yes\"\nz: \": \"\n";
    assert_eq!(to_text(&value), text);
}

#[test]
fn json_is_yaml() {
    let text = "{\"a\": [1.50, \"\\ud83d\\ude00\\n\"],\n\t\"b\": {}}";
    assert_eq!(from_text(text).unwrap().to_string(), r#"{"a":[1.50,"😀\n"],"b":{}}"#);
}

#[test]
fn an_empty_text_is_null() {
    for text in ["", " \n", "# only a comment", "---\n"] {
        assert_eq!(from_text(text).unwrap(), Value::Null, "{text:?}");
    }
}

#[test]
fn ambiguous_values_are_refused() {
    for text in ["yes", "Off", "007", "0x1F", "1_000", ".5", "+1", "5.", ".inf", "1e", "0o17"] {
        let is_text = from_text(text).is_ok_and(|value| value.is_string());
        assert_eq!(is_text, text == "1e", "{text}");
    }
    for text in ["1.2.3", "2024-01-31", "a b", "-", "nano", "0xyz", "10Gi"] {
        assert_eq!(from_text(text).ok(), if text == "-" { Some(json!([null])) } else { Some(json!(text)) });
    }
}

#[test]
fn an_error_names_line_and_column_and_never_quotes() {
    for (text, place) in [
        ("a: 1\nb: [canary", "Line "),
        ("a: &canary 1\nb: *canary", "Line 2, column 4: anchors"),
        ("a: !canary x", "Line 1, column "),
        ("canary: 1\ncanary: 2", "Line 2, column 1: this name"),
        ("? [canary]\n: 1", "Line 1, column 3: a name"),
        ("canary\n---\nb", "Line 2, column 1: a second"),
        ("\"\\canary\"", "Line 1"),
    ] {
        let message = message(text);
        assert!(message.starts_with(place), "{text:?}: {message}");
        assert!(!message.contains("canary"), "{message}");
    }
    assert!(message(&("[".repeat(200) + &"]".repeat(200))).contains("127 levels"));
    assert!(message(&"a".repeat(crate::console::form::MAX_BYTES + 1)).contains("1 MiB"));
}

#[test]
fn hostile_texts_take_little_time() {
    for part in [
        "[",
        "a: ",
        "- ",
        "{a: ",
        "? ",
        "\"",
        "|",
        "a: [\n",
        "#\n",
        "&a ",
        "- - - - - a\n",
        "[],",
        "\n",
        "k: v\n ",
    ] {
        let start = std::time::Instant::now();
        from_text(&part.repeat(crate::console::form::MAX_BYTES / part.len())).ok();
        assert!(start.elapsed() < std::time::Duration::from_secs(2), "{part:?} took {:?}", start.elapsed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn writing_and_reading_gives_the_same_value_with_its_digits(value in any_value()) {
        let text = to_text(&value);
        let read = from_text(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(read.to_string(), value.to_string(), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\n\t:#&*!|>'\"%@`{}\\[\\],é]{0,60}") {
        if let Ok(value) = from_text(&text) {
            prop_assert_eq!(from_text(&to_text(&value)).ok(), Some(value));
        }
    }
}
