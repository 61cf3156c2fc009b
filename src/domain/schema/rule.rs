//! Describes the violated rule of a schema, from the schema alone: the values of parameters may be secrets.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

/// The length at which a description is cut off, in characters.
const RULE_MAX_CHARS: usize = 200;

/// The rule as a predicate, like `must be at least 1`. Unexpected member names are part of it unless the parameter is
/// secret.
pub(super) fn describe(error: &ValidationError<'_>, is_secret: bool) -> String {
    let text = match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected }
            if !is_secret =>
        {
            let names: Vec<String> = unexpected.iter().map(|name| format!("{name:?}")).collect();
            format!("must not have {}", names.join(", "))
        }
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            "has members that are not allowed".to_owned()
        }
        Kind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
            "has members that are not allowed".to_owned()
        }
        Kind::Required { property } => format!("must have {property}"),
        Kind::Type { kind } => format!("must be of type {}", types(kind)),
        Kind::Enum { options } => format!("must be one of {}", list(options)),
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} elements"),
        Kind::MaxItems { limit } => format!("must have at most {limit} elements"),
        Kind::AdditionalItems { limit } => format!("must have at most {limit} elements"),
        Kind::MinProperties { limit } => format!("must have at least {limit} members"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} members"),
        Kind::Pattern { pattern } => format!("must match {pattern}"),
        Kind::UniqueItems => "must not have duplicate elements".to_owned(),
        Kind::FalseSchema => "is not allowed".to_owned(),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            "must match one of the alternatives in the schema".to_owned()
        }
        Kind::OneOfMultipleValid { .. } => {
            "must match exactly one of the alternatives in the schema".to_owned()
        }
        other => format!("violates {:?} in the schema", other.keyword()),
    };
    shortened(&text)
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(several) => {
            several.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" or ")
        }
    }
}

fn list(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    options.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

/// The text, cut off at the limit.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(RULE_MAX_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
