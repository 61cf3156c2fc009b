//! What a client that speaks an older version of the API leaves out, and how it reads encoded bodies.

use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::{
    broker::{Broker, answer},
    *,
};

fn catalog() -> Value {
    let plan = json!({"id": "p", "name": "p", "maintenance_info": {"version": "1.0.0"}});
    let service = json!({"id": "s", "name": "s", "bindings_retrievable": true, "plans": [plan]});
    json!({"services": [service]})
}

#[tokio::test]
async fn a_request_declares_its_version_and_has_what_that_version_knows() {
    for (version, accepts, hints) in
        [(ApiVersion::V2_17, true, true), (ApiVersion::V2_15, true, false), (ApiVersion::V2_13, false, false)]
    {
        let broker = Broker::answering((0..4).map(|_| answer(200, "{}"))).await;
        let client = broker.client().speaking(version);
        let maintenance_info = Some(MaintenanceInfo { version: "1.0.0".to_owned(), description: None });
        let body = ProvisionRequest { maintenance_info, ..ProvisionRequest::default() };
        client.provision("i", &body, None).await.unwrap();
        client.unbind("i", "b", &plan_query(), None).await.unwrap();
        client.fetch_binding("i", "b", &plan_query(), None).await.unwrap();
        client.deprovision("i", &plan_query(), None).await.unwrap();
        let requests = broker.requests();
        for (head, _) in &requests {
            assert_eq!(head.headers["x-broker-api-version"], version.as_str());
        }
        let body: Value = serde_json::from_slice(&requests[0].1).unwrap();
        assert_eq!(body.get("maintenance_info").is_some(), version >= ApiVersion::V2_15);
        let has = |index: usize, name: &str| requests[index].0.uri.query().unwrap_or_default().contains(name);
        assert_eq!(has(1, "accepts_incomplete"), accepts, "{version}");
        assert_eq!(has(2, "service_id"), hints, "{version}");
        assert!(has(1, "service_id") && has(3, "accepts_incomplete"), "{version}");
    }
}

#[tokio::test]
async fn a_catalog_offers_what_the_version_has() {
    let broker = Broker::answering((0..2).map(|_| answer(200, &catalog().to_string()))).await;
    let newest = broker.client().catalog().await.unwrap();
    assert!(newest.services[0].bindings_retrievable);
    let oldest = broker.client().speaking(ApiVersion::V2_13).catalog().await.unwrap();
    assert!(!oldest.services[0].bindings_retrievable);
    assert_eq!(oldest.services[0].plans[0].maintenance_info, None);
}

/// The text `{"services": []}`, compressed.
const GZIPPED: [u8; 36] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 42, 78, 45, 42, 203, 76, 78, 45, 86, 178, 82, 136, 142, 173, 5,
    0, 169, 150, 105, 95, 16, 0, 0, 0,
];

#[tokio::test]
async fn compressed_bodies_are_read_or_named() {
    let encoded =
        |encoding: &'static str| ([("content-encoding", encoding)], GZIPPED.to_vec()).into_response();
    let broker = Broker::answering([encoded("gzip"), encoded("br")]).await;
    assert_eq!(broker.client().catalog().await.unwrap().services, []);
    let error = broker.client().catalog().await.unwrap_err().to_string();
    assert!(error.contains(r#"its content encoding "br" is not supported"#), "{error}");
}
