//! Which real documents are mutated? Those that the examples show, that other tests have stored, and that the
//! specification has.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};

/// The catalogs of brokers.
pub static CATALOGS: LazyLock<Vec<Value>> =
    LazyLock::new(|| list(include_str!("../../../tests/fixtures/fuzz/catalogs.json")));
/// The bodies of brokers' answers.
pub static ANSWERS: LazyLock<Vec<Value>> =
    LazyLock::new(|| list(include_str!("../../../tests/fixtures/fuzz/answers.json")));
/// The credentials of bindings.
pub static CREDENTIALS: LazyLock<Vec<Value>> =
    LazyLock::new(|| list(include_str!("../../../tests/fixtures/fuzz/credentials.json")));
/// The schemas of parameters.
pub static SCHEMAS: LazyLock<Vec<Value>> =
    LazyLock::new(|| list(include_str!("../../../tests/fixtures/fuzz/schemas.json")));
/// Parameters for these schemas.
pub static PARAMETERS: LazyLock<Vec<Value>> =
    LazyLock::new(|| list(include_str!("../../../tests/fixtures/fuzz/parameters.json")));

/// The objects of all kinds: with a status those that an operator has stored, and the manifests of the examples.
pub static OBJECTS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let mut objects =
        [&*INSTANCES, &*BINDINGS, &*BROKERS, &*CLASSES_AND_PLANS, &*BOUND].map(Vec::as_slice).concat();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    add_manifests(&root.join("examples"), &mut objects);
    objects
});

/// The stored instances.
pub static INSTANCES: LazyLock<Vec<Value>> =
    LazyLock::new(|| stored(include_str!("../../../tests/fixtures/stored/instances.yaml")));
/// The stored bindings.
pub static BINDINGS: LazyLock<Vec<Value>> =
    LazyLock::new(|| stored(include_str!("../../../tests/fixtures/stored/bindings.yaml")));
/// The instances of stored bindings.
pub static BOUND: LazyLock<Vec<Value>> =
    LazyLock::new(|| stored(include_str!("../../../tests/fixtures/stored/bound.yaml")));
/// The stored brokers.
pub static BROKERS: LazyLock<Vec<Value>> =
    LazyLock::new(|| stored(include_str!("../../../tests/fixtures/stored/brokers.yaml")));
/// The classes and plans of the stored instances.
pub static CLASSES_AND_PLANS: LazyLock<Vec<Value>> =
    LazyLock::new(|| yaml(include_str!("../../../tests/fixtures/stored/catalog.yaml")));

/// The alpha objects.
pub static ALPHA: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let is_alpha = |object: &&Value| object["apiVersion"] == "servicecatalog.k8s.io/v1alpha1";
    OBJECTS.iter().filter(is_alpha).cloned().collect()
});
/// The identities of users.
pub static IDENTITIES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    vec![
        json!({"username": "jane", "uid": "c2dd", "groups": ["admin", "dev"], "extra": {"scopes": ["a", "b"]}}),
    ]
});

/// The names of members that any document has.
pub static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut names = BTreeSet::new();
    for corpus in [&*CATALOGS, &*ANSWERS, &*CREDENTIALS, &*SCHEMAS, &*PARAMETERS, &*OBJECTS] {
        for document in corpus {
            add_names(document, &mut names);
        }
    }
    names.into_iter().collect()
});

fn list(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn yaml(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

fn stored(text: &str) -> Vec<Value> {
    yaml(text).into_iter().map(|mut case| case["object"].take()).collect()
}

/// Adds the objects of our kinds in the YAML files of a folder.
fn add_manifests(folder: &Path, objects: &mut Vec<Value>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            add_manifests(&path, objects);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            let is_ours = |object: &Value| {
                object["apiVersion"]
                    .as_str()
                    .is_some_and(|version| version.starts_with("servicecatalog.k8s.io/"))
            };
            objects.extend(yaml(&std::fs::read_to_string(&path).unwrap()).into_iter().filter(is_ours));
        }
    }
}

fn add_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| add_names(item, names)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            names.insert(name.clone());
            add_names(member, names);
        }),
        _ => {}
    }
}
