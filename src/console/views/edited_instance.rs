//! An instance that is edited: what of it a form may show, and which change a draft makes.

use std::collections::BTreeSet;

use crate::console::form::{Existing, Form, pointer_to};
use crate::crd::reference::ParametersFromSource;
use crate::crd::{ServiceInstance, ServiceInstanceSpec};
use serde_json::{Map, Value, json};

use super::draft::Draft;
use super::parameter_secret::{SourceChange, Sources};
use super::plan::Plan;
use crate::osb::REDACTED;

/// What there is to edit.
pub struct Edited {
    /// What the form is filled in with.
    pub existing: Existing,
    /// `spec.parameters`.
    pub inline: Map<String, Value>,
    /// Whether `spec.parameters` is there at all.
    has_inline: bool,
    /// `spec.parametersFrom`.
    pub sources: Sources,
    from: Vec<ParametersFromSource>,
    version: String,
    /// The generation, which counts the changes of the spec.
    pub generation: i64,
}

impl Edited {
    /// Of this object. A parameter that one of the forms takes for a secret is not shown.
    pub fn of(instance: &ServiceInstance, forms: &[&Form]) -> Self {
        let spec = &instance.spec;
        let name = instance.metadata.name.as_deref().unwrap_or_default();
        let inline = spec.parameters.as_ref().and_then(|raw| raw.parse().ok()).unwrap_or_default();
        let (mut visible, mut hidden) = (inline.clone(), BTreeSet::new());
        for form in forms {
            let (shown, secret) = form.split(visible);
            visible = shown;
            hidden.extend(secret.into_iter().map(|(name, _)| name));
        }
        let sources = Sources::of(name, &spec.parameters_from);
        hidden.extend(sources.names());
        if !spec.parameters_from.is_empty() {
            hidden.extend(redacted(instance).filter(|name| !inline.contains_key(name)));
        }
        Self {
            existing: Existing { parameters: visible, in_secrets: hidden },
            inline,
            has_inline: spec.parameters.is_some(),
            sources,
            from: spec.parameters_from.clone(),
            version: instance.metadata.resource_version.clone().unwrap_or_default(),
            generation: instance.metadata.generation.unwrap_or_default(),
        }
    }

    /// The parameters that a draft keeps, and whose values are not known here: they are in Secrets.
    pub fn unknown(&self, draft: &Draft) -> BTreeSet<String> {
        draft.kept.iter().filter(|name| !self.inline.contains_key(*name)).cloned().collect()
    }

    /// The inline parameters after the change.
    pub fn inline_after(&self, draft: &Draft) -> Map<String, Value> {
        let kept = self.inline.iter().filter(|(name, _)| draft.kept.contains(*name));
        kept.map(|(name, value)| (name.clone(), value.clone())).chain(draft.inline()).collect()
    }

    /// The parameters that the draft changes although they come from a Secret that the console does not write.
    pub fn out_of_reach(&self, draft: &Draft) -> Vec<String> {
        let is_foreign = |name: &&String| !self.inline.contains_key(*name) && !self.sources.holds(name);
        let hidden = self.existing.in_secrets.iter().filter(is_foreign);
        hidden.filter(|name| !draft.kept.contains(*name)).cloned().collect()
    }

    /// How the sources change; `None` if there would be too many.
    pub fn source_change(&self, draft: &Draft, suffix: &str) -> Option<SourceChange> {
        self.sources.changed(&draft.confidential(), &draft.kept, &self.existing.in_secrets, suffix)
    }

    /// The steps of the JSON patch, without its precondition. Each parameter is replaced as a whole, and those that do
    /// not change are not sent.
    pub fn steps(
        &self,
        draft: &Draft,
        plan: Option<(&'static str, &str)>,
        change: &SourceChange,
    ) -> Vec<Value> {
        let mut steps = Vec::new();
        if let Some((field, name)) = plan {
            steps.push(json!({"op": "add", "path": format!("/spec/{field}"), "value": name}));
        }
        let after = self.inline_after(draft);
        let path = |name: &str| pointer_to("/spec/parameters", name);
        let set: Vec<_> =
            after.iter().filter(|(name, value)| self.inline.get(*name) != Some(value)).collect();
        if !self.has_inline && !set.is_empty() {
            steps.push(json!({"op": "add", "path": "/spec/parameters", "value": {}}));
        }
        for (name, value) in set {
            steps.push(json!({"op": "add", "path": path(name), "value": value}));
        }
        for name in self.inline.keys().filter(|name| !after.contains_key(*name)) {
            steps.push(json!({"op": "remove", "path": path(name)}));
        }
        if change.sources != self.from {
            let sources = json!(change.sources);
            steps.push(json!({"op": "add", "path": "/spec/parametersFrom", "value": sources}));
        }
        steps
    }

    /// The precondition: the object is the one that was read. The API server compares the version that a patch sets
    /// with the stored one, and answers with a conflict.
    pub fn precondition(&self) -> Value {
        json!({"op": "replace", "path": "/metadata/resourceVersion", "value": self.version})
    }
}

/// The names of the parameters that the status shows redacted.
fn redacted(instance: &ServiceInstance) -> impl Iterator<Item = String> {
    let status = instance.status.as_ref();
    let properties = status
        .into_iter()
        .flat_map(|status| status.external_properties.iter().chain(&status.in_progress_properties));
    let shown = properties.filter_map(|properties| properties.parameters.as_ref()?.parse().ok()).flatten();
    shown.filter(|(_, value)| value == REDACTED).map(|(name, _)| name)
}

/// The field in which the instance names its plan, and the plan's name in the same form. The plan may only be named as
/// the class is.
pub fn plan_field<'a>(spec: &ServiceInstanceSpec, plan: &'a Plan) -> (&'static str, &'a str) {
    let (name, external, id) = (plan.name.as_str(), plan.external_name.as_str(), plan.external_id.as_str());
    [
        (&spec.cluster_service_class_external_name, "clusterServicePlanExternalName", external),
        (&spec.cluster_service_class_external_id, "clusterServicePlanExternalID", id),
        (&spec.cluster_service_class_name, "clusterServicePlanName", name),
        (&spec.service_class_external_name, "servicePlanExternalName", external),
        (&spec.service_class_external_id, "servicePlanExternalID", id),
    ]
    .into_iter()
    .find_map(|(class, field, name)| (!class.is_empty()).then_some((field, name)))
    .unwrap_or(("servicePlanName", name))
}
