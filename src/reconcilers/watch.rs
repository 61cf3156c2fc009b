//! Follows a watch, whose interruptions kube's watcher retries with back-off.

use std::fmt::Debug;

use futures::{Stream, StreamExt as _, pin_mut};
use kube::Resource;
use kube::runtime::watcher::{Error, Event};
use tracing::warn;

/// The field selector for pods that have not terminated.
pub const RUNNING_PODS: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// Applies each event of a watch, forever.
pub async fn follow<K>(events: impl Stream<Item = Result<Event<K>, Error>>, mut apply: impl FnMut(Event<K>))
where
    K: Resource<DynamicType = ()> + Debug,
{
    pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => apply(event),
            Err(error) => warn!(kind = %K::kind(&()), %error, "watch interrupted; retrying with back-off"),
        }
    }
}
