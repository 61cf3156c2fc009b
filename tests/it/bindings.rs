//! Bindings: from the spec to the credentials in the Secret.

mod deletion;
mod failures;
mod lost_credentials;
mod rotation;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use service_catalog::crd::names::escaped;

use crate::namespace::{PATIENCE, eventually};
use crate::scripted::{
    BINDING, Endpoint, INSTANCE, MARK, TestEnv, condition, env, reference, secret_parameters,
};

/// The Secret holds the broker's current credentials, and no former ones.
async fn assert_in_step(env: &TestEnv, secret: &str) {
    let (_, binding) = env.broker.binding();
    let password = binding.credentials["password"].as_str().unwrap();
    assert_eq!(env.entries(secret).await["password"], password);
}

#[tokio::test]
async fn the_credentials_are_in_a_secret() {
    let env = env().await;
    let object = env.ready_binding(json!({}), json!({"parameters": {"role": "reader"}})).await;
    assert_eq!(condition(&object, "Ready=True InjectedBindResult"), Some("Injected bind result"));
    assert_eq!(object["status"]["binding"]["name"], "db");
    let (id, binding) = env.broker.binding();
    assert_eq!(object["status"]["bindingID"], id.as_str());
    assert_eq!(binding.parameters, json!({"role": "reader"}));

    let request = env.broker.only(Endpoint::Bind);
    let namespace = env.get("Namespace", &env.name).await.unwrap()["metadata"]["uid"].clone();
    let context = json!({
        "platform": "kubernetes", "namespace": env.name, "instance_name": "db", "binding_name": "db",
        "clusterid": env.get("Namespace", "kube-system").await.unwrap()["metadata"]["uid"],
    });
    assert_eq!(
        request.body,
        json!({
            "service_id": "database-ID", "plan_id": "small", "parameters": {"role": "reader"}, "context": context,
            "app_guid": namespace, "bind_resource": {"app_guid": namespace},
        })
    );

    let secret = env.get("Secret", "db").await.unwrap();
    let owner = json!([{
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": BINDING, "name": "db",
        "uid": object["metadata"]["uid"], "controller": true, "blockOwnerDeletion": false,
    }]);
    assert_eq!(secret["metadata"]["ownerReferences"], owner);
    let credentials = &binding.credentials;
    let text = |member: &str| credentials[member].as_str().unwrap().to_owned();
    let expected = BTreeMap::from([
        // The broker's credentials.
        ("uri", text("uri")),
        ("hostname", text("hostname")),
        ("port", "5432".to_owned()),
        ("user", text("user")),
        ("password", text("password")),
        // By these, implementations of servicebinding.io recognise it.
        ("type", "postgresql".to_owned()),
        ("provider", "broker".to_owned()),
    ]);
    let entries = env.entries("db").await;
    assert_eq!(
        entries.iter().map(|(key, value)| (key.as_str(), value.clone())).collect::<BTreeMap<_, _>>(),
        expected
    );
}

#[tokio::test]
async fn secret_type_and_provider_are_as_the_spec_says() {
    let env = env().await;
    let spec = json!({"secretName": "credentials", "type": "mysql", "provider": "me"});
    let object = env.ready_binding(json!({}), spec).await;
    assert_eq!(object["status"]["binding"]["name"], "credentials");
    let entries = env.entries("credentials").await;
    assert_eq!((entries["type"].as_str(), entries["provider"].as_str()), ("mysql", "me"));
    // With a type, the operator adds the entries that applications expect of that type.
    assert_eq!((&entries["host"], &entries["username"]), (&entries["hostname"], &entries["user"]));
    assert!(entries.contains_key("database"));
    assert_eq!(env.get("Secret", "credentials").await.unwrap()["type"], "servicebinding.io/mysql");
}

#[tokio::test]
async fn what_is_known_not_to_fit_is_not_asked_for() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    let spec = json!({"secretTransforms": [{"addKeysFrom": {"secretRef": {"name": "more"}}}]});
    env.binding("db", spec).await;
    let message = env.until_says(BINDING, "db", "Ready=False ErrorInjectingBindResult").await;
    assert!(message.contains("the Secret \"more\", which does not exist"), "{message}");
    assert_eq!(env.broker.calls(Endpoint::Bind), 0);
    env.secret("more", json!({"extra": MARK})).await;
    env.until_ready(BINDING, "db").await;
    assert_eq!(env.entries("db").await["extra"], MARK);
}

#[tokio::test]
async fn the_credentials_are_transformed_as_the_spec_says() {
    let env = env().await;
    env.secret("more", json!({"extra": MARK})).await;
    env.ready_binding(
        json!({}),
        json!({"secretTransforms": [
            {"renameKey": {"from": "uri", "to": "DATABASE_URL"}},
            {"addKey": {"key": "greeting", "stringValue": "hello"}},
            {"addKey": {"key": "address", "jsonPathExpression": "{.hostname}:{.port}"}},
            {"addKeysFrom": {"secretRef": {"name": "more", "namespace": env.name}}},
            {"removeKey": {"key": "user"}},
        ]}),
    )
    .await;
    let entries = env.entries("db").await;
    assert!(entries["DATABASE_URL"].starts_with("postgresql://"), "{entries:?}");
    assert_eq!(entries["greeting"], "hello");
    assert_eq!(entries["address"], "db.example:5432");
    assert_eq!(entries["extra"], MARK);
    assert!(!entries.contains_key("user"), "{entries:?}");

    // The operator reads the Secret of `addKeysFrom` again when it writes the binding's Secret again.
    let newer = format!("{MARK} newer");
    env.patch("Secret", "more", json!({"stringData": {"extra": newer}})).await.unwrap();
    env.delete("Secret", "db").await.unwrap();
    let what = "the Secret is written again, with the newer entry";
    eventually(what, PATIENCE, async || {
        let secret = env.get("Secret", "db").await?;
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
    let env = env().await;
    env.ready_instance(json!({})).await;
    env.binding("db", json!({"parametersFrom": [reference("role")]})).await;
    let message = env.until_says(BINDING, "db", "Ready=False ErrorWithParameters").await;
    assert!(message.contains("the Secret \"role\", which does not exist"), "{message}");
    assert_eq!(env.broker.calls(Endpoint::Bind), 0);
    env.secret("role", secret_parameters(json!({"role": MARK}))).await;
    env.until_ready(BINDING, "db").await;
    assert_eq!(env.broker.binding().1.parameters, json!({"role": MARK}));
}

#[tokio::test]
async fn a_foreign_secret_is_left_alone_and_the_broker_is_not_called() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    env.secret("taken", json!({"mine": MARK})).await;
    let before = env.get("Secret", "taken").await.unwrap();
    env.binding("db", json!({"secretName": "taken"})).await;
    let message = env.until_says(BINDING, "db", "Ready=False ErrorInjectingBindResult").await;
    let foreign = "the Secret \"taken\" exists and does not belong to this binding: delete it";
    assert!(message.contains(foreign), "{message}");
    let note = env.until_event("db", "ErrorInjectingBindResult").await;
    assert!(note.contains(foreign), "{note}");
    assert_eq!(env.broker.calls(Endpoint::Bind), 0);
    assert_eq!(env.get("Secret", "taken").await.unwrap(), before);

    env.remove("Secret", "taken").await;
    env.until_ready(BINDING, "db").await;
    assert_in_step(&env, "taken").await;
}

#[tokio::test]
async fn a_secret_that_is_taken_while_the_broker_binds_is_left_alone() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    let gate = env.broker.hold(crate::scripted::When::After, Endpoint::Bind);
    env.binding("db", json!({})).await;
    gate.reached().await;
    env.secret("db", json!({"mine": MARK})).await;
    gate.open();
    env.until_event("db", "ErrorInjectingBindResult").await;
    env.until_broker("what was bound is unbound", |broker| broker.instance().bindings.is_empty()).await;
    assert_eq!(env.entries("db").await, BTreeMap::from([("mine".to_owned(), MARK.to_owned())]));
    env.remove("Secret", "db").await;
    env.until_ready(BINDING, "db").await;
    assert_in_step(&env, "db").await;
}

#[tokio::test]
async fn a_binding_can_be_made_asynchronously_and_fetched() {
    let env = env().await;
    let slow = json!({"serviceClassExternalName": "cache", "servicePlanExternalName": "cache-slow"});
    env.ready_instance(slow).await;
    env.broker.stall();
    env.binding("db", json!({})).await;
    let says = "Ready=False Binding";
    env.until(BINDING, "db", |object| {
        condition(object, says) == Some("The binding is being created asynchronously (step by step)")
    })
    .await;
    env.broker.go_on();
    env.until_ready(BINDING, "db").await;
    assert_in_step(&env, "db").await;
    assert_eq!((env.broker.calls(Endpoint::Bind), env.broker.calls(Endpoint::FetchBinding)), (1, 1));
    env.remove(BINDING, "db").await;
    assert!(env.broker.instance().bindings.is_empty());
}

#[tokio::test]
async fn a_secret_that_is_deleted_or_edited_is_repaired() {
    let env = env().await;
    for (class, plan) in [("database", "small"), ("cache", "cache")] {
        let spec = json!({"serviceClassExternalName": class, "servicePlanExternalName": plan});
        env.instance(class, spec).await;
        env.until_ready(INSTANCE, class).await;
        env.binding(class, json!({"instanceRef": {"name": class}})).await;
        env.until_ready(BINDING, class).await;
        let entries = env.entries(class).await;
        let uid = env.get("Secret", class).await.unwrap()["metadata"]["uid"].clone();

        env.delete("Secret", class).await.unwrap();
        env.until("Secret", class, |secret| secret["metadata"]["uid"] != uid).await;
        assert_eq!(env.entries(class).await, entries);

        env.until_ready(BINDING, class).await;
        let edit = json!({"stringData": {"password": MARK, "added": MARK}});
        env.patch("Secret", class, edit).await.unwrap();
        env.until("Secret", class, |secret| crate::scripted::json_secret(secret) == entries).await;
        env.until_ready(BINDING, class).await;
    }
    let instances = env.broker.instances();
    assert!(instances.values().all(|instance| instance.bindings.len() == 1), "{instances:#?}");
    assert_eq!(env.broker.calls(Endpoint::Unbind), 0);
    assert_eq!(env.broker.calls(Endpoint::FetchBinding), 2, "only bindings that can be fetched");
}

#[tokio::test]
async fn a_binding_waits_for_its_instance() {
    let env = env().await;
    env.binding("db", json!({})).await;
    let message = env.until_says(BINDING, "db", "Ready=False ReferencesNonexistentInstance").await;
    assert!(message.contains("db"), "{message}");
    env.broker.stall();
    env.instance("db", json!({"servicePlanExternalName": "slow"})).await;
    env.until_says(BINDING, "db", "Ready=False ErrorInstanceNotReady").await;
    assert_eq!(env.broker.calls(Endpoint::Bind), 0);
    env.broker.go_on();
    env.until_ready(BINDING, "db").await;
    assert_in_step(&env, "db").await;
}

#[tokio::test]
async fn a_binding_that_waits_can_be_deleted() {
    let env = env().await;
    env.binding("db", json!({})).await;
    env.until_says(BINDING, "db", "Ready=False ReferencesNonexistentInstance").await;
    env.remove(BINDING, "db").await;
    assert_eq!(env.broker.calls(Endpoint::Unbind), 0);
}

#[tokio::test]
async fn a_plan_without_bindings_is_not_bound() {
    let env = env().await;
    env.ready_instance(json!({"servicePlanExternalName": "unbound"})).await;
    env.binding("db", json!({})).await;
    let message = env.until_says(BINDING, "db", "Failed=True ErrorNonbindableServiceClass").await;
    let refused = "The plan \"unbound\" of class \"database\" is not bindable; not retried";
    assert!(message.starts_with(refused), "{message}");
    assert_eq!(env.broker.calls(Endpoint::Bind), 0);
    env.remove(BINDING, "db").await;
    assert_eq!(env.broker.calls(Endpoint::Unbind), 0);
}

#[tokio::test]
async fn a_binding_works_as_long_as_the_class_is_gone() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    env.remove("ServicePlan", "small").await;
    env.remove("ServiceClass", &escaped("database-ID")).await;
    env.binding("db", json!({})).await;
    env.until_ready(BINDING, "db").await;
    env.remove(BINDING, "db").await;
    assert!(env.broker.instance().bindings.is_empty());
}

#[tokio::test]
async fn an_edit_of_labels_changes_nothing() {
    let env = env().await;
    env.ready_binding(json!({}), json!({})).await;
    let calls = env.broker.all_calls();
    let edit = json!({"metadata": {"labels": {"team": "a"}}});
    let written = env.patch(BINDING, "db", edit.clone()).await.unwrap();
    env.patch("Secret", "db", edit).await.unwrap();
    // The operator has processed a later object of its queue.
    env.binding("later", json!({})).await;
    env.until_ready(BINDING, "later").await;
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    assert_eq!(version(&env.get(BINDING, "db").await.unwrap()), version(&written));
    assert_eq!(env.broker.all_calls(), calls + 1);
}
