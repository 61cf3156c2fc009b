use k8s_openapi::ByteString;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::crd::binding::{
    AddKeyTransform, AddKeysFromTransform, RemoveKeyTransform, RenameKeyTransform, SecretTransform,
};
use crate::crd::reference::ObjectReference;

const META: Meta = Meta {
    namespace: "shop",
    type_: "",
    provider: "",
    service: "Acme DB",
    tags: &[],
    plan_metadata: None,
    class_metadata: None,
    broker: "acme",
};

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn data(value: &Value) -> SecretData {
    let bytes = |value: &Value| ByteString(value.as_str().unwrap().as_bytes().to_vec());
    map(value)
        .iter()
        .map(|(key, value)| (key.clone(), bytes(value)))
        .collect()
}

/// The entries but for `type` and `provider`.
fn entries(credentials: &Value, transforms: &[SecretTransform]) -> Value {
    let secrets = BTreeMap::from([(
        "extra".to_owned(),
        data(&json!({"MORE": "more", "a": "from extra"})),
    )]);
    let entries = secret_data(&map(credentials), transforms, &secrets, &META)
        .ok()
        .unwrap();
    shown(&entries.data, |key| key != "type" && key != "provider")
}

fn shown(data: &SecretData, wanted: impl Fn(&str) -> bool) -> Value {
    let text = |bytes: &ByteString| String::from_utf8(bytes.0.clone()).unwrap();
    data.iter()
        .filter(|(key, _)| wanted(key))
        .map(|(key, value)| (key.clone(), Value::from(text(value))))
        .collect()
}

fn with_meta(credentials: &Value, meta: &Meta) -> Value {
    let entries = secret_data(&map(credentials), &[], &BTreeMap::new(), meta)
        .ok()
        .unwrap();
    shown(&entries.data, |_| true)
}

fn failure(credentials: &Value, transform: SecretTransform) -> String {
    let entries = secret_data(&map(credentials), &[transform], &BTreeMap::new(), &META);
    entries.err().unwrap().to_string()
}

fn add(key: &str, value: Option<&[u8]>, text: Option<&str>, path: Option<&str>) -> SecretTransform {
    let add_key = AddKeyTransform {
        key: key.to_owned(),
        value: value.map(|bytes| ByteString(bytes.to_vec())),
        string_value: text.map(str::to_owned),
        json_path_expression: path.map(str::to_owned),
    };
    SecretTransform {
        add_key: Some(add_key),
        ..SecretTransform::default()
    }
}

fn path(expression: &str) -> SecretTransform {
    add("new", None, None, Some(expression))
}

fn rename(from: &str, to: &str) -> SecretTransform {
    let rename_key = RenameKeyTransform {
        from: from.to_owned(),
        to: to.to_owned(),
    };
    SecretTransform {
        rename_key: Some(rename_key),
        ..SecretTransform::default()
    }
}

fn remove(key: &str) -> SecretTransform {
    let remove_key = RemoveKeyTransform { key: key.to_owned() };
    SecretTransform {
        remove_key: Some(remove_key),
        ..SecretTransform::default()
    }
}

fn add_from(namespace: &str, name: &str) -> SecretTransform {
    let secret_ref = ObjectReference {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let add_keys_from = AddKeysFromTransform {
        secret_ref: Some(secret_ref),
    };
    SecretTransform {
        add_keys_from: Some(add_keys_from),
        ..SecretTransform::default()
    }
}

#[test]
fn transforms_are_carried_out_in_order() {
    let several = SecretTransform {
        rename_key: rename("a", "z").rename_key,
        ..add("b", None, Some("1"), None)
    };
    let cases = [
        (json!({"a": "1"}), vec![], json!({"a": "1"})),
        (json!({"a": "1"}), vec![rename("a", "b")], json!({"b": "1"})),
        (json!({"a": "1"}), vec![rename("x", "b")], json!({"a": "1"})),
        (json!({"a": "1"}), vec![rename("a", "a")], json!({"a": "1"})),
        (
            json!({"a": "1", "b": "2"}),
            vec![rename("a", "b")],
            json!({"b": "1"}),
        ),
        (
            json!({}),
            vec![add("b", Some(b"bytes"), None, None)],
            json!({"b": "bytes"}),
        ),
        (
            json!({"a": "1"}),
            vec![add("a", Some(b"no"), Some("text"), None)],
            json!({"a": "text"}),
        ),
        (
            json!({"a": "1"}),
            vec![add("b", Some(b"no"), Some("no"), Some("{.a}"))],
            json!({"a": "1", "b": "1"}),
        ),
        (json!({}), vec![add("b", None, None, None)], json!({"b": ""})),
        (
            json!({"a": "1"}),
            vec![add_from("", "extra")],
            json!({"MORE": "more", "a": "from extra"}),
        ),
        (
            json!({"b": "1"}),
            vec![add_from("shop", "extra"), remove("a")],
            json!({"MORE": "more", "b": "1"}),
        ),
        (
            json!({"a": "1"}),
            vec![add_from("shop", "extra"), path("{.MORE}!")],
            json!({"MORE": "more", "a": "from extra", "new": "more!"}),
        ),
        (
            json!({"a": "1", "b": "2"}),
            vec![remove("a"), remove("x")],
            json!({"b": "2"}),
        ),
        (
            json!({"a": "1"}),
            vec![SecretTransform::default()],
            json!({"a": "1"}),
        ),
        (json!({"a": "1"}), vec![several], json!({"a": "1", "b": "1"})),
        (
            json!({"a": "1", "b": {"c": "2"}}),
            vec![
                rename("a", "A"),
                path("{.A}{.b.c}"),
                remove("b"),
                rename("new", "N"),
            ],
            json!({"A": "1", "N": "12"}),
        ),
    ];
    for (credentials, transforms, expected) in cases {
        assert_eq!(
            entries(&credentials, &transforms),
            expected,
            "{credentials} {transforms:?}"
        );
    }
}

#[test]
fn templates_are_filled_in_as_kubectl_does() {
    let credentials = json!({
        "name": "db", "private-key": "k", "a.b": "dotted", "it's": "quoted", "nothing": null, "on": true,
        "big": 12345678901234567890_u64, "nodes": [{"host": "h1", "port": 1}, {"host": "h2", "port": 2}],
        "nested": {"deep": {"er": "x"}}, "brace}": "b",
    });
    let cases = [
        ("{.name}", "db"),
        ("{$.name}", "db"),
        ("{ .name }", "db"),
        ("{['name']}", "db"),
        ("just text", "just text"),
        ("", ""),
        (
            "x://{.nodes[0].host}:{.nodes[0].port}/{.name}?a=b",
            "x://h1:1/db?a=b",
        ),
        ("{.nodes[-1].host}", "h2"),
        ("{.nodes[*].host}", "h1 h2"),
        ("{.nodes[0:1].host}", "h1"),
        ("{.nodes.*.port}", "1 2"),
        ("{..host}", "h1 h2"),
        ("{.nodes[?(@.port==2)].host}", "h2"),
        ("{.nodes[?(@.host==\"h1\")].port}", "1"),
        ("{.private-key}", "k"),
        ("{.a\\.b}", "dotted"),
        ("{['a.b']}", "dotted"),
        ("{['brace}']}", "b"),
        ("{.nested.deep}", r#"{"er":"x"}"#),
        ("{.nested['deep'].er}", "x"),
        ("{.big} {.on} {.nothing}.", "12345678901234567890 true ."),
        ("{.name}{\"\\n\"}{.name}", "db\ndb"),
    ];
    for (expression, expected) in cases {
        assert_eq!(
            entries(&credentials, &[path(expression)])["new"],
            expected,
            "{expression}"
        );
    }
}

#[test]
fn templates_that_cannot_be_filled_in_are_explained() {
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
        ("{.a[}", "a closing brace is missing"),
        ("{.a[0}", "a closing brace is missing"),
        ("{.a[?(]}", "cannot be parsed"),
        ("{.a[b]}", "cannot be parsed"),
        ("{.a ..b ..c}", "only once"),
        (&lists, "may not contain lists"),
        (&parentheses, "nested too deeply"),
        (&functions, "nested too deeply"),
        (&long, "too long"),
    ];
    for (expression, expected) in cases {
        let message = failure(&json!({"a": "hunter2"}), path(expression));
        assert!(
            message.starts_with("secretTransforms: cannot add key \"new\": "),
            "{message}"
        );
        assert!(message.contains(expected), "{expression}: {message}");
        assert!(!message.contains("hunter2"));
    }
}

#[test]
fn only_secrets_of_the_own_namespace_are_read() {
    let foreign =
        "secretTransforms: addKeysFrom may only name a Secret of namespace \"shop\", not of \"kube-system\"";
    assert_eq!(failure(&json!({}), add_from("kube-system", "extra")), foreign);
    assert_eq!(
        failure(&json!({}), add_from("shop", "absent")),
        "secretTransforms: addKeysFrom: there is no Secret \"absent\""
    );
    let nameless = SecretTransform {
        add_keys_from: Some(AddKeysFromTransform { secret_ref: None }),
        ..SecretTransform::default()
    };
    assert!(failure(&json!({}), nameless).ends_with("there is no Secret \"\""));

    let ignored = SecretTransform {
        add_keys_from: add_from("", "no").add_keys_from,
        ..rename("a", "b")
    };
    let transforms = [
        add_from("", "two"),
        remove("x"),
        add_from("shop", "one"),
        add_from("", "two"),
        ignored,
    ];
    assert_eq!(sources(&transforms, "shop"), Ok(["one", "two"].into()));
    assert_eq!(
        sources(&[add_from("kube-system", "x")], "shop")
            .unwrap_err()
            .to_string(),
        foreign
    );
}

#[test]
fn values_are_written_as_the_broker_wrote_them() {
    let text = r#"{"int": 12345678901234567890, "float": 1.10, "text": " as is ", "yes": true, "none": null,
                   "list": [1.0, "a"], "map": {"z": 1e3, "a": null}, "empty": ""}"#;
    let expected = json!({
        "int": "12345678901234567890", "float": "1.10", "text": " as is ", "yes": "true",
        "list": r#"[1.0,"a"]"#, "map": r#"{"a":null,"z":1e+3}"#, "empty": "",
    });
    let credentials: Value = serde_json::from_str(text).unwrap();
    assert_eq!(entries(&credentials, &[]), expected);
}

#[test]
fn bytes_that_are_no_text_stay_as_they_are() {
    let entries = secret_data(
        &Map::new(),
        &[add("a", Some(&[0, 255]), None, None), rename("a", "b")],
        &BTreeMap::new(),
        &META,
    );
    assert_eq!(entries.ok().unwrap().data["b"].0, [0, 255]);
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
    assert_eq!(entries(&credentials, &[]), expected);
    let warnings = secret_data(&map(&credentials), &[], &BTreeMap::new(), &META)
        .ok()
        .unwrap()
        .warnings;
    assert_eq!(warnings.len(), 7);
    assert!(
        warnings.contains(&"the key \"a b\" is not possible in a Secret and became \"a_b-2\"".to_owned())
    );
}

#[test]
fn type_and_provider_are_always_there() {
    let plan = json!({"servicebinding.io/type": "from-plan"});
    let class = json!({"servicebinding.io/type": "from-class", "servicebinding.io/provider": "from-class",
                       "providerDisplayName": "Acme, Inc."});
    let display = json!({"providerDisplayName": "Acme, Inc.", "servicebinding.io/type": ""});
    let tags = ["fast".to_owned(), "MariaDB".to_owned(), "redis".to_owned()];
    let both = Meta {
        plan_metadata: Some(&plan),
        class_metadata: Some(&class),
        ..META
    };
    let cases = [
        (json!({}), META, "acme-db", "acme"),
        (
            json!({}),
            Meta {
                service: "!!",
                ..META
            },
            "service",
            "acme",
        ),
        (
            json!({}),
            Meta {
                service: "PostgreSQL",
                ..META
            },
            "postgresql",
            "acme",
        ),
        (
            json!({}),
            Meta {
                tags: &tags,
                service: "postgres",
                ..META
            },
            "mysql",
            "acme",
        ),
        (
            json!({"uri": "rediss://h"}),
            Meta { tags: &tags, ..META },
            "redis",
            "acme",
        ),
        (
            json!({"url": "x://h", "jdbcUrl": "jdbc:postgresql://h/d"}),
            META,
            "postgresql",
            "acme",
        ),
        (json!({"uri": "pg://h"}), both, "from-plan", "from-class"),
        (
            json!({}),
            Meta {
                class_metadata: Some(&display),
                ..META
            },
            "acme-db",
            "acme-inc.",
        ),
        (
            json!({"type": "kafka", "provider": "mine"}),
            both,
            "kafka",
            "mine",
        ),
        (json!({"type": "", "provider": null}), META, "acme-db", "acme"),
        (
            json!({"type": "kafka", "provider": "x"}),
            Meta {
                type_: "t",
                provider: "p",
                ..both
            },
            "t",
            "p",
        ),
    ];
    for (credentials, meta, kind, provider) in cases {
        let entries = with_meta(&credentials, &meta);
        assert_eq!(entries["type"], kind, "{credentials} {meta:?}");
        assert_eq!(entries["provider"], provider, "{credentials} {meta:?}");
    }
    let removed = secret_data(
        &map(&json!({"type": "x"})),
        &[remove("type")],
        &BTreeMap::new(),
        &META,
    );
    assert_eq!(
        shown(&removed.ok().unwrap().data, |key| key == "type"),
        json!({"type": "acme-db"})
    );
}

#[test]
fn well_known_names_are_added_where_they_are_free() {
    let pem = "-----BEGIN CERTIFICATE-----\nMII";
    let cases = [
        (
            json!({"uri": "postgres://u%40x:p%2Fw%zz@db.example:5433/shop?sslmode=require"}),
            json!({"host": "db.example", "port": "5433", "username": "u@x", "password": "p/w%zz", "database": "shop"}),
        ),
        (
            json!({"url": "mysql://u@[2001:db8::1]/d", "username": "broker"}),
            json!({"uri": "mysql://u@[2001:db8::1]/d", "host": "2001:db8::1", "database": "d"}),
        ),
        (json!({"uri": "amqp://h/vhost"}), json!({"host": "h"})),
        (json!({"uri": "mongodb://a:1,b:2/d"}), json!({})),
        (
            json!({"uri": "postgres://h/a/b", "url": "x://y"}),
            json!({"host": "h"}),
        ),
        (
            json!({"hostname": "h", "server": "s", "user": "u", "passwd": "p", "dbname": "d"}),
            json!({"host": "h", "username": "u", "password": "p", "database": "d"}),
        ),
        (
            json!({"hostname": "not a host", "server": "s", "user": "", "url": "nonsense"}),
            json!({"host": "s"}),
        ),
        (
            json!({"ca": "no", "tls_ca": pem, "client_key": "no"}),
            json!({"certificates": pem}),
        ),
        (
            json!({"jdbcUrl": "jdbc:x:y", "url": "/path"}),
            json!({"jdbc-url": "jdbc:x:y"}),
        ),
        (
            json!({"host": "h", "hostname": "x", "username": "", "user": "u"}),
            json!({}),
        ),
    ];
    for (credentials, added) in cases {
        let mut expected = map(&credentials);
        expected.extend(map(&added));
        assert_eq!(
            entries(&credentials, &[]),
            Value::Object(expected),
            "{credentials}"
        );
    }
}

#[test]
fn what_the_user_took_away_does_not_come_back() {
    let credentials = json!({"uri": "redis://u:p@h:1", "password": "p", "user": "u"});
    let transforms = [
        remove("password"),
        rename("user", "login"),
        remove("username"),
        remove("port"),
    ];
    assert_eq!(
        entries(&credentials, &transforms),
        json!({"uri": "redis://u:p@h:1", "host": "h", "login": "u"})
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let overhead = "a".len() + "typeacme-db".len() + "provideracme".len();
    let of_size = |size| json!({"a": "x".repeat(size)});
    let largest = of_size(LIMIT - overhead);
    assert!(secret_data(&map(&largest), &[], &BTreeMap::new(), &META).is_ok());
    let error = secret_data(&map(&of_size(LIMIT - overhead + 1)), &[], &BTreeMap::new(), &META)
        .err()
        .unwrap();
    assert_eq!(
        error.to_string(),
        "the credentials are 1048577 bytes, more than the 1048576 bytes that fit into a Secret"
    );
}

#[test]
fn digests_tell_entries_apart() {
    let one = data(&json!({"a": "bc", "d": ""}));
    assert_eq!(digest(&one), digest(&one.clone()));
    assert_eq!(digest(&one).len(), 64);
    for other in [
        json!({"ab": "c", "d": ""}),
        json!({"a": "bcd"}),
        json!({"a": "b", "d": "c"}),
        json!({}),
    ] {
        assert_ne!(digest(&one), digest(&data(&other)), "{other}");
    }
}

fn any_transform() -> impl Strategy<Value = SecretTransform> {
    let key = || "[ab./ ]{0,3}";
    prop_oneof![
        (key(), key()).prop_map(|(from, to)| rename(&from, &to)),
        key().prop_map(|key| remove(&key)),
        (key(), any::<Vec<u8>>()).prop_map(|(key, value)| add(&key, Some(&value), None, None)),
    ]
}

proptest! {
    #[test]
    fn no_key_is_ever_illegal_and_no_value_gets_lost(
        values in prop::collection::btree_map("[a./ä]{0,4}|[a-]{250,260}", "[a-z]{1,3}", 0..8),
    ) {
        let credentials: Map<_, _> = values.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        let entries = secret_data(&credentials, &[], &BTreeMap::new(), &META).ok().unwrap();
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
        let credentials = map(&json!({"a": 1, "b": "x", "a/b": null, "..": {}}));
        let entries = secret_data(&credentials, &transforms, &BTreeMap::new(), &META).ok().unwrap();
        prop_assert!(entries.data.keys().all(|key| keys::is_legal(key)));
        prop_assert!(!entries.data["type"].0.is_empty());
    }

    #[test]
    fn no_template_is_too_strange(expression in "[{}.a\\[\\]?(@=!&|'\"\\\\:*0-9)-]{0,40}") {
        let transforms = [path(&expression)];
        let _ = secret_data(&map(&json!({"a": [{"a": 1}, "a"]})), &transforms, &BTreeMap::new(), &META);
    }
}
