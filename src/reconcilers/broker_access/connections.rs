//! Connections to brokers. Each is made from a broker object and its Secret, and has its own call gate.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::runtime::reflector::ObjectRef;
use kube::{Resource, ResourceExt as _};
use tokio::time::timeout;

use crate::crd::broker::BrokerStatus;
use crate::crd::condition::{CATALOG_REJECTED, is_true};
use crate::crd::names::ANNOTATION_OSB_API_VERSION;
use crate::crd::role::Broker as _;
use crate::domain::broker::Failures;
use crate::fair_limiter::FairLimiter;
use crate::leader::Fence;
use crate::metrics::Metrics;
use crate::osb::{
    AllowedAddresses, AnswerMemory, ApiVersion, Authentication, Catalog, ChosenBy, Client, Config,
    ConfigError, NameLookups, Redactor, Reservation,
};
use crate::reconcilers::broker_access::authentication::CredentialReader;
use crate::reconcilers::broker_access::call_gate::{BrokerReply, CallGate, PERMIT_TIMEOUT};
use crate::reconcilers::broker_access::versions::Versions;
use crate::reconcilers::caches::Caches;
use crate::reconcilers::error::Error;
use crate::reconcilers::identity::uid;
use crate::reconcilers::kind::Kind as _;
use crate::reconcilers::kube_api::KubeApi;
use crate::reconcilers::queue::Queues;
use crate::reconcilers::scope::{Cluster, Namespaced, Scope};

/// How many calls are in flight at once to all brokers of a namespace, at most. The answers to so many take 8 MiB.
const MAX_CALLS_IN_NAMESPACE: usize = 128;

/// A connection to a broker: an HTTP client with its credentials, behind a call gate.
pub struct Connection {
    client: Client,
    /// The gate of the broker.
    pub gate: Arc<CallGate>,
    fence: Fence,
    /// The versions of broker and Secret that it was made from. When either changes, it is replaced.
    made_from: String,
    /// The generation of the broker's spec that it was made from.
    pub generation: i64,
    /// The version of its Secret; empty without one.
    pub secret_version: String,
    failures: Mutex<Option<Failures>>,
    versions: Versions,
    /// Whether the catalog that is being published, or was last, has entries that cannot be published.
    rejects_entries: AtomicBool,
    /// The limit of calls to all brokers of a namespace, and the broker's namespace; `None` if it is cluster-wide.
    calls_in_namespace: Option<(Arc<FairLimiter>, String)>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("secret_version", &self.secret_version).finish_non_exhaustive()
    }
}

impl Connection {
    /// The failed fetches of the catalog in a row.
    pub fn failures(&self) -> Option<Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers the failed fetches of the catalog in a row.
    pub fn set_failures(&self, failures: Option<Failures>) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner) = failures;
    }

    /// Remembers whether the catalog that is about to be published has entries that cannot be.
    pub fn set_rejects_entries(&self, rejects_entries: bool) {
        self.rejects_entries.store(rejects_entries, Ordering::Relaxed);
    }

    /// The version of the API in which the broker is called.
    pub fn api_version(&self) -> ApiVersion {
        self.versions.current()
    }

    /// Fetches the catalog in the newest version of the API that the broker accepts. All this is one call: the refusal of a
    /// version says nothing about the next one, so it must not open the circuit.
    pub async fn fetch_catalog(&self, namespace: &str) -> Result<BrokerReply<Catalog>, Error> {
        self.send(namespace, async |client| {
            let mut version = self.versions.first();
            loop {
                let reply = client.speaking(version).catalog().await;
                match self.versions.fetched(version, &reply) {
                    Some(older) => version = older,
                    None => return reply,
                }
            }
        })
        .await
    }

    /// Knows the credentials for the broker.
    pub fn redactor(&self) -> &Redactor {
        self.client.redactor()
    }

    /// Memory for a large answer: it counts until the reservation is dropped.
    pub fn reserve(&self) -> Arc<Reservation> {
        self.client.reserve()
    }

    /// Makes a call for an object of this namespace, once it has a permit and this replica leads. [`Error::NotNow`] if
    /// the circuit is open or no permit becomes free in time. If the broker refuses the version, which it may not do for
    /// its catalog, the next call is made in an older one.
    pub async fn call<T>(
        &self,
        namespace: &str,
        call: impl AsyncFnOnce(&Client) -> BrokerReply<T>,
    ) -> Result<BrokerReply<T>, Error> {
        let version = self.versions.current();
        let reply = self.send(namespace, async |client| call(&client.speaking(version)).await).await?;
        self.versions.observe(version, &reply);
        Ok(reply)
    }

    async fn send<T>(
        &self,
        namespace: &str,
        call: impl AsyncFnOnce(&Client) -> BrokerReply<T>,
    ) -> Result<BrokerReply<T>, Error> {
        let _permit = match &self.calls_in_namespace {
            Some((limiter, owner)) => {
                let permit = timeout(PERMIT_TIMEOUT, limiter.acquire(owner)).await;
                Some(permit.map_err(|_| Error::NotNow)?)
            }
            None => None,
        };
        let call = async {
            self.fence.wait_open().await;
            call(&self.client).await
        };
        self.gate.of(namespace).call(namespace, call).await
    }
}

/// The namespace and name of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerName {
    /// Its namespace, unless it is cluster-wide.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl BrokerName {
    /// The broker that an instance of this namespace refers to by name.
    pub fn seen_from(namespace: &str, namespaced: bool, name: &str) -> Self {
        Self { namespace: namespaced.then(|| namespace.to_owned()), name: name.to_owned() }
    }

    /// Who is charged for what the broker does: its namespace, or a cluster-wide broker itself.
    fn owner(&self) -> String {
        self.namespace.clone().unwrap_or_else(|| format!("ClusterServiceBroker/{}", self.name))
    }

    /// The name of a broker object.
    pub fn of(broker: &impl Resource) -> Self {
        Self { namespace: broker.meta().namespace.clone(), name: broker.name_any() }
    }
}

/// The limits of calls to brokers, and where they may go.
#[derive(Clone, Debug)]
pub struct CallLimits {
    /// Timeout of a request.
    pub timeout: Duration,
    /// The most plans of a catalog.
    pub max_catalog_plans: usize,
    /// Where namespaced brokers may be.
    pub allowed_addresses: Arc<AllowedAddresses>,
}

/// All connections to brokers.
pub struct Connections {
    caches: Arc<Caches>,
    queues: Arc<Queues>,
    fence: Fence,
    metrics: Arc<Metrics>,
    limits: CallLimits,
    /// The memory for large answers of all brokers.
    memory: AnswerMemory,
    /// Looks up the names of all brokers' hosts.
    lookups: NameLookups,
    credentials: CredentialReader,
    /// Limits the calls to the brokers of each namespace.
    calls_in_namespace: Arc<FairLimiter>,
    known: Mutex<HashMap<BrokerName, Arc<Connection>>>,
}

impl Connections {
    /// No connections yet. Calls wait until the fence is open.
    pub fn new(
        api: &KubeApi,
        caches: Arc<Caches>,
        queues: Arc<Queues>,
        fence: Fence,
        metrics: Arc<Metrics>,
        limits: CallLimits,
    ) -> Self {
        Self {
            credentials: CredentialReader::new(api.client.clone()),
            caches,
            queues,
            fence,
            metrics,
            limits,
            memory: AnswerMemory::default(),
            lookups: NameLookups::default(),
            calls_in_namespace: FairLimiter::for_each(MAX_CALLS_IN_NAMESPACE),
            known: Mutex::default(),
        }
    }

    /// The connection to a broker, which is created if there is none yet.
    pub async fn find(&self, broker: &BrokerName) -> Result<Arc<Connection>, Error> {
        if let Some(connection) = self.get(broker) {
            return Ok(connection);
        }
        match &broker.namespace {
            None => {
                let reference = ObjectRef::new(&broker.name);
                let missing =
                    || Error::Missing(format!("ClusterServiceBroker {:?} does not exist", broker.name));
                let broker = self.caches.cluster_brokers.get(&reference).ok_or_else(missing)?;
                self.connect::<Cluster>(&broker).await
            }
            Some(namespace) => {
                let reference = ObjectRef::new(&broker.name).within(namespace);
                let missing = || Error::Missing(format!("ServiceBroker {:?} does not exist", broker.name));
                let broker = self.caches.brokers.get(&reference).ok_or_else(missing)?;
                self.connect::<Namespaced>(&broker).await
            }
        }
    }

    /// The connection to this broker, replaced if the object or its Secret has changed.
    pub async fn connect<S: Scope>(&self, broker: &S::Broker) -> Result<Arc<Connection>, Error> {
        let name = BrokerName::of(broker);
        let owner = name.owner();
        let (authentication, secret_version) = self.credentials.read(&broker.auth(), &owner).await?;
        let generation = broker.meta().generation.unwrap_or_default();
        let fixed_version = fixed_version(broker)?;
        let made_from = format!("{}/{generation}/{secret_version}/{fixed_version:?}", uid(broker));
        if let Some(connection) = self.get(&name)
            && connection.made_from == made_from
        {
            return Ok(connection);
        }
        let client = Client::new(&self.config::<S>(broker, &name, authentication)).map_err(unusable)?;
        let (queue, object) = (S::Broker::queue(&self.queues).clone(), ObjectRef::from_obj(broker));
        let requeue = move || queue.requeue(object.clone());
        let gate = if S::NAMESPACED {
            CallGate::new(&name.name, requeue)
        } else {
            CallGate::shared(&name.name, requeue)
        };
        let connection = Arc::new(Connection {
            client,
            gate,
            fence: self.fence.clone(),
            made_from,
            generation,
            secret_version,
            failures: Mutex::default(),
            versions: Versions::new(fixed_version, known_version(broker.status())),
            // What the last publication found, also if another process made it.
            rejects_entries: AtomicBool::new(rejects_entries(broker.status())),
            calls_in_namespace: name
                .namespace
                .clone()
                .map(|owner| (Arc::clone(&self.calls_in_namespace), owner)),
        });
        self.metrics.add_broker(&name.name, name.namespace.as_deref());
        // The change may have fixed the broker, so the new connection starts with a closed circuit.
        if let Some(former) = self.lock().insert(name.clone(), Arc::clone(&connection)) {
            former.gate.reset();
        }
        // The watch may have delivered the deletion of the broker meanwhile.
        let cached = S::Broker::cache(&self.caches).get(&ObjectRef::from_obj(broker));
        if cached.is_none_or(|cached| uid(cached.as_ref()) != uid(broker)) {
            self.forget_gone(&name);
        }
        Ok(connection)
    }

    fn config<S: Scope>(
        &self,
        broker: &S::Broker,
        name: &BrokerName,
        authentication: Authentication,
    ) -> Config {
        let (spec, owner) = (broker.common(), name.owner());
        let (metrics, BrokerName { name: label, namespace }) = (Arc::clone(&self.metrics), name.clone());
        Config {
            url: spec.url.clone(),
            chosen_by: if S::NAMESPACED { ChosenBy::Tenant } else { ChosenBy::Administrator },
            allowed_addresses: Arc::clone(&self.limits.allowed_addresses),
            authentication,
            ca_bundle: spec.ca_bundle.as_ref().map(|bundle| bundle.0.clone()),
            insecure_skip_tls_verify: spec.insecure_skip_tls_verify,
            timeout: self.limits.timeout,
            max_catalog_plans: self.limits.max_catalog_plans,
            memory: self.memory.of(&owner),
            lookups: self.lookups.of(&owner),
            observer: Some(Arc::new(move |observation| {
                metrics.request(&label, namespace.as_deref(), observation);
            })),
        }
    }

    /// Drops the connection: the broker is gone, or its object or Secret has become unusable.
    pub fn forget(&self, broker: &BrokerName) {
        if let Some(former) = self.lock().remove(broker) {
            former.gate.reset();
        }
    }

    /// Drops the connection and the metrics of a broker whose object is gone.
    pub fn forget_gone(&self, broker: &BrokerName) {
        self.forget(broker);
        self.metrics.forget_broker(&broker.name, broker.namespace.as_deref());
    }

    /// Forgets the instance or binding with this UID, because it is gone: it waits for no broker any more.
    pub fn forget_waiting(&self, uid: &str) {
        self.lock().values().for_each(|connection| connection.gate.forget(uid));
    }

    /// Forgets a namespace that is gone.
    pub fn forget_namespace(&self, namespace: &str) {
        self.lock().values().for_each(|connection| connection.gate.forget_namespace(namespace));
    }

    /// The call gate of a broker for the calls of a namespace, if there is a connection.
    pub fn gate(&self, broker: &BrokerName, namespace: &str) -> Option<Arc<CallGate>> {
        self.get(broker).map(|connection| connection.gate.of(namespace))
    }

    /// All connections.
    pub fn all(&self) -> Vec<(BrokerName, Arc<Connection>)> {
        self.lock().iter().map(|(name, connection)| (name.clone(), Arc::clone(connection))).collect()
    }

    /// Has the catalog of a broker fetched again soon, if it has entries that could not be published. Returns whether it
    /// has.
    pub fn publish_rejected(&self, broker: &BrokerName) -> bool {
        let connection = self.get(broker);
        let rejecting = connection.filter(|connection| connection.rejects_entries.load(Ordering::Relaxed));
        if let Some(connection) = &rejecting {
            connection.gate.set_outdated(true);
        }
        rejecting.is_some()
    }

    fn get(&self, broker: &BrokerName) -> Option<Arc<Connection>> {
        self.lock().get(broker).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BrokerName, Arc<Connection>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The version of the API that a user has set for the broker.
fn fixed_version(broker: &impl Resource) -> Result<Option<ApiVersion>, Error> {
    let annotation = broker.meta().annotations.as_ref().and_then(|all| all.get(ANNOTATION_OSB_API_VERSION));
    let version = annotation.map(|version| version.parse()).transpose();
    version.map_err(|why| Error::Broker(format!("the annotation {ANNOTATION_OSB_API_VERSION}: {why}")))
}

/// The version with which the last catalog was fetched, also by another process.
fn known_version(status: Option<&BrokerStatus>) -> ApiVersion {
    status.and_then(|status| status.osb_api_version.parse().ok()).unwrap_or_default()
}

fn rejects_entries(status: Option<&BrokerStatus>) -> bool {
    status.is_some_and(|status| is_true(&status.conditions, CATALOG_REJECTED))
}

fn unusable(error: ConfigError) -> Error {
    match error {
        ConfigError::Credentials(_) => Error::Credentials(error.to_string()),
        other => Error::Broker(other.to_string()),
    }
}
