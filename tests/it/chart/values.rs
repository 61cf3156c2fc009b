//! Every value of the schema has its effect, and the schema is closed: a typo is refused.

use std::collections::BTreeSet;

use serde_json::Value;

use super::effects::GROUPS;
use super::{printed, values_file};
use crate::cluster::CHART;

const SCHEMA: &str = include_str!("../../../charts/service-catalog/values.schema.json");
/// Tested in `refused.rs`, because the only effect is a refusal.
const REFUSES: &str = "kubeVersion";
/// Helm hands it to every chart, and this one does not use it.
const HELMS_OWN: &str = "global";
/// Not in `values.yaml`: with these, the other strategy would be invalid.
const WITHOUT_DEFAULT: &str = "deploymentStrategy.rollingUpdate.";

/// A node of the schema, or what it refers to.
fn resolved<'a>(root: &'a Value, node: &'a Value) -> &'a Value {
    node["$ref"].as_str().map_or(node, |reference| root.pointer(reference.trim_start_matches('#')).unwrap())
}

/// The paths of all values, as `helm --set` takes them. A map whose keys are up to the user is one value.
fn paths(root: &Value, node: &Value, path: &str, found: &mut BTreeSet<String>) {
    let Some(properties) = node["properties"].as_object() else {
        found.insert(path.to_owned());
        return;
    };
    assert_eq!(node["additionalProperties"], false, "a typo below {path:?} is not refused");
    for (name, child) in properties.iter().filter(|(name, _)| *name != HELMS_OWN) {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        paths(root, resolved(root, child), &path, found);
    }
}

fn all_paths() -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut found = BTreeSet::new();
    paths(&schema, &schema, "", &mut found);
    assert!(found.len() > 100, "{found:?}");
    found
}

fn set(values: &mut Value, path: &str, value: Value) {
    let mut place = values;
    for name in path.split('.') {
        place = &mut place[name];
    }
    *place = value;
}

/// What is rendered with these values, with single spaces.
fn rendered(values: &Value) -> String {
    let text = printed(&["--values", &values_file(values)]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_value_has_its_effect() {
    let mut tested = BTreeSet::from([REFUSES.to_owned()]);
    for group in GROUPS {
        let mut values: Value = serde_json::from_str(group.needs).unwrap();
        let before = rendered(&values);
        for (path, value, _) in group.effects {
            set(&mut values, path, serde_json::from_str(value).unwrap());
            assert!(tested.insert((*path).to_owned()), "{path} is there twice");
        }
        let after = rendered(&values);
        for (path, value, effect) in group.effects {
            let (has, lacks) = match effect.split_at(1) {
                ("+", text) => (after.contains(text), !before.contains(text)),
                ("-", text) => (before.contains(text), !after.contains(text)),
                (sign, _) => panic!("{path}: {sign} is neither + nor -"),
            };
            assert!(has && lacks, "{path}={value} has not the effect {effect}");
        }
    }
    assert_eq!(tested, all_paths(), "left: with an effect; right: in the schema");
}

/// So that `helm show values` shows every value, and none that is refused.
#[test]
fn the_defaults_name_the_values_of_the_schema() {
    let defaults = std::fs::read_to_string(format!("{CHART}/values.yaml")).unwrap();
    let defaults: Value = serde_saphyr::from_str(&defaults).unwrap();
    for path in all_paths().iter().filter(|path| !path.starts_with(WITHOUT_DEFAULT)) {
        let pointer = format!("/{}", path.replace('.', "/"));
        assert!(defaults.pointer(&pointer).is_some(), "values.yaml lacks {path}");
    }
    // Helm compares values.yaml with the schema whenever it renders.
    printed(&[]);
}
