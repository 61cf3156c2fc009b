//! The bodies of requests and responses.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    broker::{Broker, answer},
    *,
};

fn map(value: Value) -> SecretObject {
    let Value::Object(map) = value else { panic!("{value} is no object") };
    map.into()
}

fn sent_body(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_provision_request_and_its_reply_lose_nothing() {
    let reply = json!({
        "dashboard_url": "http://dash", "operation": "op", "vendor": {"x": 1},
        "metadata": {"labels": {"a": "b", "n": 1}, "attributes": {"exact": 1}},
    });
    let broker = Broker::answering([answer(202, &reply.to_string())]).await;
    let request = ProvisionRequest {
        service_id: "s".to_owned(),
        plan_id: "p".to_owned(),
        context: json!({"platform": "kubernetes", "namespace": "n"}),
        organization_guid: "org".to_owned(),
        space_guid: "space".to_owned(),
        parameters: Some(serde_json::from_str(r#"{"size": 1.000000000000000000001}"#).unwrap()),
        maintenance_info: Some(MaintenanceInfo {
            version: "1.2.3".to_owned(),
            description: Some("from the catalog".to_owned()),
        }),
    };
    let metadata =
        InstanceMetadata { labels: map(json!({"a": "b", "n": 1})).0, attributes: map(json!({"exact": 1})).0 };
    assert_eq!(
        broker.client().provision("i", &request, None).await.unwrap(),
        Reply::InProgress {
            operation: Some("op".to_owned()),
            body: ProvisionResponse {
                dashboard_url: Some("http://dash".to_owned()),
                metadata: Some(metadata),
                ignored: Vec::new(),
            },
        },
    );
    let (_, body) = broker.only_request();
    assert!(body.contains("1.000000000000000000001"), "{body}");
    assert_eq!(
        sent_body(&body.replace("1.000000000000000000001", "2")),
        json!({
            "service_id": "s", "plan_id": "p", "organization_guid": "org", "space_guid": "space",
            "context": {"platform": "kubernetes", "namespace": "n"},
            "parameters": {"size": 2}, "maintenance_info": {"version": "1.2.3"},
        }),
    );
}

#[tokio::test]
async fn an_update_sends_only_what_changes() {
    let broker = Broker::answering([answer(200, r#"{"dashboard_url": null}"#), answer(200, "{}")]).await;
    let client = broker.client();
    let small = UpdateRequest {
        service_id: "s".to_owned(),
        parameters: Some(map(json!({}))),
        ..UpdateRequest::default()
    };
    let large = UpdateRequest {
        plan_id: Some("p2".to_owned()),
        context: Some(json!({"platform": "kubernetes"})),
        previous_values: Some(PreviousValues {
            plan_id: Some("p".to_owned()),
            space_id: Some("space".to_owned()),
            ..PreviousValues::default()
        }),
        ..small.clone()
    };
    let done = Reply::Done(UpdateResponse::default());
    assert_eq!(client.update("i", &small, None).await.unwrap(), done);
    assert_eq!(client.update("i", &large, None).await.unwrap(), done);
    let bodies: Vec<Value> =
        broker.requests().iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect();
    assert_eq!(bodies[0], json!({"service_id": "s", "parameters": {}}));
    assert_eq!(
        bodies[1],
        json!({
            "service_id": "s", "plan_id": "p2", "parameters": {}, "context": {"platform": "kubernetes"},
            "previous_values": {"plan_id": "p", "space_id": "space"},
        }),
    );
}

#[tokio::test]
async fn a_binding_is_read_whole_and_the_same_when_fetched() {
    let text = r#"{
        "metadata": {"expires_at": "2030-01-01T00:00:00.0Z", "renew_before": "2029-12-01T00:00:00.0Z"},
        "credentials": {"password": "hunter2", "ratio": 0.10000000000000000001},
        "syslog_drain_url": "syslog://logs", "route_service_url": "https://route",
        "volume_mounts": [{"driver": "cephfs", "container_dir": "/data", "mode": "r", "device_type": "shared",
            "device": {"volume_id": "v", "mount_config": {"key": "hunter2"}}}],
        "endpoints": [{"host": "db", "ports": ["443", "9000-9010", 5432], "protocol": "udp"}, {"host": "x", "ports": []}],
        "parameters": {"a": 1}
    }"#;
    let broker = Broker::answering([answer(201, text), answer(200, text)]).await;
    let request = BindRequest {
        service_id: "s".to_owned(),
        plan_id: "p".to_owned(),
        context: Some(json!({"platform": "kubernetes"})),
        app_guid: Some("app".to_owned()),
        bind_resource: Some(BindResource { app_guid: Some("app".to_owned()), route: None }),
        parameters: None,
        predecessor_binding_id: Some("old".to_owned()),
    };
    let Reply::Done(bound) = broker.client().bind("i", "b", &request, true, None).await.unwrap() else {
        panic!("a 201 is done")
    };
    let credentials = bound.credentials.as_ref().unwrap();
    assert_eq!(credentials["ratio"].to_string(), "0.10000000000000000001");
    assert_eq!(bound.metadata.as_ref().unwrap().renew_before.as_deref(), Some("2029-12-01T00:00:00.0Z"));
    assert_eq!(bound.endpoints[0].ports, ["443", "9000-9010", "5432"]);
    assert_eq!(bound.volume_mounts[0].device.volume_id, "v");
    assert_eq!(bound.syslog_drain_url.as_deref(), Some("syslog://logs"));
    assert!(!format!("{bound:?}").contains("hunter2"));

    let fetched = broker.client().fetch_binding("i", "b", &plan_query(), None).await.unwrap();
    assert_eq!((bound.is_new, fetched.is_new), (true, false));
    assert_eq!(BindResponse { is_new: true, ..fetched }, bound);
    assert_eq!(
        serde_json::from_slice::<Value>(&broker.requests()[0].1).unwrap(),
        json!({
            "service_id": "s", "plan_id": "p", "context": {"platform": "kubernetes"}, "app_guid": "app",
            "bind_resource": {"app_guid": "app"}, "predecessor_binding_id": "old",
        }),
    );
}

#[tokio::test]
async fn a_binding_may_consist_of_anything_or_nothing() {
    let nothing = Reply::Done(BindResponse { is_new: true, ..BindResponse::default() });
    let in_progress = Reply::InProgress { operation: None, body: BindResponse::default() };
    let cases = [
        (201, "{}", nothing.clone()),
        (
            201,
            r#"{"credentials": null, "endpoints": null, "volume_mounts": null, "metadata": null}"#,
            nothing,
        ),
        (202, r#"{"credentials": {"password": "too early"}, "endpoints": "nonsense"}"#, in_progress),
    ];
    for (status, body, expected) in cases {
        let broker = Broker::answering([answer(status, body)]).await;
        let bound = broker.client().bind("i", "b", &BindRequest::default(), true, None).await;
        assert_eq!(bound.unwrap(), expected, "{body}");
    }
}

#[tokio::test]
async fn credentials_that_are_no_object_are_malformed_and_not_repeated() {
    let broker = Broker::answering([answer(201, r#"{"credentials": "hunter2"}"#)]).await;
    let error = broker.client().bind("i", "b", &BindRequest::default(), true, None).await.unwrap_err();
    assert_eq!(error.status(), Some(201));
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_poll_tells_the_state_and_when_to_ask_again() {
    let state = |state, retry_after| LastOperation {
        state,
        description: None,
        instance_usable: None,
        update_repeatable: None,
        retry_after,
    };
    let cases = [
        (
            r#"{"state": "in progress"}"#,
            "15",
            Some(state(OperationState::InProgress, Some(Duration::from_secs(15)))),
        ),
        (
            r#"{"state": "succeeded", "description": null}"#,
            "soon",
            Some(state(OperationState::Succeeded, None)),
        ),
        (
            r#"{"state": "failed", "description": "", "instance_usable": false, "update_repeatable": true}"#,
            "0",
            Some(LastOperation {
                description: Some(String::new()),
                instance_usable: Some(false),
                update_repeatable: Some(true),
                ..state(OperationState::Failed, Some(Duration::from_secs(1)))
            }),
        ),
        (
            r#"{"state": "in progress", "description": "creating\n LONG"}"#,
            "",
            Some(LastOperation {
                description: Some(format!("creating {}…", "x".repeat(491))),
                ..state(OperationState::InProgress, None)
            }),
        ),
        (r#"{"state": "in_progress"}"#, "", None),
        (r#"{"state": "Succeeded"}"#, "", None),
        (r#"{"state": null}"#, "", None),
        (r#"{"description": "no state"}"#, "", None),
    ];
    for (body, retry_after, expected) in cases {
        let answers = [(); 2].map(|()| {
            let mut answer = answer(200, &body.replace("LONG", &"x".repeat(10_000)));
            answer.headers_mut().insert("retry-after", retry_after.parse().unwrap());
            answer
        });
        let client = Broker::answering(answers).await.client();
        let of_instance = client.poll_instance("i", &poll_query(Some("op")), None).await;
        let of_binding = client.poll_binding("i", "b", &poll_query(Some("op")), None).await;
        assert_eq!(of_instance, of_binding);
        match expected {
            Some(expected) => assert_eq!(of_instance.unwrap(), expected),
            None => {
                assert!(matches!(of_instance, Err(Error::Malformed { status: 200, .. })), "{of_instance:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_instance_is_fetched_with_whatever_the_broker_tells() {
    let text = r#"{"service_id": "s", "plan_id": "p", "dashboard_url": "d", "parameters": {"a": null},
        "maintenance_info": {"version": "1.0.0"}, "metadata": {"labels": null}}"#;
    let broker = Broker::answering([answer(200, text), answer(200, "{}")]).await;
    let client = broker.client();
    let fetched = client.fetch_instance("i", &plan_query(), None).await.unwrap();
    assert_eq!(fetched.plan_id.as_deref(), Some("p"));
    assert_eq!(fetched.maintenance_info.unwrap().version, "1.0.0");
    assert_eq!(fetched.metadata, Some(InstanceMetadata::default()));
    assert_eq!(fetched.parameters, Some(map(json!({"a": null}))));
    assert_eq!(client.fetch_instance("i", &plan_query(), None).await, Ok(InstanceResponse::default()));
}

#[tokio::test]
async fn an_unusable_id_is_not_sent() {
    let broker = Broker::answering([answer(200, "{}")]).await;
    let error = broker.client().deprovision("..", &plan_query(), None).await.unwrap_err();
    assert_eq!(error.to_string(), r#"the ID ".." cannot be part of a URL"#);
    assert!(broker.requests().is_empty());
}
