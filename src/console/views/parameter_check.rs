//! Do parameters conform to a plan's schema? The operator's own check, so that the two never disagree.

use std::collections::BTreeSet;

use crate::console::form::Problem;
use crate::crd::raw::RawObject;
use crate::domain::parameters::merge;
use crate::domain::schema::{SHOWN_VIOLATIONS, Violation, violations};
use crate::raw_json::RawJson;
use serde_json::{Map, Value};

/// Parameters as the operator would merge them.
pub struct Candidate<'a> {
    /// The defaults of class and plan.
    pub defaults: [&'a Map<String, Value>; 2],
    /// Those for `spec.parameters`.
    pub inline: &'a Map<String, Value>,
    /// Those for a Secret.
    pub secrets: &'a Map<String, Value>,
    /// The names of those that stay, whose values are not known here.
    pub unknown: &'a BTreeSet<String>,
}

/// What the operator would object to. It names no value of a secret.
pub fn problems(candidate: &Candidate, schema: Option<&Value>) -> Vec<Problem> {
    let secrets = Value::Object(candidate.secrets.clone()).to_string().into_bytes();
    let from = [("the Secret".to_owned(), secrets)];
    let inline = RawObject::from(candidate.inline);
    let parameters = match merge(candidate.defaults.map(Some), Some(&inline), &from) {
        Ok(parameters) => parameters,
        Err(error) => return vec![Problem { pointer: String::new(), message: error.to_string() }],
    };
    let Some(schema) = schema else { return Vec::new() };
    // A schema that the operator does not apply is not applied here either.
    let violations = violations(&RawJson::from(schema.clone()), &parameters).unwrap_or_default();
    let more = violations.len().saturating_sub(SHOWN_VIOLATIONS);
    let more = (more > 0).then(|| Problem { pointer: String::new(), message: format!("and {more} more") });
    let shown = violations.into_iter().take(SHOWN_VIOLATIONS);
    let is_unknown = |name: &String| candidate.unknown.contains(name);
    let known = shown.filter(|violation| !violation.parameter.as_ref().is_some_and(is_unknown));
    let problem = |Violation { pointer, rule, .. }| Problem { pointer, message: rule };
    known.map(problem).chain(more).collect()
}

/// The schema for a form: what a default sets need not be entered.
pub fn form_schema(schema: &Value, defaults: [&Map<String, Value>; 2]) -> Value {
    let mut schema = schema.clone();
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        let is_set = |name: &Value| {
            name.as_str().is_some_and(|name| defaults.iter().any(|defaults| defaults.contains_key(name)))
        };
        required.retain(|name| !is_set(name));
    }
    schema
}

/// The JSON pointer into the parameters that the API server's path of a field stands for; `None` if it is another field.
pub fn pointer_of(field: &str) -> Option<String> {
    let rest = field.strip_prefix("spec.parameters")?;
    (rest.is_empty() || rest.starts_with(['.', '[']))
        .then(|| rest.replace('[', "/").replace(']', "").replace('.', "/").replace('"', ""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    fn found(inline: Value, secrets: Value, unknown: &[&str], schema: &Value) -> Vec<(String, String)> {
        let none = Map::new();
        let candidate = Candidate {
            defaults: [&none, &none],
            inline: &map(inline),
            secrets: &map(secrets),
            unknown: &unknown.iter().map(|name| (*name).to_owned()).collect(),
        };
        problems(&candidate, Some(schema))
            .into_iter()
            .map(|problem| (problem.pointer, problem.message))
            .collect()
    }

    #[test]
    fn the_operators_objections_are_at_their_fields_and_name_no_secret() {
        let schema = json!({
            "$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "required": ["zone", "pin"],
            "properties": {"size": {"type": "integer", "maximum": 5}, "pin": {"type": "string", "maxLength": 3}},
        });
        let problems = found(json!({"size": 9}), json!({"pin": "hunter2"}), &[], &schema);
        assert!(problems.contains(&("/size".to_owned(), "must be at most 5".to_owned())), "{problems:?}");
        assert!(problems.iter().any(|(pointer, _)| pointer == "/pin"), "{problems:?}");
        assert!(problems.iter().any(|(pointer, message)| pointer.is_empty() && message.contains("zone")));
        assert!(!format!("{problems:?}").contains("hunter2"));
        let problems = found(json!({"zone": "a"}), json!({}), &["pin"], &schema);
        assert_eq!(problems, []);
    }

    #[test]
    fn what_a_default_sets_need_not_be_entered() {
        let schema = json!({"required": ["a", "b"]});
        let defaults = map(json!({"a": 1}));
        assert_eq!(form_schema(&schema, [&defaults, &Map::new()]), json!({"required": ["b"]}));
    }

    #[test]
    fn a_field_of_the_api_server_becomes_a_pointer() {
        assert_eq!(pointer_of("spec.parameters.users[0].name").as_deref(), Some("/users/0/name"));
        assert_eq!(pointer_of("spec.parameters").as_deref(), Some(""));
        assert_eq!(pointer_of("spec.parametersFrom[0]"), None);
    }
}
