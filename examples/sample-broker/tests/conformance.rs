//! The rules of the specification for every broker.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use service_catalog::osb::OperationState;
use tower::ServiceExt as _;

use super::{DELAY, Fixture, object};
use crate::api;
use crate::broker::Done;
use crate::catalog::{Action, Catalog};
use crate::error::Error;

#[test]
fn what_is_asked_twice_is_done_once() {
    let mut fixture = Fixture::new(Catalog::UserProvided);
    let service = "user-provided-service";
    assert_eq!(fixture.provision("a", service, json!({"size": 1})), Ok(Done::Now));
    assert_eq!(fixture.provision("a", service, json!({"size": 1})), Ok(Done::Already));
    assert_eq!(fixture.provision("a", service, json!({"size": 2})), Err(Error::Conflict("the instance")));
    assert_eq!(
        fixture.provision("a", "user-provided-service-single-plan", json!({"size": 1})),
        Err(Error::Conflict("the instance"))
    );
    let mut bind =
        |parameters| fixture.broker.bind("a", "b", object(parameters), fixture.now).map(|(done, _)| done);
    assert_eq!(bind(json!({"role": 1})), Ok(Done::Now));
    assert_eq!(bind(json!({"role": 1})), Ok(Done::Already));
    assert_eq!(bind(json!({"role": 2})), Err(Error::Conflict("the binding")));
    assert_eq!(fixture.broker.unbind("a", "b", fixture.now), Ok(()));
    assert_eq!(fixture.broker.unbind("a", "b", fixture.now), Err(Error::Gone));
    assert_eq!(fixture.deprovision("a"), Ok(Done::Now));
    assert_eq!(fixture.deprovision("a"), Err(Error::Gone));
    assert_eq!(fixture.update("a", service, json!({})), Err(Error::NotFound("the instance")));
}

#[test]
fn one_operation_at_a_time_is_under_way() {
    let mut fixture = Fixture::new(Catalog::Test);
    let service = "test-service-async";
    let begun = Ok(Done::Begun(Action::Provision));
    assert_eq!(fixture.provision("a", service, json!({})), begun);
    assert_eq!(fixture.poll("a"), Ok(OperationState::InProgress));
    assert_eq!(fixture.provision("a", service, json!({})), begun);
    assert_eq!(fixture.provision("a", service, json!({"size": 2})), Err(Error::Conflict("the instance")));
    fixture.now += DELAY;
    assert_eq!(fixture.poll("a"), Ok(OperationState::Succeeded));

    let begun = Ok(Done::Begun(Action::Update));
    assert_eq!(fixture.update("a", service, json!({"size": 2})), begun);
    assert_eq!(fixture.update("a", service, json!({"size": 2})), begun);
    assert_eq!(fixture.update("a", service, json!({"size": 3})), Err(Error::Concurrency));
    assert_eq!(fixture.broker.bind("a", "b", None, fixture.now), Err(Error::Concurrency));
    fixture.now += DELAY;
    let (_, settings) = fixture.broker.instance("a", fixture.now).unwrap();
    assert_eq!(settings.parameters, object(json!({"size": 2})));

    let begun = Ok(Done::Begun(Action::Deprovision));
    assert_eq!(fixture.deprovision("a"), begun);
    assert_eq!(fixture.deprovision("a"), begun);
    assert_eq!(fixture.provision("a", service, json!({"size": 2})), Err(Error::Concurrency));
    fixture.now += DELAY;
    assert_eq!(fixture.poll("a"), Err(Error::Gone));
}

/// Sends one request, as a platform does.
async fn send(router: &Router, request: &str, body: Value) -> (StatusCode, Value) {
    let (method, path) = request.split_once(' ').unwrap();
    let request = Request::builder()
        .method(method)
        .uri(format!("/v2/{path}"))
        .header("X-Broker-API-Version", "2.17")
        .header("Content-Type", "application/json");
    let response = router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn it_speaks_the_open_service_broker_api() {
    let fixture = Fixture::new(Catalog::Test);
    let (service, plan) = fixture.ids("test-service-async");
    let (quick, quick_plan) = fixture.ids("test-service");
    let router = api::router(fixture.broker);
    let slow = json!({"service_id": service, "plan_id": plan});
    let body = json!({"service_id": quick, "plan_id": quick_plan, "parameters": {"size": 1}});
    let other = json!({"service_id": quick, "plan_id": quick_plan, "parameters": {"size": 2}});
    let of = format!("?service_id={quick}&plan_id={quick_plan}");
    for (request, body, status, answer) in [
        ("PUT service_instances/a", slow.clone(), 422, json!({"error": "AsyncRequired"})),
        (
            "PUT service_instances/a?accepts_incomplete=true",
            slow.clone(),
            202,
            json!({"operation": "provision"}),
        ),
        ("GET service_instances/a/last_operation", json!({}), 200, json!({"state": "in progress"})),
        ("PATCH service_instances/a?accepts_incomplete=true", slow, 404, json!({})),
        ("PUT service_instances/b", json!({"service_id": quick}), 400, json!({})),
        ("PUT service_instances/b", json!({"service_id": quick, "plan_id": "none"}), 400, json!({})),
        ("PUT service_instances/b", body.clone(), 201, json!({})),
        ("PUT service_instances/b", body.clone(), 200, json!({})),
        ("PUT service_instances/b", other.clone(), 409, json!({})),
        ("PATCH service_instances/b", json!({"service_id": "none"}), 400, json!({})),
        ("PATCH service_instances/b", other.clone(), 200, json!({})),
        ("GET service_instances/b", json!({}), 200, other),
        (
            "PUT service_instances/b/service_bindings/c",
            body.clone(),
            201,
            json!({"credentials": {"special-key-1": "special-value-1", "special-key-2": "special-value-2"}}),
        ),
        ("PUT service_instances/b/service_bindings/c", body, 200, json!({})),
        ("GET service_instances/b/service_bindings/c", json!({}), 200, json!({"parameters": {"size": 1}})),
        ("DELETE service_instances/b/service_bindings/c", json!({}), 400, json!({})),
        (&format!("DELETE service_instances/b/service_bindings/c{of}"), json!({}), 200, json!({})),
        (&format!("DELETE service_instances/b/service_bindings/c{of}"), json!({}), 410, json!({})),
        (&format!("DELETE service_instances/b{of}"), json!({}), 200, json!({})),
        (&format!("DELETE service_instances/b{of}"), json!({}), 410, json!({})),
        ("GET service_instances/b", json!({}), 404, json!({})),
    ] {
        let (actual, body) = send(&router, request, body).await;
        assert_eq!(actual.as_u16(), status, "{request}: {body}");
        for (member, value) in answer.as_object().unwrap() {
            assert_eq!(body[member], *value, "{request}");
        }
    }
}

#[tokio::test]
async fn another_version_of_the_api_is_not_understood() {
    let router = api::router(Fixture::new(Catalog::Test).broker);
    for (version, status) in [(Some("2.13"), 200), (Some("3.0"), 412), (None, 412)] {
        let mut request = Request::builder().uri("/v2/catalog");
        if let Some(version) = version {
            request = request.header("X-Broker-API-Version", version);
        }
        let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{version:?}");
    }
}
