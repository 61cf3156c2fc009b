//! Asynchronous operations. A first broker accepts them but does not begin them; then another one replaces it. So
//! every operation that is `in progress` here also survives a crash.

use std::time::Duration;

use serde_json::json;

use super::{
    platform::{NEVER, Platform, binding, instance},
    server::connect,
};
use crate::catalog::{LARGE, SMALL};

const INSTANCE: &str = "one";
const INCOMPLETE: &str = "one?accepts_incomplete=true";
const BINDING: &str = "one/service_bindings/writer";

/// An instance of the large plan, and a broker that begins no operations.
async fn provisioned() -> Platform {
    let mut platform = Platform::new(Duration::ZERO).await;
    let operation = platform.put(INCOMPLETE, &instance(&LARGE, &json!({}))).await.operation();
    assert_eq!(platform.poll(INSTANCE, &operation).await.body["state"], "succeeded");
    platform.restart(NEVER).await;
    platform
}

#[tokio::test]
async fn a_provision_survives_the_broker() {
    let mut platform = Platform::new(NEVER).await;
    let request = instance(&LARGE, &json!({ "connectionLimit": 300 }));
    assert_eq!(platform.put(INSTANCE, &request).await.error(), (422, Some("AsyncRequired")));
    assert_eq!(platform.get(INSTANCE).await.status, 404, "a refused request leaves nothing");

    let operation = platform.put(INCOMPLETE, &request).await.operation();
    assert_eq!(platform.put(INCOMPLETE, &request).await.operation(), operation);
    assert_eq!(platform.put(INCOMPLETE, &instance(&LARGE, &json!({}))).await.status, 409);
    assert_eq!(platform.get(INSTANCE).await.status, 404);
    assert_eq!(
        platform.put(BINDING, &binding(&LARGE, &json!({}))).await.error(),
        (422, Some("ConcurrencyError"))
    );
    let change = json!({ "service_id": LARGE.service_id, "parameters": { "connectionLimit": 400 } });
    assert_eq!(platform.patch(INCOMPLETE, &change).await.error(), (422, Some("ConcurrencyError")));
    let state = platform.get(&format!("{INSTANCE}/last_operation?operation={operation}")).await;
    assert_eq!((state.status, &state.body["state"]), (200, &json!("in progress")));

    platform.restart(Duration::ZERO).await;
    assert_eq!(platform.poll(INSTANCE, &operation).await.body["state"], "succeeded");
    let fetched = platform.get(INSTANCE).await;
    assert_eq!(fetched.body["parameters"], json!({ "connectionLimit": 300 }));
    assert_eq!(fetched.body["maintenance_info"]["version"], json!(LARGE.maintenance_version));
    assert_eq!(platform.put(INCOMPLETE, &request).await.status, 200);
    platform.bind(BINDING, &LARGE, &json!({})).await.connect().await.unwrap();
}

#[tokio::test]
async fn a_deprovision_replaces_a_provision_in_progress() {
    let mut platform = Platform::new(NEVER).await;
    let request = instance(&LARGE, &json!({}));
    platform.put(INCOMPLETE, &request).await.operation();
    let operation = platform.delete(INSTANCE, &LARGE).await.operation();
    assert_eq!(platform.delete(INSTANCE, &LARGE).await.operation(), operation);
    assert_eq!(platform.put(INCOMPLETE, &request).await.error(), (422, Some("ConcurrencyError")));
    platform.restart(Duration::ZERO).await;
    assert_eq!(platform.poll(INSTANCE, &operation).await.status, 410);
    assert_eq!(platform.postgres.leftovers().await, "");
    assert_eq!(platform.poll(INSTANCE, "provision-1").await.status, 404);
}

#[tokio::test]
async fn an_update_keeps_the_instance_as_it_is_until_it_is_done() {
    let mut platform = provisioned().await;
    let change =
        |limit| json!({ "service_id": LARGE.service_id, "parameters": { "connectionLimit": limit } });
    assert_eq!(platform.patch(INSTANCE, &change(400)).await.error(), (422, Some("AsyncRequired")));
    let operation = platform.patch(INCOMPLETE, &change(400)).await.operation();
    assert_eq!(platform.patch(INCOMPLETE, &change(400)).await.operation(), operation);
    let concurrency = (422, Some("ConcurrencyError"));
    assert_eq!(platform.patch(INCOMPLETE, &change(500)).await.error(), concurrency);
    assert_eq!(platform.delete(INSTANCE, &LARGE).await.error(), concurrency);
    assert_eq!(platform.put(BINDING, &binding(&LARGE, &json!({}))).await.error(), concurrency);
    assert_eq!(platform.get(INSTANCE).await.error(), concurrency);

    platform.restart(Duration::ZERO).await;
    assert_eq!(platform.poll(INSTANCE, &operation).await.body["state"], "succeeded");
    assert_eq!(platform.get(INSTANCE).await.body["parameters"], json!({ "connectionLimit": 400 }));
}

#[tokio::test]
async fn a_deprovision_survives_the_broker() {
    let mut platform = provisioned().await;
    platform.bind(BINDING, &LARGE, &json!({})).await;
    let query = format!("{INSTANCE}?service_id={}&plan_id={}", LARGE.service_id, LARGE.id);
    let refused = platform.send(reqwest::Method::DELETE, &query, None).await;
    assert_eq!(refused.error(), (422, Some("AsyncRequired")));
    let operation = platform.delete(INSTANCE, &LARGE).await.operation();
    assert_eq!(platform.delete(BINDING, &LARGE).await.error(), (422, Some("ConcurrencyError")));
    platform.restart(Duration::ZERO).await;
    assert_eq!(platform.poll(INSTANCE, &operation).await.status, 410);
    assert_eq!(platform.postgres.leftovers().await, "");
}

#[tokio::test]
async fn a_small_database_grows_with_all_that_is_in_it() {
    let platform = Platform::new(Duration::ZERO).await;
    platform.put(INSTANCE, &instance(&SMALL, &json!({}))).await;
    let writer = platform.bind(BINDING, &SMALL, &json!({})).await;
    writer.connect().await.unwrap().run("CREATE TABLE t AS SELECT 1").await;

    let upgrade = |version: &str| {
        json!({
            "service_id": SMALL.service_id,
            "plan_id": LARGE.id,
            "maintenance_info": { "version": version },
            "previous_values": { "plan_id": SMALL.id },
        })
    };
    let refused = platform.patch(INCOMPLETE, &upgrade("0.9.0")).await;
    assert_eq!(refused.error(), (422, Some("MaintenanceInfoConflict")));
    let operation = platform.patch(INCOMPLETE, &upgrade("1.1.0")).await.operation();
    assert_eq!(platform.poll(INSTANCE, &operation).await.body["state"], "succeeded");
    assert_eq!(platform.get(INSTANCE).await.body["plan_id"], LARGE.id);

    let application = writer.connect().await.unwrap();
    assert_eq!(application.rows("SELECT * FROM t").await, 1);
    assert_eq!(
        application.rows("SELECT FROM pg_settings WHERE name = 'work_mem' AND setting = '32768'").await,
        1
    );
}

#[tokio::test]
async fn an_operation_that_fails_says_why_and_may_be_repeated() {
    let platform = Platform::new(Duration::ZERO).await;
    let made = platform.put(INCOMPLETE, &instance(&LARGE, &json!({}))).await;
    platform.poll(INSTANCE, &made.operation()).await;
    let database = made.body["metadata"]["attributes"]["database"].as_str().unwrap();
    let admin = connect(&platform.postgres.config()).await.unwrap();
    admin.batch_execute(&format!("ALTER DATABASE {database} RENAME TO elsewhere")).await.unwrap();

    let change = json!({ "service_id": LARGE.service_id, "parameters": { "connectionLimit": 400 } });
    let operation = platform.patch(INCOMPLETE, &change).await.operation();
    let failed = platform.poll(INSTANCE, &operation).await.body;
    assert_eq!((&failed["state"], &failed["instance_usable"]), (&json!("failed"), &json!(true)));
    assert!(failed["description"].as_str().unwrap().contains("does not exist"), "{failed}");
    assert_eq!(platform.get(INSTANCE).await.body["parameters"], json!({}), "nothing has changed");

    admin.batch_execute(&format!("ALTER DATABASE elsewhere RENAME TO {database}")).await.unwrap();
    let operation = platform.patch(INCOMPLETE, &change).await.operation();
    assert_eq!(platform.poll(INSTANCE, &operation).await.body["state"], "succeeded");
}
