//! Each service of the test broker behaves as its name says.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use super::sample::{Sample, create, only};
use crate::namespace::{Namespace, namespace};
use crate::operator::operator;
use crate::scripted::{BINDING, INSTANCE, condition};

/// The outcome of the creation of an instance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Creation {
    /// It becomes ready, at once or after retries.
    Works,
    /// It is refused.
    Refused,
    /// It is refused until the user has requested it often enough.
    WorksIfRepeated,
    /// It is not ready, with this condition.
    Waits(&'static str),
}

/// The outcome of an update.
#[derive(Clone, Copy)]
enum Update {
    /// It succeeds, at once or after retries.
    Works,
    /// It fails: the instance works as before, with this condition.
    Fails(&'static str),
}

/// The outcome of the deletion.
#[derive(Clone, Copy)]
enum Deletion {
    /// It is removed, at once or after retries.
    Goes,
    /// It stays until the user abandons it.
    Stays,
}

use Creation::{Refused, Waits, Works, WorksIfRepeated};
use Deletion::{Goes, Stays};

const DONE: Update = Update::Works;
const REFUSED: Update =
    Update::Fails("not retried until the parameters, the plan or spec.updateRequests change");
const RETRIED: Update = Update::Fails("next attempt at");
const POLL_FAILS: Creation = Waits("Ready=False ErrorPollingLastOperation");

/// The outcomes by the names of the test broker's services.
const PROMISES: &[(&str, Creation, Update, Deletion)] = &[
    ("", Works, DONE, Goes),
    ("-multiple-plans", Works, DONE, Goes),
    ("-with-schemas", Works, DONE, Goes),
    ("-provision-fail400", Refused, DONE, Goes),
    ("-provision-fail500", Waits("Ready=False OrphanMitigationSuccessful"), DONE, Goes),
    ("-provision-fail500-5x", Works, DONE, Goes),
    ("-provision-fail500-5x-deprovision-fail500-5x", Works, DONE, Goes),
    ("-update-fail400", Works, REFUSED, Goes),
    ("-update-fail500", Works, RETRIED, Goes),
    ("-update-fail500-5x", Works, DONE, Goes),
    ("-deprovision-fail400", Works, DONE, Stays),
    ("-deprovision-fail500", Works, DONE, Stays),
    ("-deprovision-fail500-5x", Works, DONE, Goes),
    ("-async", Works, DONE, Goes),
    ("-async-provision-fail", Refused, DONE, Goes),
    ("-async-provision-fail-5x", WorksIfRepeated, DONE, Goes),
    ("-async-provision-fail-5x-deprovision-fail-5x", WorksIfRepeated, DONE, Goes),
    ("-async-update-fail", Works, RETRIED, Goes),
    ("-async-update-fail-5x", Works, DONE, Goes),
    ("-async-deprovision-fail", Works, DONE, Stays),
    ("-async-deprovision-fail-5x", Works, DONE, Goes),
    ("-async-last-operation-fail400", POLL_FAILS, DONE, Goes),
    ("-async-last-operation-fail500", POLL_FAILS, DONE, Goes),
    ("-async-last-operation-fail500-5x", Works, DONE, Goes),
];

#[tokio::test]
async fn every_service_of_the_test_broker_comes_to_the_end_that_its_name_promises() {
    operator();
    // Services with `5x` fail only twice here, because the back-off doubles.
    let broker = Sample::start("test", &["--async-delay", "1", "--failures", "2"]);
    let namespace = namespace().await;
    broker.register(&namespace, "test-broker/test-clusterservicebroker.yaml").await;
    let promised: BTreeSet<String> =
        PROMISES.iter().map(|(name, ..)| format!("test-service{name}")).collect();
    let classes = namespace.list("ClusterServiceClass").await;
    let offered = classes.iter().filter(|class| class["spec"]["clusterServiceBrokerName"] == "test-broker");
    let offered: BTreeSet<String> =
        offered.map(|class| class["spec"]["externalName"].as_str().unwrap().to_owned()).collect();
    assert_eq!(promised, offered);

    join_all(PROMISES.iter().map(async |(name, creation, update, deletion)| {
        let instance = create(&namespace, only(&format!("test-broker/test-instance{name}.yaml"))).await;
        if is_ready_after(&namespace, &instance, *creation).await {
            change(&namespace, &instance, *update).await;
        }
        remove(&namespace, &instance, *deletion).await;
    }))
    .await;
    namespace.remove("ClusterServiceBroker", "test-broker").await;
}

#[tokio::test]
async fn the_test_broker_serves_a_namespace_too() {
    operator();
    let (namespace, broker) = (namespace().await, Sample::start("test", &[]));
    broker.register(&namespace, "test-broker/test-servicebroker.yaml").await;
    let instance = create(&namespace, only("test-broker/test-instance-ns.yaml")).await;
    namespace.until_ready(INSTANCE, &instance).await;
    let binding = create(&namespace, only("test-broker/test-binding.yaml")).await;
    namespace.until_ready(BINDING, &binding).await;
    let entries = namespace.entries("test-secret").await;
    assert_eq!(entries["special-key-1"], "special-value-1", "{entries:?}");
    namespace.remove(BINDING, &binding).await;
    namespace.remove(INSTANCE, &instance).await;
}

async fn is_ready_after(namespace: &Namespace, instance: &str, creation: Creation) -> bool {
    match creation {
        Works => drop(namespace.until_ready(INSTANCE, instance).await),
        WorksIfRepeated => insist(namespace, instance).await,
        Refused => drop(namespace.until_says(INSTANCE, instance, "Failed=True").await),
        Waits(says) => drop(namespace.until_says(INSTANCE, instance, says).await),
    }
    matches!(creation, Works | WorksIfRepeated)
}

/// Requests an instance again until the broker accepts it.
async fn insist(namespace: &Namespace, instance: &str) {
    let is_ready = |object: &Value| condition(object, "Ready=True").is_some();
    for request in 1.. {
        let decided = |object: &Value| {
            let observed = object["status"]["observedGeneration"] == object["metadata"]["generation"];
            is_ready(object) || observed && condition(object, "Failed=True").is_some()
        };
        if is_ready(&namespace.until(INSTANCE, instance, decided).await) {
            assert!(request > 1, "{instance} was not refused");
            return;
        }
        namespace.patch(INSTANCE, instance, json!({"spec": {"updateRequests": request}})).await.unwrap();
    }
}

async fn change(namespace: &Namespace, instance: &str, update: Update) {
    let edit = json!({"spec": {"parameters": {"size": 2}}});
    namespace.patch(INSTANCE, instance, edit).await.unwrap();
    match update {
        Update::Works => drop(namespace.until_ready(INSTANCE, instance).await),
        Update::Fails(says) => {
            let updated = "Updated=False UpdateInstanceCallFailed";
            let is_so = |object: &Value| {
                condition(object, "Ready=True").is_some()
                    && condition(object, updated).is_some_and(|message| message.contains(says))
            };
            namespace.until(INSTANCE, instance, is_so).await;
        }
    }
}

async fn remove(namespace: &Namespace, instance: &str, deletion: Deletion) {
    namespace.delete(INSTANCE, instance).await.unwrap();
    if let Stays = deletion {
        namespace.until_says(INSTANCE, instance, "Ready=Unknown DeprovisionCallFailed").await;
        namespace.patch(INSTANCE, instance, json!({"metadata": {"finalizers": null}})).await.unwrap();
    }
    namespace.until_gone(INSTANCE, instance).await;
}
