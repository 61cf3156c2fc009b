//! Schemas in the shared database.

use std::time::Duration;

use serde_json::json;

use super::platform::Platform;
use crate::catalog::SHARED;

#[tokio::test]
async fn bindings_share_a_schema_that_no_other_instance_sees() {
    let platform = Platform::new(Duration::ZERO).await;
    platform.provision("one", &SHARED).await;
    platform.provision("two", &SHARED).await;
    let first = platform.bind("one/service_bindings/first", &SHARED, &json!({})).await;
    let second = platform.bind("one/service_bindings/second", &SHARED, &json!({})).await;
    let reader = platform.bind("one/service_bindings/reader", &SHARED, &json!({ "readOnly": true })).await;
    let stranger = platform.bind("two/service_bindings/stranger", &SHARED, &json!({})).await;

    first.connect().await.unwrap().run("CREATE TABLE t AS SELECT 1 AS x").await;
    let writing = second.connect().await.unwrap();
    writing.run("INSERT INTO t VALUES (2); ALTER TABLE t ADD y int").await;
    let reading = reader.connect().await.unwrap();
    assert_eq!(reading.rows("SELECT * FROM t").await, 2);
    reading.is_denied("INSERT INTO t VALUES (3)").await;
    let strange = stranger.connect().await.unwrap();
    strange.is_denied(&format!("SELECT * FROM {}.t", first.text("schema"))).await;
    strange.run("CREATE TABLE t ()").await;

    assert_eq!(platform.delete("one/service_bindings/first", &SHARED).await.status, 200);
    assert_eq!(reading.rows("SELECT * FROM t").await, 2);
    assert_eq!(platform.delete("one", &SHARED).await.status, 200);
    writing.is_over().await;
    assert!(second.connect().await.is_err());
    assert_eq!(strange.rows("SELECT * FROM t").await, 0);
    let schema = format!("SELECT FROM pg_namespace WHERE nspname = '{}'", first.text("schema"));
    assert_eq!(strange.rows(&schema).await, 0);

    assert_eq!(platform.delete("two", &SHARED).await.status, 200);
    assert_eq!(platform.postgres.leftovers().await, "");
}
