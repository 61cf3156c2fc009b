//! The operator under simulation: the real reconcilers, queues and caches. Its requests wait in the inbox until the
//! world answers them; `watches` serves its watches.

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use kube::Client;
use kube::client::Body;
use kube::runtime::controller::Action;
use kube::runtime::reflector::Store;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tower::Layer as _;

use super::api::{self, Api};
use super::half::HALVES;
use super::request;
use super::watches::RESOURCES;
use crate::leader::{Fence, Gatekeeper};
use crate::metrics::Metrics;
use crate::osb;
use crate::osb::in_process;
use crate::reconcilers::context::Context;
use crate::reconcilers::error::Error;
use crate::reconcilers::kind::Kind;
use crate::reconcilers::kinds::{binding, broker, catalog_entry, instance};
use crate::reconcilers::queue::Queue;
use crate::reconcilers::reach::Reach;
use crate::reconcilers::scope::{Cluster, Namespaced};
use crate::reconcilers::wiring::watched_kinds::WatchedKind;
use crate::reconcilers::wiring::{Wiring, harness};
use crate::reconcilers::{CallLimits, RequestLimit, Settings};

/// How long an operator leads unless it is deposed: longer than any world runs.
const LEADERSHIP: Duration = Duration::from_hours(24 * 365);

/// The default of `spec.relistDuration`.
pub const RELIST_INTERVAL: Duration = Duration::from_hours(24);

/// A request that waits for its answer.
pub enum Waiting {
    /// To the API server.
    Api(api::Request, oneshot::Sender<Result<api::Answer, &'static str>>),
    /// To the broker.
    Broker(Box<request::Request>, oneshot::Sender<Result<in_process::Response, osb::Error>>),
}

impl Waiting {
    /// The sort key of requests that arrive together: it makes their order deterministic.
    pub fn order(&self) -> String {
        match self {
            Self::Api(request, _) => format!("{} {} {}", request.method, request.path, request.body),
            Self::Broker(request, _) => {
                let host = request.header("host").unwrap_or_default();
                format!("broker {:?} {} {} {host}", request.endpoint, request.instance, request.binding)
            }
        }
    }

    /// The request in words.
    pub fn describe(&self) -> String {
        match self {
            Self::Api(request, _) => {
                let short = request.path.rsplit("/namespaces/").next().unwrap_or_default();
                let short = short.rsplit("/v1beta1/").next().unwrap_or_default();
                format!("{} {short}", request.method)
            }
            Self::Broker(request, _) => {
                let id = super::broker::id(request).get(..8);
                format!(
                    "{:?} {}",
                    request.endpoint,
                    id.or_else(|| request.header("host")).unwrap_or_default()
                )
            }
        }
    }
}

/// The queue of the operator's requests.
#[derive(Clone, Default)]
pub struct Inbox {
    waiting: Arc<Mutex<Vec<Waiting>>>,
    arrived: Arc<Notify>,
}

impl Inbox {
    /// Takes the requests that have arrived.
    pub fn take(&self) -> Vec<Waiting> {
        std::mem::take(&mut *self.waiting.lock().unwrap())
    }

    /// Waits until a request arrives.
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
        Client::new(RequestLimit::default().layer(service), "default")
    }

    async fn ask_api(
        &self,
        request: http::Request<Body>,
    ) -> Result<http::Response<axum::body::Body>, tower::BoxError> {
        let (head, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let body = serde_json::from_slice(&body).unwrap_or_default();
        let is_dry_run = head.uri.query().is_some_and(|query| query.contains("dryRun=All"));
        let path = head.uri.path().to_owned();
        let request = api::Request { method: head.method, path, body, is_dry_run };
        let (sender, answer) = oneshot::channel();
        self.put(Waiting::Api(request, sender));
        let (status, body) = answer.await??;
        Ok(http::Response::builder().status(status).body(axum::body::Body::from(body.to_string()))?)
    }

    async fn ask_broker(self, mut request: http::Request<Bytes>) -> Result<in_process::Response, osb::Error> {
        if let Some(host) = request.uri().host().and_then(|host| host.parse().ok()) {
            request.headers_mut().insert(http::header::HOST, host);
        }
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
    pub(super) wiring: Wiring,
    gatekeeper: Gatekeeper,
    /// How much of the log each watch has delivered.
    pub(super) seen: [Cell<usize>; RESOURCES.len()],
    tasks: Vec<JoinHandle<()>>,
}

impl Operator {
    /// Starts an operator whose caches are synced.
    pub fn start(inbox: &Inbox, api: &Api) -> Self {
        for half in HALVES {
            let broker = inbox.clone();
            let ask = move |request| broker.clone().ask_broker(request).boxed();
            in_process::register(&half.url(), Arc::new(ask));
        }
        let settings = Settings {
            namespace: "service-catalog".to_owned(),
            cluster_id: "cluster".to_owned(),
            relist_interval: RELIST_INTERVAL,
            call_limits: CallLimits {
                timeout: Duration::from_mins(1),
                max_catalog_plans: 100,
                allowed_addresses: Arc::default(),
            },
            reach: Reach::Cluster,
            restarts_workloads: true,
        };
        let (gatekeeper, fence) = Fence::closed();
        gatekeeper.open(Instant::now() + LEADERSHIP);
        let client = inbox.client(&fence);
        let wiring = Wiring::new(client, fence, settings, Arc::new(Metrics::default()));
        let mut operator = Self { wiring, gatekeeper, seen: Default::default(), tasks: Vec::new() };
        operator.list_namespaces(api);
        (0..RESOURCES.len()).for_each(|resource| operator.relist(resource, api));
        operator.run();
        operator
    }

    fn run(&mut self) {
        let Wiring { context, kinds, .. } = &mut self.wiring;
        let caches = &context.caches;
        self.tasks = vec![
            reconcile(context, &caches.instances, &mut kinds.instances, instance::reconcile),
            reconcile(context, &caches.bindings, &mut kinds.bindings, binding::reconcile),
            reconcile(
                context,
                &caches.cluster_brokers,
                &mut kinds.cluster_brokers,
                broker::reconcile::<Cluster>,
            ),
            reconcile(context, &caches.brokers, &mut kinds.brokers, broker::reconcile::<Namespaced>),
            reconcile(
                context,
                &caches.cluster_classes,
                &mut kinds.cluster_classes,
                catalog_entry::reconcile_class::<Cluster>,
            ),
            reconcile(
                context,
                &caches.cluster_plans,
                &mut kinds.cluster_plans,
                catalog_entry::reconcile_plan::<Cluster>,
            ),
            reconcile(
                context,
                &caches.classes,
                &mut kinds.classes,
                catalog_entry::reconcile_class::<Namespaced>,
            ),
            reconcile(context, &caches.plans, &mut kinds.plans, catalog_entry::reconcile_plan::<Namespaced>),
        ];
    }

    /// Its lease has expired.
    pub fn depose(&self) {
        self.gatekeeper.close();
    }
}

impl Drop for Operator {
    /// Kills it.
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Runs a reconciler with its queue.
fn reconcile<K: Kind, P>(
    context: &Arc<Context>,
    cache: &Store<K>,
    watched: &mut WatchedKind<K>,
    reconcile: impl Fn(Arc<K>, Arc<Context>) -> P + Send + Sync + Clone + 'static,
) -> JoinHandle<()>
where
    P: Future<Output = Result<Action, Error>> + Send + 'static,
{
    let requests = std::mem::replace(&mut watched.requests, Queue::new().1);
    tokio::spawn(harness::run(cache.clone(), requests, Arc::clone(context), reconcile))
}
