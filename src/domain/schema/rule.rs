//! What does a rule of a schema want? Told from the schema alone, never from the parameters.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

/// How much of a schema is repeated, in characters.
const LONGEST: usize = 200;

/// What is wanted; without names of members that only the parameters have, if these are secret.
pub(super) fn told(error: &ValidationError<'_>, is_secret: bool) -> String {
    let text = match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected }
            if !is_secret =>
        {
            let names: Vec<String> = unexpected.iter().map(|name| format!("{name:?}")).collect();
            format!("cannot have {}", names.join(", "))
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
        Kind::UniqueItems => "must not have an element twice".to_owned(),
        Kind::FalseSchema => "is not allowed".to_owned(),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            "must be as one of the alternatives in the schema says".to_owned()
        }
        Kind::OneOfMultipleValid { .. } => {
            "must be as exactly one of the alternatives in the schema says".to_owned()
        }
        other => format!("must be as {:?} in the schema says", other.keyword()),
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

/// As much of a text as is told.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
