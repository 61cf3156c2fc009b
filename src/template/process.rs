//! What becomes of a template's objects? They get the values, labels and images, and lose fixed namespaces.
//!
//! The entry point is [`Processing::run`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::annotation;
use super::images::Images;
use super::inventory::apply_order;
use super::object::{
    LABEL_INSTANCE, annotation as annotation_of, api_version, describe, group, kind, name, namespace,
};
use super::plan::Plan;
use super::problem::Problems;
use super::substitute::{Substitution, TooLarge, Values, has_reference};

/// How many bytes the objects of an instance may have together, as JSON.
pub(super) const MAX_OBJECTS_BYTES: usize = 1024 * 1024;

/// Whether each binding gets its own copy of a template's object.
pub(super) fn is_per_binding(object: &Value) -> bool {
    annotation_of(object, annotation::PER_BINDING) == Some("true")
}

/// Whether instances of a plan have a template's object.
pub(super) fn is_in_plan(object: &Value, plan: &Plan) -> bool {
    let plans = annotation_of(object, annotation::IN_PLANS);
    plans.is_none_or(|plans| annotation::comma_list(plans).any(|name| name == plan.name))
}

/// What the objects of a template are processed with.
pub(super) struct Processing<'a> {
    /// The values of parameters. Without a value, a reference stays.
    pub(super) values: &'a Values,
    /// The template's labels, before substitution.
    pub(super) labels: &'a BTreeMap<String, String>,
    /// The id of the service instance.
    pub(super) instance_id: &'a str,
    /// The images for triggers.
    pub(super) images: &'a Images,
    /// Whether messages may show values, because they are the template's own.
    pub(super) shows_values: bool,
}

impl Processing<'_> {
    /// Processes objects into the order in which they are applied, and finds everything that is wrong with them. What
    /// could not be processed is left out.
    pub(super) fn run<'a>(&self, templates: impl Iterator<Item = &'a Value>) -> (Vec<Value>, Problems) {
        let mut problems = Problems::default();
        let mut substitution = Substitution::new(self.values, MAX_OBJECTS_BYTES);
        let mut objects = Vec::new();
        for template in templates {
            let Ok((object, problem)) = self.object(template, &mut substitution) else {
                problems.add(too_large());
                break;
            };
            problems.record(problem.map_err(|problem| format!("{}: {problem}", describe(template))));
            objects.push(object);
        }
        check_identities(&objects, &mut problems);
        if objects.iter().map(|object| object.to_string().len()).sum::<usize>() > MAX_OBJECTS_BYTES {
            problems.add(too_large());
        }
        (apply_order(objects), problems)
    }

    fn object(
        &self,
        template: &Value,
        substitution: &mut Substitution,
    ) -> Result<(Value, Result<(), String>), TooLarge> {
        let mut object = substitution.value(template)?;
        remove_nulls(&mut object);
        let mut labels = Map::new();
        for (key, value) in self.labels {
            labels.insert(substitution.text(key)?, Value::from(substitution.text(value)?));
        }
        labels.insert(LABEL_INSTANCE.to_owned(), Value::from(self.instance_id));
        set_metadata(&mut object, labels, namespace(template).is_some_and(has_reference));
        let problem = check_fields(&object).and_then(|()| self.fill_images(&mut object, template));
        Ok((object, problem))
    }

    fn fill_images(&self, object: &mut Value, template: &Value) -> Result<(), String> {
        if !self.shows_values {
            return self.images.fill(object, template);
        }
        let shown = object.clone();
        self.images.fill(object, &shown)
    }
}

/// Removes members that are `null`, for example of an optional parameter. Otherwise an update would be refused for an
/// immutable field that the API server has filled in, such as a claim's storage class.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(remove_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

fn too_large() -> String {
    format!("the objects have more than {MAX_OBJECTS_BYTES} bytes: shorten the parameters or the template")
}

fn check_fields(object: &Value) -> Result<(), String> {
    let fields =
        [("apiVersion", api_version(object)), ("kind", kind(object)), ("metadata.name", name(object))];
    let missing: Vec<_> =
        fields.into_iter().filter(|(_, text)| text.is_empty()).map(|(field, _)| field).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("the object needs the field {}, a string that is not empty", missing.join(" and ")))
}

fn check_identities(objects: &[Value], problems: &mut Problems) {
    let mut identities = BTreeSet::new();
    for object in objects.iter().filter(|object| check_fields(object).is_ok()) {
        if !identities.insert((group(api_version(object)), kind(object), namespace(object), name(object))) {
            problems.add(format!("there are two objects {}: give them different names", describe(object)));
        }
    }
}

/// Sets labels. A namespace without a reference in the template is removed: objects belong to the instance's.
fn set_metadata(object: &mut Value, labels: Map<String, Value>, keeps_namespace: bool) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    if !keeps_namespace || metadata.get("namespace").and_then(Value::as_str) == Some("") {
        metadata.remove("namespace");
    }
    match metadata.get_mut("labels") {
        Some(Value::Object(own)) => own.extend(labels),
        _ => drop(metadata.insert("labels".to_owned(), Value::Object(labels))),
    }
}
