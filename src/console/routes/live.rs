//! `GET /events?view=PATH`: says when what a page shows has changed. It sends no data: the page is fetched again.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use crate::crd::{
    ClusterServiceBroker, ClusterServiceClass, ClusterServicePlan, ServiceBinding, ServiceBroker,
    ServiceClass, ServiceInstance, ServicePlan,
};
use axum::Extension;
use axum::extract::Query;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{once, select_all};
use futures::{StreamExt as _, future};
use serde::Deserialize;

use crate::console::access::Mode;
use crate::console::access::site::Site;
use crate::console::answer::failure::Failure;
use crate::console::kube_api::{Changes, Cluster, Known, Selection};
use crate::console::request::Console;
use crate::console::request::visit::{Visit, Visiting};
use crate::console::views::live::Live;
use crate::console::views::offering::Scope;

/// How often an idle stream says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// After this time the browser opens a stream that has ended again.
const RETRY: Duration = Duration::from_secs(3);
/// The name of the event.
const CHANGED: &str = "changed";
/// Tells nginx not to wait for more before it passes an event on.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// The query.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    view: String,
}

/// Sends `changed` for each change, until the watch or the session ends.
pub async fn stream(
    Extension(visit): Visiting,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    if !visit.setting.site.is_own_request(&headers) {
        return Err(Failure::Forged);
    }
    let live = Live::of(&wanted.view).ok_or(Failure::NotFound)?;
    let slot = visit.console.streams.take(visit.subject.as_bytes(), visit.user.principal());
    let slot = slot.ok_or(Failure::ConsoleBusy)?;
    let watches = Watches::of(&visit, &live).await?;
    // The stream does not keep the visit, nor what was read for it.
    let ended = session_end(Arc::clone(&visit.console), visit.setting.site.clone(), headers);
    let events = watches.changes()?.take_until(ended).map(move |()| {
        // The slot lives as long as the stream.
        let _ = &slot;
        Ok::<_, Infallible>(Event::default().event(CHANGED).retry(RETRY).data(CHANGED))
    });
    let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT));
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(([no_store, UNBUFFERED], stream).into_response())
}

/// Resolves when the session of a request has ended. A stream does not count as its use.
async fn session_end(console: Arc<Console>, site: Site, headers: HeaderMap) {
    let access = &console.access;
    if matches!(access.mode(), Mode::ProxyHeader(_)) {
        // There are no sessions: the stream ends with its watch.
        return future::pending().await;
    }
    let Some(mut end) = access.session_end(&headers, &site) else { return };
    loop {
        tokio::select! {
            // The sender is dropped with the session.
            _ = end.changed() => return,
            () = tokio::time::sleep(HEARTBEAT) => {
                if access.session_end(&headers, &site).is_none() {
                    return;
                }
            }
        }
    }
}

/// The watches of a page.
#[derive(Default)]
struct Watches {
    streams: Vec<Changes>,
    refused: Option<Failure>,
}

impl Watches {
    async fn of(visit: &Visit, live: &Live) -> Result<Self, Failure> {
        let (cluster, all) = (&visit.cluster, Selection::default());
        let named = |name: &str| Selection::fields(format!("metadata.name={name}"));
        let mut watches = Self::default();
        match live {
            Live::Catalog => {
                watches.add::<ClusterServiceClass>(cluster, None, &all).await?;
                watches.add::<ServiceClass>(cluster, Some(&visit.namespace), &all).await?;
            }
            Live::Class(Scope::Cluster, class) => {
                let plans = Selection::fields(format!("spec.clusterServiceClassRef.name={class}"));
                watches.add::<ClusterServiceClass>(cluster, None, &named(class)).await?;
                watches.add::<ClusterServicePlan>(cluster, None, &plans).await?;
            }
            Live::Class(Scope::Namespace(namespace), class) => {
                let plans = Selection::fields(format!("spec.serviceClassRef.name={class}"));
                watches.add::<ServiceClass>(cluster, Some(namespace), &named(class)).await?;
                watches.add::<ServicePlan>(cluster, Some(namespace), &plans).await?;
            }
            Live::Instances(namespace) => {
                watches.add::<ServiceInstance>(cluster, Some(namespace), &all).await?;
                watches.add::<ServiceBinding>(cluster, Some(namespace), &all).await?;
            }
            Live::Instance(namespace, name) => {
                let bindings = Selection::fields(format!("spec.instanceRef.name={name}"));
                watches.add::<ServiceInstance>(cluster, Some(namespace), &named(name)).await?;
                watches.add::<ServiceBinding>(cluster, Some(namespace), &bindings).await?;
            }
            Live::Binding(namespace, name) => {
                watches.add::<ServiceBinding>(cluster, Some(namespace), &named(name)).await?;
            }
            Live::Brokers(namespace) => {
                let namespace = namespace.as_ref().unwrap_or(&visit.namespace);
                watches.add::<ClusterServiceBroker>(cluster, None, &all).await?;
                watches.add::<ServiceBroker>(cluster, Some(namespace), &all).await?;
            }
            Live::Broker(Scope::Cluster, name) => {
                watches.add::<ClusterServiceBroker>(cluster, None, &named(name)).await?;
            }
            Live::Broker(Scope::Namespace(namespace), name) => {
                watches.add::<ServiceBroker>(cluster, Some(namespace), &named(name)).await?;
            }
        }
        Ok(watches)
    }

    /// Adds the objects of a kind, if the user may watch them.
    async fn add<K: Known + Send + 'static>(
        &mut self,
        cluster: &Cluster,
        namespace: Option<&str>,
        selection: &Selection,
    ) -> Result<(), Failure> {
        match cluster.changes::<K>(namespace, selection).await {
            Ok(changes) => self.streams.push(changes),
            Err(failure) if failure.is_refusal() => self.refused = Some(failure),
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// The changes of all of them. They end with the first watch that does. Fails if the user may watch none.
    fn changes(self) -> Result<Changes, Failure> {
        match self.refused {
            Some(refused) if self.streams.is_empty() => return Err(refused),
            _ => {}
        }
        let streams = self.streams.into_iter();
        let until_end = streams.map(|changes| changes.map(Some).chain(once(future::ready(None))).boxed());
        let until_first_end = select_all(until_end).take_while(|change| future::ready(change.is_some()));
        Ok(until_first_end.map(drop).boxed())
    }
}

#[cfg(test)]
mod tests;
