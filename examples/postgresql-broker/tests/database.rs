//! Databases of the synchronous plan.

use std::time::Duration;

use serde_json::json;
use tokio_postgres::error::SqlState;

use super::{
    application::Credentials,
    platform::{Platform, binding, instance},
};
use crate::catalog::SMALL;

const INSTANCE: &str = "one";
const WRITER: &str = "one/service_bindings/writer";

#[tokio::test]
async fn bindings_share_a_database() {
    let platform = Platform::new(Duration::ZERO).await;
    platform.provision(INSTANCE, &SMALL).await;
    let writer = platform.bind(WRITER, &SMALL, &json!({})).await;
    let other = platform.bind("one/service_bindings/other", &SMALL, &json!({})).await;
    let reader = platform.bind("one/service_bindings/reader", &SMALL, &json!({ "readOnly": true })).await;

    let writing = writer.connect().await.unwrap();
    writing.run("CREATE TABLE t (id serial, x text); INSERT INTO t (x) VALUES ('one')").await;
    writing.run("CREATE SCHEMA s; CREATE TABLE s.t ()").await;
    let changing = other.connect().await.unwrap();
    changing.run("INSERT INTO t (x) VALUES ('two'); ALTER TABLE t ADD y int; DROP TABLE s.t").await;
    changing.run("CREATE TABLE s.u AS SELECT 3").await;

    let reading = reader.connect().await.unwrap();
    assert_eq!(reading.rows("SELECT x FROM t").await, 2);
    assert_eq!(reading.rows("SELECT * FROM s.u").await, 1);
    for sql in
        ["INSERT INTO t (x) VALUES ('no')", "DROP TABLE t", "CREATE TABLE mine ()", "CREATE SCHEMA mine"]
    {
        reading.is_denied(sql).await;
    }
}

#[tokio::test]
async fn what_is_removed_is_really_gone() {
    let platform = Platform::new(Duration::ZERO).await;
    platform.provision(INSTANCE, &SMALL).await;
    let writer = platform.bind(WRITER, &SMALL, &json!({})).await;
    let other = platform.bind("one/service_bindings/other", &SMALL, &json!({})).await;
    let (writing, reading) = (writer.connect().await.unwrap(), other.connect().await.unwrap());
    // A role can be dropped even if it owns objects that it created as itself, not as the owner.
    writing.run("CREATE TABLE common AS SELECT 1; SET ROLE NONE; CREATE TABLE own AS SELECT 1").await;

    assert_eq!(platform.delete(WRITER, &SMALL).await.status, 200);
    writing.is_over().await;
    assert_eq!(writer.connect().await.err(), Some(SqlState::INVALID_PASSWORD));
    let roles = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{}'", writer.text("username"));
    assert_eq!(platform.postgres.query(&roles).await, "0");
    assert_eq!(reading.rows("SELECT FROM common, own").await, 1);
    assert_eq!(platform.delete(WRITER, &SMALL).await.status, 410);
    assert_eq!(platform.get(WRITER).await.status, 404);

    // The platform has not deleted the other binding, which is in use.
    assert_eq!(platform.delete(INSTANCE, &SMALL).await.status, 200);
    assert_eq!(platform.postgres.leftovers().await, "");
    reading.is_over().await;
    assert_eq!(platform.delete(INSTANCE, &SMALL).await.status, 410);
    assert_eq!(platform.get(INSTANCE).await.status, 404);
}

#[tokio::test]
async fn requests_may_be_repeated_but_not_changed() {
    let platform = Platform::new(Duration::ZERO).await;
    let request = instance(&SMALL, &json!({ "connectionLimit": 7 }));
    let made = platform.put(INSTANCE, &request).await;
    let again = platform.put(INSTANCE, &request).await;
    assert_eq!((made.status, again.status), (201, 200));
    assert_eq!(made.body, again.body);
    assert_eq!(platform.put(INSTANCE, &instance(&SMALL, &json!({ "connectionLimit": 8 }))).await.status, 409);

    let request = binding(&SMALL, &json!({}));
    let made = platform.put(WRITER, &request).await;
    let again = platform.put(WRITER, &request).await;
    assert_eq!((made.status, again.status), (201, 200));
    assert_eq!(made.body, again.body);
    let explicit = platform.put(WRITER, &binding(&SMALL, &json!({ "readOnly": false }))).await;
    assert_eq!(explicit.status, 200, "the default, spelt out");
    assert_eq!(platform.put(WRITER, &binding(&SMALL, &json!({ "readOnly": true }))).await.status, 409);

    let fetched = platform.get(WRITER).await;
    assert_eq!(fetched.status, 200);
    assert_eq!(fetched.body["credentials"], made.body["credentials"]);
    assert_eq!(fetched.body["parameters"], json!({ "readOnly": false }));
    assert_eq!(platform.get(&format!("{WRITER}/last_operation")).await.body["state"], "succeeded");
}

#[tokio::test]
async fn credentials_say_where_and_how() {
    let platform = Platform::new(Duration::ZERO).await;
    platform.provision(INSTANCE, &SMALL).await;
    let answer = platform.put(WRITER, &binding(&SMALL, &json!({}))).await;
    let port = platform.postgres.port();
    assert_eq!(
        answer.body["endpoints"],
        json!([{ "host": "127.0.0.1", "ports": [port.to_string()], "protocol": "tcp" }])
    );
    let credential = Credentials(answer.body["credentials"].clone());
    assert_eq!(credential.0["port"], json!(port));
    assert_eq!(credential.text("host"), "127.0.0.1");
    let [username, password, database] =
        ["username", "password", "database"].map(|name| credential.text(name));
    assert_eq!(
        credential.text("uri"),
        format!("postgresql://{username}:{password}@127.0.0.1:{port}/{database}")
    );
    assert!(password.len() >= 32);
}

#[tokio::test]
async fn parameters_are_applied_and_changed() {
    let platform = Platform::new(Duration::ZERO).await;
    let limit =
        "SELECT datconnlimit FROM pg_database WHERE datname LIKE 'osb\\_%' AND datname <> 'osb_shared'";
    platform.provision(INSTANCE, &SMALL).await;
    assert_eq!(platform.postgres.query(limit).await, "20");

    let change = json!({ "service_id": SMALL.service_id, "parameters": { "connectionLimit": 33 } });
    assert_eq!(platform.patch(INSTANCE, &change).await.status, 200);
    assert_eq!(platform.postgres.query(limit).await, "33");
    let nothing = json!({ "service_id": SMALL.service_id, "context": { "platform": "kubernetes" } });
    assert_eq!(platform.patch(INSTANCE, &nothing).await.status, 200);

    let fetched = platform.get(INSTANCE).await;
    assert_eq!(fetched.status, 200);
    assert_eq!(fetched.body["service_id"], SMALL.service_id);
    assert_eq!(fetched.body["plan_id"], SMALL.id);
    assert_eq!(fetched.body["parameters"], json!({ "connectionLimit": 33 }));
    let state = platform.get(&format!("{INSTANCE}/last_operation")).await;
    assert_eq!(state.body["state"], "succeeded");
}

#[tokio::test]
async fn rotation_makes_a_second_role_with_the_same_rights() {
    let platform = Platform::new(Duration::ZERO).await;
    platform.provision(INSTANCE, &SMALL).await;
    let old = platform.bind(WRITER, &SMALL, &json!({ "readOnly": true })).await;
    let (successor, request) =
        ("one/service_bindings/successor", json!({ "predecessor_binding_id": "writer" }));
    let made = platform.put(successor, &request).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let new = Credentials(made.body["credentials"].clone());
    assert_ne!(old.text("username"), new.text("username"));
    old.connect().await.unwrap();
    new.connect().await.unwrap().is_denied("CREATE TABLE mine ()").await;

    assert_eq!(platform.delete(WRITER, &SMALL).await.status, 200);
    assert_eq!(platform.put(successor, &request).await.status, 200, "repeated when the predecessor is gone");
    assert_eq!(platform.put("one/service_bindings/third", &request).await.status, 400);
    new.connect().await.unwrap();
}

#[tokio::test]
async fn instances_are_closed_to_each_other() {
    let platform = Platform::new(Duration::ZERO).await;
    // Ids that try to inject SQL.
    let odd = "%22%3B%20DROP%20DATABASE%20postgres%3B%20--%2F%C3%BC%27";
    let odd_binding = format!("{odd}/service_bindings/a%2Fb%20%22c%27");
    platform.provision(INSTANCE, &SMALL).await;
    platform.provision(odd, &SMALL).await;
    let one = platform.bind(WRITER, &SMALL, &json!({})).await;
    let two = platform.bind(&odd_binding, &SMALL, &json!({})).await;
    one.connect().await.unwrap();
    two.connect().await.unwrap();

    for database in [two.text("database"), "osb_shared"] {
        assert_eq!(
            one.connect_to(database).await.err(),
            Some(SqlState::INSUFFICIENT_PRIVILEGE),
            "{database}"
        );
    }
    let records = one.connect_to("postgres").await.unwrap();
    records.is_denied("SELECT * FROM service_broker.bindings").await;

    assert_eq!(platform.delete(&odd_binding, &SMALL).await.status, 200);
    assert_eq!(platform.delete(odd, &SMALL).await.status, 200);
    one.connect().await.unwrap();
}
