//! Follows the watches of a kind, whose interruptions kube's watcher retries with back-off.
//!
//! **One object at a time.** Users decide how large their objects are, up to 1.5 MiB each. A page of 500, which the client
//! holds as text and decoded at once, would take hundreds of MiB. So the first list is streamed as well (KEP-3157,
//! `WatchList`, served by default since Kubernetes 1.34): each object is decoded, reduced to what is kept, and dropped
//! before the next one. An API server on which that is switched off is listed in small pages.

use std::fmt::Debug;

use futures::stream::{BoxStream, select_all};
use futures::{Stream, StreamExt as _, future};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use crate::reconcilers::reach::Part;

/// The field selector for pods that have not terminated.
pub const RUNNING_PODS: &str = "status.phase!=Succeeded,status.phase!=Failed";

/// How many objects a page has, where the API server does not stream lists.
const PAGE_SIZE: u32 = 8;

/// The changes of a collection, after a list of its objects, forever.
pub fn watch<K>(api: Api<K>, config: Config) -> impl Stream<Item = Result<Event<K>, Error>> + Send + use<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let pages = watcher(api.clone(), config.clone().page_size(PAGE_SIZE));
    let streamed = watcher(api, config.streaming_lists());
    streamed.take_while(|event| future::ready(!is_unsupported::<K>(event))).chain(pages).default_backoff()
}

/// Whether the API server does not stream lists.
fn is_unsupported<K: Resource<DynamicType = ()>>(event: &Result<Event<K>, Error>) -> bool {
    let Err(Error::WatchStartFailed(kube::Error::Api(status))) = event else { return false };
    let is_unsupported = matches!(status.code, 400 | 422);
    if is_unsupported {
        info!(kind = %K::kind(&()), %status, "the API server does not stream lists; listing in pages");
    }
    is_unsupported
}

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
