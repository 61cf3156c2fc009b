//! Which parameters may a user give for a plan? JSON schemas (draft 7) for creation and update.
//!
//! A parameter is a string, as OpenShift has it. One whose value can only be a number or a boolean is that, and its
//! text is valid as well: users of OpenShift write strings. Parameters that the plan fixes are left out.

use serde_json::{Map, Value, json};

use super::definition::Definition;
use super::parameter::{ParameterDefinition, ValueKind};
use super::plan::Plan;
use super::resolve::BUILT_IN;
use super::substitute::has_reference;

const DRAFT: &str = "http://json-schema.org/draft-07/schema#";

impl Definition {
    /// Schema of the parameters for a new instance.
    pub fn creation_schema(&self, plan: &Plan) -> Value {
        let required = self.open_parameters(plan).filter(|parameter| must_be_given(parameter));
        object(self.open_parameters(plan).map(|parameter| (parameter, property(parameter))), required)
    }

    /// Schema of the parameters for an update. Immutable ones are read-only rather than left out, because the operator
    /// sends all of an instance's parameters again. They are not required, because they are kept.
    pub fn update_schema(&self, plan: &Plan) -> Value {
        let properties = self.open_parameters(plan).map(|parameter| {
            let mut property = property(parameter);
            if parameter.is_immutable {
                property.insert("readOnly".to_owned(), Value::Bool(true));
            }
            (parameter, property)
        });
        let changeable = self.open_parameters(plan).filter(|parameter| !parameter.is_immutable);
        object(properties, changeable.filter(|parameter| must_be_given(parameter)))
    }

    /// The names of a plan's parameters in the order of a form.
    pub fn form_order<'a>(&'a self, plan: &'a Plan) -> Vec<&'a str> {
        self.open_parameters(plan).map(|parameter| parameter.name.as_str()).collect()
    }

    /// The parameters that a user may give.
    fn open_parameters<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = &'a ParameterDefinition> {
        self.parameters.iter().filter(|it| !plan.fixed.contains_key(&it.name) && !is_built_in(it))
    }
}

/// Whether the broker gives the parameter its value, so that no form needs to show it.
fn is_built_in(parameter: &ParameterDefinition) -> bool {
    let is_filled_in = parameter.default.is_some() || parameter.is_generated();
    !is_filled_in && BUILT_IN.contains(&parameter.name.as_str())
}

fn object<'a>(
    properties: impl Iterator<Item = (&'a ParameterDefinition, Map<String, Value>)>,
    required: impl Iterator<Item = &'a ParameterDefinition>,
) -> Value {
    let properties: Map<_, _> =
        properties.map(|(parameter, schema)| (parameter.name.clone(), Value::Object(schema))).collect();
    let required: Vec<_> = required.map(|parameter| parameter.name.as_str()).collect();
    json!({
        "$schema": DRAFT, "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

fn must_be_given(parameter: &ParameterDefinition) -> bool {
    let is_filled_in = parameter.default.is_some() || parameter.is_generated();
    parameter.is_required && !is_filled_in
}

fn property(parameter: &ParameterDefinition) -> Map<String, Value> {
    let mut schema = Map::new();
    let mut set = |name: &str, value: Value| drop(schema.insert(name.to_owned(), value));
    if !parameter.display_name.is_empty() {
        set("title", json!(parameter.display_name));
    }
    if !parameter.description.is_empty() {
        set("description", json!(parameter.description));
    }
    // A default that refers to the instance's name is no text to put into a form.
    if let Some(default) = parameter.default.as_deref().filter(|default| !has_reference(default)) {
        set("default", parameter.as_json(default));
    }
    if parameter.is_password() {
        set("format", json!("password"));
    }
    if !parameter.own_schema.contains_key("type") {
        let (types, text_pattern) = types(parameter.kind);
        set("type", types);
        // Applies to strings only: the text of a number has to be one.
        if let Some(pattern) = text_pattern {
            set("pattern", json!(pattern));
        }
    }
    schema.extend(parameter.own_schema.clone());
    schema
}

fn types(kind: ValueKind) -> (Value, Option<&'static str>) {
    match kind {
        ValueKind::Text => (json!("string"), None),
        ValueKind::Integer => (json!(["integer", "string"]), Some("^-?[0-9]+$")),
        ValueKind::Number => (json!(["number", "string"]), Some("^-?[0-9]+([.][0-9]+)?$")),
        ValueKind::Boolean => (json!(["boolean", "string"]), Some("^(true|false)$")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::tests::{annotated, parse, template};

    fn definition() -> Definition {
        let parameters = json!([
            {"name": "NAME", "displayName": "Name", "description": "What for", "required": true},
            {"name": "OWNER", "required": true},
            {"name": "COPIES", "value": "3", "required": true},
            {"name": "RATIO", "value": "0.5"},
            {"name": "DEBUG", "value": "false"},
            {"name": "PORT", "value": "80"},
            {"name": "ROOT_PASSWORD"},
            {"name": "API_KEY", "generate": "expression", "from": "[a-z]{8}", "required": true},
            {"name": "PUBLIC_KEY"},
            {"name": "INSTANCE_NAME", "required": true},
            {"name": "HOST", "value": "${INSTANCE_NAME}"},
            {"name": "SIZE", "value": "1Gi"},
        ]);
        let data = json!(["${{COPIES}}", "${{RATIO}}", "${{DEBUG}}", "${{PORT}}", "${PORT}"]);
        let template =
            annotated(template(parameters, data), "servicecatalog.k8s.io/immutable", "HOST,SIZE,OWNER");
        let template = annotated(template, "servicecatalog.k8s.io/schema.COPIES", "maximum: 9");
        let template =
            annotated(template, "servicecatalog.k8s.io/schema.PUBLIC_KEY", "{\"format\": \"password\"}");
        let template =
            annotated(template, "servicecatalog.k8s.io/schema.SIZE", "type: string\nenum: [1Gi, 2Gi]");
        parse(annotated(
            template,
            "servicecatalog.k8s.io/plans",
            "[{name: a}, {name: b, parameters: {SIZE: 2Gi}}]",
        ))
        .unwrap()
    }

    #[test]
    fn types_follow_from_the_uses_and_the_default() {
        let definition = definition();
        let schema = definition.creation_schema(&definition.plans[0]);
        let properties = &schema["properties"];
        let integer =
            json!({"type": ["integer", "string"], "pattern": "^-?[0-9]+$", "default": 3, "maximum": 9});
        assert_eq!(properties["COPIES"], integer);
        let default: Value = serde_json::from_str("0.5").unwrap();
        assert_eq!(properties["RATIO"]["type"], json!(["number", "string"]));
        assert_eq!(properties["RATIO"]["default"], default);
        assert_eq!(
            (&properties["DEBUG"]["type"], &properties["DEBUG"]["default"]),
            (&json!(["boolean", "string"]), &json!(false))
        );
        assert_eq!(properties["PORT"], json!({"type": "string", "default": "80"}));
        assert_eq!(properties["NAME"], json!({"type": "string", "title": "Name", "description": "What for"}));
        assert_eq!(properties["SIZE"], json!({"type": "string", "enum": ["1Gi", "2Gi"], "default": "1Gi"}));
    }

    #[test]
    fn only_what_nothing_else_gives_is_required() {
        let definition = definition();
        assert_eq!(definition.creation_schema(&definition.plans[0])["required"], json!(["NAME", "OWNER"]));
        assert_eq!(definition.update_schema(&definition.plans[0])["required"], json!(["NAME"]));
    }

    #[test]
    fn secrets_are_masked() {
        let definition = definition();
        let schema = definition.creation_schema(&definition.plans[0]);
        let properties = schema["properties"].as_object().unwrap();
        let masked = properties.iter().filter(|(_, property)| property["format"] == "password");
        let masked: Vec<_> = masked.map(|(name, _)| name).collect();
        assert_eq!(masked, ["API_KEY", "PUBLIC_KEY", "ROOT_PASSWORD"]);
        assert_eq!(properties["API_KEY"].get("default"), None);
    }

    #[test]
    fn a_default_with_the_instances_name_is_no_text_for_a_form() {
        let definition = definition();
        assert_eq!(
            definition.creation_schema(&definition.plans[0])["properties"]["HOST"],
            json!({"type": "string"})
        );
    }

    #[test]
    fn an_update_shows_immutable_parameters_as_read_only() {
        let definition = definition();
        let schema = definition.update_schema(&definition.plans[0]);
        assert_eq!(schema["properties"]["HOST"], json!({"type": "string", "readOnly": true}));
        assert_eq!(schema["additionalProperties"], json!(false));
        assert_eq!(schema["$schema"], json!(DRAFT));
    }

    #[test]
    fn a_plans_parameters_are_left_out() {
        let definition = definition();
        assert_eq!(definition.creation_schema(&definition.plans[1])["properties"].get("SIZE"), None);
        assert_eq!(definition.form_order(&definition.plans[0]).len(), 11);
        assert_eq!(definition.form_order(&definition.plans[1])[..3], ["NAME", "OWNER", "COPIES"]);
        assert!(!definition.form_order(&definition.plans[1]).contains(&"SIZE"));
    }
}
