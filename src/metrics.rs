//! The Prometheus metrics of the operator. Metrics that the archived service-catalog had keep their names.
//!
//! Counters and histograms are updated as things happen. Gauges about objects are computed at each scrape, by a census.

mod census;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Registry;

use crate::osb::Observation;

pub use census::{BrokerCount, Census, Expiration, ObjectCount, OperationCount};

/// The labels of a broker.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct BrokerLabels {
    broker: String,
    namespace: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    broker: String,
    namespace: String,
    method: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReconcileLabels {
    controller: String,
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ControllerLabels {
    controller: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WriteLabels {
    method: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LeftLabels {
    kind: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PolicyLabels {
    policy: String,
    problem: &'static str,
}

/// All metrics and their registry.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    classes: Family<BrokerLabels, Gauge>,
    plans: Family<BrokerLabels, Gauge>,
    requests: Family<RequestLabels, PlainCounter>,
    request_seconds: Family<RequestLabels, Histogram>,
    /// The known brokers, and the labels of the requests to each, to remove them with it.
    requested: Mutex<HashMap<BrokerLabels, HashSet<RequestLabels>>>,
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_seconds: Family<ControllerLabels, Histogram>,
    writes: Family<WriteLabels, Counter>,
    leads: Gauge,
    left_at_broker: Family<LeftLabels, Counter>,
    policy_problems: Family<PolicyLabels, Gauge>,
    census: census::Gauges,
    take_census: OnceLock<TakeCensus>,
}

/// A counter without the suffix `_total`, which the encoder adds to all others: dashboards of the archived
/// service-catalog use the name without it.
#[derive(Clone, Debug, Default)]
struct PlainCounter(Counter);

impl EncodeMetric for PlainCounter {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.0.get())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for PlainCounter {
    const TYPE: MetricType = MetricType::Counter;
}

/// Takes a census of all objects.
struct TakeCensus(Box<dyn Fn() -> Census + Send + Sync>);

impl fmt::Debug for TakeCensus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TakeCensus")
    }
}

fn seconds() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            classes: Family::default(),
            plans: Family::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            requested: Mutex::default(),
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(seconds),
            writes: Family::default(),
            leads: Gauge::default(),
            left_at_broker: Family::default(),
            policy_problems: Family::default(),
            census: census::Gauges::default(),
            take_census: OnceLock::new(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        let name = "servicecatalog_broker_service_class_count";
        registry.register(
            name,
            "Number of classes in the published catalog of a broker",
            self.classes.clone(),
        );
        let name = "servicecatalog_broker_service_plan_count";
        registry.register(name, "Number of plans in the published catalog of a broker", self.plans.clone());
        let name = "servicecatalog_osb_request_count";
        registry.register(
            name,
            "Requests to a broker, by method and status class of the response",
            self.requests.clone(),
        );
        let name = "servicecatalog_osb_request_seconds";
        registry.register(name, "Duration of requests to a broker, in seconds", self.request_seconds.clone());
        let name = "controller_runtime_reconcile";
        registry.register(name, "Reconciles of objects, by controller and result", self.reconciles.clone());
        let name = "controller_runtime_reconcile_time_seconds";
        registry.register(name, "Duration of reconciles, in seconds", self.reconcile_seconds.clone());
        let name = "servicecatalog_api_write_count";
        registry.register(name, "Write requests to the Kubernetes API, by method", self.writes.clone());
        let name = "servicecatalog_leader";
        registry.register(
            name,
            "1 if this replica is the leader and its lease is valid, else 0",
            self.leads.clone(),
        );
        let name = "servicecatalog_left_at_broker_count";
        let help = "Objects that were let go although the broker may still have something for them, by kind";
        registry.register(name, help, self.left_at_broker.clone());
        let name = "servicecatalog_policy_problem";
        let help = "1 for each admission policy of the chart that is missing or of another version";
        registry.register(name, help, self.policy_problems.clone());
        self.census.register(registry);
    }

    /// Counts an object of this kind that was let go, although the broker may still have something for it.
    pub fn left_at_broker(&self, kind: &str) {
        self.left_at_broker.get_or_create(&LeftLabels { kind: kind.to_owned() }).inc();
    }

    /// Sets what is wrong with which admission policies.
    pub fn set_policy_problems<'a>(&self, problems: impl Iterator<Item = (&'a str, &'static str)>) {
        self.policy_problems.clear();
        for (policy, problem) in problems {
            self.policy_problems.get_or_create(&PolicyLabels { policy: policy.to_owned(), problem }).set(1);
        }
    }

    /// Sets the function that takes the census at each scrape.
    pub fn set_census(&self, census: impl Fn() -> Census + Send + Sync + 'static) {
        // A process has one operator, so it is set once.
        let _ = self.take_census.set(TakeCensus(Box::new(census)));
    }

    /// The metrics in the text format that Prometheus scrapes.
    pub fn text(&self) -> String {
        if let Some(TakeCensus(census)) = self.take_census.get() {
            self.census.set(census());
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// Counts what concerns this broker, from now until it is forgotten.
    pub fn add_broker(&self, broker: &str, namespace: Option<&str>) {
        self.requested().entry(Self::broker(broker, namespace)).or_default();
    }

    /// Sets the size of a known broker's published catalog.
    pub fn catalog(&self, broker: &str, namespace: Option<&str>, classes: usize, plans: usize) {
        let labels = Self::broker(broker, namespace);
        let requested = self.requested();
        if !requested.contains_key(&labels) {
            return;
        }
        self.classes.get_or_create(&labels).set(i64::try_from(classes).unwrap_or(i64::MAX));
        self.plans.get_or_create(&labels).set(i64::try_from(plans).unwrap_or(i64::MAX));
    }

    /// Removes the metrics of a broker that is gone. What a call in flight still reports is not counted.
    pub fn forget_broker(&self, broker: &str, namespace: Option<&str>) {
        let labels = Self::broker(broker, namespace);
        let mut requested = self.requested();
        self.classes.remove(&labels);
        self.plans.remove(&labels);
        for labels in requested.remove(&labels).into_iter().flatten() {
            self.requests.remove(&labels);
            self.request_seconds.remove(&labels);
        }
    }

    fn requested(&self) -> MutexGuard<'_, HashMap<BrokerLabels, HashSet<RequestLabels>>> {
        self.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broker(broker: &str, namespace: Option<&str>) -> BrokerLabels {
        BrokerLabels { broker: broker.to_owned(), namespace: namespace.unwrap_or_default().to_owned() }
    }

    /// Counts a request to a known broker and its duration.
    pub fn request(&self, broker: &str, namespace: Option<&str>, observation: &Observation) {
        let Observation { method, status, duration } = *observation;
        let BrokerLabels { broker, namespace } = Self::broker(broker, namespace);
        let labels = RequestLabels { broker, namespace, method, status };
        let broker = BrokerLabels { broker: labels.broker.clone(), namespace: labels.namespace.clone() };
        let mut requested = self.requested();
        let Some(known) = requested.get_mut(&broker) else { return };
        known.insert(labels.clone());
        self.requests.get_or_create(&labels).0.inc();
        self.request_seconds.get_or_create(&labels).observe(duration.as_secs_f64());
    }

    /// Counts a write request to the Kubernetes API.
    pub fn write(&self, method: &str) {
        self.writes.get_or_create(&WriteLabels { method: method.to_owned() }).inc();
    }

    /// Sets whether this replica is the leader.
    pub fn leads(&self, leads: bool) {
        self.leads.set(leads.into());
    }

    /// Starts the timer of a reconcile.
    pub fn start_reconcile(self: &Arc<Self>, controller: &str) -> ReconcileTimer {
        ReconcileTimer {
            metrics: Arc::clone(self),
            controller: controller.to_lowercase(),
            began: Instant::now(),
        }
    }
}

/// The timer of a reconcile in progress.
pub struct ReconcileTimer {
    metrics: Arc<Metrics>,
    controller: String,
    began: Instant,
}

impl ReconcileTimer {
    /// Records the duration and the result of the reconcile.
    pub fn end(self, result: &'static str) {
        let duration = self.began.elapsed();
        let labels = ControllerLabels { controller: self.controller.clone() };
        self.metrics.reconcile_seconds.get_or_create(&labels).observe(duration.as_secs_f64());
        self.metrics.reconciles.get_or_create(&ReconcileLabels { controller: self.controller, result }).inc();
    }
}
