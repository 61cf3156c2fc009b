//! Is a template valid, and what does it offer?
//!
//! [`Definition::parse`] finds everything that can be known before a user orders an instance. It processes the objects
//! with the defaults and with each plan's parameters, as for an instance whose user gives nothing: what stands in a
//! reference to a parameter without a default cannot be checked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::annotation;
use super::expose::{exposed, exposed_twice, is_exposable};
use super::images::Images;
use super::jsonpath::Text;
use super::object::{api_version, describe, kind, name};
use super::parameter::{BINDING_ID, ParameterDefinition, ValueKind};
use super::plan::{self, Plan};
use super::problem::{Problems, short};
use super::process::{MAX_OBJECTS_BYTES, Processing, is_in_plan, is_per_binding};
use super::substitute::{Values, for_each_reference, has_reference};
use crate::crd::template::Template;

#[cfg(test)]
mod tests;

/// How many objects a template can have.
const MAX_OBJECTS: usize = 100;

/// The description of a template that has none: the Open Service Broker API requires one.
const NO_DESCRIPTION: &str = "No description provided.";

/// What the cluster offers to templates.
#[derive(Clone, Copy)]
pub struct Platform<'a> {
    /// Images for triggers.
    pub images: &'a Images,
    /// Whether the cluster serves a kind, by API version and kind.
    pub is_served: &'a dyn Fn(&str, &str) -> bool,
}

/// What a template's annotations say about its service. Absent texts are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Name for users.
    pub display_name: String,
    /// Who provides the service.
    pub provider: String,
    /// Short description, never empty.
    pub description: String,
    /// Long description.
    pub long_description: String,
    /// URL of the documentation.
    pub documentation_url: String,
    /// URL for support.
    pub support_url: String,
    /// Icon as a class of a style sheet, for example `icon-redis`.
    pub icon_class: String,
    /// Tags, for example `database`.
    pub tags: Vec<String>,
}

/// A valid template.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The template's namespace.
    pub namespace: String,
    /// The template's name, which is that of the service.
    pub name: String,
    /// The service's id, the same on every cluster.
    pub service_id: String,
    /// Descriptions for users.
    pub about: About,
    /// Whether instances can be bound.
    pub is_bindable: bool,
    /// The version as semver. An instance with another one can be upgraded.
    pub version: String,
    /// The plans, at least one.
    pub plans: Vec<Plan>,
    /// The parameters in the order of a form.
    pub parameters: Vec<ParameterDefinition>,
    pub(super) objects: Vec<Value>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) message: String,
}

impl Definition {
    /// Reads a template, or says everything that is wrong with it.
    pub fn parse(template: &Template, platform: &Platform) -> Result<Self, Problems> {
        let (definition, mut problems) = Self::read_all(template);
        definition.check_objects(platform, &mut problems);
        problems.or(definition)
    }

    /// Reads a template that was parsed before, such as that of an instance: its objects are not checked again.
    pub fn read(template: &Template) -> Result<Self, Problems> {
        let (definition, problems) = Self::read_all(template);
        problems.or(definition)
    }

    fn read_all(template: &Template) -> (Self, Problems) {
        let mut problems = Problems::default();
        let annotations = template.metadata.annotations.clone().unwrap_or_default();
        let namespace = template.metadata.namespace.clone().unwrap_or_default();
        let name = template.metadata.name.clone().unwrap_or_default();
        let id = format!("{namespace}/{name}");
        let parameters = parameters(template, &annotations, &mut problems);
        let plans_text = annotations.get(annotation::PLANS).map(String::as_str);
        let plans = plan::parse(&id, plans_text, &parameters, &mut problems);
        let definition = Self {
            service_id: plan::service_id(&id),
            about: about(&name, &annotations),
            is_bindable: !annotations
                .get(annotation::BINDABLE)
                .is_some_and(|it| it.eq_ignore_ascii_case("false")),
            version: version(template, &annotations),
            plans,
            parameters,
            objects: template.objects.clone(),
            labels: template.labels.clone(),
            message: template.message.clone(),
            namespace,
            name,
        };
        (definition, problems)
    }

    /// The plan with this id.
    pub fn plan(&self, id: &str) -> Option<&Plan> {
        self.plans.iter().find(|plan| plan.id == id)
    }

    fn check_objects(&self, platform: &Platform, problems: &mut Problems) {
        let size: usize = self.objects.iter().map(|object| object.to_string().len()).sum();
        if self.objects.is_empty() {
            problems.add("the template has no objects");
        } else if self.objects.len() > MAX_OBJECTS {
            problems.add(format!("the template has more than {MAX_OBJECTS} objects"));
        } else if size > MAX_OBJECTS_BYTES {
            problems.add(format!("the template's objects have more than {MAX_OBJECTS_BYTES} bytes"));
        } else {
            for plan in &self.plans {
                self.check_plan(plan, platform, problems);
            }
        }
    }

    /// Checks the objects of an instance of this plan whose user gives no parameters.
    fn check_plan(&self, plan: &Plan, platform: &Platform, problems: &mut Problems) {
        let defaults = self.parameters.iter().filter_map(|it| Some((it.name.clone(), it.default.clone()?)));
        let values: Values = defaults.chain(plan.fixed.clone()).collect();
        let processing = Processing {
            values: &values,
            labels: &self.labels,
            instance_id: "",
            images: platform.images,
            shows_values: true,
        };
        let (objects, found) = processing.run(self.objects.iter().filter(|object| is_in_plan(object, plan)));
        check_kinds(&objects, platform, problems);
        found.iter().for_each(|problem| problems.add(problem));
        check_exposed(&objects, problems);
        check_binding_objects(&objects, problems);
    }
}

fn check_kinds(objects: &[Value], platform: &Platform, problems: &mut Problems) {
    let kinds = objects.iter().map(|object| (api_version(object), kind(object)));
    let kinds: BTreeSet<_> =
        kinds.filter(|(version, kind)| !version.is_empty() && !kind.is_empty()).collect();
    let is_unknown = |(api_version, kind): &(&str, &str)| {
        !has_reference(api_version) && !has_reference(kind) && !(platform.is_served)(api_version, kind)
    };
    let unknown: Vec<_> = kinds.into_iter().filter(is_unknown).collect();
    if !unknown.is_empty() {
        let names = unknown.iter().map(|(version, kind)| format!("{} ({})", short(kind), short(version)));
        problems.add(format!(
            "the cluster does not serve these kinds of objects: {}",
            names.collect::<Vec<_>>().join(", ")
        ));
    }
}

fn check_exposed(objects: &[Value], problems: &mut Problems) {
    let mut keys = BTreeSet::new();
    let exposing = objects.iter().filter(|object| is_exposable(api_version(object), kind(object)));
    for (object, (key, _, text)) in exposing.flat_map(|object| exposed(object).map(move |it| (object, it))) {
        if !has_reference(key) && !keys.insert(key) {
            problems.add(exposed_twice(key));
        }
        if let Err(why) = Text::parse(text)
            && !has_reference(text)
        {
            problems.add(format!(
                "{} exposes the key {:?} with an invalid JSONPath: {why}",
                describe(object),
                short(key)
            ));
        }
    }
}

/// Two bindings must not share an object that the first unbind deletes.
fn check_binding_objects(objects: &[Value], problems: &mut Problems) {
    let reference = format!("${{{BINDING_ID}}}");
    for object in objects.iter().filter(|object| is_per_binding(object) && !name(object).contains(&reference))
    {
        problems.add(format!(
            "{} belongs to each binding, so its name must contain {reference}",
            describe(object)
        ));
    }
}

fn parameters(
    template: &Template,
    annotations: &BTreeMap<String, String>,
    problems: &mut Problems,
) -> Vec<ParameterDefinition> {
    let mut parameters: Vec<_> =
        template.parameters.iter().map(|parameter| ParameterDefinition::parse(parameter, problems)).collect();
    let mut names = BTreeSet::new();
    for parameter in parameters.iter().filter(|parameter| !names.insert(&parameter.name)) {
        problems.add(format!("two parameters have the name {}", short(&parameter.name)));
    }
    let text_uses = text_uses(template);
    let immutable = annotations.get(annotation::IMMUTABLE).map_or("", String::as_str);
    for parameter in &mut parameters {
        parameter.is_immutable = annotation::comma_list(immutable).any(|name| name == parameter.name);
        if let Some(default) = parameter.default.as_deref().filter(|_| !text_uses.contains(&parameter.name)) {
            parameter.kind = ValueKind::of_json(default);
        }
    }
    let is_unknown = |name: &str| !parameters.iter().any(|parameter| parameter.name == name);
    for name in annotation::comma_list(immutable).filter(|name| is_unknown(name)) {
        problems.add(format!(
            "{} names the parameter {}, which the template does not have",
            annotation::IMMUTABLE,
            short(name)
        ));
    }
    for (annotation, text) in annotations {
        let Some(name) = annotation.strip_prefix(annotation::SCHEMA_PREFIX) else { continue };
        let parameter = parameters.iter_mut().find(|parameter| parameter.name == name);
        match (parameter, annotation::parse(text)) {
            (Some(parameter), Ok(schema)) => parameter.own_schema = schema,
            (None, _) => {
                problems.add(format!("{annotation} is for a parameter that the template does not have"));
            }
            (_, Err(error)) => {
                problems.add(format!("{annotation} is not a JSON schema object: {error}"));
            }
        }
    }
    parameters
}

/// The names of parameters that are used as text, `${NAME}`, or not at all as `${{NAME}}`.
fn text_uses(template: &Template) -> BTreeSet<String> {
    let mut json_uses = BTreeSet::new();
    let mut text_uses = BTreeSet::new();
    let mut note = |name: &str, is_json: bool| {
        let uses = if is_json { &mut json_uses } else { &mut text_uses };
        uses.insert(name.to_owned());
    };
    template.objects.iter().for_each(|object| for_each_reference(object, &mut note));
    for (key, value) in &template.labels {
        for text in [key, value] {
            for_each_reference(&Value::from(text.as_str()), &mut note);
        }
    }
    let unused = template.parameters.iter().map(|it| &it.name).filter(|name| !json_uses.contains(*name));
    text_uses.extend(unused.cloned());
    text_uses
}

fn about(name: &str, annotations: &BTreeMap<String, String>) -> About {
    let text = |annotation: &str| annotations.get(annotation).filter(|text| !text.is_empty()).cloned();
    let prefixed = |annotation: &str| {
        let found = annotation::PREFIXES.iter().find_map(|prefix| text(&format!("{prefix}{annotation}")));
        found.unwrap_or_default()
    };
    About {
        display_name: text(annotation::DISPLAY_NAME).unwrap_or_else(|| name.to_owned()),
        provider: prefixed(annotation::PROVIDER),
        description: text(annotation::DESCRIPTION).unwrap_or_else(|| NO_DESCRIPTION.to_owned()),
        long_description: prefixed(annotation::LONG_DESCRIPTION),
        documentation_url: prefixed(annotation::DOCUMENTATION_URL),
        support_url: prefixed(annotation::SUPPORT_URL),
        icon_class: text(annotation::ICON_CLASS).unwrap_or_default(),
        tags: annotation::comma_list(&text(annotation::TAGS).unwrap_or_default())
            .map(str::to_owned)
            .collect(),
    }
}

/// The annotated version, or one that changes with every change of the template.
fn version(template: &Template, annotations: &BTreeMap<String, String>) -> String {
    let annotated = annotations.get(annotation::VERSION).filter(|version| is_semver(version));
    annotated.cloned().unwrap_or_else(|| {
        let Template { message, objects, parameters, labels, .. } = template;
        let content = json!([annotations, message, objects, parameters, labels]).to_string();
        let digest = plan::service_id(&content);
        let generation = template.metadata.generation.unwrap_or(0).max(0);
        // A letter first: numbers in a semantic version have no leading zeros.
        format!("0.0.{generation}-v{}", digest.get(..8).unwrap_or_default())
    })
}

/// Whether a text is a version of <https://semver.org>, version 2.
fn is_semver(text: &str) -> bool {
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, pre_release) = text.split_once('-').map_or((text, None), |(core, rest)| (core, Some(rest)));
    let is_identifier = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_number = |part: &str| {
        let is_decimal = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        is_decimal && (part == "0" || !part.starts_with('0'))
    };
    let is_padded_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && !is_number(part);
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && pre_release
            .is_none_or(|it| it.split('.').all(|part| is_identifier(part) && !is_padded_number(part)))
        && build.is_none_or(|it| it.split('.').all(is_identifier))
}
