//! The operator under simulation: the real reconcilers, queues and caches. Its watches are served event by event, and
//! its requests wait until they are answered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use kube::Client;
use kube::client::Body;
use kube::runtime::watcher::Event as Watched;
use serde_json::Value;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::api::{self, Api, Event};
use super::request;
use crate::crd::names::LABEL_CREDENTIALS;
use crate::leader::{Fence, Gatekeeper};
use crate::metrics::Metrics;
use crate::osb;
use crate::osb::in_process;
use crate::reconcilers::Settings;
use crate::reconcilers::kinds::{binding, instance};
use crate::reconcilers::wiring::{Wiring, harness};

/// The kinds that the operator watches; each watch brings its events in their order, but as late as it likes.
pub const RESOURCES: [&str; 3] = ["serviceinstances", "servicebindings", "secrets"];

/// For how long an operator leads unless it is deposed: longer than any world lives.
const REIGN: Duration = Duration::from_hours(24 * 365);

/// A request that waits for its answer.
pub enum Waiting {
    /// To the API server.
    Api(api::Request, oneshot::Sender<Result<api::Answer, &'static str>>),
    /// To the broker.
    Broker(Box<request::Request>, oneshot::Sender<Result<in_process::Response, osb::Error>>),
}

impl Waiting {
    /// In what order requests that arrive together are looked at, and how they are told apart.
    pub fn order(&self) -> String {
        match self {
            Self::Api(request, _) => format!("{} {} {}", request.method, request.path, request.body),
            Self::Broker(request, _) => {
                format!("broker {:?} {} {}", request.endpoint, request.instance, request.binding)
            }
        }
    }

    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Self::Api(request, _) => {
                let short = request.path.rsplit("/namespaces/").next().unwrap_or_default();
                format!("{} {short}", request.method)
            }
            Self::Broker(request, _) => {
                let id = super::broker::id(request).get(..8).unwrap_or_default();
                format!("{:?} {id}", request.endpoint)
            }
        }
    }
}

/// Where requests arrive.
#[derive(Clone, Default)]
pub struct Inbox {
    waiting: Arc<Mutex<Vec<Waiting>>>,
    arrived: Arc<Notify>,
}

impl Inbox {
    /// What has arrived since the last time.
    pub fn take(&self) -> Vec<Waiting> {
        std::mem::take(&mut *self.waiting.lock().unwrap())
    }

    /// Returns when something arrives.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    fn put(&self, waiting: Waiting) {
        self.waiting.lock().unwrap().push(waiting);
        self.arrived.notify_one();
    }

    fn client(&self, fence: &Fence) -> Client {
        let (inbox, fence) = (self.clone(), fence.clone());
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let (inbox, fence) = (inbox.clone(), fence.clone());
            async move { inbox.ask_api(fence.admit(request).await?).await }
        });
        Client::new(service, "default")
    }

    async fn ask_api(&self, request: http::Request<Body>) -> Result<http::Response<Body>, tower::BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let request = api::Request { method: head.method, path: head.uri.path().to_owned(), body };
        let (sender, answer) = oneshot::channel();
        self.put(Waiting::Api(request, sender));
        let (status, body) = answer.await??;
        Ok(http::Response::builder().status(status).body(Body::from(body.to_string().into_bytes()))?)
    }

    async fn ask_broker(self, request: http::Request<Bytes>) -> Result<in_process::Response, osb::Error> {
        let request = request::Request::read(request.map(axum::body::Body::from)).await;
        let (sender, answer) = oneshot::channel();
        self.put(Waiting::Broker(Box::new(request), sender));
        answer
            .await
            .unwrap_or_else(|_| Err(osb::Error::NoAnswer { reason: "the world has ended".to_owned() }))
    }
}

/// An operator.
pub struct Operator {
    wiring: Wiring,
    gatekeeper: Gatekeeper,
    /// How much of the log each watch has brought.
    seen: [usize; RESOURCES.len()],
    tasks: Vec<JoinHandle<()>>,
}

impl Operator {
    /// Starts an operator, which knows what there is.
    pub fn start(inbox: &Inbox, api: &Api) -> Self {
        let broker = inbox.clone();
        in_process::register(
            super::BROKER_URL,
            Arc::new(move |request| broker.clone().ask_broker(request).boxed()),
        );
        let settings = Settings {
            namespace: "service-catalog".to_owned(),
            cluster_id: "cluster".to_owned(),
            relist_interval: Duration::from_hours(24),
            broker_timeout: Duration::from_mins(1),
        };
        let (gatekeeper, fence) = Fence::closed();
        gatekeeper.open(Instant::now() + REIGN);
        let client = inbox.client(&fence);
        let mut wiring = Wiring::new(client, fence, settings, Arc::new(Metrics::default()));
        list(api, "clusterservicebrokers", |event| wiring.kinds.cluster_brokers.feed.apply(event));
        list(api, "clusterserviceclasses", |event| wiring.kinds.cluster_classes.feed.apply(event));
        list(api, "clusterserviceplans", |event| wiring.kinds.cluster_plans.feed.apply(event));
        list(api, "namespaces", |event| wiring.namespaces.apply(event));
        let mut operator = Self { wiring, gatekeeper, seen: [0; RESOURCES.len()], tasks: Vec::new() };
        (0..RESOURCES.len()).for_each(|resource| operator.relist(resource, api));
        operator.run();
        operator
    }

    fn run(&mut self) {
        let context = &self.wiring.context;
        let requests = std::mem::replace(
            &mut self.wiring.kinds.instances.requests,
            futures::channel::mpsc::unbounded().1,
        );
        let store = context.caches.instances.clone();
        let instances = harness::run(store, requests, Arc::clone(context), instance::reconcile);
        let requests = std::mem::replace(
            &mut self.wiring.kinds.bindings.requests,
            futures::channel::mpsc::unbounded().1,
        );
        let store = context.caches.bindings.clone();
        let bindings = harness::run(store, requests, Arc::clone(context), binding::reconcile);
        self.tasks = vec![tokio::spawn(instances), tokio::spawn(bindings)];
    }

    /// Its lease has run out.
    pub fn depose(&self) {
        self.gatekeeper.close();
    }

    /// Whether a watch has something to bring.
    pub fn is_behind(&self, resource: usize, api: &Api) -> bool {
        self.next(resource, api).is_some()
    }

    fn next(&self, resource: usize, api: &Api) -> Option<usize> {
        let here = |event: &Event| event.key.resource == RESOURCES[resource];
        api.log.iter().skip(self.seen[resource]).position(here).map(|at| at + self.seen[resource])
    }

    /// A watch brings its next event.
    pub fn deliver(&mut self, resource: usize, api: &Api) {
        if let Some(at) = self.next(resource, api) {
            self.seen[resource] = at + 1;
            self.bring(resource, &api.log[at]);
        }
    }

    /// A watch brings its last event once more.
    pub fn repeat(&mut self, resource: usize, api: &Api) {
        let here = |event: &&Event| event.key.resource == RESOURCES[resource] && !event.gone;
        if let Some(event) = api.log.iter().take(self.seen[resource]).rev().find(here)
            && api.get(&event.key).is_some()
        {
            self.bring(resource, event);
        }
    }

    /// A watch was interrupted: it lists what there is, and what happened in between is never told.
    pub fn relist(&mut self, resource: usize, api: &Api) {
        self.seen[resource] = api.log.len();
        let wiring = &mut self.wiring;
        match RESOURCES[resource] {
            "serviceinstances" => {
                list(api, "serviceinstances", |event| wiring.kinds.instances.feed.apply(event));
            }
            "servicebindings" => {
                list(api, "servicebindings", |event| wiring.kinds.bindings.feed.apply(event));
            }
            _ => list(api, "secrets", |event| wiring.context.binding_secrets.apply(event)),
        }
    }

    fn bring(&mut self, resource: usize, event: &Event) {
        let wiring = &mut self.wiring;
        match RESOURCES[resource] {
            "serviceinstances" => wiring.kinds.instances.feed.apply(watched(event)),
            "servicebindings" => wiring.kinds.bindings.feed.apply(watched(event)),
            _ if is_ours(&event.object) => {
                wiring.context.binding_secrets.apply(watched(event));
            }
            _ => {}
        }
    }
}

impl Drop for Operator {
    /// It is killed.
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn is_ours(object: &Value) -> bool {
    object["kind"] != "Secret" || !object["metadata"]["labels"][LABEL_CREDENTIALS].is_null()
}

fn watched<K: serde::de::DeserializeOwned>(event: &Event) -> Watched<K> {
    let object = serde_json::from_value(event.object.clone()).unwrap();
    if event.gone { Watched::Delete(object) } else { Watched::Apply(object) }
}

fn list<K: serde::de::DeserializeOwned>(api: &Api, resource: &str, mut apply: impl FnMut(Watched<K>)) {
    apply(Watched::Init);
    for (_, object) in api.list(resource).filter(|(_, object)| is_ours(object)) {
        apply(Watched::InitApply(serde_json::from_value(object.clone()).unwrap()));
    }
    apply(Watched::InitDone);
}
