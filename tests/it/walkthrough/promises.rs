//! What becomes of each service of the test broker is what its name promises.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use super::sample::{Sample, create, only};
use crate::namespace::{Namespace, namespace};
use crate::operator::operator;
use crate::scripted::{BINDING, INSTANCE, condition};

/// What becomes of an instance that is created.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Creation {
    /// It is ready, at once or in the end.
    Works,
    /// It is refused.
    Refused,
    /// It is refused until it has been asked for often enough.
    WorksIfRepeated,
    /// It is not ready, and says this.
    Waits(&'static str),
}

/// What becomes of an update of it.
#[derive(Clone, Copy)]
enum Update {
    /// It is done, at once or in the end.
    Works,
    /// It is not done; the instance works as before, and says this.
    Fails(&'static str),
}

/// What becomes of it when it is deleted.
#[derive(Clone, Copy)]
enum Deletion {
    /// It goes, at once or in the end.
    Goes,
    /// It stays until it is abandoned.
    Stays,
}

use Creation::{Refused, Waits, Works, WorksIfRepeated};
use Deletion::{Goes, Stays};

const DONE: Update = Update::Works;
const REFUSED: Update = Update::Fails("it is not tried again until the spec changes");
const AGAIN: Update = Update::Fails("it is tried again at");
const IN_THE_DARK: Creation = Waits("Ready=False ErrorPollingLastOperation");

/// What the names of the test broker's services promise.
const PROMISES: &[(&str, Creation, Update, Deletion)] = &[
    ("", Works, DONE, Goes),
    ("-multiple-plans", Works, DONE, Goes),
    ("-with-schemas", Works, DONE, Goes),
    ("-provision-fail400", Refused, DONE, Goes),
    ("-provision-fail500", Waits("Ready=False OrphanMitigationSuccessful"), DONE, Goes),
    ("-provision-fail500-5x", Works, DONE, Goes),
    ("-provision-fail500-5x-deprovision-fail500-5x", Works, DONE, Goes),
    ("-update-fail400", Works, REFUSED, Goes),
    ("-update-fail500", Works, AGAIN, Goes),
    ("-update-fail500-5x", Works, DONE, Goes),
    ("-deprovision-fail400", Works, DONE, Stays),
    ("-deprovision-fail500", Works, DONE, Stays),
    ("-deprovision-fail500-5x", Works, DONE, Goes),
    ("-async", Works, DONE, Goes),
    ("-async-provision-fail", Refused, DONE, Goes),
    ("-async-provision-fail-5x", WorksIfRepeated, DONE, Goes),
    ("-async-provision-fail-5x-deprovision-fail-5x", WorksIfRepeated, DONE, Goes),
    ("-async-update-fail", Works, AGAIN, Goes),
    ("-async-update-fail-5x", Works, DONE, Goes),
    ("-async-deprovision-fail", Works, DONE, Stays),
    ("-async-deprovision-fail-5x", Works, DONE, Goes),
    ("-async-last-operation-fail400", IN_THE_DARK, DONE, Goes),
    ("-async-last-operation-fail500", IN_THE_DARK, DONE, Goes),
    ("-async-last-operation-fail500-5x", Works, DONE, Goes),
];

#[tokio::test]
async fn every_service_of_the_test_broker_comes_to_the_end_that_its_name_promises() {
    operator();
    // What is called `5x` fails twice: the pauses double.
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

/// Asks for an instance until the broker agrees.
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
