//! Which plans does a template offer, and with which ids?
//!
//! A plan fixes parameters. A template without the annotation `servicecatalog.k8s.io/plans` has one plan, `default`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use uuid::{Uuid, uuid};

use super::annotation;
use super::parameter::{ParameterDefinition, scalar_text};
use super::problem::{Problems, one_line, short};
use super::substitute::Values;

/// The namespace of the ids of all services and plans. It must never change: instances refer to the ids.
const ID_NAMESPACE: Uuid = uuid!("8a4f3f0e-6d0c-5b5e-9a51-2f7c1d9be604");

/// How many plans a template can have.
const MAX_PLANS: usize = 50;

/// The only plan of a template that defines none.
const DEFAULT_PLAN: &str = "default";

/// A plan of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The id in the broker's catalog, the same on every cluster.
    pub id: String,
    /// The name in the broker's catalog.
    pub name: String,
    /// Name for users.
    pub display_name: String,
    /// Short description.
    pub description: String,
    /// What the plan offers, point by point.
    pub bullets: Vec<String>,
    /// Whether the plan costs nothing.
    pub is_free: bool,
    /// Values of parameters that users cannot change.
    pub fixed: Values,
    /// After how many seconds a provision or update that is not ready has failed. Default: the broker's.
    pub maximum_polling_duration: Option<u32>,
}

/// A plan as the annotation describes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlanEntry {
    name: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    bullets: Vec<String>,
    #[serde(default)]
    free: Option<bool>,
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
    #[serde(default)]
    maximum_polling_duration: Option<u32>,
}

impl Plan {
    fn from_entry(template_id: &str, entry: PlanEntry, problems: &mut Problems) -> Self {
        let name = entry.name;
        let is_name_character =
            |character: char| character.is_ascii_alphanumeric() || character == '-' || character == '.';
        if name.is_empty() || name.len() > 63 || !name.chars().all(is_name_character) {
            problems.add(format!(
                "{}: the plan name {:?} is not valid: use up to 63 letters, digits, dots and hyphens",
                annotation::PLANS,
                short(&name)
            ));
        }
        let mut fixed = Values::new();
        for (parameter, value) in entry.parameters {
            match scalar_text(&value) {
                Some(text) => drop(fixed.insert(parameter, text)),
                None => problems.add(format!(
                    "{}: the plan {} must give the parameter {} a string, a number or a boolean",
                    annotation::PLANS,
                    short(&name),
                    short(&parameter)
                )),
            }
        }
        Self {
            id: plan_id(template_id, &name),
            display_name: if entry.display_name.is_empty() { name.clone() } else { entry.display_name },
            description: if entry.description.is_empty() {
                format!("Plan {name}")
            } else {
                entry.description
            },
            name,
            bullets: entry.bullets,
            is_free: entry.free.unwrap_or(true),
            fixed,
            maximum_polling_duration: entry.maximum_polling_duration,
        }
    }
}

/// The plans of a template. `template_id` is its namespace and name, separated by a slash.
pub(super) fn parse(
    template_id: &str,
    text: Option<&str>,
    parameters: &[ParameterDefinition],
    problems: &mut Problems,
) -> Vec<Plan> {
    let entries = match text.map(annotation::parse::<Vec<PlanEntry>>) {
        None => vec![default_entry()],
        Some(Ok(entries)) if (1..=MAX_PLANS).contains(&entries.len()) => entries,
        Some(Ok(_)) => {
            problems.add(format!("{} must list 1 to {MAX_PLANS} plans", annotation::PLANS));
            Vec::new()
        }
        Some(Err(error)) => {
            problems.add(format!("{} is not a valid list of plans: {}", annotation::PLANS, one_line(&error)));
            Vec::new()
        }
    };
    let plans: Vec<_> =
        entries.into_iter().map(|entry| Plan::from_entry(template_id, entry, problems)).collect();
    let known: BTreeSet<_> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let mut names = BTreeSet::new();
    for plan in &plans {
        if !names.insert(&plan.name) {
            problems.add(format!("{}: two plans have the name {}", annotation::PLANS, short(&plan.name)));
        }
        for parameter in plan.fixed.keys().filter(|parameter| !known.contains(parameter.as_str())) {
            problems.add(format!(
                "{}: the plan {} fixes the parameter {}, which the template does not have",
                annotation::PLANS,
                short(&plan.name),
                short(parameter)
            ));
        }
    }
    plans
}

fn default_entry() -> PlanEntry {
    PlanEntry {
        name: DEFAULT_PLAN.to_owned(),
        display_name: "Default".to_owned(),
        description: "Default plan".to_owned(),
        bullets: Vec::new(),
        free: None,
        parameters: BTreeMap::new(),
        maximum_polling_duration: None,
    }
}

/// The id of a template's service. `template_id` is the template's namespace and name, separated by a slash.
pub(super) fn service_id(template_id: &str) -> String {
    Uuid::new_v5(&ID_NAMESPACE, template_id.as_bytes()).to_string()
}

/// The id of a plan of a template.
fn plan_id(template_id: &str, plan: &str) -> String {
    Uuid::new_v5(&ID_NAMESPACE, format!("{template_id}/{plan}").as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::tests::{annotated, parse, problems, template};

    fn with_plans(plans: &str) -> Value {
        let parameters = json!([{"name": "SIZE"}, {"name": "COPIES"}]);
        annotated(template(parameters, json!({})), annotation::PLANS, plans)
    }

    #[test]
    fn a_template_without_plans_has_one() {
        let plans = parse(template(json!([]), json!({}))).unwrap().plans;
        assert_eq!(plans.len(), 1);
        assert_eq!((&plans[0].name[..], plans[0].is_free), ("default", true));
    }

    #[test]
    fn plans_are_json_or_yaml() {
        let yaml = "- name: small\n  bullets: [one copy]\n  free: false\n  maximumPollingDuration: 60\n  \
                    parameters:\n    SIZE: 1Gi\n    COPIES: 1\n- name: large";
        let json = r#"[{"name": "small", "bullets": ["one copy"], "free": false, "maximumPollingDuration": 60,
                        "parameters": {"SIZE": "1Gi", "COPIES": 1}}, {"name": "large"}]"#;
        let plans = parse(with_plans(yaml)).unwrap().plans;
        assert_eq!(plans, parse(with_plans(json)).unwrap().plans);
        assert_eq!(plans[0].fixed["COPIES"], "1");
        assert_eq!((plans[0].maximum_polling_duration, plans[0].is_free), (Some(60), false));
        assert_eq!((&plans[1].display_name[..], &plans[1].description[..]), ("large", "Plan large"));
    }

    #[test]
    fn ids_never_change() {
        assert_eq!(service_id("catalog/store"), "5fddafcd-c799-59e1-a800-dc90a1862600");
        let definition = parse(template(json!([]), json!({}))).unwrap();
        assert_eq!(definition.service_id, service_id("catalog/store"));
        assert_eq!(definition.plans[0].id, plan_id("catalog/store", "default"));
        assert_eq!(definition.plan(&definition.plans[0].id), Some(&definition.plans[0]));
    }

    #[test]
    fn every_fault_of_the_list_is_named() {
        let text =
            r#"[{"name": "a b"}, {"name": "x", "parameters": {"NONE": 1, "SIZE": []}}, {"name": "x"}]"#;
        assert_eq!(
            problems(with_plans(text)),
            [
                "servicecatalog.k8s.io/plans: the plan name \"a b\" is not valid: use up to 63 letters, \
                 digits, dots and hyphens",
                "servicecatalog.k8s.io/plans: the plan x must give the parameter SIZE a string, a number or \
                 a boolean",
                "servicecatalog.k8s.io/plans: the plan x fixes the parameter NONE, which the template does \
                 not have",
                "servicecatalog.k8s.io/plans: two plans have the name x",
            ]
        );
        for text in ["[]", "{", "- nam: x", "[{\"name\": \"a\", \"parameter\": {}}]", "text"] {
            assert_eq!(problems(with_plans(text)).len(), 1, "{text}");
        }
    }
}
