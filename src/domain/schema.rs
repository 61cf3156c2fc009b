//! Do parameters conform to the JSON schema of a plan? See [`check`].
//!
//! Schemas come from brokers, which are not trusted. A schema that would cost too much to apply, or that refers to
//! another document, is not applied; the broker then validates the parameters alone.

mod cost;
mod rule;
#[cfg(test)]
mod tests;

use std::fmt;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use super::parameters::{Parameters, REDACTED};
use crate::crd::plan::CommonServicePlanSpec;
use crate::raw_json::RawJson;

/// The size limit of a schema, in bytes (OSB, “Input Parameters Schema Object”).
const SCHEMA_MAX_BYTES: usize = 64 * 1024;

/// The size limit of a compiled regular expression, in bytes.
const PATTERN_MAX_BYTES: usize = 64 * 1024;

/// How many violations a message describes. The others are only counted.
pub const SHOWN_VIOLATIONS: usize = 5;

/// The request that carries the parameters. It selects one of the schemas of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Provision an instance.
    Provision,
    /// Update an instance.
    Update,
    /// Create a binding.
    Bind,
}

impl Purpose {
    /// The schema of a plan for this request.
    pub fn schema(self, plan: &CommonServicePlanSpec) -> Option<&RawJson> {
        match self {
            Self::Provision => plan.instance_create_parameter_schema.as_ref(),
            Self::Update => plan.instance_update_parameter_schema.as_ref(),
            Self::Bind => plan.service_binding_create_parameter_schema.as_ref(),
        }
    }
}

/// The result of a validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The parameters conform to the schema.
    Fits,
    /// They do not: a message for the user, without any value of a parameter.
    Violates(String),
    /// The schema is not applied, for this reason.
    NotApplied(String),
}

/// A rule of a schema that parameters violate. It contains no value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The name of the parameter that violates it, or that is missing; `None` if the rule is about the parameters as a whole.
    pub parameter: Option<String>,
    /// The JSON pointer to the place, cut if it is long; empty for the parameters as a whole. Ends with `/…` inside of a
    /// parameter that comes from a Secret.
    pub pointer: String,
    /// The rule as a predicate, like `must be at least 1`.
    pub rule: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.rule),
            pointer => write!(f, "{pointer} {}", self.rule),
        }
    }
}

/// Validates parameters against a schema.
pub fn check(schema: &RawJson, parameters: &Parameters) -> Checked {
    match violations(schema, parameters) {
        Ok(violations) if violations.is_empty() => Checked::Fits,
        Ok(violations) => Checked::Violates(summary(&violations)),
        Err(why) => Checked::NotApplied(why),
    }
}

/// All rules of a schema that parameters violate. The error: why the schema is not applied.
pub fn violations(schema: &RawJson, parameters: &Parameters) -> Result<Vec<Violation>, String> {
    if schema.text().len() > SCHEMA_MAX_BYTES {
        return Err(format!("it has more than {SCHEMA_MAX_BYTES} bytes"));
    }
    let schema = &schema.value();
    if schema.get("$schema").is_none() {
        return Err("it does not name its JSON Schema draft in $schema".to_owned());
    }
    let values = Value::Object(parameters.values());
    cost::affordable(schema, &values)?;
    let validator = compile(schema)?;
    let redacted = parameters.redacted();
    let mut found = Vec::new();
    for error in validator.iter_errors(&values) {
        if let ValidationErrorKind::RegexEngineFailure { .. } = error.kind() {
            return Err("the evaluation of one of its patterns failed".to_owned());
        }
        found.push(violation(&error, &redacted));
    }
    Ok(found)
}

/// Compiles a schema. `format` is not validated: only the broker knows which URIs or addresses it accepts.
fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .offline()
        .should_validate_formats(false)
        .with_pattern_options(
            PatternOptions::regex().size_limit(PATTERN_MAX_BYTES).dfa_size_limit(PATTERN_MAX_BYTES),
        )
        .build(schema)
        .map_err(|error| format!("it is not a valid schema: {}", rule::shortened(&error.to_string())))
}

/// Describes a violation. Inside a parameter that comes from a Secret, neither values nor member names are shown.
fn violation(error: &ValidationError<'_>, redacted: &Map<String, Value>) -> Violation {
    let path = error.instance_path().as_str();
    let end = path.get(1..).and_then(|path| path.find('/')).map_or(path.len(), |end| end + 1);
    let (parameter, inside) = path.split_at_checked(end).unwrap_or((path, ""));
    let name = unescaped(parameter);
    let is_secret = redacted.get(&name).is_some_and(|value| value == REDACTED);
    let pointer = match inside {
        "" => parameter.to_owned(),
        _ if is_secret => format!("{parameter}/…"),
        _ => rule::shortened(path),
    };
    let missing = match error.kind() {
        ValidationErrorKind::Required { property } => property.as_str().map(str::to_owned),
        _ => None,
    };
    let parameter = if parameter.is_empty() { missing } else { Some(name) };
    Violation { parameter, pointer, rule: rule::describe(error, is_secret) }
}

/// The name of a parameter from its JSON pointer.
fn unescaped(pointer: &str) -> String {
    pointer.strip_prefix('/').unwrap_or_default().replace("~1", "/").replace("~0", "~")
}

fn summary(violations: &[Violation]) -> String {
    let first: Vec<String> = violations.iter().take(SHOWN_VIOLATIONS).map(Violation::to_string).collect();
    let text = first.join("; ");
    match violations.len().checked_sub(SHOWN_VIOLATIONS) {
        Some(more @ 1..) => format!("{text}; and {more} more"),
        _ => text,
    }
}
