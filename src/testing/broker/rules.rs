//! The manners that the specification demands of whoever calls a broker.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::request::{Endpoint, Request};
use super::truth::{Instance, Truth};

/// What must be so, and how that is called.
type Demand = (bool, &'static str);

/// A rule that supposes that the class of the instance is published.
pub const ONLY_WHAT_CAN_BE_FETCHED: &str = "what cannot be fetched cannot be made asynchronously";

/// What is wrong with a request.
pub fn violations(request: &Request, catalog: &Value, truth: &Truth) -> Vec<String> {
    let mut demands = of_headers(request);
    if request.endpoint != Endpoint::Catalog {
        demands.extend(of_names(request));
        demands.extend(of_time(request, catalog, truth));
        if let Some(instance) = truth.instances.get(&request.instance) {
            demands.extend(of_instance(request, instance));
            demands.extend(of_rotation(request, catalog, instance));
        }
    }
    let broken = demands.into_iter().filter(|(is_so, _)| !is_so);
    broken.map(|(_, rule)| format!("{request:?}: {rule}")).collect()
}

fn of_headers(request: &Request) -> Vec<Demand> {
    let is_json = request.header("Content-Type") == Some("application/json");
    let originator = request.header("X-Broker-API-Originating-Identity").and_then(originator);
    let is_asked_for = request.endpoint == Endpoint::Catalog || originator.is_some();
    vec![
        (request.endpoint != Endpoint::Unknown, "there is no such endpoint"),
        (request.header("X-Broker-API-Version") == Some("2.17"), "the version must be sent"),
        (request.header("X-Broker-API-Request-Identity").is_some(), "each request has an identity"),
        (request.header("Accept") == Some("application/json"), "it must say what it understands"),
        (request.body.is_null() || is_json, "a body is JSON and says so"),
        (is_asked_for, "somebody must have asked for it, and has a name"),
    ]
}

/// Who has asked for it: what the header says after its platform.
fn originator(header: &str) -> Option<Value> {
    let decoded = STANDARD.decode(header.strip_prefix("kubernetes ")?).ok()?;
    let identity: Value = serde_json::from_slice(&decoded).ok()?;
    identity["username"].is_string().then_some(identity)
}

/// It says what it is about.
fn of_names(request: &Request) -> Vec<Demand> {
    let in_query = |name: &str| !request.query(name).is_empty();
    let in_body = |name: &str| request.body[name].as_str().is_some_and(|value| !value.is_empty());
    let is_of_binding = matches!(
        request.endpoint,
        Endpoint::Bind | Endpoint::FetchBinding | Endpoint::Unbind | Endpoint::PollBinding
    );
    let mut demands = vec![
        (is_id(&request.instance), "an id of an instance is unreserved characters"),
        (!is_of_binding || is_id(&request.binding), "an id of a binding is unreserved characters"),
    ];
    let service_and_plan = in_body("service_id") && in_body("plan_id");
    match request.endpoint {
        Endpoint::Provision => demands.extend([
            (service_and_plan, "a PUT names service and plan"),
            (in_body("organization_guid") && in_body("space_guid"), "both are still required"),
            (request.body["context"]["platform"] == "kubernetes", "the platform must be named"),
        ]),
        Endpoint::Update => demands.push((in_body("service_id"), "a PATCH names the service")),
        Endpoint::Bind => demands.push((service_and_plan, "a PUT names service and plan")),
        _ => {
            let both = in_query("service_id") && in_query("plan_id");
            demands.push((both, "the query names service and plan"));
        }
    }
    demands
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// What takes a while may do so, and is asked about by its name.
fn of_time(request: &Request, catalog: &Value, truth: &Truth) -> Vec<Demand> {
    let accepts_incomplete = request.query("accepts_incomplete") == "true";
    match request.endpoint {
        Endpoint::Provision | Endpoint::Update | Endpoint::Deprovision | Endpoint::Unbind => {
            vec![(accepts_incomplete, "it may be done asynchronously")]
        }
        Endpoint::Bind => {
            let retrievable = is_retrievable(catalog, &request.body["service_id"]);
            vec![(accepts_incomplete == retrievable, ONLY_WHAT_CAN_BE_FETCHED)]
        }
        Endpoint::PollInstance | Endpoint::PollBinding => {
            let operation = request.query("operation");
            let is_known = operation.is_empty() || truth.has_begun(operation);
            vec![
                (!accepts_incomplete, "to ask how far it is takes no time"),
                (is_known, "the broker has not begun this operation"),
            ]
        }
        Endpoint::FetchInstance => vec![(false, "nothing says that instances can be fetched")],
        Endpoint::FetchBinding => {
            let retrievable = is_retrievable(catalog, &request.query("service_id").into());
            vec![(retrievable, "nothing says that bindings can be fetched")]
        }
        Endpoint::Catalog | Endpoint::Unknown => Vec::new(),
    }
}

/// A binding is made from another one only where the plan allows it, while that is there, and with its parameters.
fn of_rotation(request: &Request, catalog: &Value, instance: &Instance) -> Vec<Demand> {
    let Some(predecessor) = request.body["predecessor_binding_id"].as_str() else { return Vec::new() };
    let is_repeated = instance.bindings.contains_key(&request.binding);
    vec![
        (is_rotatable(catalog, instance), "the plan's bindings cannot be rotated"),
        (request.body["parameters"].is_null(), "a successor has the parameters of its predecessor"),
        (predecessor != request.binding, "a binding is not its own predecessor"),
        (is_repeated || instance.is_bound(predecessor), "there is no such predecessor"),
    ]
}

fn is_rotatable(catalog: &Value, instance: &Instance) -> bool {
    let of = |entries: &Value, id: &str| {
        entries.as_array().into_iter().flatten().find(|entry| entry["id"] == id).cloned().unwrap_or_default()
    };
    let service = of(&catalog["services"], &instance.service);
    let plan = of(&service["plans"], &instance.plan);
    plan["binding_rotatable"].as_bool().or_else(|| service["binding_rotatable"].as_bool()).unwrap_or_default()
}

fn is_retrievable(catalog: &Value, service: &Value) -> bool {
    let services = catalog["services"].as_array().into_iter().flatten();
    services.into_iter().any(|entry| entry["id"] == *service && entry["bindings_retrievable"] == true)
}

/// It is as the broker knows the instance, and in the right order.
fn of_instance(request: &Request, instance: &Instance) -> Vec<Demand> {
    let in_query = |name: &'static str| request.query.get(name).map(String::as_str);
    let service = request.body["service_id"].as_str().or_else(|| in_query("service_id"));
    let plan = match request.endpoint {
        Endpoint::Bind => request.body["plan_id"].as_str(),
        _ => in_query("plan_id"),
    };
    // Who has not heard how an update ended cannot know better than before.
    let is_known = plan.is_none_or(|plan| plan == instance.confirmed_plan() || instance.had(plan));
    let needs_it = matches!(request.endpoint, Endpoint::Update | Endpoint::Bind);
    let removes_it = request.endpoint == Endpoint::Deprovision;
    vec![
        (service == Some(&instance.service), "it is an instance of another class"),
        (is_known, "the plan is the one before the update"),
        (!needs_it || !instance.is_being_made(), "it is not there yet"),
        (!removes_it || instance.bindings.is_empty(), "bindings are removed before their instance"),
    ]
}
