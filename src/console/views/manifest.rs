//! An object as YAML, to read and to copy: what its author wrote, without what the cluster added.

use crate::console::form::to_text;
use crate::osb::REDACTED;
use kube::Resource;
use kube::core::ObjectMeta;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The annotation in which `kubectl apply` repeats the whole object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The manifest of an object. Parameters with these names are left out, as they look secret.
pub fn of<K: Resource<DynamicType = ()> + Serialize>(object: &K, secret_parameters: &[String]) -> String {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    let mut spec = value.get_mut("spec").map(Value::take).unwrap_or_default();
    if let Some(parameters) = spec.get_mut("parameters").and_then(Value::as_object_mut) {
        for (_, value) in parameters.iter_mut().filter(|(name, _)| secret_parameters.contains(name)) {
            *value = REDACTED.into();
        }
    }
    let manifest = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": metadata(object.meta()),
        "spec": spec,
    });
    to_text(&manifest)
}

fn metadata(meta: &ObjectMeta) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(meta.name));
    if let Some(namespace) = &meta.namespace {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    let annotations = meta.annotations.clone().unwrap_or_default();
    let annotations: Map<_, _> = annotations
        .into_iter()
        .filter(|(key, _)| key != LAST_APPLIED)
        .map(|(key, value)| (key, Value::from(value)))
        .collect();
    if !annotations.is_empty() {
        metadata.insert("annotations".to_owned(), annotations.into());
    }
    if let Some(labels) = meta.labels.as_ref().filter(|labels| !labels.is_empty()) {
        metadata.insert("labels".to_owned(), json!(labels));
    }
    metadata.into()
}
