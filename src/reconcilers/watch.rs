//! Follows the watches of a kind, whose interruptions kube's watcher retries with back-off.

use std::fmt::Debug;

use futures::stream::{BoxStream, select_all};
use futures::{Stream, StreamExt as _};
use kube::Resource;
use kube::runtime::watcher::{Error, Event};
use tracing::warn;

use crate::reconcilers::reach::Part;

/// The field selector for pods that have not terminated.
pub const RUNNING_PODS: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// Watches each part and applies each event, forever.
pub async fn follow<K, S>(
    parts: Vec<Part>,
    watch: impl Fn(Option<&str>) -> S,
    mut apply: impl FnMut(Option<&str>, Event<K>),
) where
    K: Resource<DynamicType = ()> + Debug + Send + 'static,
    S: Stream<Item = Result<Event<K>, Error>> + Send + 'static,
{
    let of_part = |part: Part| -> BoxStream<'static, _> {
        watch(part.as_deref()).map(move |event| (part.clone(), event)).boxed()
    };
    let mut events = select_all(parts.into_iter().map(of_part));
    while let Some((part, event)) = events.next().await {
        let part = part.as_deref();
        match event {
            Ok(event) => apply(part, event),
            Err(error) => {
                warn!(kind = %K::kind(&()), namespace = part, %error, "watch interrupted; retrying with back-off");
            }
        }
    }
}
