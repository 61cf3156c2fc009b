//! What do all reconcilers share?

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::runtime::reflector::ObjectRef;

use crate::crd::{ServiceBinding, ServiceInstance};
use crate::domain::rollout::Usage;
use crate::leader::Fence;
use crate::metrics::Metrics;
use crate::reconcilers::broker_access::connections::Connections;
use crate::reconcilers::by_uid::ByUid;
use crate::reconcilers::caches::Caches;
use crate::reconcilers::collisions::Collisions;
use crate::reconcilers::fair_limiter::FairLimiter;
use crate::reconcilers::instance_locks::InstanceLocks;
use crate::reconcilers::kube_api::KubeApi;
use crate::reconcilers::queue::Queues;
use crate::reconcilers::schemas;
use crate::reconcilers::secrets::{BindingSecrets, ReferencedSecrets};

/// What the command line sets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespace that the operator runs in.
    pub namespace: String,
    /// The id by which brokers know this cluster.
    pub cluster_id: String,
    /// How often catalogs are fetched if the broker does not say.
    pub relist_interval: Duration,
    /// How long a broker may take to answer.
    pub broker_timeout: Duration,
}

/// What all reconcilers share. None of its parts knows the whole.
pub struct Context {
    /// What the command line sets.
    pub settings: Settings,
    /// Open while this replica leads.
    pub fence: Fence,
    /// What is measured.
    pub metrics: Arc<Metrics>,
    /// The Kubernetes API.
    pub api: Arc<KubeApi>,
    /// What the watches have seen.
    pub caches: Arc<Caches>,
    /// Requeue objects.
    pub queues: Arc<Queues>,
    /// Connections to brokers.
    pub brokers: Connections,
    /// The Secrets that hold the credentials of bindings.
    pub binding_secrets: Arc<BindingSecrets>,
    /// The users' Secrets that objects refer to.
    pub referenced_secrets: ReferencedSecrets,
    /// What keeps pods from getting what bindings give.
    pub collisions: Arc<Collisions>,
    /// When the next poll of an asynchronous operation is due.
    pub next_poll: ByUid<Time>,
    /// Instances to requeue when any class or plan changes.
    pub waiting_for_catalog: ByUid<ObjectRef<ServiceInstance>>,
    /// Bindings to requeue when any plan changes, because their parameters do not fit its schema.
    pub rejected_by_schema: ByUid<ObjectRef<ServiceBinding>>,
    /// Which pods have the credentials of a binding.
    pub usages: ByUid<Usage>,
    /// Keep calls apart that change the same instance.
    pub instance_locks: InstanceLocks,
    /// Limits how many schemas are applied at once.
    pub schema_limit: Arc<FairLimiter>,
}

impl Context {
    /// Nothing is known yet.
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
            Arc::clone(&api),
            Arc::clone(&caches),
            Arc::clone(&queues),
            fence.clone(),
            Arc::clone(&metrics),
            settings.broker_timeout,
        );
        Self {
            brokers,
            binding_secrets: Arc::new(BindingSecrets::new(Arc::clone(&api), queues.bindings.clone())),
            referenced_secrets: ReferencedSecrets::new(api.client.clone()),
            collisions: Arc::default(),
            next_poll: ByUid::default(),
            waiting_for_catalog: ByUid::default(),
            rejected_by_schema: ByUid::default(),
            usages: ByUid::default(),
            instance_locks: InstanceLocks::default(),
            schema_limit: FairLimiter::new(schemas::AT_ONCE),
            settings,
            fence,
            metrics,
            api,
            caches,
            queues,
        }
    }

    /// Forgets what is remembered of the object with this UID, which is gone.
    pub fn forget(&self, uid: &str) {
        self.api.forget(uid);
        self.next_poll.set(uid, None);
        self.waiting_for_catalog.set(uid, None);
        self.rejected_by_schema.set(uid, None);
        self.usages.set(uid, None);
    }
}
