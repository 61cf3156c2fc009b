//! `GET /brokers/{name}`, `GET /ns/{namespace}/brokers/{name}`

use crate::console::state::{conditions_of, state_of, timeline};
use crate::crd::{ClusterServiceBroker, ClusterServiceClass, ServiceBroker, ServiceClass};
use axum::Extension;
use axum::extract::Path;
use futures::try_join;

use super::act::{Acted, permitted_actions};
use super::events;
use super::permitted::permitted;
use crate::console::answer::failure::Failure;
use crate::console::answer::page::{Page, Section};
use crate::console::kube_api::{Known, Selection};
use crate::console::pages::actions::Offered;
use crate::console::pages::broker::{BrokerPage, page};
use crate::console::request::visit::{Visit, Visiting};
use crate::console::views::broker::Broker;

/// A cluster-wide broker.
pub async fn show_cluster(Extension(visit): Visiting, Path(name): Path<String>) -> Result<Page, Failure> {
    let object: ClusterServiceBroker = visit.cluster.get(None, &name).await?;
    let field = "spec.clusterServiceBrokerName";
    show_broker::<_, ClusterServiceClass>(&visit, &object, &Broker::of_cluster(&object), field).await
}

/// A broker of a namespace.
pub async fn show(
    Extension(visit): Visiting,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<Page, Failure> {
    let object: ServiceBroker = visit.cluster.get(Some(&namespace), &name).await?;
    let field = "spec.serviceBrokerName";
    show_broker::<_, ServiceClass>(&visit, &object, &Broker::of_namespace(&object), field).await
}

/// `C` is the kind of its classes, `field` the field in which they name their broker.
async fn show_broker<K: Acted, C: Known>(
    visit: &Visit,
    object: &K,
    broker: &Broker,
    field: &str,
) -> Result<Page, Failure> {
    let of_broker = Selection::fields(format!("{field}={}", broker.name));
    let namespace = broker.scope.namespace();
    let (classes, events) = try_join!(
        async { permitted(visit.cluster.list::<C>(namespace, &of_broker).await) },
        events::of(&visit.cluster, object),
    )?;
    let now = visit.now;
    let actions = permitted_actions(&visit.cluster, object, false, now).await;
    let (subject, address) = (object.subject(), broker.address());
    let content = BrokerPage {
        broker,
        state: &state_of(subject, now),
        offered: Offered { subject, address: &address, actions: &actions, now },
        classes: classes.map(|classes| classes.len()),
        conditions: &conditions_of(subject),
        timeline: &timeline(subject, events.as_deref().unwrap_or_default()),
        may_read_events: events.is_some(),
    };
    Ok(Page::new(Section::Brokers, broker.name.clone(), page(&content, visit)))
}
