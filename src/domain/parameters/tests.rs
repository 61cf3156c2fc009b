use proptest::prelude::*;
use serde_json::json;

use super::*;

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn secret(name: &str, text: &str) -> (String, Vec<u8>) {
    (format!("secret \"{name}\" key \"p\""), text.as_bytes().to_vec())
}

fn raw(value: &Value) -> RawObject {
    RawObject::from(&map(value))
}

fn inline(value: &Value) -> Parameters {
    merge([None, None], Some(&raw(value)), &[]).unwrap()
}

#[test]
fn checksums_are_those_of_service_catalog() {
    let cases = [
        (json!({}), ""),
        (
            json!({"param-2": "value-2", "param-1": "value-1"}),
            "4fa544b50ca7a33fe5e8bc0780f1f36aa0c2c7098242db27bc8a3e21f4b4ab55",
        ),
        (
            json!({"é": "<a href=\"x\">&\u{2028}\u{2029}\n\t/\u{1}", "a<b": [1, null, true, {}]}),
            "60895703233c53139511eb9ce98420738bdfa0d721e9c87086b0da90f64bf7e2",
        ),
    ];
    for (parameters, expected) in cases {
        assert_eq!(inline(&parameters).checksum(), expected, "{parameters}");
    }
}

#[test]
fn backspace_and_form_feed_are_written_as_old_go_does() {
    let parameters = inline(&json!({"a": "\u{8}\u{c}\r"}));
    let expected = hex(&Sha256::digest(br#"{"a":"\u0008\u000c\r"}"#));
    assert_eq!(parameters.checksum(), expected);
}

#[test]
fn the_user_wins_over_the_plan_and_the_plan_over_the_class() {
    let class =
        map(&json!({"size": 1, "region": "eu", "backup": {"daily": true, "keep": {"days": 7}}, "x": {}}));
    let plan = map(&json!({"size": 2, "backup": {"keep": {"days": 14, "months": 1}}, "y": "plan"}));
    let user = raw(&json!({"backup": {"keep": {"days": 30}}, "x": "mine", "y": {"z": null}}));
    let merged = merge([Some(&class), Some(&plan)], Some(&user), &[]).unwrap();
    let expected = json!({
        "size": 2,
        "region": "eu",
        "backup": {"daily": true, "keep": {"days": 30, "months": 1}},
        "x": "mine",
        "y": {"z": null},
    });
    assert_eq!(Value::Object(merged.values()), expected);
    assert_eq!(Value::Object(merged.redacted()), expected);
}

#[test]
fn values_from_secrets_are_not_shown() {
    let defaults = map(&json!({"tls": {"verify": true}, "size": 1}));
    let user = raw(&json!({"size": 2}));
    let from = [secret("s", r#"{"password": "hunter2", "tls": {"key": "hunter3"}}"#), secret("t", "{}")];
    let merged = merge([None, Some(&defaults)], Some(&user), &from).unwrap();
    let values = json!({"size": 2, "password": "hunter2", "tls": {"verify": true, "key": "hunter3"}});
    let redacted = json!({"size": 2, "password": REDACTED, "tls": REDACTED});
    assert!(!format!("{merged:?}").contains("hunter"));
    assert_eq!(Value::Object(merged.values()), values);
    assert_eq!(Value::Object(merged.redacted()), redacted);
}

#[test]
fn an_error_names_the_sources_and_no_value() {
    let first = r#"secret "s" key "p""#;
    let cases: &[(&[&str], &str)] = &[
        (&[r#"{"a": "hunter2"}"#], r#"duplicate entry for parameter "a", in SECRET and in spec.parameters"#),
        (
            &[r#"{"b": "hunter2"}"#, r#"{"b": "hunter2"}"#],
            r#"duplicate entry for parameter "b", in SECRET and in secret "t" key "p""#,
        ),
        (&[r#""hunter2""#], "SECRET is not a JSON object"),
        (&["null"], "SECRET is not a JSON object"),
        (&["password: hunter2"], "SECRET is not JSON: expected value at line 1 column 1"),
        (&[""], "SECRET is not JSON: EOF while parsing a value at line 1 column 0"),
    ];
    for (texts, expected) in cases {
        let from: Vec<_> = ["s", "t"].iter().zip(*texts).map(|(name, text)| secret(name, text)).collect();
        let error = merge([None, None], Some(&raw(&json!({"a": 1}))), &from).unwrap_err().to_string();
        assert_eq!(error.trim_start_matches("conflict: "), expected.replace("SECRET", first));
    }
}

#[test]
fn numbers_keep_their_digits() {
    let text = r#"{"big":12345678901234567890,"price":1.10}"#;
    let merged = merge([None, None], None, &[secret("s", text)]).unwrap();
    assert_eq!(serde_json::to_string(&merged.values()).unwrap(), text);
    assert_eq!(merged.checksum(), hex(&Sha256::digest(text)));
}

/// As Go's `encoding/json` serialises a `float64`.
#[test]
fn service_catalog_hashed_numbers_as_floats() {
    for (given, hashed) in [
        ("0", "0"),
        ("1", "1"),
        ("1.0", "1"),
        ("-0.0", "-0"),
        ("12.50", "12.5"),
        ("9007199254740993", "9007199254740992"),
        ("1e3", "1000"),
        ("123456789012345678901", "123456789012345680000"),
        ("1e21", "1e+21"),
        ("1.5e300", "1.5e+300"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("-2.5e-10", "-2.5e-10"),
    ] {
        let merged = merge([None, None], None, &[secret("s", &format!("{{\"a\": [{given}]}}"))]).unwrap();
        let expected = hex(&Sha256::digest(format!("{{\"a\":[{hashed}]}}")));
        assert_eq!(merged.checksum_of_service_catalog(), expected, "{given}");
    }
}

/// What is longer than the limit is not even parsed. Seen to fail without each of the limits.
#[test]
fn parameters_are_bounded() {
    let zeros = |count: usize| json!({"a": vec![0; count]});
    let of = |value: &Value, from: &[(String, Vec<u8>)]| merge([None, None], Some(&raw(value)), from);
    assert!(of(&zeros(MAX_VALUES - 1), &[]).is_ok());
    let error = of(&zeros(MAX_VALUES), &[]).unwrap_err();
    assert_eq!(error, ParametersError::TooMany(MAX_VALUES + 1));
    assert!(error.to_string().contains("5001 JSON values, and the limit is 5000"), "{error}");
    let error = of(&zeros(480_000), &[]).unwrap_err().to_string();
    assert!(error.contains("take 960007 bytes, and the limit is 65536"), "{error}");

    let half = "x".repeat(MAX_BYTES / 2);
    let text = json!({"b": half}).to_string();
    assert!(of(&json!({}), &[secret("s", &text)]).is_ok());
    let error = of(&json!({"a": half}), &[secret("s", &text)]).unwrap_err();
    assert!(matches!(error, ParametersError::TooLong(_)), "{error}");
    let many = json!({"b": vec![0; MAX_VALUES / 2]}).to_string();
    assert!(matches!(of(&zeros(MAX_VALUES / 2), &[secret("s", &many)]), Err(ParametersError::TooMany(_))));
}

#[test]
fn the_status_shows_parameters_that_are_short() {
    let of = |length: usize| inline(&json!({"a": "x".repeat(length)}));
    assert_eq!(of(10).shown(), Some(raw(&json!({"a": "xxxxxxxxxx"}))));
    assert_eq!(of(MAX_SHOWN_BYTES).shown(), None);
    assert_eq!(inline(&json!({})).shown(), None);
    assert_ne!(of(MAX_SHOWN_BYTES).checksum(), "");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z<&\"\u{8}é]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-e]", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("[a-e]", any_json(), 0..5).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn the_order_of_members_does_not_matter(object in any_object(), seed in any::<usize>()) {
        let mut members: Vec<_> = object.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
        if !members.is_empty() {
            let middle = seed % members.len();
            members.rotate_left(middle);
        }
        let text = format!("{{{}}}", members.join(", "));
        let merged = merge([None, None], None, &[secret("s", &text)]).unwrap();
        prop_assert_eq!(merged.checksum(), inline(&Value::Object(object)).checksum());
    }

    #[test]
    fn different_parameters_have_different_checksums(one in any_object(), other in any_object()) {
        let [first, second] = [&one, &other].map(|object| inline(&Value::Object(object.clone())).checksum());
        prop_assert_eq!(first == second, one == other);
    }

    #[test]
    fn no_value_of_a_secret_is_ever_shown(
        defaults in any_object(),
        user in any_object(),
        names in prop::collection::btree_set("[a-j]", 1..5),
        nested in any::<bool>(),
    ) {
        let value = if nested { json!({"a": ["Hunter2"]}) } else { json!("Hunter2") };
        let object: Map<_, _> = names.into_iter().map(|name| (name, value.clone())).collect();
        let text = Value::Object(object.clone()).to_string();
        match merge([Some(&defaults), None], Some(&RawObject::from(&user)), &[secret("s", &text)]) {
            Ok(merged) => {
                prop_assert!(!Value::Object(merged.redacted()).to_string().contains("Hunter2"));
                prop_assert!(merged.redacted().keys().eq(merged.values().keys()));
                prop_assert!(object.keys().all(|name| merged.values()[name].to_string().contains("Hunter2")));
            }
            Err(error) => {
                prop_assert!(object.keys().any(|name| user.contains_key(name)));
                prop_assert!(!error.to_string().contains("Hunter2"));
            }
        }
    }

    #[test]
    fn broken_json_is_not_quoted(text in "[{}\\[\\]:,\"\\\\]{0,5}hunter2[{}\\[\\]:,\" ]{0,5}") {
        if let Err(error) = merge([None, None], None, &[secret("s", &text)]) {
            prop_assert!(!error.to_string().contains("hunter2"));
        }
    }
}

#[test]
fn the_secrets_are_what_is_not_shown() {
    let from =
        [secret("one", r#"{"db": {"user": "jane", "port": 5432, "tls": true}, "hosts": ["a", null]}"#)];
    let class = map(&json!({"db": {"size": "big"}, "region": "eu"}));
    let own = raw(&json!({"name": "mine"}));
    let merged = merge([Some(&class), None], Some(&own), &from).unwrap();
    let texts = |secrets: Vec<Vec<u8>>| -> Vec<String> {
        secrets.into_iter().map(|secret| String::from_utf8(secret).unwrap()).collect()
    };
    // The default that is merged into the Secret's object is not shown either.
    assert_eq!(texts(merged.secrets()), ["5432", "big", "jane", "a"]);
    let whole = from[0].1.clone();
    assert_eq!(texts(secrets_of(&from)), [std::str::from_utf8(&whole).unwrap(), "5432", "jane", "a"]);
    assert_eq!(texts(secrets_of(&[secret("two", "no JSON")])), ["no JSON"]);
}

/// They were sent to the broker as an empty object.
#[test]
fn parameters_that_are_nested_too_deeply_are_refused() {
    let nested = |depth: usize| r#"{"a":"#.repeat(depth) + "1" + &"}".repeat(depth);
    let raw = |depth| serde_json::from_str::<RawObject>(&nested(depth)).unwrap();
    assert!(merge([None, None], Some(&raw(127)), &[]).is_ok());
    let refused = |inline: Option<&RawObject>, from: &[(String, Vec<u8>)]| {
        merge([None, None], inline, from).unwrap_err().to_string()
    };
    let why = "is nested more deeply than 127 levels: pass deep structures as one string";
    assert_eq!(refused(Some(&raw(128)), &[]), format!("spec.parameters {why}"));
    let from = [secret("s", &nested(128))];
    assert_eq!(refused(None, &from), format!("secret \"s\" key \"p\" {why}"));
}
