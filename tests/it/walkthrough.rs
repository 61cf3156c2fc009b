//! service-catalog's walkthrough, with its manifests in `examples/walkthrough`.

mod promises;
mod sample;

use serde_json::{Value, json};

use self::sample::{Sample, create, manifest, only};
use crate::namespace::{Namespace, namespace};
use crate::operator::operator;
use crate::scripted::{BINDING, INSTANCE, condition};

/// Creates an instance, waits until it is ready, and removes it.
async fn provision_and_remove(namespace: &Namespace, object: Value) {
    let name = create(namespace, object).await;
    namespace.until_ready(INSTANCE, &name).await;
    namespace.remove(INSTANCE, &name).await;
}

const CLASS: &str = "4f6e6cf6-ffdd-425f-a2c7-3c9258ad2468";
const PLAN: &str = "86064792-7ea2-467b-af93-ac9694d96d52";
const SINGLE_PLAN_CLASS: &str = "5f6e6cf6-ffdd-425f-a2c7-3c9258ad2468";

/// The steps that both scopes have: `prefix` begins the names of the fields for classes and plans, `twin` ends the
/// names of the manifests.
async fn walk(namespace: &Namespace, broker: &Sample, file: &str, (prefix, twin): (&str, &str)) {
    let (class, plan) = (format!("{prefix}Class"), format!("{prefix}Plan"));
    let kind = |field: &str| field[..1].to_uppercase() + &field[1..];
    let registered = broker.register(namespace, file).await;
    assert_eq!(
        condition(&registered, "Ready=True FetchedCatalog"),
        Some("Successfully fetched catalog entries from broker.")
    );
    let published = namespace.get(&kind(&class), CLASS).await.unwrap();
    assert_eq!(published["spec"]["externalName"], "user-provided-service");
    let published = namespace.get(&kind(&plan), PLAN).await.unwrap();
    assert_eq!(published["spec"]["externalName"], "default");

    let instance = create(namespace, only(&format!("ups-instance{twin}.yaml"))).await;
    let object = namespace.until_ready(INSTANCE, &instance).await;
    assert_eq!(object["spec"][format!("{class}Ref")]["name"], CLASS);
    assert_eq!(object["spec"][format!("{plan}Ref")]["name"], PLAN);
    let binding = create(namespace, only("ups-binding.yaml")).await;
    namespace.until_ready(BINDING, &binding).await;
    assert_eq!(namespace.entries("my-secret").await["token"], "an-example");
    namespace.remove(BINDING, &binding).await;
    namespace.until_gone("Secret", "my-secret").await;
    namespace.remove(INSTANCE, &instance).await;

    provision_and_remove(namespace, only(&format!("ups-instance-default-sp{twin}.yaml"))).await;
    for spec in [
        json!({format!("{class}Name"): CLASS, format!("{plan}Name"): PLAN}),
        json!({format!("{class}Name"): SINGLE_PLAN_CLASS}),
    ] {
        let object = json!({"kind": INSTANCE, "metadata": {"name": "ups-instance"}, "spec": spec});
        provision_and_remove(namespace, object).await;
    }
}

async fn unregister(namespace: &Namespace, (broker, class): (&str, &str)) {
    namespace.remove(broker, "ups-broker").await;
    namespace.until_gone(class, CLASS).await;
}

#[tokio::test]
async fn the_walkthrough_leads_through_a_namespace() {
    operator();
    let (namespace, broker) = (namespace().await, Sample::start("user-provided", &[]));
    walk(&namespace, &broker, "ups-servicebroker.yaml", ("service", "-ns")).await;
    unregister(&namespace, ("ServiceBroker", "ServiceClass")).await;
}

#[tokio::test]
async fn the_walkthrough_leads_through_the_cluster_and_to_classes_that_users_have_made() {
    operator();
    let (namespace, broker) = (namespace().await, Sample::start("user-provided", &[]));
    walk(&namespace, &broker, "ups-clusterservicebroker.yaml", ("clusterService", "")).await;

    provision_and_remove(&namespace, only("ups-instance-with-schemas.yaml")).await;
    for object in manifest("user-defined-class.yaml") {
        create(&namespace, object).await;
    }
    let name = create(&namespace, only("user-defined-instance.yaml")).await;
    let object = namespace.until_ready(INSTANCE, &name).await;
    let defaults = json!({"credentials": {"token": "of-the-class"}, "size": "small"});
    assert_eq!(object["status"]["externalProperties"]["parameters"], defaults);
    namespace.remove(INSTANCE, &name).await;
    for object in manifest("user-defined-class.yaml").iter().rev() {
        let [kind, name] = [&object["kind"], &object["metadata"]["name"]].map(|text| text.as_str().unwrap());
        namespace.remove(kind, name).await;
    }
    unregister(&namespace, ("ClusterServiceBroker", "ClusterServiceClass")).await;
}
