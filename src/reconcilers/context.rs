//! What all reconcilers share: clients, caches, queues, connections, and what is remembered for each object.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tokio::sync::Notify;

use crate::crd::{ServiceBinding, ServiceInstance};
use crate::domain::plan_reference::{CLUSTER_KINDS_ARE_OFF, ClassKey};
use crate::domain::rollout::Usage;
use crate::fair_limiter::FairLimiter;
use crate::leader::Fence;
use crate::metrics::Metrics;
use crate::reconcilers::binding_index::BindingIndex;
use crate::reconcilers::broker_access::connections::{BrokerName, CallLimits, Connection, Connections};
use crate::reconcilers::by_uid::ByUid;
use crate::reconcilers::caches::Caches;
use crate::reconcilers::collisions::Collisions;
use crate::reconcilers::error::Error;
use crate::reconcilers::indexes::{Indexes, Need, cached};
use crate::reconcilers::instance_locks::InstanceLocks;
use crate::reconcilers::kube_api::KubeApi;
use crate::reconcilers::osb_ids::OsbIds;
use crate::reconcilers::policies::Policies;
use crate::reconcilers::postponed::Postponed;
use crate::reconcilers::queue::Queues;
use crate::reconcilers::reach::Reach;
use crate::reconcilers::secrets::{BindingSecrets, ReferencedSecrets};
use crate::reconcilers::success_events::SuccessEvents;
use crate::reconcilers::tenant_work::TenantWork;
use crate::reconcilers::waiting::Waiting;

/// The namespace of a plan, unless it is cluster-wide, and its OSB id.
pub type PlanKey = (Option<String>, String);

/// How many catalogs of a namespace are being fetched and published at once, at most. What others are about to publish is not
/// in the cache yet, so the limit of the namespace may be exceeded by as many catalogs.
const MAX_CATALOGS_IN_NAMESPACE: usize = 4;

/// The settings from the command line.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The operator's own namespace.
    pub namespace: String,
    /// The id by which brokers know this cluster.
    pub cluster_id: String,
    /// Interval between fetches of a catalog, for brokers that do not set one.
    pub relist_interval: Duration,
    /// The limits of calls to brokers.
    pub call_limits: CallLimits,
    /// Where the operator works.
    pub reach: Reach,
    /// Whether the operator restarts workloads whose pods lack the current credentials.
    pub restarts_workloads: bool,
}

/// What all reconcilers share. None of its parts depends on the whole.
pub struct Context {
    /// The settings from the command line.
    pub settings: Settings,
    /// The leadership fence, open while this replica leads.
    pub fence: Fence,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The Kubernetes API.
    pub api: Arc<KubeApi>,
    /// The caches of the watches.
    pub caches: Arc<Caches>,
    /// The bindings in the cache, by namespace and instance.
    pub bindings: BindingIndex,
    /// Classes, plans and instances by what they have in common.
    pub indexes: Indexes,
    /// The queues, to requeue objects.
    pub queues: Arc<Queues>,
    /// Connections to brokers.
    pub brokers: Connections,
    /// The Secrets that hold the credentials of bindings.
    pub binding_secrets: Arc<BindingSecrets>,
    /// The users' Secrets that objects refer to.
    pub referenced_secrets: Arc<ReferencedSecrets>,
    /// Which pods already define what a binding would inject.
    pub collisions: Arc<Collisions>,
    /// Objects of which the API server has refused a write.
    pub postponed: Postponed,
    /// How many reconciles of an object have failed in a row.
    pub failures: ByUid<u32>,
    /// When the next poll of an asynchronous operation is due.
    pub next_poll: ByUid<Time>,
    /// Wakes those that wait for the cache to show a class or a plan.
    pub catalog_events: Notify,
    /// The broker of each instance that is being reconciled, until the cache shows whether the instance needs it.
    pub brokers_in_use: ByUid<BrokerName>,
    /// Instances to requeue when the class that they name, or a plan of it, changes.
    pub waiting_for_catalog: Waiting<ClassKey, ServiceInstance>,
    /// Bindings to requeue when a plan changes, because their parameters do not fit its schema.
    pub rejected_by_schema: Waiting<PlanKey, ServiceBinding>,
    /// How far the credentials of a binding are rolled out to pods.
    pub usages: ByUid<Usage>,
    /// When the policies were installed with which a binding was compared last, if that is newer than its `RolledOut`.
    pub compared_since_policies: ByUid<i64>,
    /// Which instance has which id at its broker.
    pub instance_ids: OsbIds<ServiceInstance>,
    /// Which binding has which id at its broker.
    pub binding_ids: OsbIds<ServiceBinding>,
    /// Exclude concurrent calls that change the same instance.
    pub instance_locks: InstanceLocks,
    /// Limits the catalogs of each namespace that are being fetched and published.
    pub catalogs: Arc<FairLimiter>,
    /// Runs the work whose cost users and brokers determine.
    pub tenant_work: TenantWork,
    /// What is wrong with the admission policies.
    pub policies: Policies,
    /// Events that no reconcile waits for.
    pub success_events: SuccessEvents,
}

impl Context {
    /// The cached instances that need this.
    pub fn instances_with(&self, need: &Need) -> Vec<Arc<ServiceInstance>> {
        cached(&self.indexes.instances, &self.caches.instances, need, Need::of)
    }

    /// A context that remembers nothing yet.
    pub fn new(
        api: KubeApi,
        caches: Caches,
        queues: Queues,
        settings: Settings,
        fence: Fence,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (api, caches, queues) = (Arc::new(api), Arc::new(caches), Arc::new(queues));
        let brokers = Connections::new(
            &api,
            Arc::clone(&caches),
            Arc::clone(&queues),
            fence.clone(),
            Arc::clone(&metrics),
            settings.call_limits.clone(),
        );
        Self {
            brokers,
            binding_secrets: Arc::new(BindingSecrets::new(
                Arc::clone(&api),
                queues.bindings.clone(),
                settings.reach.parts(),
            )),
            referenced_secrets: Arc::new(ReferencedSecrets::new(Arc::clone(&api), settings.reach.parts())),
            collisions: Arc::new(Collisions::new(settings.reach.parts())),
            bindings: BindingIndex::new(caches.bindings.clone()),
            indexes: Indexes::default(),
            postponed: Postponed::default(),
            failures: ByUid::default(),
            next_poll: ByUid::default(),
            catalog_events: Notify::new(),
            brokers_in_use: ByUid::default(),
            waiting_for_catalog: Waiting::default(),
            rejected_by_schema: Waiting::default(),
            usages: ByUid::default(),
            compared_since_policies: ByUid::default(),
            instance_ids: OsbIds::new(queues.instances.clone()),
            binding_ids: OsbIds::new(queues.bindings.clone()),
            instance_locks: InstanceLocks::default(),
            catalogs: FairLimiter::for_each(MAX_CATALOGS_IN_NAMESPACE),
            tenant_work: TenantWork::default(),
            policies: Policies::default(),
            success_events: SuccessEvents::default(),
            settings,
            fence,
            metrics,
            api,
            caches,
            queues,
        }
    }

    /// The connection to a broker, which is created if there is none yet.
    pub async fn connection(&self, broker: &BrokerName) -> Result<Arc<Connection>, Error> {
        if broker.namespace.is_none() && !self.settings.reach.has_cluster_kinds() {
            return Err(Error::Broker(format!(
                "ClusterServiceBroker {:?} cannot be called: {CLUSTER_KINDS_ARE_OFF}",
                broker.name
            )));
        }
        self.brokers.find(broker).await
    }

    /// Forgets everything about the object with this UID, because it is gone.
    pub fn forget(&self, uid: &str) {
        self.api.forget(uid);
        self.referenced_secrets.forget(uid);
        self.brokers.forget_waiting(uid);
        self.postponed.forget(uid);
        self.failures.set(uid, None);
        self.next_poll.set(uid, None);
        self.brokers_in_use.set(uid, None);
        self.waiting_for_catalog.stop(uid);
        self.rejected_by_schema.stop(uid);
        self.usages.set(uid, None);
        self.compared_since_policies.set(uid, None);
    }
}
