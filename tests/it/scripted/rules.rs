//! The manners that the specification demands of whoever calls a broker.

use serde_json::Value;

use super::request::{Endpoint, Request};
use super::truth::Truth;

/// What is wrong with a request.
pub fn violations(request: &Request, catalog: &Value, truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut demand = |is_so: bool, rule: &str| {
        if !is_so {
            wrong.push(format!("{request:?}: {rule}"));
        }
    };
    demand(request.endpoint != Endpoint::Unknown, "there is no such endpoint");
    demand(request.header("X-Broker-API-Version") == Some("2.17"), "the version must be sent");
    demand(request.header("X-Broker-API-Request-Identity").is_some(), "each request has an identity");
    if request.endpoint == Endpoint::Catalog {
        return wrong;
    }
    demand(request.header("X-Broker-API-Originating-Identity").is_some(), "somebody must have asked for it");

    let in_query = |name: &str| !request.query(name).is_empty();
    let in_body = |name: &str| request.body[name].as_str().is_some_and(|value| !value.is_empty());
    let accepts_incomplete = request.query("accepts_incomplete") == "true";
    let instance = truth.instances.get(&request.instance);
    match request.endpoint {
        Endpoint::Provision => {
            demand(in_body("service_id") && in_body("plan_id"), "a PUT names service and plan");
            demand(in_body("organization_guid") && in_body("space_guid"), "both are still required");
            demand(request.body["context"]["platform"] == "kubernetes", "the platform must be named");
        }
        Endpoint::Update => demand(in_body("service_id"), "a PATCH names the service"),
        Endpoint::Bind => demand(in_body("service_id") && in_body("plan_id"), "a PUT names service and plan"),
        _ => demand(in_query("service_id") && in_query("plan_id"), "the query names service and plan"),
    }
    match request.endpoint {
        Endpoint::Provision | Endpoint::Update | Endpoint::Deprovision | Endpoint::Unbind => {
            demand(accepts_incomplete, "it may be done asynchronously");
        }
        Endpoint::Bind => {
            let retrievable = is_retrievable(catalog, &request.body["service_id"]);
            demand(accepts_incomplete == retrievable, "what cannot be fetched cannot be made asynchronously");
        }
        Endpoint::FetchInstance => demand(false, "nothing says that instances can be fetched"),
        Endpoint::FetchBinding => {
            let retrievable = is_retrievable(catalog, &request.query("service_id").into());
            demand(retrievable, "nothing says that bindings can be fetched");
        }
        _ => {}
    }
    if let Some(instance) = instance {
        if in_query("plan_id") {
            let plan = request.query("plan_id");
            let confirmed = plan == instance.confirmed_plan();
            // Who asks for a binding cannot know of an update that ends just now.
            let known = !request.binding.is_empty() && instance.had(plan);
            demand(confirmed || known, "the plan is the one before the update");
        }
        if request.endpoint == Endpoint::Deprovision {
            demand(instance.bindings.is_empty(), "bindings are removed before their instance");
        }
    }
    wrong
}

fn is_retrievable(catalog: &Value, service: &Value) -> bool {
    let services = catalog["services"].as_array().into_iter().flatten();
    services.into_iter().any(|entry| entry["id"] == *service && entry["bindings_retrievable"] == true)
}
