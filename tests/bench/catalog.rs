//! The registration of brokers, and the publishing of their catalogs.

use std::time::{Duration, Instant};

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use serde_json::json;
use service_catalog::crd::ClusterServiceBroker;

use crate::load::is_ready;

/// The timeout of publishing.
const PATIENCE: Duration = Duration::from_mins(2);

/// Registers a broker; returns how long the publishing of its catalog takes.
pub async fn publish(client: &Client, name: &str, url: &str) -> Duration {
    let resource = ApiResource::erase::<ClusterServiceBroker>(&());
    let broker = DynamicObject::new(name, &resource).data(json!({"spec": {"url": url}}));
    let began = Instant::now();
    let broker = brokers(client).create(&PostParams::default(), &broker).await;
    until_published(client, &broker.unwrap()).await;
    began.elapsed()
}

/// Relists a broker; returns how long that takes.
pub async fn relist(client: &Client, name: &str) -> Duration {
    let patch = Patch::Merge(json!({"spec": {"relistRequests": 1}}));
    let began = Instant::now();
    let broker = brokers(client).patch(name, &PatchParams::default(), &patch).await.unwrap();
    until_published(client, &broker).await;
    began.elapsed()
}

async fn until_published(client: &Client, broker: &DynamicObject) {
    let generation = broker.metadata.generation.unwrap();
    let published = move |broker: Option<&DynamicObject>| {
        broker.is_some_and(|broker| {
            is_ready(broker) && broker.data["status"]["reconciledGeneration"] == generation
        })
    };
    let published = await_condition(brokers(client), broker.metadata.name.as_ref().unwrap(), published);
    tokio::time::timeout(PATIENCE, published).await.expect("the catalog is not published").unwrap();
}

fn brokers(client: &Client) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &ApiResource::erase::<ClusterServiceBroker>(&()))
}
