//! The events about an object.

use crate::console::state::Event;
use k8s_openapi::api::events::v1::Event as ApiEvent;
use kube::Resource;

use super::permitted::permitted;
use crate::console::answer::failure::Failure;
use crate::console::kube_api::{Cluster, Selection};

/// The namespace with the events of cluster-wide objects.
const NAMESPACE_OF_CLUSTER_EVENTS: &str = "default";

/// The events about an object; `None` if the user may not list events.
pub async fn of<K: Resource<DynamicType = ()>>(
    cluster: &Cluster,
    object: &K,
) -> Result<Option<Vec<Event>>, Failure> {
    let namespace = object.meta().namespace.as_deref().unwrap_or(NAMESPACE_OF_CLUSTER_EVENTS);
    let uid = object.meta().uid.as_deref().unwrap_or_default();
    let selection = Selection::fields(format!("regarding.uid={uid}"));
    let events = permitted(cluster.list::<ApiEvent>(Some(namespace), &selection).await)?;
    Ok(events.map(|events| events.iter().filter_map(Event::read).collect()))
}
