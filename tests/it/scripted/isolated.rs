//! A control plane and an operator for one test at a time: for tests that kill the operator, count its requests, or
//! start it with other options.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::{Broker, TestEnv};
use crate::cluster::{Cluster, NAMESPACE};
use crate::few_namespaces;
use crate::namespace::{Namespace, namespace_of};
use crate::operator::Operator;
use crate::proxy::Proxy;

/// The kubeconfig of an operator behind a proxy.
const PROXIED: &str = "proxied";

/// A control plane that no other test uses at the moment, and its operator. The objects of earlier tests are settled.
pub struct IsolatedEnv {
    operator: Option<Operator>,
    options: Vec<String>,
    is_in_few_namespaces: bool,
    proxy: Option<Proxy>,
    cluster: MutexGuard<'static, LazyLock<Cluster>>,
}

type Shared = Mutex<LazyLock<Cluster>>;

static ISOLATED: Shared = Mutex::const_new(LazyLock::new(|| Cluster::with_chart("isolated")));
static ATTACKED: Shared = Mutex::const_new(LazyLock::new(|| {
    let cluster = Cluster::with_chart("attacked");
    // Objects that an earlier version has stored may have large parameters.
    let policy = ["delete", "validatingadmissionpolicybinding", "parameters.servicecatalog.k8s.io"];
    cluster.must_kubectl(&policy);
    cluster
}));
static IN_FEW_NAMESPACES: Shared = Mutex::const_new(LazyLock::new(few_namespaces::isolated));

/// Waits until it is this test's turn, and starts an operator with these options.
pub async fn isolated(options: &[&str]) -> IsolatedEnv {
    isolated_on(&ISOLATED, options).await
}

/// As [`isolated`], on a control plane for tests of hostile tenants, whose objects and brokers are never settled. The policy
/// that refuses large parameters is not in force there.
pub async fn isolated_for_attack(options: &[&str]) -> IsolatedEnv {
    isolated_on(&ATTACKED, options).await
}

async fn isolated_on(cluster: &'static Shared, options: &[&str]) -> IsolatedEnv {
    if few_namespaces::is_mode() {
        return in_few_namespaces(options, false).await;
    }
    IsolatedEnv::started(turn(cluster).await, options, None)
}

/// Waits until it is this test's turn, and starts an operator behind a proxy with the killpoints of its environments.
pub async fn isolated_with_killpoints() -> IsolatedEnv {
    let cluster = turn(&ISOLATED).await;
    let proxy = Proxy::start(&cluster);
    cluster.give_operator(PROXIED, &proxy.url);
    IsolatedEnv::started(cluster, &[], Some(proxy))
}

/// As [`isolated`], or behind a proxy as [`isolated_with_killpoints`], but this operator works only in a few namespaces,
/// with the permissions and the options that the chart then gives it.
pub async fn in_few_namespaces(options: &[&str], behind_proxy: bool) -> IsolatedEnv {
    let cluster = turn(&IN_FEW_NAMESPACES).await;
    let proxy = behind_proxy.then(|| {
        let proxy = Proxy::start(&cluster);
        cluster.give_operator(PROXIED, &proxy.url);
        proxy
    });
    let of_chart = few_namespaces::options(&cluster);
    let options: Vec<&str> = of_chart.iter().map(String::as_str).chain(options.iter().copied()).collect();
    let mut isolated = IsolatedEnv::new(cluster, &options, proxy);
    isolated.is_in_few_namespaces = true;
    isolated.start();
    isolated
}

/// Waits for the cluster. The operators of earlier tests have been killed, so the lease has no live holder.
async fn turn(cluster: &'static Shared) -> MutexGuard<'static, LazyLock<Cluster>> {
    let cluster = cluster.lock().await;
    cluster.kubectl(&["delete", "lease", "service-catalog", "--ignore-not-found", "-n", NAMESPACE]);
    cluster
}

impl IsolatedEnv {
    fn started(
        cluster: MutexGuard<'static, LazyLock<Cluster>>,
        options: &[&str],
        proxy: Option<Proxy>,
    ) -> Self {
        let mut isolated = Self::new(cluster, options, proxy);
        isolated.start();
        isolated
    }

    fn new(cluster: MutexGuard<'static, LazyLock<Cluster>>, options: &[&str], proxy: Option<Proxy>) -> Self {
        let options = options.iter().map(ToString::to_string).collect();
        Self { operator: None, options, is_in_few_namespaces: false, proxy, cluster }
    }

    /// Starts the operator.
    pub fn start(&mut self) {
        let kubeconfig = if self.proxy.is_some() { PROXIED } else { "operator" };
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        self.operator = Some(Operator::start_as(&self.cluster, (kubeconfig, "operator"), &options));
    }

    /// Waits for `meanwhile`, and restarts the operator whenever it exits (as after the loss of its lease), like a
    /// kubelet.
    pub async fn keep_running<T>(&mut self, meanwhile: impl Future<Output = T>) -> T {
        let mut meanwhile = std::pin::pin!(meanwhile);
        loop {
            match timeout(Duration::from_millis(100), &mut meanwhile).await {
                Ok(done) => return done,
                Err(_) if self.operator.as_mut().is_some_and(Operator::has_ended) => self.start(),
                Err(_) => {}
            }
        }
    }

    /// The control plane.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The operator.
    pub fn operator(&self) -> &Operator {
        self.operator.as_ref().expect("the operator was killed")
    }

    /// Hands the operator over to the test.
    pub fn take_operator(&mut self) -> Operator {
        self.operator.take().expect("the operator was killed")
    }

    /// Starts another operator with this pod name.
    pub fn another(&self, pod: &str) -> Operator {
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        Operator::start_in(&self.cluster, pod, &options)
    }

    /// The lease of the leader election.
    pub async fn lease(&self) -> Value {
        let namespace = Namespace { name: NAMESPACE.to_owned(), client: self.cluster.client().await };
        namespace.get("Lease", "service-catalog").await.unwrap()
    }

    /// Kills the operator: `kill -9`.
    pub fn kill(&mut self) {
        self.operator = None;
    }

    /// A namespace, and a broker that is not registered in it. The namespace is fresh, or the next one of those in which
    /// the operator works: its former environment must be over.
    pub async fn unregistered(&self, broker: Broker) -> TestEnv {
        let namespace = if self.is_in_few_namespaces {
            few_namespaces::next(&self.cluster).await
        } else {
            namespace_of(&self.cluster).await
        };
        let env = TestEnv::new(namespace, broker);
        if let Some(proxy) = &self.proxy {
            proxy.set_killpoint(&env.name, env.broker.killpoint.clone());
        }
        env
    }

    /// A fresh namespace with a registered broker whose catalog is published.
    pub async fn env(&self) -> TestEnv {
        let env = self.unregistered(Broker::start()).await;
        env.register(json!({})).await;
        env.until_ready("ServiceBroker", "broker").await;
        env
    }

    /// The sum of a counter of the operator over all series whose labels contain this.
    pub fn count(&self, counter: &str, labels: &str) -> u64 {
        self.operator().count(counter, labels)
    }

    /// The number of the operator's writes to the API server, without events.
    pub fn writes(&self) -> u64 {
        let methods = ["POST", "PUT", "PATCH", "DELETE"].map(|method| format!("method=\"{method}\""));
        methods.iter().map(|method| self.count("servicecatalog_api_write_count_total", method)).sum()
    }

    /// The number of the operator's broker calls.
    pub fn calls(&self) -> u64 {
        self.count("servicecatalog_osb_request_count", "")
    }

    /// The number of finished reconciles of a kind.
    pub fn reconciles(&self, kind: &str) -> u64 {
        let controller = format!("controller=\"{}\"", kind.to_lowercase());
        self.count("controller_runtime_reconcile_total", &controller)
    }
}
