//! The rules that the specification sets for the callers of a broker.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::request::{Endpoint, Request};
use super::truth::{Instance, Truth};

/// Whether the request keeps a rule, and the rule in words.
type Rule = (bool, &'static str);

/// The one rule that a caller can keep only while the instance's class is published.
pub const ONLY_WHAT_CAN_BE_FETCHED: &str =
    "a binding that cannot be fetched must not be created asynchronously";

/// The one rule that a caller cannot keep for a binding that it has left at the broker, as it does not know whose it is.
pub const BINDINGS_FIRST: &str = "bindings are deleted before their instance";

/// The rules that a request breaks.
pub fn violations(request: &Request, catalog: &Value, truth: &Truth) -> Vec<String> {
    let mut rules = of_headers(request);
    if request.endpoint != Endpoint::Catalog {
        rules.extend(of_names(request));
        rules.extend(of_time(request, catalog, truth));
        if let Some(instance) = truth.instances.get(&request.instance) {
            rules.extend(of_instance(request, instance));
            rules.extend(of_rotation(request, catalog, instance));
        }
    }
    let broken = rules.into_iter().filter(|(is_kept, _)| !is_kept);
    broken.map(|(_, rule)| format!("{request:?}: {rule}")).collect()
}

fn of_headers(request: &Request) -> Vec<Rule> {
    // An older one, after the broker has refused the newest.
    let versions = ["2.13", "2.14", "2.15", "2.16", "2.17"].map(Some);
    let is_json = request.header("Content-Type") == Some("application/json");
    let originator = request.header("X-Broker-API-Originating-Identity").and_then(originator);
    let has_originator = request.endpoint == Endpoint::Catalog || originator.is_some();
    vec![
        (request.endpoint != Endpoint::Unknown, "the API has no such endpoint"),
        (versions.contains(&request.header("X-Broker-API-Version")), "X-Broker-API-Version must be sent"),
        (request.header("X-Broker-API-Request-Identity").is_some(), "each request has a request identity"),
        (request.header("Accept") == Some("application/json"), "Accept must be application/json"),
        (request.body.is_null() || is_json, "a body is JSON, with its Content-Type"),
        (has_originator, "the originating identity must be sent, with a username"),
    ]
}

/// The user in the header X-Broker-API-Originating-Identity.
fn originator(header: &str) -> Option<Value> {
    let decoded = STANDARD.decode(header.strip_prefix("kubernetes ")?).ok()?;
    let identity: Value = serde_json::from_slice(&decoded).ok()?;
    identity["username"].is_string().then_some(identity)
}

/// A request names instance, binding, service and plan.
fn of_names(request: &Request) -> Vec<Rule> {
    let in_query = |name: &str| !request.query(name).is_empty();
    let in_body = |name: &str| request.body[name].as_str().is_some_and(|value| !value.is_empty());
    let is_of_binding = matches!(
        request.endpoint,
        Endpoint::Bind | Endpoint::FetchBinding | Endpoint::Unbind | Endpoint::PollBinding
    );
    let mut rules = vec![
        (is_id(&request.instance), "an instance id consists of unreserved characters"),
        (!is_of_binding || is_id(&request.binding), "a binding id consists of unreserved characters"),
    ];
    let service_and_plan = in_body("service_id") && in_body("plan_id");
    match request.endpoint {
        Endpoint::Provision => rules.extend([
            (service_and_plan, "a PUT names service and plan"),
            (
                in_body("organization_guid") && in_body("space_guid"),
                "organization_guid and space_guid are still required",
            ),
            (request.body["context"]["platform"] == "kubernetes", "the platform must be named"),
        ]),
        Endpoint::Update => rules.push((in_body("service_id"), "a PATCH names the service")),
        Endpoint::Bind => rules.push((service_and_plan, "a PUT names service and plan")),
        _ => {
            let both = in_query("service_id") && in_query("plan_id");
            rules.push((both, "the query names service and plan"));
        }
    }
    rules
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// Asynchronous operations are allowed, and are polled by their names.
fn of_time(request: &Request, catalog: &Value, truth: &Truth) -> Vec<Rule> {
    let accepts_incomplete = request.query("accepts_incomplete") == "true";
    match request.endpoint {
        Endpoint::Provision | Endpoint::Update | Endpoint::Deprovision | Endpoint::Unbind => {
            vec![(accepts_incomplete, "accepts_incomplete must be true")]
        }
        Endpoint::Bind => {
            let retrievable = is_retrievable(catalog, &request.body["service_id"]);
            vec![(accepts_incomplete == retrievable, ONLY_WHAT_CAN_BE_FETCHED)]
        }
        Endpoint::PollInstance | Endpoint::PollBinding => {
            let operation = request.query("operation");
            let is_known = operation.is_empty() || truth.has_begun(operation);
            vec![
                (!accepts_incomplete, "a poll has no accepts_incomplete"),
                (is_known, "the broker has not started this operation"),
            ]
        }
        Endpoint::FetchInstance => vec![(false, "the catalog does not declare instances_retrievable")],
        Endpoint::FetchBinding => {
            let retrievable = is_retrievable(catalog, &request.query("service_id").into());
            vec![(retrievable, "the catalog does not declare bindings_retrievable")]
        }
        Endpoint::Catalog | Endpoint::Unknown => Vec::new(),
    }
}

/// A successor needs a plan with `binding_rotatable`, an existing predecessor, and the predecessor's parameters. A
/// repeated request says how the binding was made, whatever has become of the plan and the predecessor since.
fn of_rotation(request: &Request, catalog: &Value, instance: &Instance) -> Vec<Rule> {
    let Some(predecessor) = request.body["predecessor_binding_id"].as_str() else { return Vec::new() };
    let is_repeated = instance.bindings.contains_key(&request.binding);
    vec![
        (is_repeated || is_rotatable(catalog, instance), "the plan's bindings cannot be rotated"),
        (request.body["parameters"].is_null(), "a successor has the parameters of its predecessor"),
        (predecessor != request.binding, "a binding is not its own predecessor"),
        (is_repeated || instance.is_bound(predecessor), "the predecessor does not exist"),
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

/// Service and plan are the instance's, and the order is right.
fn of_instance(request: &Request, instance: &Instance) -> Vec<Rule> {
    let in_query = |name: &'static str| request.query.get(name).map(String::as_str);
    let service = request.body["service_id"].as_str().or_else(|| in_query("service_id"));
    let plan = match request.endpoint {
        Endpoint::Bind => request.body["plan_id"].as_str(),
        _ => in_query("plan_id"),
    };
    // A caller that has not learned the outcome of an update may still send the plan before it.
    let is_known = plan.is_none_or(|plan| plan == instance.confirmed_plan() || instance.had(plan));
    let needs_it = matches!(request.endpoint, Endpoint::Update | Endpoint::Bind);
    let removes_it = request.endpoint == Endpoint::Deprovision;
    vec![
        (service == Some(&instance.service), "service_id must be the instance's"),
        (is_known, "plan_id must be the confirmed plan or an earlier one"),
        (!needs_it || !instance.is_being_made(), "the instance must be provisioned first"),
        (!removes_it || instance.bindings.is_empty(), BINDINGS_FIRST),
    ]
}
