//! Follows the watches of a kind, whose interruptions kube's watcher retries with back-off.
//!
//! **One object at a time.** Users decide how large their objects are, up to 1.5 MiB each. A page of 500, which the client
//! holds as text and decoded at once, would take hundreds of MiB. So the first list is streamed as well (KEP-3157,
//! `WatchList`, served by default since Kubernetes 1.34): each object is decoded, reduced to what is kept, and dropped
//! before the next one. An API server on which that is switched off is listed in small pages.

use std::collections::BTreeSet;
use std::fmt::Debug;

use futures::stream::{BoxStream, select_all};
use futures::{Stream, StreamExt as _, future};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Error, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use crate::reconcilers::reach::Part;
use crate::reconcilers::refused::Refused;

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

/// Watches each part and applies each event, forever. A part whose first list the API server refuses counts as empty until
/// it is listed; nothing is reconciled there ([`Refused`]).
pub async fn follow<K, S>(
    parts: Vec<Part>,
    refused: &Refused,
    watch: impl Fn(Option<&str>) -> S,
    mut apply: impl FnMut(Option<&str>, Event<K>),
) where
    K: Resource<DynamicType = ()> + Debug + Send + 'static,
    S: Stream<Item = Result<Event<K>, Error>> + Send + 'static,
{
    let of_part = |part: Part| -> BoxStream<'static, _> {
        watch(part.as_deref()).map(move |event| (part.clone(), event)).boxed()
    };
    let kind = K::kind(&());
    let mut listed: BTreeSet<Part> = BTreeSet::new();
    let mut events = select_all(parts.into_iter().map(of_part));
    while let Some((part, event)) = events.next().await {
        let part = part.as_deref();
        match event {
            Ok(event) => {
                let is_listed = matches!(event, Event::InitDone);
                apply(part, event);
                if is_listed {
                    listed.insert(part.map(str::to_owned));
                    if let Some(namespace) = part {
                        refused.grant(namespace, &kind);
                    }
                }
            }
            Err(error) => {
                warn!(%kind, namespace = part, %error, "watch interrupted; retrying with back-off");
                let was_listed = listed.contains(&part.map(str::to_owned))
                    && !part.is_some_and(|part| refused.contains(part));
                let Some(namespace) = part.filter(|_| !was_listed && is_list_refused(&error)) else {
                    continue;
                };
                refused.refuse(namespace, &kind);
                if listed.insert(Some(namespace.to_owned())) {
                    apply(part, Event::Init);
                    apply(part, Event::InitDone);
                }
            }
        }
    }
}

fn is_list_refused(error: &Error) -> bool {
    match error {
        // A streamed list is a watch.
        Error::InitialListFailed(kube::Error::Api(status))
        | Error::WatchStartFailed(kube::Error::Api(status)) => status.is_forbidden(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, stream};
    use k8s_openapi::api::core::v1::Secret;
    use kube::core::Status;

    use super::*;

    fn refusal() -> Error {
        let status = Status { code: 403, reason: "Forbidden".to_owned(), ..Status::default() };
        Error::InitialListFailed(kube::Error::Api(status.boxed()))
    }

    /// Seen to fail when a refused list is only retried: no namespace is ever served.
    #[test]
    fn a_refused_list_counts_as_empty_until_it_is_granted() {
        let refused = Refused::default();
        let mut applied = Vec::new();
        let (sender, granted) = futures::channel::mpsc::unbounded::<Result<Event<Secret>, Error>>();
        let granted = std::sync::Mutex::new(Some(granted));
        let watch = |part: Option<&str>| match part {
            Some("a") => stream::iter([Err(refusal()), Err(refusal())])
                .chain(granted.lock().unwrap().take().unwrap())
                .boxed(),
            _ => stream::iter([Ok(Event::Init), Ok(Event::InitDone)]).chain(stream::pending()).boxed(),
        };
        let parts = ["a", "b"].map(|part| Some(part.to_owned())).to_vec();
        let apply = |part: Option<&str>, event: Event<Secret>| {
            if matches!(event, Event::InitDone) && part == Some("a") {
                applied.push(refused.contains("a"));
            }
        };
        let mut following = Box::pin(follow(parts, &refused, watch, apply));
        assert!((&mut following).now_or_never().is_none());
        for event in [Event::Init, Event::InitDone] {
            sender.unbounded_send(Ok(event)).unwrap();
        }
        assert!((&mut following).now_or_never().is_none());
        drop(following);
        assert_eq!(applied, [true, true], "once as empty, and once as it is");
        assert!(!refused.contains("a"), "it is granted");
    }
}
