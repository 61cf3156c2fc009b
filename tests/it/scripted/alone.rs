//! A control plane and an operator for one test at a time: for those that kill it, count what it does, or set it up
//! otherwise.

use std::sync::LazyLock;

use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use super::{Broker, Stage};
use crate::cluster::{Cluster, NAMESPACE};
use crate::namespace::{Namespace, namespace_of};
use crate::operator::Operator;

/// A control plane that no other test uses at the moment, and its operator. What earlier tests have left is settled.
pub struct Alone {
    operator: Option<Operator>,
    options: &'static [&'static str],
    cluster: MutexGuard<'static, LazyLock<Cluster>>,
}

/// Waits until it is this test's turn, and starts an operator with these options.
pub async fn alone(options: &'static [&'static str]) -> Alone {
    static CLUSTER: Mutex<LazyLock<Cluster>> =
        Mutex::const_new(LazyLock::new(|| Cluster::with_chart("alone")));
    let mut alone = Alone { operator: None, options, cluster: CLUSTER.lock().await };
    // All operators of earlier tests are dead.
    alone.cluster.kubectl(&["delete", "lease", "service-catalog", "--ignore-not-found", "-n", NAMESPACE]);
    alone.start();
    alone
}

impl Alone {
    /// Starts the operator.
    pub fn start(&mut self) {
        self.operator = Some(Operator::start(&self.cluster, self.options));
    }

    /// The operator.
    pub fn operator(&self) -> &Operator {
        self.operator.as_ref().expect("the operator was killed")
    }

    /// Leaves the operator to the test.
    pub fn give_up(&mut self) -> Operator {
        self.operator.take().expect("the operator was killed")
    }

    /// Starts another operator, in a pod of this name.
    pub fn another(&self, pod: &str) -> Operator {
        Operator::start_in(&self.cluster, pod, self.options)
    }

    /// The lease by which one of several operators works.
    pub async fn lease(&self) -> Value {
        let namespace = Namespace { name: NAMESPACE.to_owned(), client: self.cluster.client().await };
        namespace.get("Lease", "service-catalog").await.unwrap()
    }

    /// Kills the operator: `kill -9`.
    pub fn kill(&mut self) {
        self.operator = None;
    }

    /// A fresh namespace, and in it a broker whose catalog is published.
    pub async fn stage(&self) -> Stage {
        let stage = Stage::new(namespace_of(&self.cluster).await, Broker::start());
        stage.register(json!({})).await;
        stage.until_ready("ServiceBroker", "broker").await;
        stage
    }

    /// The sum of a counter of the operator, of all series that have this in their labels.
    pub fn count(&self, counter: &str, labels: &str) -> u64 {
        self.operator().count(counter, labels)
    }

    /// How often the operator has asked the API server to change something.
    pub fn writes(&self) -> u64 {
        self.count("servicecatalog_api_write_count_total", "")
    }

    /// How often the operator has asked a broker anything.
    pub fn calls(&self) -> u64 {
        self.count("servicecatalog_osb_request_count_total", "")
    }

    /// How many passes over objects of a kind have come to their end.
    pub fn passes(&self, kind: &str) -> u64 {
        let controller = format!("controller=\"{}\"", kind.to_lowercase());
        self.count("controller_runtime_reconcile_total", &controller)
    }
}
