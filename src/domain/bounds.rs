//! How much is kept of what users write, and what of it is too much?
//!
//! The schemas of the CRDs limit most fields, but an object may be older than the limit, and nothing limits the metadata.
//! [`Cut::cut`] shortens an object to what the operator looks at. A field beyond its limit stays beyond it, so that the
//! object is refused as if it were whole. What an object takes in memory is then bounded.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use kube::core::PartialObjectMeta;

use super::metadata::bounded_controller;
use crate::crd::binding::selector::{
    MAX_EXPRESSIONS, MAX_KEY_CHARS, MAX_LABELS, MAX_VALUE_CHARS, MAX_VALUES,
};
use crate::crd::binding::{MAX_TEXT_BYTES, SecretTransform};
use crate::crd::names::{
    ANNOTATION_DELETION_POLICY, ANNOTATION_OSB_API_VERSION, ANNOTATION_PAUSED, ANNOTATION_RESOLVED,
    ANNOTATION_ROTATE, FINALIZER, LABEL_DELETING, LABEL_INJECTS, label,
};
use crate::crd::raw::RawObject;
use crate::crd::{
    ClusterServiceBroker, ClusterServiceClass, ClusterServicePlan, ServiceBinding, ServiceBroker,
    ServiceClass, ServiceInstance, ServicePlan, alpha,
};

/// The annotation in which kubectl stores a copy of the object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The finalizer of `kubectl delete --cascade=orphan`: the dependents of the object are to outlive it.
pub const ORPHAN: &str = "orphan";

/// How many finalizers of others are kept. To change the finalizers of an object with more, the operator reads them.
pub const MAX_FINALIZERS: usize = 16;

/// The longest value of an annotation that counts, in characters. What follows is ignored.
pub const MAX_ANNOTATION_CHARS: usize = 253;

/// The labels that the operator reads from what users write.
const LABELS: [&str; 6] = [
    LABEL_INJECTS,
    LABEL_DELETING,
    label::CLUSTER_SERVICE_CLASS_REF,
    label::SERVICE_CLASS_REF,
    label::CLUSTER_SERVICE_PLAN_REF,
    label::SERVICE_PLAN_REF,
];

/// The annotations that the operator reads from what users write.
const ANNOTATIONS: [&str; 5] = [
    ANNOTATION_DELETION_POLICY,
    ANNOTATION_OSB_API_VERSION,
    ANNOTATION_PAUSED,
    ANNOTATION_RESOLVED,
    ANNOTATION_ROTATE,
];

/// The longest value of the annotation `servicecatalog.k8s.io/resolved`, in characters: the names of a class and a plan.
const MAX_RESOLVED_CHARS: usize = 2 * 1024 + 1;

/// A kind that the operator keeps in memory.
pub trait Cut {
    /// Drops of an object what the operator does not look at.
    fn cut(&mut self);
}

impl Cut for ServiceInstance {
    fn cut(&mut self) {
        cut_metadata(&mut self.metadata);
        self.spec.parameters.iter_mut().for_each(RawObject::cut);
    }
}

impl Cut for ServiceBinding {
    fn cut(&mut self) {
        cut_metadata(&mut self.metadata);
        self.spec.parameters.iter_mut().for_each(RawObject::cut);
        self.spec.pod_selector.iter_mut().for_each(cut_selector);
        cut_transforms(&mut self.spec.secret_transforms);
    }
}

impl Cut for alpha::Instance {
    fn cut(&mut self) {
        cut_metadata(&mut self.metadata);
        self.spec.parameters.iter_mut().for_each(RawObject::cut);
    }
}

impl Cut for alpha::Binding {
    fn cut(&mut self) {
        cut_metadata(&mut self.metadata);
        self.spec.parameters.iter_mut().for_each(RawObject::cut);
        cut_labels(&mut self.spec.labels);
    }
}

macro_rules! cut {
    ($how:ident: $($kind:ty),*) => {
        $(impl Cut for $kind {
            fn cut(&mut self) {
                $how(&mut self.metadata);
            }
        })*
    };
}
cut!(cut_metadata: ClusterServiceBroker, ServiceBroker, alpha::Broker, PartialObjectMeta<Namespace>);
// The operator writes these as a whole, and users do not write them.
cut!(drop_copies: ClusterServiceClass, ClusterServicePlan, ServiceClass, ServicePlan);

/// Keeps the metadata that the operator looks at.
fn cut_metadata(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    if let Some(labels) = &mut meta.labels {
        labels.retain(|key, _| LABELS.contains(&key.as_str()));
    }
    if let Some(annotations) = &mut meta.annotations {
        annotations.retain(|key, _| ANNOTATIONS.contains(&key.as_str()));
        for (key, value) in annotations {
            let is_resolved = key == ANNOTATION_RESOLVED;
            cut_text(value, if is_resolved { MAX_RESOLVED_CHARS } else { MAX_ANNOTATION_CHARS });
        }
    }
    if meta.owner_references.is_some() {
        meta.owner_references = Some(bounded_controller(meta).cloned().into_iter().collect());
    }
    if let Some(finalizers) = meta.finalizers.take_if(|finalizers| finalizers.len() > MAX_FINALIZERS) {
        let is_known = |name: &String| [FINALIZER, ORPHAN].contains(&name.as_str());
        let known =
            [FINALIZER, ORPHAN].map(str::to_owned).into_iter().filter(|name| finalizers.contains(name));
        let others = finalizers.iter().filter(|name| !is_known(name)).cloned();
        meta.finalizers = Some(known.chain(others).take(MAX_FINALIZERS + 1).collect());
    }
}

/// Drops the copies of the object from its metadata: they are as large as the object.
fn drop_copies(meta: &mut ObjectMeta) {
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove(LAST_APPLIED);
    }
}

/// Why a selector is too large to compare pods with it.
pub fn excess_of_selector(selector: &LabelSelector) -> Option<String> {
    let labels = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    let values = || expressions.clone().map(|expression| expression.values.iter().flatten());
    let keys =
        labels.clone().map(|(key, _)| key).chain(expressions.clone().map(|expression| &expression.key));
    let is_too_long = |text: &String, max: usize| text.len() > max && text.chars().count() > max;
    match () {
        () if labels.clone().count() > MAX_LABELS => {
            Some(format!("matchLabels has more than {MAX_LABELS} labels"))
        }
        () if expressions.clone().count() > MAX_EXPRESSIONS => {
            Some(format!("matchExpressions has more than {MAX_EXPRESSIONS} requirements"))
        }
        () if values().any(|values| values.count() > MAX_VALUES) => {
            Some(format!("a requirement in matchExpressions has more than {MAX_VALUES} values"))
        }
        () if keys.clone().any(|key| is_too_long(key, MAX_KEY_CHARS)) => {
            Some(format!("a key has more than {MAX_KEY_CHARS} characters"))
        }
        () if labels
            .clone()
            .map(|(_, value)| value)
            .chain(values().flatten())
            .any(|value| is_too_long(value, MAX_VALUE_CHARS)) =>
        {
            Some(format!("a value has more than {MAX_VALUE_CHARS} characters"))
        }
        () => None,
    }
}

fn cut_selector(selector: &mut LabelSelector) {
    if excess_of_selector(selector).is_none() {
        return;
    }
    if let Some(labels) = &mut selector.match_labels {
        cut_labels(labels);
    }
    if let Some(expressions) = &mut selector.match_expressions {
        shorten(expressions, MAX_EXPRESSIONS);
        for expression in expressions {
            cut_text(&mut expression.key, MAX_KEY_CHARS);
            if let Some(values) = &mut expression.values {
                shorten(values, MAX_VALUES);
                for value in values {
                    cut_text(value, MAX_VALUE_CHARS);
                }
            }
        }
    }
}

fn cut_labels(labels: &mut BTreeMap<String, String>) {
    if labels.len() > MAX_LABELS || labels.iter().any(|(key, value)| key.len() + value.len() > MAX_KEY_CHARS)
    {
        let first = std::mem::take(labels).into_iter().take(MAX_LABELS + 1);
        *labels = first
            .map(|(mut key, mut value)| {
                cut_text(&mut key, MAX_KEY_CHARS);
                cut_text(&mut value, MAX_VALUE_CHARS);
                (key, value)
            })
            .collect();
    }
}

/// Shortens a list to one more than may be in it.
fn shorten<T>(list: &mut Vec<T>, max: usize) {
    list.truncate(max + 1);
    list.shrink_to_fit();
}

/// Shortens a text to one character more than it may have.
fn cut_text(text: &mut String, max_chars: usize) {
    if let Some((end, _)) = text.char_indices().nth(max_chars + 1) {
        text.truncate(end);
        text.shrink_to_fit();
    }
}

/// Whether the texts of these transforms take more than [`MAX_TEXT_BYTES`].
pub fn are_transforms_too_long(transforms: &[SecretTransform]) -> bool {
    transforms.iter().map(length).sum::<usize>() > MAX_TEXT_BYTES
}

/// How long the texts of a transform are, in bytes.
fn length(transform: &SecretTransform) -> usize {
    let add = transform.add_key.as_ref().map_or(0, |add| {
        let texts = [&add.string_value, &add.json_path_expression].into_iter().flatten();
        let bytes = add.value.as_ref().map_or(0, |value| value.0.len());
        add.key.len() + bytes + texts.map(String::len).sum::<usize>()
    });
    let rename = transform.rename_key.as_ref().map_or(0, |rename| rename.from.len() + rename.to.len());
    add + rename + transform.remove_key.as_ref().map_or(0, |remove| remove.key.len())
}

/// Of transforms that are too long one remains that is too long.
fn cut_transforms(transforms: &mut Vec<SecretTransform>) {
    if are_transforms_too_long(transforms) {
        let value = Some(ByteString(vec![0; MAX_TEXT_BYTES + 1]));
        let add_key = crate::crd::binding::AddKeyTransform { value, ..Default::default() };
        *transforms = vec![SecretTransform { add_key: Some(add_key), ..SecretTransform::default() }];
    }
}
