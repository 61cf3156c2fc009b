//! Which value does each parameter of an instance get?
//!
//! The first of: the plan's, the user's, the one that the instance has already, the default, a built-in value of the
//! same name, a generated one. The values are stored with the instance: a retry or an update must not generate a
//! password again. The entry point is [`Definition::resolve`].

use serde_json::{Map, Value};

use super::definition::Definition;
use super::parameter::{ParameterDefinition, scalar_text};
use super::plan::Plan;
use super::problem::{Problems, short};
use super::substitute::{Substitution, TooLarge, Values};

/// The longest value, in bytes.
const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The longest that all values of an instance may be together, in bytes.
const MAX_VALUES_BYTES: usize = 256 * 1024;

/// The names of the built-in values, in the order of [`Origin`].
pub(super) const BUILT_IN: [&str; 3] = ["INSTANCE_ID", "INSTANCE_NAME", "NAMESPACE"];

/// The instance that the values are for.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The id of the service instance at the broker: `INSTANCE_ID`.
    pub instance_id: &'a str,
    /// The name of the service instance: `INSTANCE_NAME`.
    pub instance_name: &'a str,
    /// The namespace of the service instance: `NAMESPACE`.
    pub namespace: &'a str,
}

/// What the values are resolved from. No `Debug`: the values may be passwords.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The parameters that the user gives. `null` counts as absent.
    pub given: &'a Map<String, Value>,
    /// The values that the instance has already; empty for a new one. For an update see [`Definition::kept`].
    pub stored: &'a Values,
    /// The instance.
    pub origin: Origin<'a>,
}

impl Definition {
    /// The values of all parameters, or everything that is wrong with those given. `random` fills its argument with
    /// random bytes.
    pub fn resolve(&self, inputs: &Inputs, random: &mut dyn FnMut(&mut [u8])) -> Result<Values, Problems> {
        let mut problems = Problems::default();
        let is_known = |name: &String| self.parameters.iter().any(|parameter| parameter.name == *name);
        for name in inputs.given.keys().filter(|name| !is_known(name)) {
            problems.add(format!("the parameter {:?} does not exist: remove it", short(name)));
        }
        let built_in = built_in(&inputs.origin);
        let mut values = Values::new();
        for parameter in &self.parameters {
            let chosen = chosen(parameter, inputs, &built_in).and_then(|chosen| {
                let value = chosen.or_else(|| fallback(parameter, &built_in)).unwrap_or_else(|| {
                    parameter.expression.as_ref().map_or_else(String::new, |it| it.generate(random))
                });
                check_value(parameter, &value).map(|()| value)
            });
            if let Some(value) = problems.record(chosen) {
                values.insert(parameter.name.clone(), value);
            }
        }
        if values.values().map(String::len).sum::<usize>() > MAX_VALUES_BYTES {
            problems.add(format!(
                "the parameters together have more than {MAX_VALUES_BYTES} bytes: shorten them"
            ));
        }
        problems.or(values)
    }

    /// The values that an update keeps unless the user gives others: generated ones, and those that cannot change.
    /// Another one that the user does not give any more gets its default again.
    pub fn kept(&self, values: &Values) -> Values {
        let kept = self.parameters.iter().filter(|it| it.is_generated() || it.is_immutable);
        kept.filter_map(|it| Some((it.name.clone(), values.get(&it.name)?.clone()))).collect()
    }

    /// The values that must not be shown.
    pub fn secrets<'a>(&'a self, values: &'a Values) -> impl Iterator<Item = &'a str> {
        let hidden = self.parameters.iter().filter(|parameter| parameter.is_hidden());
        hidden.filter_map(|parameter| values.get(&parameter.name)).map(String::as_str)
    }

    /// The parameters of an instance that may be shown, as the user gave them: none that the plan fixes, and neither
    /// generated ones nor passwords.
    pub fn shown_parameters(&self, plan: &Plan, values: &Values) -> Map<String, Value> {
        let shown = self
            .parameters
            .iter()
            .filter(|parameter| !parameter.is_hidden() && !plan.fixed.contains_key(&parameter.name));
        shown
            .filter_map(|parameter| Some((parameter, values.get(&parameter.name)?)))
            .map(|(parameter, value)| (parameter.name.clone(), parameter.as_json(value)))
            .collect()
    }
}

/// The value that the plan, the user or the stored values choose.
fn chosen(
    parameter: &ParameterDefinition,
    inputs: &Inputs,
    built_in: &Values,
) -> Result<Option<String>, String> {
    let name = &parameter.name;
    let given = match inputs.given.get(name) {
        None | Some(Value::Null) => None,
        Some(value) => Some(scalar_text(value).ok_or_else(|| {
            format!("the parameter {name} must be a string, a number or a boolean, not a list or an object")
        })?),
    };
    let given = given.filter(|value| !value.is_empty() || !parameter.is_generated());
    let fixed = inputs.plan.fixed.get(name).map(|fixed| with_built_in(fixed, built_in));
    if let (Some(fixed), Some(given)) = (&fixed, &given)
        && fixed != given
    {
        return Err(format!("the plan {} sets the parameter {name}: remove it", inputs.plan.name));
    }
    let stored = inputs.stored.get(name);
    let is_fixed = fixed.is_some();
    let chosen = fixed.or(given);
    match (stored, &chosen) {
        (Some(stored), Some(chosen)) if parameter.is_immutable && stored != chosen => Err(if is_fixed {
            format!(
                "the plan {} changes the parameter {name}, which cannot change after creation: choose \
                 another plan",
                inputs.plan.name
            )
        } else {
            format!("the parameter {name} cannot change after creation: restore its value")
        }),
        _ => Ok(chosen.or_else(|| stored.cloned())),
    }
}

/// The default, or the built-in value of the parameter's name. The default comes first: in OpenShift's templates
/// `NAMESPACE` is the namespace of the image streams.
fn fallback(parameter: &ParameterDefinition, built_in: &Values) -> Option<String> {
    match &parameter.default {
        Some(default) => Some(with_built_in(default, built_in)),
        None if parameter.is_generated() => None,
        None => built_in.get(&parameter.name).cloned(),
    }
}

/// A text of the template with the built-in values. One that would be too long stays as it is.
fn with_built_in(text: &str, built_in: &Values) -> String {
    let substituted = Substitution::new(built_in, MAX_VALUES_BYTES).text(text);
    substituted.unwrap_or_else(|TooLarge| text.to_owned())
}

fn built_in(origin: &Origin) -> Values {
    let values = [origin.instance_id, origin.instance_name, origin.namespace];
    BUILT_IN.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect()
}

fn check_value(parameter: &ParameterDefinition, value: &str) -> Result<(), String> {
    let name = &parameter.name;
    if value.is_empty() && parameter.is_required {
        return Err(format!("the parameter {name} is required: give it a value"));
    }
    if value.len() > MAX_VALUE_BYTES {
        return Err(format!("the parameter {name} has more than {MAX_VALUE_BYTES} bytes: shorten it"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::tests::{annotated, parse, resolve, template, values};

    fn definition() -> Definition {
        let parameters = json!([
            {"name": "SIZE", "value": "512Mi", "required": true},
            {"name": "USER", "required": true},
            {"name": "PASSWORD", "generate": "expression", "from": "[a-z]{8}", "required": true},
            {"name": "NAMESPACE", "value": "openshift"},
            {"name": "SERVICE", "value": "${INSTANCE_NAME}-db"},
            {"name": "INSTANCE_ID"},
            {"name": "NOTE"},
        ]);
        let plans = r#"[{"name": "small", "parameters": {"SIZE": "256Mi"}}, {"name": "free"}]"#;
        let template = annotated(template(parameters, json!({})), "servicecatalog.k8s.io/plans", plans);
        parse(annotated(template, "servicecatalog.k8s.io/immutable", "SERVICE, SIZE")).unwrap()
    }

    #[test]
    fn every_source_of_a_value_has_its_place() {
        let resolved = resolve(&definition(), json!({"USER": "ann", "NOTE": 5}), &Values::new()).unwrap();
        let expected = values([
            ("SIZE", "256Mi"),
            ("USER", "ann"),
            ("NAMESPACE", "openshift"),
            ("SERVICE", "orders-db"),
            ("INSTANCE_ID", "i-1"),
            ("NOTE", "5"),
        ]);
        let password = resolved["PASSWORD"].clone();
        assert_eq!(password.len(), 8);
        let others = resolved.into_iter().filter(|(name, _)| name != "PASSWORD").collect::<Values>();
        assert_eq!(others, expected);
    }

    #[test]
    fn scalars_become_text() {
        let given =
            |value: Value| resolve(&definition(), json!({"USER": "u", "NOTE": value}), &Values::new());
        assert_eq!(given(json!(true)).unwrap()["NOTE"], "true");
        let number: Value = serde_json::from_str("1.50").unwrap();
        assert_eq!(given(number).unwrap()["NOTE"], "1.50");
        assert_eq!(given(Value::Null).unwrap()["NOTE"], "");
        let why = given(json!(["x"])).unwrap_err();
        assert_eq!(
            why,
            ["the parameter NOTE must be a string, a number or a boolean, not a list or an object"]
        );
    }

    #[test]
    fn all_problems_are_reported_at_once_and_without_values() {
        let given = json!({"USER": "", "SIZE": "9Gi", "TYPO": "hunter2", "NOTE": {}});
        let problems = resolve(&definition(), given, &Values::new()).unwrap_err();
        assert_eq!(
            problems,
            [
                "the parameter \"TYPO\" does not exist: remove it",
                "the plan small sets the parameter SIZE: remove it",
                "the parameter USER is required: give it a value",
                "the parameter NOTE must be a string, a number or a boolean, not a list or an object",
            ]
        );
    }

    #[test]
    fn a_parameter_may_repeat_what_the_plan_sets() {
        assert!(resolve(&definition(), json!({"USER": "u", "SIZE": "256Mi"}), &Values::new()).is_ok());
    }

    #[test]
    fn stored_values_outlive_an_update_that_does_not_name_them() {
        let stored = values([("USER", "ann"), ("PASSWORD", "secret"), ("NOTE", "")]);
        let resolved = resolve(&definition(), json!({"PASSWORD": ""}), &stored).unwrap();
        assert_eq!((&resolved["USER"][..], &resolved["PASSWORD"][..]), ("ann", "secret"));
        let resolved = resolve(&definition(), json!({"PASSWORD": "new", "USER": "bob"}), &stored).unwrap();
        assert_eq!((&resolved["USER"][..], &resolved["PASSWORD"][..]), ("bob", "new"));
    }

    #[test]
    fn an_immutable_parameter_can_be_repeated_but_not_changed() {
        let stored = values([("USER", "ann"), ("SERVICE", "orders-db"), ("SIZE", "256Mi")]);
        assert!(resolve(&definition(), json!({"SERVICE": "orders-db"}), &stored).is_ok());
        let why = resolve(&definition(), json!({"SERVICE": "other"}), &stored).unwrap_err();
        assert_eq!(why, ["the parameter SERVICE cannot change after creation: restore its value"]);
        let stored = values([("USER", "ann"), ("SIZE", "1Gi")]);
        let why = resolve(&definition(), json!({}), &stored).unwrap_err();
        assert!(why[0].starts_with("the plan small changes the parameter SIZE, which cannot"), "{why:?}");
    }

    #[test]
    fn an_update_keeps_what_the_user_cannot_give_again() {
        let stored = [("SIZE", "1Gi"), ("USER", "ann"), ("PASSWORD", "p"), ("SERVICE", "s"), ("OLD", "o")];
        let kept = values([("SIZE", "1Gi"), ("PASSWORD", "p"), ("SERVICE", "s")]);
        assert_eq!(definition().kept(&values(stored)), kept);
    }

    #[test]
    fn sizes_are_limited() {
        let long = "x".repeat(MAX_VALUE_BYTES + 1);
        let why = resolve(&definition(), json!({"USER": long}), &Values::new()).unwrap_err();
        assert_eq!(why, ["the parameter USER has more than 65536 bytes: shorten it"]);
        let parameters: Vec<_> = (0..5).map(|index| json!({"name": format!("P{index}")})).collect();
        let definition = parse(template(json!(parameters), json!({}))).unwrap();
        let given: Map<_, _> = (0..5).map(|index| (format!("P{index}"), json!("x".repeat(60_000)))).collect();
        let why = resolve(&definition, Value::Object(given), &Values::new()).unwrap_err();
        assert_eq!(why, ["the parameters together have more than 262144 bytes: shorten them"]);
    }

    #[test]
    fn shown_parameters_contain_no_secrets_and_nothing_that_is_fixed() {
        let definition = definition();
        let resolved = resolve(&definition, json!({"USER": "ann"}), &Values::new()).unwrap();
        let shown = definition.shown_parameters(&definition.plans[0], &resolved);
        let names: Vec<_> = shown.keys().collect();
        assert_eq!(names, ["INSTANCE_ID", "NAMESPACE", "NOTE", "SERVICE", "USER"]);
    }
}
