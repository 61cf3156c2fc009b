use k8s_openapi::ByteString;
use proptest::prelude::*;
use serde_json::json;

use super::*;

pub const META: Meta = Meta {
    namespace: "shop",
    type_: "",
    provider: "",
    service: "Acme DB",
    tags: &[],
    plan_metadata: None,
    class_metadata: None,
    broker: "acme",
    env_prefix: None,
    additions: Additions::All,
};

/// The entries for these credentials and transforms, in a namespace with the Secret `extra`.
pub fn written(credentials: &Value, transforms: &Value, meta: &Meta) -> Result<Entries, CredentialsError> {
    let credentials = credentials.as_object().unwrap();
    let transforms: Vec<SecretTransform> = serde_json::from_value(transforms.clone()).unwrap();
    let extra = data(&json!({"MORE": "more", "a": "from extra"}));
    secret_data(credentials, &transforms, &BTreeMap::from([("extra".to_owned(), extra)]), meta)
}

/// The entries without `type` and `provider`.
pub fn entries(credentials: &Value, transforms: &Value) -> Value {
    let mut entries = all_entries(credentials, transforms, &META);
    let removed = ["type", "provider"].map(|key| entries.as_object_mut().unwrap().remove(key));
    assert!(removed.iter().all(Option::is_some));
    entries
}

/// All entries; each has to be text.
pub fn all_entries(credentials: &Value, transforms: &Value, meta: &Meta) -> Value {
    let entries = written(credentials, transforms, meta).ok().unwrap();
    let text = |bytes: ByteString| String::from_utf8(bytes.0).unwrap();
    entries.data.into_iter().map(|(key, value)| (key, text(value))).collect()
}

/// The error message instead of entries.
pub fn failure(credentials: &Value, transforms: &Value) -> String {
    written(credentials, transforms, &META).err().unwrap().to_string()
}

fn data(value: &Value) -> SecretData {
    let bytes = |value: &Value| ByteString(value.as_str().unwrap().as_bytes().to_vec());
    let members = value.as_object().unwrap().iter();
    members.map(|(key, value)| (key.clone(), bytes(value))).collect()
}

/// The kubelet makes a variable of each entry then. Seen to fail without `leave_out_code`.
#[test]
fn entries_that_would_become_code_are_left_out_if_all_entries_become_variables() {
    let credentials =
        json!({"LD_PRELOAD": "/x.so", "PATH": "/x", "path": "/db", "D_PRELOAD": "x", "uri": "u"});
    let added = json!([{"addKey": {"key": "HTTP_PROXY", "stringValue": "x"}}]);
    for (prefix, out) in [
        (None, vec![]),
        (Some(""), vec!["HTTP_PROXY", "LD_PRELOAD", "PATH"]),
        (Some("L"), vec!["D_PRELOAD"]),
        (Some("DB_"), vec![]),
        (
            Some("LD_"),
            vec!["D_PRELOAD", "HTTP_PROXY", "LD_PRELOAD", "PATH", "path", "provider", "type", "uri"],
        ),
    ] {
        let meta = Meta { env_prefix: prefix, ..META };
        let written = written(&credentials, &added, &meta).ok().unwrap();
        let all = ["D_PRELOAD", "HTTP_PROXY", "LD_PRELOAD", "PATH", "path", "provider", "type", "uri"];
        let missing: Vec<&str> = all.into_iter().filter(|key| !written.data.contains_key(*key)).collect();
        assert_eq!(missing, out, "{prefix:?}");
        assert_eq!(written.warnings.len(), out.len(), "{:?}", written.warnings);
    }
}

#[test]
fn values_are_written_as_the_broker_wrote_them() {
    let text = r#"{"int": 12345678901234567890, "float": 1.10, "text": " as is ", "yes": true, "none": null,
                   "list": [1.0, "a"], "map": {"z": 1.50, "a": null}, "empty": ""}"#;
    let expected = json!({
        "int": "12345678901234567890", "float": "1.10", "text": " as is ", "yes": "true",
        "list": r#"[1.0,"a"]"#, "map": r#"{"a":null,"z":1.50}"#, "empty": "",
    });
    let credentials: Value = serde_json::from_str(text).unwrap();
    assert_eq!(entries(&credentials, &json!([])), expected);
}

#[test]
fn bytes_that_are_no_text_stay_as_they_are() {
    let transforms =
        json!([{"addKey": {"key": "a", "value": "AP8="}}, {"renameKey": {"from": "a", "to": "b"}}]);
    let entries = written(&json!({}), &transforms, &META).ok().unwrap();
    assert_eq!(entries.data["b"].0, [0, 255]);
}

#[test]
fn illegal_keys_are_changed_and_make_room_for_the_others() {
    let long = "ä".repeat(300);
    let credentials =
        json!({"a b": "1", "a/b": "2", "a_b": "3", ".": "4", "..": "5", "..c": "6", "": "7", &long: "8"});
    let expected = json!({
        "a_b": "3", "a_b-2": "1", "a_b-3": "2", "_": "7", "_-2": "4", "_.": "5", "_.c": "6",
        "_".repeat(253): "8",
    });
    assert_eq!(entries(&credentials, &json!([])), expected);
    let warnings = written(&credentials, &json!([]), &META).ok().unwrap().warnings;
    assert_eq!(warnings.len(), 7);
    let warning = r#"the key "a b" is not valid in a Secret, so its entry is stored as "a_b-2""#;
    assert!(warnings.iter().any(|other| other == warning), "{warnings:?}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let overhead = "a".len() + "typeacme-db".len() + "provideracme".len();
    let of_size = |size| json!({"a": "x".repeat(size)});
    assert!(written(&of_size(MAX_SECRET_BYTES - overhead), &json!([]), &META).is_ok());
    assert_eq!(
        failure(&of_size(MAX_SECRET_BYTES - overhead + 1), &json!([])),
        "the credentials take 1048577 bytes, more than the 1048576 bytes that fit into a Secret"
    );
}

#[test]
fn digests_tell_entries_apart() {
    let one = data(&json!({"a": "bc", "d": ""}));
    assert_eq!(digest(&one), digest(&one.clone()));
    assert_eq!(digest(&one).len(), 64);
    let others = [json!({"ab": "c", "d": ""}), json!({"a": "bcd"}), json!({"a": "b", "d": "c"}), json!({})];
    for other in others {
        assert_ne!(digest(&one), digest(&data(&other)), "{other}");
    }
}

fn any_transform() -> impl Strategy<Value = Value> {
    let key = || "[ab./ ]{0,3}";
    prop_oneof![
        (key(), key()).prop_map(|(from, to)| json!({"renameKey": {"from": from, "to": to}})),
        key().prop_map(|key| json!({"removeKey": {"key": key}})),
        (key(), ".*").prop_map(|(key, value)| json!({"addKey": {"key": key, "stringValue": value}})),
    ]
}

proptest! {
    #[test]
    fn no_key_is_ever_illegal_and_no_value_gets_lost(
        values in prop::collection::btree_map("[a./ä]{0,4}|[a-]{250,260}", "[a-z]{1,3}", 0..8),
    ) {
        let credentials = json!(values);
        let entries = written(&credentials, &json!([]), &META).ok().unwrap();
        prop_assert!(entries.data.keys().all(|key| keys::is_legal(key)), "{:?}", entries.data.keys());
        prop_assert_eq!(entries.data.len(), values.len() + 2);
        for (key, value) in values.iter().filter(|(key, _)| keys::is_legal(key)) {
            prop_assert_eq!(&entries.data[key].0, value.as_bytes());
        }
    }

    #[test]
    fn any_transforms_leave_legal_keys_and_a_type(
        transforms in prop::collection::vec(any_transform(), 0..6),
    ) {
        let credentials = json!({"a": 1, "b": "x", "a/b": null, "..": {}});
        let entries = written(&credentials, &json!(transforms), &META).ok().unwrap();
        prop_assert!(entries.data.keys().all(|key| keys::is_legal(key)));
        prop_assert!(!entries.data["type"].0.is_empty());
    }
}

#[test]
fn what_cannot_be_stored_is_known_before_the_broker_is_asked() {
    let half = "x".repeat(MAX_SECRET_BYTES / 2);
    let add = |key: &str, text: &str| json!({"addKey": {"key": key, "stringValue": text}});
    let template = |text: &str| json!({"addKey": {"key": "t", "jsonPathExpression": text}});
    let from = |name: &str| json!({"addKeysFrom": {"secretRef": {"name": name}}});
    for (transforms, expected) in [
        (json!([]), None),
        (json!([add("a", &half)]), None),
        (json!([add("a", &half), add("a", &half)]), None),
        (json!([add("a", &half), {"removeKey": {"key": "a"}}, add("b", &half)]), None),
        (
            json!([add("a", &half), add("b", &half)]),
            Some("more than the 1048576 bytes that fit into a Secret"),
        ),
        (json!([add("a", &half), from("large")]), Some("more than the 1048576 bytes that fit into a Secret")),
        (json!([from("absent")]), Some("the Secret \"absent\", which does not exist")),
        (json!([template("{.not.yet}")]), None),
        (json!([template("{.a[}")]), Some("a closing brace is missing")),
        (json!([template("{a}")]), Some("it has to begin with a dot")),
    ] {
        let parsed: Vec<SecretTransform> = serde_json::from_value(transforms.clone()).unwrap();
        let secrets = BTreeMap::from([("large".to_owned(), data(&json!({"large": half})))]);
        let why = check(&parsed, &secrets, "shop").err().map(|error| error.to_string());
        let is_right = match expected {
            None => why.is_none(),
            Some(expected) => why.as_ref().is_some_and(|why| why.contains(expected)),
        };
        let shown: String = transforms.to_string().chars().take(100).collect();
        assert!(is_right, "{shown}: {why:?}");
    }
}

/// A hostile broker sends keys that all become the same name. To count from one for each would take the square of their
/// number: minutes.
#[test]
fn many_keys_that_become_the_same_name_are_numbered_in_one_pass() {
    const KEYS: u32 = 20_000;
    let keys = (0..KEYS).map(|index| char::from_u32(0x4e00 + index).unwrap().to_string());
    let credentials: Map<String, Value> = keys.map(|key| (key, json!(1))).collect();
    let entries = secret_data(&credentials, &[], &BTreeMap::new(), &META).ok().unwrap();
    assert!(entries.data.contains_key("_") && entries.data.contains_key("_-20000"));
    assert_eq!(entries.warnings.len(), 11);
    assert_eq!(entries.warnings[10], "19990 more keys are not valid in a Secret, so other keys are used");
}

/// An application that makes variables of all entries, in a Deployment of its own, gets no unexpected ones.
#[test]
fn the_operator_adds_what_the_binding_wants_or_had() {
    let binding = |spec: Value, status: Value| -> ServiceBinding {
        let mut binding = json!({
            "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding", "metadata": {"name": "db"},
            "spec": {"instanceRef": {"name": "db"}}, "status": status,
        });
        binding["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        serde_json::from_value(binding).unwrap()
    };
    let all = ["provider", "type", "user", "username"];
    for (spec, status, expected) in [
        (json!({}), json!({}), &["provider", "type", "user"][..]),
        (json!({"type": "mysql"}), json!({}), &all),
        (json!({"podSelector": {"matchLabels": {"app": "web"}}}), json!({}), &all),
        // A Secret of service-catalog was taken over.
        (json!({}), json!({"secretDigest": "d", "secretKeys": ["user"]}), &["user"]),
        (json!({}), json!({"secretDigest": "d", "secretKeys": ["user", "username"]}), &["user", "username"]),
        // An earlier version has written it.
        (json!({}), json!({"secretDigest": "d"}), &all),
    ] {
        let binding = binding(spec, status);
        let meta = Meta { additions: Additions::of(&binding), type_: &binding.spec.type_, ..META };
        let entries = written(&json!({"user": "u"}), &json!([]), &meta).ok().unwrap();
        assert_eq!(entries.data.keys().collect::<Vec<_>>(), expected, "{binding:?}");
    }
}
