//! Brokers: their catalogs become classes and plans. What happens when a broker or its catalog is faulty?

mod addresses;
mod copies;
mod versions;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use service_catalog::crd::names::{escaped, escaped_of, label, label_value};

use crate::namespace::{Namespace, namespace};
use crate::operator::operator;
use crate::process::free_address;
use crate::scripted::{
    Broker, Endpoint, Fault, INSTANCE, MARK, TestEnv, When, answer, catalog, condition, env, refusal,
    versions,
};

const BROKER: &str = "ServiceBroker";
const CLASS: &str = "ServiceClass";
const PLAN: &str = "ServicePlan";
const TWENTY_MEGABYTES: usize = 20_000_000;

/// A broker that is not registered yet.
async fn unregistered() -> TestEnv {
    operator();
    TestEnv::new(namespace().await, Broker::start())
}

/// The published classes and plans, with their resourceVersions.
async fn published(namespace: &Namespace) -> [Vec<Value>; 2] {
    [namespace.list(CLASS).await, namespace.list(PLAN).await]
}

/// Requests a relist, and waits until the catalog is published.
async fn relist(env: &TestEnv) {
    request_relist(env).await;
    env.until_ready(BROKER, "broker").await;
}

async fn request_relist(env: &TestEnv) {
    let broker = env.get(BROKER, "broker").await.unwrap();
    let requests = broker["spec"]["relistRequests"].as_i64().unwrap_or_default() + 1;
    env.patch(BROKER, "broker", json!({"spec": {"relistRequests": requests}})).await.unwrap();
}

/// Withdraws the class `database` from the broker's catalog.
async fn withdraw_databases(env: &TestEnv) {
    env.broker.change_catalog(|catalog| {
        catalog["services"].as_array_mut().unwrap().remove(0);
    });
    relist(env).await;
}

fn basic_auth() -> Value {
    json!({"authInfo": {"basic": {"secretRef": {"name": "auth"}}}})
}

fn has_entry(broker: &Value, says: &str, part: &str) -> bool {
    condition(broker, says).is_some_and(|message| message.contains(part))
}

#[tokio::test]
async fn a_catalog_becomes_classes_and_plans() {
    let env = env().await;
    assert_eq!(env.list(CLASS).await.len(), 3);
    assert_eq!(env.list(PLAN).await.len(), 8);
    let broker = env.get(BROKER, "broker").await.unwrap();
    let owner = json!([{
        "apiVersion": "servicecatalog.k8s.io/v1beta1", "kind": BROKER, "name": "broker",
        "uid": broker["metadata"]["uid"], "controller": true, "blockOwnerDeletion": false,
    }]);

    let class = env.get(CLASS, &escaped("database-ID")).await.unwrap();
    assert_eq!(class["metadata"]["name"], "database-z49zz44z");
    assert_eq!(class["metadata"]["ownerReferences"], owner);
    let labels = &class["metadata"]["labels"];
    assert_eq!(labels[label::EXTERNAL_NAME], label_value("database"));
    assert_eq!(labels[label::EXTERNAL_ID], label_value("database-ID"));
    assert_eq!(labels[label::SERVICE_BROKER_NAME], label_value("broker"));
    assert_eq!(class["spec"]["externalName"], "database");
    assert_eq!(class["spec"]["externalID"], "database-ID");
    assert_eq!(class["spec"]["serviceBrokerName"], "broker");
    assert_eq!(class["spec"]["bindable"], true);
    assert_eq!(class["spec"]["planUpdatable"], true);

    let plan = env.get(PLAN, "unbound").await.unwrap();
    assert_eq!(plan["metadata"]["ownerReferences"], owner);
    let labels = &plan["metadata"]["labels"];
    assert_eq!(labels[label::SERVICE_CLASS_REF], label_value("database-z49zz44z"));
    assert_eq!(plan["spec"]["serviceClassRef"]["name"], "database-z49zz44z");
    assert_eq!(plan["spec"]["bindable"], false);
    assert_eq!(env.broker.calls(Endpoint::Catalog), 1);
}

#[tokio::test]
async fn the_classes_of_a_cluster_wide_broker_are_cluster_wide() {
    operator();
    let namespace = namespace().await;
    let name = namespace.name.clone();
    let env = TestEnv::new(namespace, Broker::offering(catalog(&format!("{name}-"))));
    let spec = json!({"url": env.broker.url});
    env.create(json!({"kind": "ClusterServiceBroker", "metadata": {"name": name}, "spec": spec}))
        .await
        .unwrap();
    env.until_ready("ClusterServiceBroker", &name).await;

    let class = env.get("ClusterServiceClass", &escaped(&format!("{name}-queue-ID"))).await.unwrap();
    assert_eq!(class["spec"]["clusterServiceBrokerName"], name.as_str());
    assert_eq!(class["metadata"]["ownerReferences"][0]["kind"], "ClusterServiceBroker");
    assert_eq!(class["metadata"]["labels"][label::CLUSTER_SERVICE_BROKER_NAME], label_value(&name));
    let plan = env.get("ClusterServicePlan", &escaped(&format!("{name}-only"))).await.unwrap();
    assert_eq!(plan["spec"]["clusterServiceClassRef"]["name"], class["metadata"]["name"]);
    assert_eq!(env.list(CLASS).await, Vec::<Value>::new());

    env.remove("ClusterServiceBroker", &name).await;
    env.until_gone("ClusterServiceClass", class["metadata"]["name"].as_str().unwrap()).await;
}

#[tokio::test]
async fn only_what_has_changed_in_a_catalog_is_written() {
    let env = env().await;
    let before = versions(&env.list(PLAN).await);
    env.broker.change_catalog(|catalog| catalog["services"][0]["plans"][0]["description"] = "tiny".into());
    relist(&env).await;
    assert_eq!(env.get(PLAN, "small").await.unwrap()["spec"]["description"], "tiny");
    let after = versions(&env.list(PLAN).await);
    let changed: Vec<_> = after.iter().filter(|(name, version)| before[*name] != **version).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
}

#[tokio::test]
async fn the_catalog_is_fetched_again_when_the_spec_of_the_broker_changes() {
    let env = env().await;
    let restrictions = json!({"serviceClass": ["spec.externalName=queue"]});
    env.patch(BROKER, "broker", json!({"spec": {"catalogRestrictions": restrictions}})).await.unwrap();
    // Each is removed in its own reconcile, which may be later than the broker's.
    env.until_gone(CLASS, &escaped("database-ID")).await;
    env.until_gone(CLASS, &escaped("cache-ID")).await;
    env.until_ready(BROKER, "broker").await;
    assert_eq!(env.broker.calls(Endpoint::Catalog), 2);
    assert_eq!(env.list(CLASS).await.len(), 1);
}

#[tokio::test]
async fn the_catalog_is_fetched_again_when_its_duration_has_passed() {
    operator();
    let namespace = namespace().await;
    let name = namespace.name.clone();
    let env = TestEnv::new(namespace, Broker::offering(catalog(&format!("{name}-"))));
    // That of a ServiceBroker is fetched once a minute at most.
    let spec = json!({"url": env.broker.url, "relistDuration": "1s"});
    env.create(json!({"kind": "ClusterServiceBroker", "metadata": {"name": name}, "spec": spec}))
        .await
        .unwrap();
    env.until_ready("ClusterServiceBroker", &name).await;
    let class = escaped(&format!("{name}-queue-ID"));
    let before = env.get("ClusterServiceClass", &class).await.unwrap();
    env.until_broker("the catalog is fetched often", |broker| broker.calls(Endpoint::Catalog) >= 4).await;
    assert_eq!(env.get("ClusterServiceClass", &class).await.unwrap(), before);
    env.remove("ClusterServiceBroker", &name).await;
}

#[tokio::test]
async fn the_catalog_is_fetched_again_when_the_credentials_change() {
    let env = unregistered().await;
    env.broker.require(&format!("Basic {}", STANDARD.encode(format!("user:{MARK}"))));
    env.secret("auth", json!({"username": "user", "password": format!("{MARK} the old one")})).await;
    env.register(basic_auth()).await;
    let message = env.until_says(BROKER, "broker", "Ready=False ErrorFetchingCatalog").await;
    assert!(message.contains("status 401: wrong credentials"), "{message}");

    env.patch("Secret", "auth", json!({"stringData": {"password": MARK}})).await.unwrap();
    env.until_ready(BROKER, "broker").await;
    assert_eq!(env.list(CLASS).await.len(), 3);

    let calls = env.broker.calls(Endpoint::Catalog);
    env.patch("Secret", "auth", json!({"metadata": {"labels": {"rotated": "true"}}})).await.unwrap();
    env.until_broker("the changed Secret is tried", |broker| broker.calls(Endpoint::Catalog) > calls).await;
}

#[tokio::test]
async fn a_broker_without_its_credentials_says_what_is_missing() {
    let env = unregistered().await;
    env.register(basic_auth()).await;
    let says = "Ready=False ErrorFetchingCatalog";
    let message = env.until_says(BROKER, "broker", says).await;
    let missing = format!("Error getting broker auth credentials: Secret {}/auth does not exist", env.name);
    assert!(message.starts_with(&missing), "{message}");
    env.until_event("broker", "ErrorGettingAuthCredentials").await;

    env.secret("auth", json!({"username": "user"})).await;
    let missing = format!("the Secret {}/auth has no key \"password\"", env.name);
    env.until(BROKER, "broker", |broker| has_entry(broker, says, &missing)).await;
    assert_eq!(env.broker.all_calls(), 0);

    env.patch("Secret", "auth", json!({"stringData": {"password": MARK}})).await.unwrap();
    env.until_ready(BROKER, "broker").await;
}

#[tokio::test]
async fn a_broker_that_cannot_be_reached_keeps_its_classes_and_is_tried_again() {
    let env = env().await;
    let before = published(&env).await;
    let url = format!("http://{}", free_address());
    env.patch(BROKER, "broker", json!({"spec": {"url": url}})).await.unwrap();
    let message = env.until_says(BROKER, "broker", "Ready=False ErrorFetchingCatalog").await;
    assert!(message.contains("the broker cannot be reached: "), "{message}");
    assert_eq!(env.until_event("broker", "ErrorFetchingCatalog").await, message);
    assert_eq!(published(&env).await, before);

    env.patch(BROKER, "broker", json!({"spec": {"url": env.broker.url}})).await.unwrap();
    env.until_ready(BROKER, "broker").await;
    assert_eq!(published(&env).await, before);
}

#[tokio::test]
async fn a_catalog_that_is_none_is_refused_and_changes_nothing() {
    let env = env().await;
    let before = published(&env).await;
    let html = "<html><title>Sign in</title><body>Sign in to go on</body></html>";
    let huge = format!("{{\"services\": [], \"filling\": \"{}\"}}", "x".repeat(TWENTY_MEGABYTES));
    for (fault, complaint) in [
        (Fault::Answer(200, html.to_owned()), "status 200, but the response is malformed: "),
        (
            Fault::Answer(502, html.to_owned()),
            "answered with status 502: the body is not an error as Open Service",
        ),
        (Fault::Answer(200, "{\"services\": [".to_owned()), "status 200, but the response is malformed: "),
        (answer(200, &json!({"services": null})), "status 200, but the response is malformed: "),
        (answer(200, &json!({})), "status 200, but the response is malformed: "),
        (Fault::Answer(200, huge), "it is longer than the limit of 10000 KiB"),
        (refusal(500, "out of order"), "the broker answered with status 500: out of order"),
        (refusal(403, "not you"), "the broker answered with status 403: not you"),
        (Fault::Close, "the broker did not answer: "),
    ] {
        env.broker.before(Endpoint::Catalog, fault);
        let retry = env.broker.hold(When::Before, Endpoint::Catalog);
        request_relist(&env).await;
        let says = "Ready=False ErrorFetchingCatalog";
        let broker = env.until(BROKER, "broker", |broker| has_entry(broker, says, complaint)).await;
        assert_eq!(published(&env).await, before, "{complaint}: {broker:#}");
        // The operator retries without a change of the object.
        retry.open();
        env.until_ready(BROKER, "broker").await;
    }
    assert_eq!(published(&env).await, before);
}

/// It is more likely that the broker has lost its configuration than that it has withdrawn everything at once.
#[tokio::test]
async fn an_empty_catalog_changes_nothing_and_is_reported() {
    let env = env().await;
    let before = published(&env).await;
    env.broker.change_catalog(|catalog| catalog["services"] = json!([]));
    relist(&env).await;
    let message = env.until_says(BROKER, "broker", "Ready=True FetchedCatalog").await;
    assert_eq!(message, "The broker's catalog is empty: the operator keeps the published classes and plans");
    assert_eq!(published(&env).await, before);
}

#[tokio::test]
async fn one_bad_entry_does_not_spoil_the_catalog() {
    let env = unregistered().await;
    env.broker.change_catalog(|catalog| {
        let services = catalog["services"].as_array_mut().unwrap();
        services[0]["plans"][1]["name"] = Value::Null;
        services[1]["id"] = "".into();
        services
            .push(json!({"id": "bare", "name": "bare", "description": "", "bindable": true, "plans": []}));
        services.push(json!("not an offering"));
    });
    env.register(json!({})).await;
    let broker = env.until_ready(BROKER, "broker").await;
    let message = condition(&broker, "CatalogEntriesRejected=True InvalidCatalogEntries").unwrap();
    for part in [
        "plans[1] of service \"database\": ",
        "service \"queue\": its id is empty",
        "service \"bare\": it has no usable plan",
        "services[4]: it is not an object",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert_eq!(env.list(CLASS).await.len(), 2);
    assert_eq!(env.list(PLAN).await.len(), 6);

    env.broker.change_catalog(|offered| *offered = catalog(""));
    relist(&env).await;
    let broker = env.get(BROKER, "broker").await.unwrap();
    assert_eq!(condition(&broker, "CatalogEntriesRejected=True"), None);
    assert_eq!(env.list(PLAN).await.len(), 8);
}

/// For example the same broker in two regions.
#[tokio::test]
async fn two_brokers_may_offer_the_same() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    let before = published(&env).await;
    let other = Broker::start();
    env.create(json!({"kind": BROKER, "metadata": {"name": "other"}, "spec": {"url": other.url}}))
        .await
        .unwrap();
    let broker = env.until_ready(BROKER, "other").await;
    assert_eq!(condition(&broker, "CatalogEntriesRejected=True"), None);

    let [class, plan] = ["database-ID", "small"].map(|id| escaped_of(id, "other"));
    let spec = json!({"serviceClassName": class, "servicePlanName": plan});
    env.create(json!({"kind": INSTANCE, "metadata": {"name": "there"}, "spec": spec})).await.unwrap();
    env.until_ready(INSTANCE, "there").await;
    assert_eq!((env.broker.instances().len(), other.instances().len()), (1, 1));

    env.instance("either", json!({})).await;
    let message = env.until_says(INSTANCE, "either", "Ready=False ReferencesNonexistentServiceClass").await;
    assert!(message.contains("of the broker other"), "{message}");

    // A reference that was resolved before stays.
    env.patch(INSTANCE, "db", json!({"spec": {"parameters": {"size": 2}}})).await.unwrap();
    env.until_ready(INSTANCE, "db").await;
    assert_eq!(env.broker.instance().parameters, json!({"size": 2}));

    for name in ["there", "either"] {
        env.remove(INSTANCE, name).await;
    }
    env.remove(BROKER, "other").await;
    assert_eq!(published(&env).await, before);
}

#[tokio::test]
async fn what_is_offered_no_more_is_marked_and_goes_with_its_last_instance() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    let class = escaped("database-ID");
    withdraw_databases(&env).await;
    let is_removed = |object: &Value| object["status"]["removedFromBrokerCatalog"] == true;
    env.until(CLASS, &class, is_removed).await;
    env.until(PLAN, "small", is_removed).await;
    env.until_gone(PLAN, "large").await;

    env.instance("late", json!({})).await;
    let message = env.until_says(INSTANCE, "late", "Ready=False ReferencesDeletedServiceClass").await;
    assert!(message.starts_with("The broker broker no longer offers the class \"database\"."), "{message}");
    env.remove(INSTANCE, "late").await;
    assert!(is_removed(&env.get(CLASS, &class).await.unwrap()));

    env.remove(INSTANCE, "db").await;
    env.until_gone(CLASS, &class).await;
    env.until_gone(PLAN, "small").await;
    assert!(env.broker.instances().is_empty());
}

#[tokio::test]
async fn what_is_offered_again_can_be_used_again() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    withdraw_databases(&env).await;
    let class = escaped("database-ID");
    env.until(CLASS, &class, |class| class["status"]["removedFromBrokerCatalog"] == true).await;
    env.instance("late", json!({})).await;
    env.until_says(INSTANCE, "late", "Ready=False ReferencesDeletedServiceClass").await;

    env.broker.change_catalog(|offered| *offered = catalog(""));
    relist(&env).await;
    env.until(CLASS, &class, |class| class["status"]["removedFromBrokerCatalog"] == false).await;
    env.until_ready(INSTANCE, "late").await;
}

#[tokio::test]
async fn a_broker_that_is_deleted_waits_for_its_instances_and_says_which() {
    let env = env().await;
    env.ready_instance(json!({})).await;
    env.delete(BROKER, "broker").await.unwrap();
    let message = env.until_says(BROKER, "broker", "Ready=False DeletionBlockedByInstances").await;
    assert_eq!(
        message,
        format!("Deletion is blocked by 1 instance: {}/db. Deletion continues when it is gone", env.name)
    );
    assert_eq!(env.list(CLASS).await.len(), 3);

    env.remove(INSTANCE, "db").await;
    env.until_gone(BROKER, "broker").await;
    assert!(env.broker.instances().is_empty());
    assert_eq!(published(&env).await.concat(), Vec::<Value>::new());
}

/// Seen to fail when the broker's answer does not requeue the broker object.
#[tokio::test]
async fn the_catalog_is_fetched_again_when_the_broker_says_that_it_is_outdated() {
    let env = env().await;
    assert_eq!(env.broker.calls(Endpoint::Catalog), 1);
    let conflict = json!({"error": "MaintenanceInfoConflict", "description": "there is a newer version"});
    env.broker.before(Endpoint::Provision, answer(422, &conflict));
    env.ready_instance(json!({})).await;
    env.until_broker("the catalog is fetched", |broker| broker.calls(Endpoint::Catalog) == 2).await;
}
