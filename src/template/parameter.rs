//! Is a parameter of a template valid, and what is known about its values?

use serde_json::{Map, Number, Value};

use super::expression::Expression;
use super::problem::{Problems, short};
use super::substitute::is_name;
use crate::crd::template::Parameter;

/// The name by which objects that each binding gets refer to the id of the binding.
pub(super) const BINDING_ID: &str = "BINDING_ID";

/// A valid parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterDefinition {
    /// The name, letters, digits and `_`.
    pub name: String,
    /// Name for forms, or empty.
    pub display_name: String,
    /// Description for forms, or empty.
    pub description: String,
    /// The default value, as written: it may refer to built-in values.
    pub default: Option<String>,
    /// Whether the value must not be empty.
    pub is_required: bool,
    /// Whether the value cannot change after creation.
    pub is_immutable: bool,
    /// How a value is generated. `None` if there is a default, which comes first.
    pub(super) expression: Option<Expression>,
    /// Which type of JSON a value is.
    pub(super) kind: ValueKind,
    /// What the template's author adds to the parameter's schema.
    pub(super) own_schema: Map<String, Value>,
}

/// The type of JSON that a parameter's value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// Text, which may be used anywhere.
    #[default]
    Text,
    /// A whole number. All uses are `${{NAME}}`.
    Integer,
    /// A number. All uses are `${{NAME}}`.
    Number,
    /// `true` or `false`. All uses are `${{NAME}}`.
    Boolean,
}

impl ValueKind {
    /// What kind a value is that is only used as `${{NAME}}`.
    pub(super) fn of_json(value: &str) -> Self {
        match serde_json::from_str(value) {
            Ok(Value::Bool(_)) => Self::Boolean,
            Ok(Value::Number(number)) if is_integer(&number) => Self::Integer,
            Ok(Value::Number(_)) => Self::Number,
            _ => Self::Text,
        }
    }
}

fn is_integer(number: &Number) -> bool {
    number.as_str().trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())
}

impl ParameterDefinition {
    /// Reads a parameter. `problems` gets what is wrong with it.
    pub(super) fn parse(parameter: &Parameter, problems: &mut Problems) -> Self {
        let name = &parameter.name;
        if !is_name(name) {
            problems
                .add(format!("the parameter name {:?} is not valid: use letters, digits and _", short(name)));
        } else if name == BINDING_ID {
            problems.add(format!("{BINDING_ID} cannot be a parameter: it is the id of each binding"));
        }
        let default = Some(&parameter.value).filter(|value| !value.is_empty()).cloned();
        let expression = match parameter.generate.as_str() {
            "" => None,
            "expression" => {
                let parsed = Expression::parse(&parameter.from);
                problems.record(parsed.map_err(|why| {
                    format!("the parameter {} has an invalid expression in from: {why}", short(name))
                }))
            }
            _ => {
                problems.add(format!(
                    "the parameter {} has an unknown value of generate; only expression is supported",
                    short(name)
                ));
                None
            }
        };
        Self {
            name: name.clone(),
            display_name: parameter.display_name.clone(),
            description: parameter.description.clone(),
            expression: expression.filter(|_| default.is_none()),
            default,
            is_required: parameter.required,
            is_immutable: false,
            kind: ValueKind::Text,
            own_schema: Map::new(),
        }
    }

    /// Whether a value is generated if the user gives none.
    pub fn is_generated(&self) -> bool {
        self.expression.is_some()
    }

    /// Whether forms mask the value. Names such as `SECRET_NAME` and `PUBLIC_KEY` are common for values that are no
    /// secrets, so they count only if the value is generated.
    pub(super) fn is_password(&self) -> bool {
        if let Some(format) = self.own_schema.get("format") {
            return format == "password";
        }
        let name = self.name.to_ascii_uppercase();
        let sounds_secret = ["SECRET", "TOKEN", "KEY"].iter().any(|word| name.contains(word));
        name.contains("PASSWORD") || self.is_generated() && sounds_secret
    }

    /// Whether only the objects and their bindings may have the value: no answer, status or log shows it.
    pub fn is_hidden(&self) -> bool {
        self.is_generated() || self.is_password()
    }

    /// A value as the JSON that the parameter's schema describes.
    pub(super) fn as_json(&self, value: &str) -> Value {
        match self.kind {
            ValueKind::Text => Value::from(value),
            _ => serde_json::from_str(value).unwrap_or_else(|_| Value::from(value)),
        }
    }
}

/// A scalar as the text of a parameter. `None` for a list or an object; `null` is no value and has no text either.
pub(super) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
