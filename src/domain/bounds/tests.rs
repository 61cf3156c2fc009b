use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde_json::{Value, json};

use super::*;
use crate::crd::binding::AddKeyTransform;
use crate::domain::MAX_OWNER_BYTES;

fn binding(spec: Value) -> ServiceBinding {
    let mut spec = spec;
    spec["instanceRef"] = json!({"name": "db"});
    serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceBinding", "metadata": {"name": "db"}, "spec": spec,
    }))
    .unwrap()
}

/// How long an object is as JSON.
fn size(object: &ServiceBinding) -> usize {
    serde_json::to_string(object).unwrap().len()
}

fn many(count: usize) -> BTreeMap<String, String> {
    (0..count).map(|index| (format!("{index}/k"), "v".repeat(10))).collect()
}

fn selector(value: Value) -> LabelSelector {
    serde_json::from_value(value).unwrap()
}

fn expressions(count: usize, values: &Value) -> Value {
    let expression = json!({"key": "a", "operator": "NotIn", "values": values});
    json!({"matchExpressions": vec![expression; count]})
}

/// What is too large stays too large, and takes little memory.
#[test]
fn what_is_cut_is_still_refused() {
    let long = "ä".repeat(400_000);
    for excessive in [
        json!({"matchLabels": many(40_000)}),
        json!({"matchLabels": {long.clone(): "x"}}),
        json!({"matchLabels": {"x": long}}),
        expressions(50_000, &json!(["x"])),
        expressions(1, &json!(vec![""; 450_000])),
        expressions(1, &json!([long])),
    ] {
        let mut binding = binding(json!({"podSelector": excessive}));
        let excess =
            |binding: &ServiceBinding| binding.spec.pod_selector.as_ref().and_then(excess_of_selector);
        let before = excess(&binding);
        assert!(before.is_some());
        binding.cut();
        assert_eq!(excess(&binding), before);
        assert!(size(&binding) < 64 * 1024, "{}", size(&binding));
        let once = binding.clone();
        binding.cut();
        assert_eq!(binding, once);
    }
    let text = "x".repeat(1_400_000);
    let mut binding = binding(json!({
        "secretTransforms": [{"addKey": {"key": "k", "stringValue": text}}], "parameters": {"a": text},
    }));
    binding.cut();
    assert!(are_transforms_too_long(&binding.spec.secret_transforms));
    assert!(binding.spec.parameters.as_ref().unwrap().len() > 1_400_000);
    assert!(size(&binding) < 128 * 1024, "{}", size(&binding));
}

#[test]
fn what_is_within_the_limits_is_kept() {
    let labels: BTreeMap<String, String> = (0..MAX_LABELS)
        .map(|index| (format!("{index:0>MAX_KEY_CHARS$}"), "v".repeat(MAX_VALUE_CHARS)))
        .collect();
    let values: Vec<String> = (0..MAX_VALUES).map(|index| format!("{index:0>MAX_VALUE_CHARS$}")).collect();
    let mut all = expressions(MAX_EXPRESSIONS, &json!(values));
    all["matchLabels"] = json!(labels);
    let transform = SecretTransform {
        add_key: Some(AddKeyTransform {
            string_value: Some("x".repeat(MAX_TEXT_BYTES)),
            ..Default::default()
        }),
        ..SecretTransform::default()
    };
    let mut binding = binding(json!({"podSelector": all, "parameters": {"a": 1}}));
    binding.spec.secret_transforms = vec![transform];
    let before = binding.clone();
    assert_eq!(excess_of_selector(&selector(all)), None);
    binding.cut();
    assert_eq!(binding, before);
}

#[test]
fn of_metadata_only_what_the_operator_reads_is_kept() {
    let mut binding = binding(json!({}));
    let meta = &mut binding.metadata;
    let mut labels = many(100_000);
    labels.insert(LABEL_INJECTS.to_owned(), "true".to_owned());
    meta.labels = Some(labels);
    let mut annotations = many(10_000);
    annotations.insert(ANNOTATION_PAUSED.to_owned(), "true".to_owned());
    annotations.insert(LAST_APPLIED.to_owned(), "x".to_owned());
    meta.annotations = Some(annotations);
    let owner = OwnerReference { uid: "owner".to_owned(), ..OwnerReference::default() };
    let controller = OwnerReference { controller: Some(true), uid: "controller".to_owned(), ..owner.clone() };
    meta.owner_references = Some([vec![owner; 1000], vec![controller.clone()]].concat());
    let others: Vec<String> = (0..1000).map(|index| format!("example.com/{index}")).collect();
    meta.finalizers = Some([others, vec![ORPHAN.to_owned(), FINALIZER.to_owned()]].concat());
    binding.cut();
    let meta = &binding.metadata;
    assert_eq!(meta.labels, Some([(LABEL_INJECTS.to_owned(), "true".to_owned())].into()));
    assert_eq!(meta.annotations, Some([(ANNOTATION_PAUSED.to_owned(), "true".to_owned())].into()));
    assert_eq!(meta.owner_references, Some(vec![controller]));
    let finalizers = meta.finalizers.as_ref().unwrap();
    assert_eq!(finalizers.len(), MAX_FINALIZERS + 1, "more than are kept, so the operator reads them");
    assert!(finalizers.iter().any(|name| name == FINALIZER));
    assert!(finalizers.iter().any(|name| name == ORPHAN));
}

/// Nothing limits these texts but the size of the object. Seen to fail when a controller is kept as it is: a hundred
/// instances, which their finalizers hold, stop the operator at each start.
#[test]
fn no_text_in_the_metadata_takes_much_memory() {
    let long = "x".repeat(1_300_000);
    let short = || "x".repeat(MAX_OWNER_BYTES);
    let owner = OwnerReference {
        api_version: short(),
        kind: short(),
        name: short(),
        uid: short(),
        controller: Some(true),
        ..OwnerReference::default()
    };
    let changes: [fn(&mut OwnerReference, String); 4] = [
        |owner, text| owner.api_version = text,
        |owner, text| owner.kind = text,
        |owner, text| owner.name = text,
        |owner, text| owner.uid = text,
    ];
    for change in changes {
        let mut binding = binding(json!({}));
        let mut invented = owner.clone();
        change(&mut invented, long.clone());
        binding.metadata.owner_references = Some(vec![invented]);
        binding.cut();
        assert_eq!(binding.metadata.owner_references, Some(vec![]));
        binding.metadata.owner_references = Some(vec![owner.clone()]);
        binding.cut();
        assert_eq!(binding.metadata.owner_references, Some(vec![owner.clone()]));
    }
    let mut binding = binding(json!({}));
    binding.metadata.annotations = Some(ANNOTATIONS.map(|key| (key.to_owned(), "ä".repeat(80_000))).into());
    binding.cut();
    assert!(size(&binding) < 4 * 1024 + 2 * MAX_RESOLVED_CHARS, "{}", size(&binding));
}

/// A name that is cut would differ from that in the spec, and be resolved again and again.
#[test]
fn the_longest_names_to_which_an_instance_was_resolved_are_kept() {
    let names = format!("{}/{}", "ä".repeat(1024), "p".repeat(1024));
    let mut instance: ServiceInstance = serde_json::from_value(json!({
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": "ServiceInstance", "spec": {},
        "metadata": {"name": "db", "annotations": {
            ANNOTATION_RESOLVED: names, ANNOTATION_PAUSED: "x".repeat(5000), "example.com/other": "y",
        }},
    }))
    .unwrap();
    instance.cut();
    let kept = instance.metadata.annotations.unwrap();
    assert_eq!(kept[ANNOTATION_RESOLVED], names);
    assert_eq!(kept[ANNOTATION_PAUSED].chars().count(), MAX_ANNOTATION_CHARS + 1);
    assert_eq!(kept.len(), 2);
}
