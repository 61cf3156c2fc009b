//! Bindings: from the spec to the credentials in the Secret.

mod deletion;
mod failures;
mod rotation;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use service_catalog::crd::names::escaped;

use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{
    BINDING, Endpoint, INSTANCE, MARK, Stage, condition, reference, secret_parameters, stage,
};

/// The Secret holds what the broker knows, and nothing that was there before.
async fn assert_in_step(stage: &Stage, secret: &str) {
    let (_, binding) = stage.broker.binding();
    let password = binding.credentials["password"].as_str().unwrap();
    assert_eq!(stage.entries(secret).await["password"], password);
}

#[tokio::test]
async fn the_credentials_are_in_a_secret() {
    let stage = stage().await;
    let object = stage.ready_binding(json!({}), json!({"parameters": {"role": "reader"}})).await;
    assert_eq!(condition(&object, "Ready=True InjectedBindResult"), Some("Injected bind result"));
    assert_eq!(object["status"]["binding"]["name"], "db");
    let (id, binding) = stage.broker.binding();
    assert_eq!(object["status"]["bindingID"], id.as_str());
    assert_eq!(binding.parameters, json!({"role": "reader"}));

    let request = stage.broker.only(Endpoint::Bind);
    let namespace = stage.get("Namespace", &stage.name).await.unwrap()["metadata"]["uid"].clone();
    let context = json!({
        "platform": "kubernetes", "namespace": stage.name, "instance_name": "db",
        "clusterid": stage.get("Namespace", "kube-system").await.unwrap()["metadata"]["uid"],
    });
    assert_eq!(
        request.body,
        json!({
            "service_id": "database-ID", "plan_id": "small", "parameters": {"role": "reader"}, "context": context,
            "app_guid": namespace, "bind_resource": {"app_guid": namespace},
        })
    );

    let secret = stage.get("Secret", "db").await.unwrap();
    let owner = json!([{
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": BINDING, "name": "db",
        "uid": object["metadata"]["uid"], "controller": true, "blockOwnerDeletion": false,
    }]);
    assert_eq!(secret["metadata"]["ownerReferences"], owner);
    let credentials = &binding.credentials;
    let text = |member: &str| credentials[member].as_str().unwrap().to_owned();
    let expected = BTreeMap::from([
        // What the broker gave.
        ("uri", text("uri")),
        ("hostname", text("hostname")),
        ("port", "5432".to_owned()),
        ("user", text("user")),
        ("password", text("password")),
        // What applications look for besides.
        ("type", "postgresql".to_owned()),
        ("provider", "broker".to_owned()),
        ("host", text("hostname")),
        ("username", text("user")),
        ("database", request.instance.clone()),
    ]);
    let entries = stage.entries("db").await;
    assert_eq!(
        entries.iter().map(|(key, value)| (key.as_str(), value.clone())).collect::<BTreeMap<_, _>>(),
        expected
    );
}

#[tokio::test]
async fn secret_type_and_provider_are_as_the_spec_says() {
    let stage = stage().await;
    let spec = json!({"secretName": "credentials", "type": "mysql", "provider": "me"});
    let object = stage.ready_binding(json!({}), spec).await;
    assert_eq!(object["status"]["binding"]["name"], "credentials");
    let entries = stage.entries("credentials").await;
    assert_eq!((entries["type"].as_str(), entries["provider"].as_str()), ("mysql", "me"));
    assert_eq!(stage.get("Secret", "credentials").await.unwrap()["type"], "servicebinding.io/mysql");
}

#[tokio::test]
async fn what_is_known_not_to_fit_is_not_asked_for() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    let spec = json!({"secretTransforms": [{"addKeysFrom": {"secretRef": {"name": "more"}}}]});
    stage.binding("db", spec).await;
    let message = stage.until_says(BINDING, "db", "Ready=False ErrorInjectingBindResult").await;
    assert!(message.contains("there is no Secret \"more\""), "{message}");
    assert_eq!(stage.broker.calls(Endpoint::Bind), 0);
    stage.secret("more", json!({"extra": MARK})).await;
    stage.until_ready(BINDING, "db").await;
    assert_eq!(stage.entries("db").await["extra"], MARK);
}

#[tokio::test]
async fn the_credentials_are_transformed_as_the_spec_says() {
    let stage = stage().await;
    stage.secret("more", json!({"extra": MARK})).await;
    stage
        .ready_binding(
            json!({}),
            json!({"secretTransforms": [
                {"renameKey": {"from": "uri", "to": "DATABASE_URL"}},
                {"addKey": {"key": "greeting", "stringValue": "hello"}},
                {"addKey": {"key": "address", "jsonPathExpression": "{.hostname}:{.port}"}},
                {"addKeysFrom": {"secretRef": {"name": "more", "namespace": stage.name}}},
                {"removeKey": {"key": "user"}},
            ]}),
        )
        .await;
    let entries = stage.entries("db").await;
    assert!(entries["DATABASE_URL"].starts_with("postgresql://"), "{entries:?}");
    assert_eq!(entries["greeting"], "hello");
    assert_eq!(entries["address"], "db.example:5432");
    assert_eq!(entries["extra"], MARK);
    assert!(!entries.contains_key("user"), "{entries:?}");

    // The Secret that entries were added from is read again when the binding's is written again.
    let newer = format!("{MARK} newer");
    stage.patch("Secret", "more", json!({"stringData": {"extra": newer}})).await.unwrap();
    stage.delete("Secret", "db").await.unwrap();
    let what = "the Secret is written again, with the newer entry";
    eventually(what, PATIENCE, async || {
        let secret = stage.get("Secret", "db").await?;
        if crate::scripted::json_secret(&secret)["extra"] == newer {
            Ok(())
        } else {
            Err(format!("{secret:#}"))
        }
    })
    .await;
}

#[tokio::test]
async fn parameters_of_a_binding_may_come_from_a_secret_that_is_created_later() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    stage.binding("db", json!({"parametersFrom": [reference("role")]})).await;
    let message = stage.until_says(BINDING, "db", "Ready=False ErrorWithParameters").await;
    assert!(message.contains("the Secret \"role\", which does not exist"), "{message}");
    assert_eq!(stage.broker.calls(Endpoint::Bind), 0);
    stage.secret("role", secret_parameters(json!({"role": MARK}))).await;
    stage.until_ready(BINDING, "db").await;
    assert_eq!(stage.broker.binding().1.parameters, json!({"role": MARK}));
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_left_alone_and_the_broker_is_not_asked() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    stage.secret("taken", json!({"mine": MARK})).await;
    let before = stage.get("Secret", "taken").await.unwrap();
    stage.binding("db", json!({"secretName": "taken"})).await;
    let message = stage.until_says(BINDING, "db", "Ready=False ErrorInjectingBindResult").await;
    assert!(
        message.contains("the Secret \"taken\" exists and is not this binding's: it is left alone"),
        "{message}"
    );
    let note = stage.until_event("db", "ErrorInjectingBindResult").await;
    assert!(note.contains("is left alone"), "{note}");
    assert_eq!(stage.broker.calls(Endpoint::Bind), 0);
    assert_eq!(stage.get("Secret", "taken").await.unwrap(), before);

    stage.remove("Secret", "taken").await;
    stage.until_ready(BINDING, "db").await;
    assert_in_step(&stage, "taken").await;
}

#[tokio::test]
async fn a_secret_that_is_taken_while_the_broker_binds_is_left_alone() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    let gate = stage.broker.hold(crate::scripted::When::After, Endpoint::Bind);
    stage.binding("db", json!({})).await;
    gate.reached().await;
    stage.secret("db", json!({"mine": MARK})).await;
    gate.open();
    stage.until_event("db", "ErrorInjectingBindResult").await;
    stage.until_broker("what was bound is unbound", |broker| broker.instance().bindings.is_empty()).await;
    assert_eq!(stage.entries("db").await, BTreeMap::from([("mine".to_owned(), MARK.to_owned())]));
    stage.remove("Secret", "db").await;
    stage.until_ready(BINDING, "db").await;
    assert_in_step(&stage, "db").await;
}

#[tokio::test]
async fn a_binding_can_be_made_asynchronously_and_fetched() {
    let stage = stage().await;
    let slow = json!({"serviceClassExternalName": "cache", "servicePlanExternalName": "cache-slow"});
    stage.ready_instance(slow).await;
    stage.broker.stall();
    stage.binding("db", json!({})).await;
    let says = "Ready=False Binding";
    stage
        .until(BINDING, "db", |object| {
            condition(object, says) == Some("The binding is being created asynchronously (step by step)")
        })
        .await;
    stage.broker.go_on();
    stage.until_ready(BINDING, "db").await;
    assert_in_step(&stage, "db").await;
    assert_eq!((stage.broker.calls(Endpoint::Bind), stage.broker.calls(Endpoint::FetchBinding)), (1, 1));
    stage.remove(BINDING, "db").await;
    assert!(stage.broker.instance().bindings.is_empty());
}

#[tokio::test]
async fn a_secret_that_is_deleted_or_edited_is_repaired() {
    let stage = stage().await;
    for (class, plan) in [("database", "small"), ("cache", "cache")] {
        let spec = json!({"serviceClassExternalName": class, "servicePlanExternalName": plan});
        stage.instance(class, spec).await;
        stage.until_ready(INSTANCE, class).await;
        stage.binding(class, json!({"instanceRef": {"name": class}})).await;
        stage.until_ready(BINDING, class).await;
        let entries = stage.entries(class).await;
        let uid = stage.get("Secret", class).await.unwrap()["metadata"]["uid"].clone();

        stage.delete("Secret", class).await.unwrap();
        stage.until("Secret", class, |secret| secret["metadata"]["uid"] != uid).await;
        assert_eq!(stage.entries(class).await, entries);

        stage.until_ready(BINDING, class).await;
        let edit = json!({"stringData": {"password": MARK, "added": MARK}});
        stage.patch("Secret", class, edit).await.unwrap();
        stage.until("Secret", class, |secret| crate::scripted::json_secret(secret) == entries).await;
        stage.until_ready(BINDING, class).await;
    }
    let instances = stage.broker.instances();
    assert!(instances.values().all(|instance| instance.bindings.len() == 1), "{instances:#?}");
    assert_eq!(stage.broker.calls(Endpoint::Unbind), 0);
    assert_eq!(stage.broker.calls(Endpoint::FetchBinding), 2, "only what says that it can be fetched");
}

#[tokio::test]
async fn a_binding_waits_for_its_instance() {
    let stage = stage().await;
    stage.binding("db", json!({})).await;
    let message = stage.until_says(BINDING, "db", "Ready=False ReferencesNonexistentInstance").await;
    assert!(message.contains("db"), "{message}");
    stage.broker.stall();
    stage.instance("db", json!({"servicePlanExternalName": "slow"})).await;
    stage.until_says(BINDING, "db", "Ready=False ErrorInstanceNotReady").await;
    assert_eq!(stage.broker.calls(Endpoint::Bind), 0);
    stage.broker.go_on();
    stage.until_ready(BINDING, "db").await;
    assert_in_step(&stage, "db").await;
}

#[tokio::test]
async fn a_binding_that_waits_can_be_deleted() {
    let stage = stage().await;
    stage.binding("db", json!({})).await;
    stage.until_says(BINDING, "db", "Ready=False ReferencesNonexistentInstance").await;
    stage.remove(BINDING, "db").await;
    assert_eq!(stage.broker.calls(Endpoint::Unbind), 0);
}

#[tokio::test]
async fn a_plan_without_bindings_is_not_bound() {
    let stage = stage().await;
    stage.ready_instance(json!({"servicePlanExternalName": "unbound"})).await;
    stage.binding("db", json!({})).await;
    let message = stage.until_says(BINDING, "db", "Failed=True ErrorNonbindableServiceClass").await;
    assert_eq!(message, "The class or plan of the instance is not bindable");
    assert_eq!(stage.broker.calls(Endpoint::Bind), 0);
    stage.remove(BINDING, "db").await;
    assert_eq!(stage.broker.calls(Endpoint::Unbind), 0);
}

#[tokio::test]
async fn a_binding_works_as_long_as_the_class_is_gone() {
    let stage = stage().await;
    stage.ready_instance(json!({})).await;
    stage.remove("ServicePlan", "small").await;
    stage.remove("ServiceClass", &escaped("database-ID")).await;
    stage.binding("db", json!({})).await;
    stage.until_ready(BINDING, "db").await;
    stage.remove(BINDING, "db").await;
    assert!(stage.broker.instance().bindings.is_empty());
}

#[tokio::test]
async fn an_edit_of_labels_changes_nothing() {
    let stage = stage().await;
    stage.ready_binding(json!({}), json!({})).await;
    let calls = stage.broker.all_calls();
    let edit = json!({"metadata": {"labels": {"team": "a"}}});
    let written = stage.patch(BINDING, "db", edit.clone()).await.unwrap();
    stage.patch("Secret", "db", edit).await.unwrap();
    // What comes after it in the queue has been worked on.
    stage.binding("later", json!({})).await;
    stage.until_ready(BINDING, "later").await;
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    assert_eq!(version(&stage.get(BINDING, "db").await.unwrap()), version(&written));
    assert_eq!(stage.broker.all_calls(), calls + 1);
}
