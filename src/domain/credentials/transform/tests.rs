use serde_json::json;

use super::*;
use crate::domain::credentials::tests::{entries, failure};

#[test]
fn keys_are_added() {
    let cases = [
        (json!({"value": "Ynl0ZXM="}), "bytes"),
        (json!({"value": "Ynl0ZXM=", "stringValue": "text"}), "text"),
        (json!({"value": "Ynl0ZXM=", "stringValue": "text", "jsonPathExpression": "{.a}!"}), "1!"),
        (json!({"stringValue": "", "value": "Ynl0ZXM="}), ""),
        (json!({"value": null, "stringValue": null, "jsonPathExpression": null}), ""),
    ];
    for (mut add, expected) in cases {
        add["key"] = json!("b");
        let added = entries(&json!({"a": 1, "b": "0"}), &json!([{"addKey": add}]));
        assert_eq!(added, json!({"a": "1", "b": expected}), "{add}");
    }
}

#[test]
fn templates_cannot_double_a_text_for_ever() {
    let double = json!({"addKey": {"key": "a", "jsonPathExpression": "{.a}{.a}"}});
    let message = failure(&json!({"a": "x"}), &json!(vec![double; 256]));
    let expected = "spec.secretTransforms: cannot add the key \"a\": the expanded templates do not fit into \
                    a Secret";
    assert_eq!(message, expected);

    let copy = |key: &str| json!({"addKey": {"key": key, "jsonPathExpression": "{.a}"}});
    let large = json!({"a": "x".repeat(MAX_SECRET_BYTES / 2)});
    let message = failure(&large, &json!([copy("b"), copy("c"), copy("d"), {"removeKey": {"key": "a"}}]));
    assert_eq!(message, expected.replace("\"a\"", "\"d\""));
}

#[test]
fn keys_are_renamed_and_removed() {
    let rename = |from: &str, to: &str| json!({"renameKey": {"from": from, "to": to}});
    let remove = |key: &str| json!({"removeKey": {"key": key}});
    let cases = [
        (json!([]), json!({"a": "1", "b": "2"})),
        (json!([{}]), json!({"a": "1", "b": "2"})),
        (json!([rename("a", "c")]), json!({"c": "1", "b": "2"})),
        (json!([rename("a", "b")]), json!({"b": "1"})),
        (json!([rename("a", "a")]), json!({"a": "1", "b": "2"})),
        (json!([rename("x", "b")]), json!({"a": "1", "b": "2"})),
        (json!([remove("a"), remove("x")]), json!({"b": "2"})),
        (json!([rename("a", "c"), rename("c", "d"), remove("b")]), json!({"d": "1"})),
        (json!([remove("a"), rename("a", "c")]), json!({"b": "2"})),
    ];
    for (transforms, expected) in cases {
        assert_eq!(entries(&json!({"a": "1", "b": "2"}), &transforms), expected, "{transforms}");
    }
}

#[test]
fn keys_of_other_secrets_are_added_and_can_be_used() {
    let transforms = json!([
        {"addKeysFrom": {"secretRef": {"namespace": "shop", "name": "extra"}}},
        {"addKey": {"key": "new", "jsonPathExpression": "{.MORE} {.b.c}"}},
        {"removeKey": {"key": "b"}},
        {"addKeysFrom": {"secretRef": {"name": "extra"}}},
    ]);
    let expected = json!({"MORE": "more", "a": "from extra", "new": "more 2"});
    assert_eq!(entries(&json!({"a": "1", "b": {"c": 2}}), &transforms), expected);
}

#[test]
fn a_transform_does_one_thing() {
    let mut transform = json!({
        "removeKey": {"key": "r"}, "addKeysFrom": {"secretRef": {"name": "extra"}},
        "renameKey": {"from": "a", "to": "A"}, "addKey": {"key": "b", "stringValue": "2"},
    });
    let expected = [
        ("addKey", json!({"a": "1", "r": "1", "b": "2"})),
        ("renameKey", json!({"A": "1", "r": "1"})),
        ("addKeysFrom", json!({"a": "from extra", "r": "1", "MORE": "more"})),
        ("removeKey", json!({"a": "1"})),
    ];
    for (first, expected) in expected {
        assert_eq!(entries(&json!({"a": "1", "r": "1"}), &json!([transform])), expected, "{first}");
        transform.as_object_mut().unwrap().remove(first);
    }
}

#[test]
fn only_secrets_of_the_own_namespace_are_read() {
    let foreign = "spec.secretTransforms: addKeysFrom may only reference a Secret in the namespace \"shop\", \
                   not in \"other\"";
    let missing = |name: &str| {
        format!("spec.secretTransforms: addKeysFrom names the Secret {name:?}, which does not exist")
    };
    let cases = [
        (json!({"secretRef": {"namespace": "other", "name": "extra"}}), foreign.to_owned()),
        (json!({"secretRef": {"namespace": "shop", "name": "absent"}}), missing("absent")),
        (json!({"secretRef": null}), missing("")),
    ];
    for (add_keys_from, expected) in cases {
        assert_eq!(failure(&json!({}), &json!([{"addKeysFrom": add_keys_from}])), expected);
    }
}

#[test]
fn it_is_known_beforehand_which_secrets_are_read() {
    let transforms = |transforms| serde_json::from_value::<Vec<SecretTransform>>(transforms).unwrap();
    let read = transforms(json!([
        {"addKeysFrom": {"secretRef": {"name": "two"}}},
        {"removeKey": {"key": "x"}},
        {"addKeysFrom": {"secretRef": {"namespace": "shop", "name": "one"}}},
        {"addKeysFrom": {"secretRef": {"name": "two"}}},
        {"addKey": {"key": "x"}, "addKeysFrom": {"secretRef": {"name": "unused"}}},
    ]));
    assert_eq!(sources(&read, "shop"), Ok(["one", "two"].into()));
    let foreign = transforms(json!([{"addKeysFrom": {"secretRef": {"namespace": "other", "name": "x"}}}]));
    assert!(sources(&foreign, "shop").is_err());
}

/// A message goes into a condition, and an object with a long one cannot be stored.
#[test]
fn a_message_shows_the_beginning_of_a_key() {
    let add = json!({"addKey": {"key": "k".repeat(100_000), "jsonPathExpression": "{.missing}"}});
    let message = failure(&json!({}), &json!([add]));
    assert!(message.contains("kkk") && message.len() < 300, "{message}");
}

/// Each transform copies a Secret, which is charged as well.
#[test]
fn copying_a_secret_again_and_again_exceeds_the_budget() {
    let transforms: Vec<SecretTransform> =
        serde_json::from_value(json!(vec![json!({"addKeysFrom": {"secretRef": {"name": "large"}}}); 256]))
            .unwrap();
    let large = |bytes: usize| {
        let data = SecretData::from([("a".to_owned(), ByteString(vec![b'x'; bytes]))]);
        BTreeMap::from([("large".to_owned(), data)])
    };
    let check = |bytes| crate::domain::credentials::check(&transforms, &large(bytes), "shop");
    assert_eq!(check(1000), Ok(()));
    assert_eq!(check(500_000), Err(CredentialsError::TooMuchWork("large".to_owned())));
}
