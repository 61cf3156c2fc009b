//! What goes into the Secret, whatever the broker sends and the user wants done with it?

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::strategy::Just;
use serde_json::Value;

use super::corpus::CREDENTIALS;
use super::mutation::{Json, document, name};
use super::target::{Case, Verdict, case};
use super::words::text;
use crate::crd::binding::{
    AddKeyTransform, AddKeysFromTransform, RemoveKeyTransform, RenameKeyTransform, SecretData,
    SecretTransform,
};
use crate::crd::reference::ObjectReference;
use crate::domain::credentials::{CredentialsError, Meta, becomes_code, check, digest, secret_data, sources};

/// The longest message, in characters.
const MAX_MESSAGE_CHARS: usize = 1000;

/// Pieces of templates, most of which fit together.
const PIECES: &[&str] = &[
    "{",
    "}",
    "{.",
    "{.uri}",
    "{.nested.deep.deeper[",
    "{.hosts[*].name}",
    "{..",
    "[",
    "]",
    "*",
    "..",
    ".",
    "@",
    "$",
    "?",
    "(@.port>1)",
    "(@.name=='a')",
    "&&",
    "||",
    "!",
    "==",
    "<",
    ">=",
    "-1",
    ":",
    "::2",
    "1:",
    "0",
    ",",
    "'a'",
    "\"a\"",
    "\\",
    " ",
    "name",
    "port",
    "roles",
    "{\" \"}",
    "length(",
    "match(@,'a')",
    "range",
    "end",
    "1e9",
    "null",
    "true",
    "ä",
    "'",
];

fn template() -> BoxedStrategy<String> {
    let pieces = vec(select(PIECES), 0..8);
    let expression = pieces.prop_map(|pieces| pieces.concat());
    prop_oneof![
        4 => expression.clone().prop_map(|expression| format!("{{.{expression}}}")),
        3 => expression.clone().prop_map(|expression| format!("{{..[?({expression})]}}")),
        2 => expression.clone().prop_map(|expression| format!("{{.hosts[{expression}]}}")),
        2 => expression,
        1 => text(),
        1 => (text(), 1_usize..20).prop_map(|(text, times)| format!("{{.{text}}}").repeat(times)),
    ]
    .boxed()
}

fn transform() -> BoxedStrategy<SecretTransform> {
    let rename = (name(), name()).prop_map(|(from, to)| SecretTransform {
        rename_key: Some(RenameKeyTransform { from, to }),
        ..SecretTransform::default()
    });
    let values = (option::of(vec(any::<u8>(), 0..9)), option::of(text()), option::weighted(0.8, template()));
    let add =
        (name(), values).prop_map(|(key, (value, string_value, json_path_expression))| SecretTransform {
            add_key: Some(AddKeyTransform {
                key,
                value: value.map(ByteString),
                string_value,
                json_path_expression,
            }),
            ..SecretTransform::default()
        });
    let from = (option::of(select(&["", "ns", "other"][..])), select(&["one", "two", "missing"][..]));
    let add_from = from.prop_map(|(namespace, name)| SecretTransform {
        add_keys_from: Some(AddKeysFromTransform {
            secret_ref: namespace
                .map(|namespace| ObjectReference { namespace: namespace.to_owned(), name: name.to_owned() }),
        }),
        ..SecretTransform::default()
    });
    let remove = name().prop_map(|key| SecretTransform {
        remove_key: Some(RemoveKeyTransform { key }),
        ..SecretTransform::default()
    });
    prop_oneof![2 => rename, 6 => add, 1 => add_from, 2 => remove, 1 => Just(SecretTransform::default())]
        .boxed()
}

fn data() -> BoxedStrategy<SecretData> {
    let value = prop_oneof![2 => text().prop_map(String::into_bytes), 1 => vec(any::<u8>(), 0..9)];
    btree_map(name(), value.prop_map(ByteString), 0..4).boxed()
}

/// Any transforms of any credentials.
pub fn credentials() -> Case {
    let secrets = (data(), data())
        .prop_map(|(one, two)| BTreeMap::from([("one".to_owned(), one), ("two".to_owned(), two)]));
    // The schema allows 253 characters.
    let prefix = text().prop_map(|text| text.chars().take(253).collect::<String>());
    let inputs =
        (document(&CREDENTIALS), vec(transform(), 0..6), secrets, option::of(prefix), vec(text(), 0..2));
    case(inputs, |(Json(credentials), transforms, secrets, prefix, tags)| {
        let Value::Object(credentials) = credentials else { return Verdict::Rejected };
        let metadata = Value::Object(credentials.clone());
        let meta = Meta {
            namespace: "ns",
            type_: tags.first().map_or("", |tag| tag),
            service: "service",
            tags: &tags,
            plan_metadata: Some(&metadata),
            broker: "broker",
            env_prefix: prefix.as_deref(),
            ..Meta::default()
        };
        if let Err(error) = sources(&transforms, "ns") {
            assert_error(&error);
        }
        if let Err(error) = check(&transforms, &secrets, "ns") {
            assert_error(&error);
        }
        let once = secret_data(&credentials, &transforms, &secrets, &meta);
        let twice = secret_data(&credentials, &transforms, &secrets, &meta);
        match (once, twice) {
            (Ok(once), Ok(twice)) => {
                assert_eq!(digest(&once.data), digest(&twice.data), "it is not deterministic");
                assert_data(&once.data, prefix.as_deref());
                once.warnings.iter().for_each(|warning| assert_short(warning));
                Verdict::Accepted
            }
            (Err(once), Err(twice)) => {
                assert_eq!(once, twice, "it is not deterministic");
                assert_error(&once);
                Verdict::Rejected
            }
            _ => panic!("it is not deterministic"),
        }
    })
}

/// The API server accepts the data, and no entry becomes code.
fn assert_data(data: &SecretData, prefix: Option<&str>) {
    let size: usize = data.iter().map(|(key, value)| key.len() + value.0.len()).sum();
    assert!(size <= 1024 * 1024, "{size} bytes");
    for key in data.keys() {
        let is_legal = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        assert!(
            is_legal && (1..=253).contains(&key.len()) && key != "." && !key.starts_with(".."),
            "{key:?}"
        );
        assert!(!prefix.is_some_and(|prefix| becomes_code(key, prefix)), "{key:?}");
    }
    for name in ["type", "provider"] {
        let is_code = prefix.is_some_and(|prefix| becomes_code(name, prefix));
        assert!(data.contains_key(name) || is_code, "{name} is missing");
    }
}

fn assert_error(error: &CredentialsError) {
    assert_short(&error.to_string());
}

fn assert_short(message: &str) {
    assert!(message.chars().count() <= MAX_MESSAGE_CHARS, "{message}");
}
