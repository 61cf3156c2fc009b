//! What is a Kubernetes object called? Reads objects as JSON, which may have any shape.

use serde_json::{Map, Value};

use super::problem::short;

/// Label on every object of an instance. Its value is the id of the service instance at the broker.
pub const LABEL_INSTANCE: &str = "servicecatalog.k8s.io/template-instance";

/// The longest name of an object, in characters.
const MAX_NAME_CHARS: usize = 253;

/// The text at a path of members.
pub(super) fn text<'a>(object: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(object, path)?.as_str()
}

/// Whether a live object belongs to an instance.
pub fn is_of_instance(object: &Value, instance_id: &str) -> bool {
    text(object, &["metadata", "labels", LABEL_INSTANCE]) == Some(instance_id)
}

/// The UID of a live object, or empty.
pub fn uid(object: &Value) -> &str {
    text(object, &["metadata", "uid"]).unwrap_or_default()
}

/// Whether a live object is being deleted.
pub fn is_terminating(object: &Value) -> bool {
    text(object, &["metadata", "deletionTimestamp"]).is_some()
}

/// The label selector of a workload's pods, if it is one by labels only.
pub fn pod_selector(workload: &Value) -> Option<String> {
    let labels = at(workload, &["spec", "selector", "matchLabels"])?.as_object()?;
    let labels = labels.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    Some(labels.collect::<Vec<_>>().join(","))
}

/// The whole number at a path of members.
pub(super) fn number(object: &Value, path: &[&str]) -> Option<i64> {
    at(object, path)?.as_i64()
}

/// The value at a path of members.
pub(super) fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, name| value.get(name))
}

/// The elements of the list at a path of members; none if there is no list.
pub(super) fn list<'a>(object: &'a Value, path: &[&str]) -> impl Iterator<Item = &'a Value> + use<'a> {
    at(object, path).and_then(Value::as_array).into_iter().flatten()
}

/// The object's `apiVersion`, or empty.
pub(super) fn api_version(object: &Value) -> &str {
    text(object, &["apiVersion"]).unwrap_or_default()
}

/// The object's `kind`, or empty.
pub(super) fn kind(object: &Value) -> &str {
    text(object, &["kind"]).unwrap_or_default()
}

/// The object's name, or empty.
pub(super) fn name(object: &Value) -> &str {
    text(object, &["metadata", "name"]).unwrap_or_default()
}

/// The namespace that the object names.
pub(super) fn namespace(object: &Value) -> Option<&str> {
    text(object, &["metadata", "namespace"])
}

/// The value of an annotation.
pub(super) fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    text(object, &["metadata", "annotations", name])
}

/// All annotations, or none.
pub(super) fn annotations(object: &Value) -> Option<&Map<String, Value>> {
    at(object, &["metadata", "annotations"])?.as_object()
}

/// The API group, empty for the core group. Two versions of a group serve the same objects.
pub(super) fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// The object for messages, such as `Deployment redis`.
pub(super) fn describe(object: &Value) -> String {
    let name = name(object).chars().filter(|character| !character.is_control());
    format!("{} {}", short(kind(object)), name.take(MAX_NAME_CHARS).collect::<String>())
}
