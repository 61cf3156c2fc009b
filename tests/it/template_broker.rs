//! The template broker: the real binary with the chart's RBAC and templates, registered at the operator.
//!
//! There are no nodes, so the tests say that pods run.

mod crash;
mod own_templates;
mod process;
mod rights;
mod wire;

use serde_json::{Value, json};

use self::process::desk;
use crate::few_namespaces;
use crate::scripted::{BINDING, INSTANCE, condition};

/// What a new user sees first: the catalog is there, and a database from it can be ordered, used and deleted.
#[tokio::test]
async fn a_database_is_ordered_bound_changed_and_deleted() {
    if few_namespaces::is_mode() {
        return;
    }
    let desk = desk().await;
    let instance = json!({"clusterServiceClassExternalName": "postgresql", "clusterServicePlanExternalName": "persistent",
        "parameters": {"VOLUME_CAPACITY": "2Gi"}});
    desk.order("db", instance).await;
    let waiting = desk.until_progress("db", "Deployment db: 0 of 1").await;
    assert!(waiting.contains("Deployment db"), "{waiting}");
    desk.run_pods().await;
    desk.env.until_ready(INSTANCE, "db").await;
    let claim = desk.env.get("PersistentVolumeClaim", "db").await.unwrap();
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "2Gi");
    let deployment = desk.env.get("Deployment", "db").await.unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "quay.io/sclorg/postgresql-16-c9s:latest");

    desk.bind("db").await;
    let entries = desk.env.entries("db").await;
    assert_eq!(entries["host"], format!("db.{}.svc", desk.env.name));
    assert_eq!((&*entries["port"], &*entries["type"], entries["password"].len()), ("5432", "postgresql", 32));
    let uri = format!(
        "postgresql://{}:{}@{}:5432/{}",
        entries["username"], entries["password"], entries["host"], entries["database"]
    );
    assert_eq!(entries["uri"], uri);

    let change = json!({"spec": {"parameters": {"MEMORY_LIMIT": "1Gi"}}});
    desk.user.patch(INSTANCE, "db", change).await.unwrap();
    desk.env.until("Deployment", "db", |deployment| memory(deployment) == "1Gi").await;
    desk.run_pods().await;
    desk.env.until_ready(INSTANCE, "db").await;
    let secret = desk.env.get("Secret", "db-server").await;
    assert!(secret.is_ok(), "{secret:?}");
    let claim = desk.env.get("PersistentVolumeClaim", "db").await.unwrap();
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "2Gi");

    desk.user.delete(BINDING, "db").await.unwrap();
    desk.env.until_gone(BINDING, "db").await;
    desk.user.delete(INSTANCE, "db").await.unwrap();
    desk.until_deleted("db").await;
    desk.nothing_is_left().await;
}

fn memory(deployment: &Value) -> &str {
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    container["resources"]["limits"]["memory"].as_str().unwrap_or_default()
}

/// All built-in templates are published, and each can be ordered.
#[tokio::test]
async fn every_built_in_template_can_be_ordered() {
    if few_namespaces::is_mode() {
        return;
    }
    let desk = desk().await;
    let classes = desk.classes().await;
    for name in ["postgresql", "mariadb", "mysql", "redis", "ferretdb", "rabbitmq"] {
        assert!(classes.contains(&name.to_owned()), "{name} is missing: {classes:?}");
        let spec = json!({
            "clusterServiceClassExternalName": name, "clusterServicePlanExternalName": "ephemeral",
        });
        desk.order(name, spec).await;
    }
    for name in ["python", "ruby", "nodejs", "dotnet"] {
        assert!(classes.contains(&name.to_owned()), "{name} is missing: {classes:?}");
        let spec = json!({
            "clusterServiceClassExternalName": name,
            "parameters": {"SOURCE_REPOSITORY_URL": "https://git.example.com/app.git"},
        });
        desk.order(name, spec).await;
    }
    for instance in desk.env.list(INSTANCE).await {
        let name = instance["metadata"]["name"].as_str().unwrap();
        desk.until_progress(name, &format!("Deployment {name}")).await;
    }
    desk.run_pods().await;
    for instance in desk.env.list(INSTANCE).await {
        let name = instance["metadata"]["name"].as_str().unwrap();
        desk.env.until_ready(INSTANCE, name).await;
        desk.user.delete(INSTANCE, name).await.unwrap();
    }
    for instance in classes {
        desk.until_deleted(&instance).await;
    }
    desk.nothing_is_left().await;
}

/// Two instances of one template never collide, and an object that exists already is not taken over.
#[tokio::test]
async fn an_object_that_exists_already_is_not_taken_over() {
    if few_namespaces::is_mode() {
        return;
    }
    let desk = desk().await;
    desk.env
        .create(json!({"kind": "Secret", "metadata": {"name": "db-server"}, "stringData": {"mine": "1"}}))
        .await
        .unwrap();
    let spec =
        json!({"clusterServiceClassExternalName": "redis", "clusterServicePlanExternalName": "ephemeral"});
    desk.order("db", spec).await;
    let message =
        desk.env.until_says(INSTANCE, "db", "Failed=True ClusterServiceBrokerReturnedFailure").await;
    assert!(message.contains("Secret db-server exists already; choose another name"), "{message}");
    assert!(desk.env.get("Deployment", "db").await.is_err(), "nothing is created");
    let instance = desk.env.get(INSTANCE, "db").await.unwrap();
    assert!(condition(&instance, "Ready=False").is_some());
    desk.user.delete(INSTANCE, "db").await.unwrap();
    desk.until_deleted("db").await;
    assert_eq!(desk.env.entries("db-server").await["mine"], "1");
}
