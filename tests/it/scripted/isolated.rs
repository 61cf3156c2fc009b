//! A control plane and an operator for one test at a time: for tests that kill the operator, count its requests, or
//! start it with other options.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::{Broker, TestEnv};
use crate::cluster::{Cluster, NAMESPACE};
use crate::namespace::{Namespace, namespace_of};
use crate::operator::Operator;
use crate::proxy::Proxy;

/// The kubeconfig of an operator behind a proxy.
const PROXIED: &str = "proxied";

/// A control plane that no other test uses at the moment, and its operator. The objects of earlier tests are settled.
pub struct IsolatedEnv {
    operator: Option<Operator>,
    options: &'static [&'static str],
    proxy: Option<Proxy>,
    cluster: MutexGuard<'static, LazyLock<Cluster>>,
}

/// Waits until it is this test's turn, and starts an operator with these options.
pub async fn isolated(options: &'static [&'static str]) -> IsolatedEnv {
    let mut isolated = IsolatedEnv { operator: None, options, proxy: None, cluster: turn().await };
    isolated.start();
    isolated
}

/// Waits until it is this test's turn, and starts an operator behind a proxy with the killpoints of its environments.
pub async fn isolated_with_killpoints() -> IsolatedEnv {
    let cluster = turn().await;
    let proxy = Proxy::start(&cluster);
    cluster.give_operator(PROXIED, &proxy.url);
    let mut isolated = IsolatedEnv { operator: None, options: &[], proxy: Some(proxy), cluster };
    isolated.start();
    isolated
}

async fn turn() -> MutexGuard<'static, LazyLock<Cluster>> {
    static CLUSTER: Mutex<LazyLock<Cluster>> =
        Mutex::const_new(LazyLock::new(|| Cluster::with_chart("isolated")));
    let cluster = CLUSTER.lock().await;
    // The operators of earlier tests have been killed, so the lease has no live holder.
    cluster.kubectl(&["delete", "lease", "service-catalog", "--ignore-not-found", "-n", NAMESPACE]);
    cluster
}

impl IsolatedEnv {
    /// Starts the operator.
    pub fn start(&mut self) {
        let kubeconfig = if self.proxy.is_some() { PROXIED } else { "operator" };
        self.operator = Some(Operator::start_as(&self.cluster, (kubeconfig, "operator"), self.options));
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
        Operator::start_in(&self.cluster, pod, self.options)
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

    /// A fresh namespace, and a broker that is not registered in it.
    pub async fn unregistered(&self, broker: Broker) -> TestEnv {
        let env = TestEnv::new(namespace_of(&self.cluster).await, broker);
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

    /// The number of the operator's writes to the API server.
    pub fn writes(&self) -> u64 {
        self.count("servicecatalog_api_write_count_total", "")
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
