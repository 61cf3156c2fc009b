//! Do parameters fit the JSON schema of a plan?
//!
//! Schemas come from brokers, which may be anybody's: one that would cost too much to apply, or refers to something
//! outside of itself, is not applied. Then the broker is the one to judge.

mod cost;
mod rule;
#[cfg(test)]
mod tests;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::parameters::{Parameters, REDACTED};
use crate::crd::plan::CommonServicePlanSpec;

/// The longest schema that is applied, in bytes (OSB, “Input Parameters Schema Object”).
const LONGEST: usize = 64 * 1024;

/// How large a regular expression may become in memory, in bytes.
const LARGEST_PATTERN: usize = 64 * 1024;

/// How many violations are told.
const TOLD: usize = 5;

/// What parameters are for, and so which of a plan's schemas they have to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To make an instance.
    Provision,
    /// To change one.
    Update,
    /// To make a binding.
    Bind,
}

impl Purpose {
    /// The schema that a plan has for it.
    pub fn schema(self, plan: &CommonServicePlanSpec) -> Option<&Value> {
        match self {
            Self::Provision => plan.instance_create_parameter_schema.as_ref(),
            Self::Update => plan.instance_update_parameter_schema.as_ref(),
            Self::Bind => plan.service_binding_create_parameter_schema.as_ref(),
        }
    }
}

/// What came of comparing parameters with a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// They fit.
    Fits,
    /// They do not: what is wrong with them. No value of a parameter is repeated.
    Violates(String),
    /// The schema is not applied, for this reason.
    NotApplied(String),
}

/// Compares parameters with a schema.
pub fn check(schema: &Value, parameters: &Parameters) -> Checked {
    match violations(schema, parameters) {
        Ok(violations) if violations.is_empty() => Checked::Fits,
        Ok(violations) => Checked::Violates(told(&violations)),
        Err(why) => Checked::NotApplied(why),
    }
}

fn violations(schema: &Value, parameters: &Parameters) -> Result<Vec<String>, String> {
    if schema.get("$schema").is_none() {
        return Err("it does not say with $schema which version of JSON Schema it is".to_owned());
    }
    if schema.to_string().len() > LONGEST {
        return Err(format!("it has more than {LONGEST} bytes"));
    }
    let values = Value::Object(parameters.values.0.clone());
    cost::affordable(schema, &values)?;
    let validator = compile(schema)?;
    let mut found = Vec::new();
    for error in validator.iter_errors(&values) {
        if let ValidationErrorKind::RegexEngineFailure { .. } = error.kind() {
            return Err("a pattern of it cannot be applied".to_owned());
        }
        found.push(violation(&error, parameters));
    }
    Ok(found)
}

/// `format` is for people: what exactly is a URI or an address is for the broker to say.
fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .offline()
        .should_validate_formats(false)
        .with_pattern_options(
            PatternOptions::regex().size_limit(LARGEST_PATTERN).dfa_size_limit(LARGEST_PATTERN),
        )
        .build(schema)
        .map_err(|error| format!("it is not a valid schema: {}", rule::shortened(&error.to_string())))
}

/// Where, and what is wanted there. What is inside of a parameter from a Secret is not told, not even its names.
fn violation(error: &ValidationError<'_>, parameters: &Parameters) -> String {
    let path = error.instance_path().as_str();
    let end = path.get(1..).and_then(|path| path.find('/')).map_or(path.len(), |end| end + 1);
    let (parameter, inside) = path.split_at_checked(end).unwrap_or((path, ""));
    let is_secret = parameters.redacted.get(&unescaped(parameter)).is_some_and(|value| value == REDACTED);
    let rule = rule::told(error, is_secret);
    match (parameter, inside) {
        ("", _) => rule,
        (_, "") => format!("{parameter} {rule}"),
        _ if is_secret => format!("{parameter}/… {rule}"),
        _ => format!("{} {rule}", rule::shortened(path)),
    }
}

/// The name of a parameter from its JSON pointer.
fn unescaped(pointer: &str) -> String {
    pointer.strip_prefix('/').unwrap_or_default().replace("~1", "/").replace("~0", "~")
}

fn told(violations: &[String]) -> String {
    let first: Vec<&str> = violations.iter().take(TOLD).map(String::as_str).collect();
    let text = first.join("; ");
    match violations.len().checked_sub(TOLD) {
        Some(more @ 1..) => format!("{text}; and {more} more"),
        _ => text,
    }
}
