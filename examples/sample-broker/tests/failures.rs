//! The services, and their faults.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{DELAY, Fixture, object};
use crate::broker::Done;
use crate::catalog::{Catalog, document};
use crate::error::Error;

fn fails(times: usize, status: u16) -> Vec<Option<u16>> {
    (0..7).map(|attempt| (attempt < times).then_some(status)).collect()
}

/// For a name like `…-provision-fail400-5x`: how many of seven attempts fail, and with which status.
fn expected(name: &str, action: &str) -> (usize, u16) {
    let Some((_, rest)) = name.rsplit_once(&format!("-{action}-fail")) else { return (0, 0) };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let times = if rest[digits.len()..].starts_with("-5x") { 5 } else { 7 };
    (times, digits.parse().unwrap_or(0))
}

#[test]
fn every_test_service_fails_as_its_name_says() {
    for service in Catalog::Test.services() {
        let name = service.offering.name.as_str();
        let mut fixture = Fixture::new(Catalog::Test);
        let (times, status) = expected(name, "last-operation");
        if times > 0 {
            fixture.provision("a", name, json!({})).unwrap();
            fixture.now += DELAY;
            let polls =
                fixture.attempts(|fixture| fixture.poll("a").err().map(|error| error.status().as_u16()));
            assert_eq!(polls, fails(times, status), "{name}");
            continue;
        }
        let (times, status) = expected(name, "provision");
        let mut id = 0;
        let outcomes = fixture.attempts(|fixture| {
            id += 1;
            let begun = fixture.provision(&id.to_string(), name, json!({}));
            fixture.end_of(&id.to_string(), begun)
        });
        assert_eq!(outcomes, fails(times, status), "{name}");
        if times == 7 {
            continue;
        }
        let (times, status) = expected(name, "update");
        let mut size = 0;
        let changed = fixture.attempts(|fixture| {
            size += 1;
            let begun = fixture.update("7", name, json!({"size": size}));
            fixture.end_of("7", begun)
        });
        assert_eq!(changed, fails(times, status), "{name}");

        let (times, status) = expected(name, "deprovision");
        let removed = fixture.attempts(|fixture| {
            let begun = fixture.deprovision("7");
            fixture.end_of("7", begun).filter(|status| *status != 410)
        });
        assert_eq!(removed, fails(times, status), "{name}");
    }
}

#[test]
fn names_and_ids_are_there_once() {
    for catalog in [Catalog::UserProvided, Catalog::Test] {
        let services = catalog.services();
        let services: Vec<_> = services.iter().map(|service| &service.offering).collect();
        let names: BTreeSet<_> = services.iter().map(|service| &service.name).collect();
        assert_eq!(names.len(), services.len());
        let plans = services.iter().flat_map(|service| &service.plans).map(|plan| &plan.id);
        let ids: Vec<_> = services.iter().map(|service| &service.id).chain(plans).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    }
}

#[test]
fn the_user_provided_services_are_those_that_are_known() {
    let catalog = serde_json::to_value(document(&Catalog::UserProvided.services())).unwrap();
    let service = &catalog["services"][0];
    assert_eq!(
        (&service["name"], &service["id"]),
        (&"user-provided-service".into(), &"4f6e6cf6-ffdd-425f-a2c7-3c9258ad2468".into())
    );
    let plans: Vec<_> =
        service["plans"].as_array().unwrap().iter().map(|plan| (&plan["name"], &plan["free"])).collect();
    assert_eq!(plans, [(&"default".into(), &true.into()), (&"premium".into(), &false.into())]);
    assert_eq!(service["plans"][0]["id"], "86064792-7ea2-467b-af93-ac9694d96d52");
    assert!(service["plans"][0]["schemas"].is_null());
    let schemas = &catalog["services"][2]["plans"][0]["schemas"];
    for schema in [
        &schemas["service_instance"]["create"],
        &schemas["service_instance"]["update"],
        &schemas["service_binding"]["create"],
    ] {
        assert_eq!(schema["parameters"]["properties"]["param-1"]["type"], "string");
    }
}

#[test]
fn credentials_are_what_the_user_provides() {
    let mut fixture = Fixture::new(Catalog::UserProvided);
    for (id, parameters, credentials) in [
        ("a", Value::Null, json!({"special-key-1": "special-value-1", "special-key-2": "special-value-2"})),
        ("b", json!({"credentials": {"token": "mine"}}), json!({"token": "mine"})),
    ] {
        fixture.provision(id, "user-provided-service", parameters).unwrap();
        let credentials = object(credentials).unwrap();
        let bound = fixture.broker.bind(id, "binding", None, fixture.now);
        assert_eq!(bound, Ok((Done::Now, credentials.clone())));
        assert_eq!(fixture.broker.binding(id, "binding", fixture.now), Ok((None, credentials)));
    }
}

#[test]
fn an_id_that_completed_its_lifecycle_fails_again() {
    let mut fixture = Fixture::new(Catalog::Test);
    let service = "test-service-provision-fail500-5x";
    for _ in 0..2 {
        let outcomes = fixture.attempts(|fixture| {
            fixture.provision("a", service, json!({})).err().map(|error| error.status().as_u16())
        });
        assert_eq!(outcomes, fails(5, 500));
        fixture.deprovision("a").unwrap();
    }
}

#[test]
fn a_failure_of_the_broker_leaves_something_and_a_refusal_does_not() {
    let mut fixture = Fixture::new(Catalog::Test);
    for (service, left) in [
        ("test-service-provision-fail500", Ok(Done::Now)),
        ("test-service-provision-fail400", Err(Error::Gone)),
    ] {
        fixture.provision("a", service, json!({})).unwrap_err();
        let bound = fixture.broker.bind("a", "b", None, fixture.now);
        assert_eq!(bound, Err(Error::NotFound("the instance")));
        assert_eq!(fixture.deprovision("a"), left, "{service}");
    }
}
