//! I12: the broker is asked for plans that a user has chosen. A user writes the name of a plan. It stands for the plan
//! that had this name until the operator resolved it, whatever the broker calls its plans later.

use serde_json::Value;

use super::api::{Api, Event};
use super::broker::id;
use super::half::Half;
use super::request::{Endpoint, Request};
use super::world::Broken;

const INSTANCES: &str = "serviceinstances";

/// A name that a user has written.
struct Choice<'a> {
    name: &'a Value,
    /// The number of events after which the operator had resolved it: the length of the log, if it has not yet.
    resolved: usize,
}

/// I12: a request names a plan that the user has chosen, now or before.
pub fn of_call(request: &Request, api: &Api) -> Option<Broken> {
    if !matches!(request.endpoint, Endpoint::Provision | Endpoint::Update) {
        return None;
    }
    let plan = request.body["plan_id"].as_str()?;
    let instance = api.list(INSTANCES).find(|(_, object)| object["status"]["instanceID"] == id(request))?.1;
    let half = Half::of_instance(instance);
    let is_chosen = choices(instance, api).iter().any(|choice| had_name(half, plan, choice, api));
    (!is_chosen).then(|| format!("I12: the plan {plan} was not chosen by a user: {instance}"))
}

/// Whether the plan with this id is the one that the user has chosen last.
pub fn is_chosen(instance: &Value, plan: &str, api: &Api) -> bool {
    let half = Half::of_instance(instance);
    choices(instance, api).last().is_some_and(|choice| had_name(half, plan, choice, api))
}

/// All names that users have written for the instance, oldest first.
fn choices<'a>(instance: &Value, api: &'a Api) -> Vec<Choice<'a>> {
    let half = Half::of_instance(instance);
    let name = half.member("PlanExternalName");
    let resolution = |object: &Value| {
        let annotation = &object["metadata"]["annotations"]["servicecatalog.k8s.io/resolved"];
        (object["spec"][half.member("PlanRef")].clone(), annotation.clone())
    };
    let mut choices: Vec<Choice<'_>> = Vec::new();
    let mut before = (Value::Null, Value::Null);
    for (index, Event { object, .. }) in api.log.iter().enumerate() {
        if object["metadata"]["uid"] != instance["metadata"]["uid"] {
            continue;
        }
        if choices.last().is_none_or(|choice| *choice.name != object["spec"][&name]) {
            choices.push(Choice { name: &object["spec"][&name], resolved: api.log.len() });
        } else if resolution(object) != before
            && let Some(choice) = choices.last_mut().filter(|choice| choice.resolved == api.log.len())
        {
            choice.resolved = index;
        }
        before = resolution(object);
    }
    choices
}

/// Whether the plan with this id had the name before the name was resolved.
fn had_name(half: Half, id: &str, choice: &Choice<'_>, api: &Api) -> bool {
    let plans = half.resource("plans");
    let before = api.log.iter().take(choice.resolved).filter(|event| event.key.resource == plans);
    let mut names = before.filter(|event| event.object["spec"]["externalID"] == id);
    // The plans of the first catalog have their ids as names. The log begins after they were published.
    *choice.name == id || names.any(|event| event.object["spec"]["externalName"] == *choice.name)
}
